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

    /// The same in seconds, without the detour over 128 bits.
    package func seconds(since earlier: MonotonicTime) -> Double {
        nanoseconds < earlier.nanoseconds ? 0 : Double(nanoseconds - earlier.nanoseconds) / 1e9
    }
}

/// A span of time that was converted once: `Duration` counts attoseconds in 128 bits, and dividing those at every
/// request was a thirtieth of its time.
package struct Nanoseconds: Hashable, Sendable {
    package let count: UInt64

    /// A negative duration counts as zero; one beyond 584 years as for ever.
    package init(_ duration: Duration) {
        count = (MonotonicTime(nanoseconds: 0) + duration).nanoseconds
    }

    package static func seconds(_ seconds: Int) -> Nanoseconds { Nanoseconds(.seconds(seconds)) }
}

extension MonotonicTime {
    /// Saturates at `never`.
    package static func + (time: MonotonicTime, span: Nanoseconds) -> MonotonicTime {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(span.count)
        return overflow ? .never : MonotonicTime(nanoseconds: sum)
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
