// Points in time on the clock that no administrator can turn back; what every timeout is stated in.

import Glibc

/// Nanoseconds on CLOCK_MONOTONIC.
package struct MonotonicTime: Hashable, Comparable, Sendable {
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// No deadline.
    package static let never = MonotonicTime(nanoseconds: .max)

    package static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    package static func < (a: MonotonicTime, b: MonotonicTime) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Saturates at `never`; a negative duration counts as zero.
    package static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        let (seconds, attoseconds) = duration.components
        guard seconds >= 0 else { return time }
        let (scaled, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return .never }
        let (sum, carry) = scaled.addingReportingOverflow(UInt64(max(0, attoseconds) / 1_000_000_000))
        if carry { return .never }
        let (result, past) = time.nanoseconds.addingReportingOverflow(sum)
        return past ? .never : MonotonicTime(nanoseconds: result)
    }

    /// The time from `earlier` to this point; zero when `earlier` is later.
    package func since(_ earlier: MonotonicTime) -> Duration {
        .nanoseconds(Int64(clamping: nanoseconds < earlier.nanoseconds ? 0 : nanoseconds - earlier.nanoseconds))
    }
}

/// Wall-clock time, for token lifetimes, dates in headers and log lines.
package struct WallClock {
    /// Nanoseconds since the Unix epoch.
    package static var nanoseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
