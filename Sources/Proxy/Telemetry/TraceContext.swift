// The place of a request in a trace (W3C Trace Context): read from what the client sent, continued to the upstream.

struct TraceContext {
    /// 16 and 8 bytes, never all zero.
    let traceID: [UInt8]
    let spanID: [UInt8]
    /// The client's span; empty when the trace begins here.
    let parentID: [UInt8]
    let isSampled: Bool

    /// Takes up the request's trace or begins one, and puts its continuation into the request for the upstream.
    static func begin(
        _ headers: HeaderBlock, _ tracing: TracingConfiguration, _ random: inout some RandomNumberGenerator
    ) -> TraceContext {
        let context: TraceContext
        if let field = headers.first(.traceparent), let incoming = Incoming(field) {
            let isSampled = incoming.isSampled && chance(tracing.clientSampling, &random)
            context = TraceContext(
                traceID: incoming.traceID, spanID: bytes(8, &random), parentID: incoming.spanID, isSampled: isSampled)
        } else {
            // Without a parent that can be understood, its state means nothing (§3.3).
            headers.remove(.tracestate)
            context = TraceContext(
                traceID: bytes(16, &random), spanID: bytes(8, &random), parentID: [],
                isSampled: chance(tracing.randomSampling, &random))
        }
        headers.remove(.traceparent)
        headers.append(
            "traceparent",
            "00-\(hexadecimal(context.traceID))-\(hexadecimal(context.spanID))-\(context.isSampled ? "01" : "00")")
        return context
    }

    /// As log lines name the trace.
    var traceText: String { TraceContext.hexadecimal(traceID) }

    private static func chance(_ share: Double, _ random: inout some RandomNumberGenerator) -> Bool {
        if share <= 0 { return false }
        return share >= 1 || Double.random(in: 0..<1, using: &random) < share
    }

    private static func bytes(_ count: Int, _ random: inout some RandomNumberGenerator) -> [UInt8] {
        var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        if bytes.allSatisfy({ $0 == 0 }) { bytes[0] = 1 }
        return bytes
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// `traceparent` (§3.2): version 00 exactly, later ones as far as they are known.
    struct Incoming {
        let traceID: [UInt8]
        let spanID: [UInt8]
        let isSampled: Bool

        init?(_ field: ByteView) {
            let text = field.bytes
            guard text.count >= 55, text[2] == 0x2d, text[35] == 0x2d, text[52] == 0x2d,
                let version = Incoming.decode(text[0..<2]), version[0] != 0xff,
                version[0] != 0 || text.count == 55, text.count == 55 || text[55] == 0x2d,
                let traceID = Incoming.decode(text[3..<35]), traceID.contains(where: { $0 != 0 }),
                let spanID = Incoming.decode(text[36..<52]), spanID.contains(where: { $0 != 0 }),
                let flags = Incoming.decode(text[53..<55])
            else { return nil }
            self.traceID = traceID
            self.spanID = spanID
            isSampled = flags[0] & 1 == 1
        }

        /// Lowercase digits only, as the specification has it.
        private static func decode(_ text: ArraySlice<UInt8>) -> [UInt8]? {
            var bytes: [UInt8] = []
            var high: UInt8?
            for digit in text {
                let value: UInt8
                switch digit {
                case 0x30...0x39: value = digit - 0x30
                case 0x61...0x66: value = digit - 0x61 + 10
                default: return nil
                }
                if let first = high {
                    bytes.append(first << 4 | value)
                    high = nil
                } else {
                    high = value
                }
            }
            return high == nil ? bytes : nil
        }
    }
}
