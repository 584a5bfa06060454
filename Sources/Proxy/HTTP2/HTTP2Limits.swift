// The bounds of an HTTP/2 connection, and the budgets that make floods of cheap frames end it (RFC 9113 §10.5).

package struct HTTP2Limits: Sendable {
    /// Bytes of a reply that wait for the client's window before the upstream is no longer read.
    static let outboundBytes = 64 * 1024
    /// Payload of one DATA frame: frame and header fill a buffer (and a TLS record) exactly.
    static let dataBytes = 16 * 1024 - 9
    /// CONTINUATION frames behind one HEADERS; 64 KiB of fields need four.
    static let continuations = 8
    /// Replies to PING and SETTINGS that wait because the client does not read.
    static let waitingAcknowledgements = 100
    /// Entries in one SETTINGS frame; there are seven kinds.
    static let settingsEntries = 32
    /// Bytes of a request that are taken and dropped once its reply is whole, and for how long. Clients that send all of a
    /// body before they look for a reply would not see a refusal otherwise: a reset stream is all that they report.
    static let discardedBytes = 16 << 20
    static let discardingTime = Duration.seconds(10)
    /// Between two looks at the deadlines of streams.
    static let tick = Duration.seconds(1)
}

/// What a listener's HTTP/2 connections may hold.
package struct HTTP2Settings: Hashable, Sendable {
    /// Streams that one connection may have at once, counted until their handlers have ended: a stream that its client
    /// has reset still costs the upstream.
    package var concurrentStreams = 128
    /// Bytes of a stream that a client may send before the gateway has passed them on.
    package var streamWindow = 64 * 1024
    /// The same for all streams of a connection: with every stream stalled, it holds this and no more.
    package var connectionWindow = 1 << 20

    package init() {}
}

/// Tokens that come back with time: short bursts are normal, a flood is not.
struct FloodBudget {
    private let burst: Int
    private let perSecond: Int
    private var tokens: Int
    private var refilled: MonotonicTime

    init(burst: Int, perSecond: Int, now: MonotonicTime) {
        self.burst = burst
        self.perSecond = perSecond
        tokens = burst
        refilled = now
    }

    /// False when there are none left.
    mutating func take(_ now: MonotonicTime) -> Bool {
        if tokens == 0 {
            let seconds = Int((now.nanoseconds &- refilled.nanoseconds) / 1_000_000_000)
            guard seconds > 0 else { return false }
            tokens = min(burst, seconds * perSecond)
            refilled = now
        }
        tokens -= 1
        return true
    }

    mutating func give(_ count: Int) { tokens = min(burst, tokens + count) }
}

/// What a peer may send that costs it nothing. Nothing here limits useful traffic: DATA and requests give tokens back.
struct HTTP2FloodGuard {
    /// PING, SETTINGS, PRIORITY, unknown frames, DATA without content.
    private var control: FloodBudget
    /// Streams reset by the peer, or by this side because the peer broke a rule ("rapid reset" and "made you reset").
    private var resets: FloodBudget
    /// Several WINDOW_UPDATE for each DATA frame sent are normal; thousands for none are not.
    private var windowUpdates: FloodBudget

    init(now: MonotonicTime) {
        control = FloodBudget(burst: 1000, perSecond: 100, now: now)
        resets = FloodBudget(burst: 200, perSecond: 50, now: now)
        windowUpdates = FloodBudget(burst: 2000, perSecond: 200, now: now)
    }

    mutating func admitsControl(_ now: MonotonicTime) -> Bool { control.take(now) }
    mutating func admitsReset(_ now: MonotonicTime) -> Bool { resets.take(now) }
    mutating func admitsWindowUpdate(_ now: MonotonicTime) -> Bool { windowUpdates.take(now) }

    mutating func noteDataSent() {
        windowUpdates.give(10)
        control.give(1)
    }

    mutating func noteDataReceived() { control.give(1) }
    mutating func noteRequest() {
        control.give(4)
        windowUpdates.give(10)
    }
}
