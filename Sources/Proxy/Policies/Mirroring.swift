// `requestMirror`: a copy of a request goes to another service, and nothing that becomes of it is felt by the client. It
// carries no credentials: whoever reads the mirror must not be able to act for those who asked.

import Auth

/// The mirrors of one loop. Confined to it.
final class Mirrors {
    /// Copies under way at once; beyond it none are made. Each holds up to `bodyLimit` bytes.
    private static let maximum = 256
    /// A longer body, or one whose length is not known, is not copied, and without its body neither is its request.
    static let bodyLimit = 64 * 1024
    private static let patience = Duration.seconds(10)

    private let core: LoopCore
    private var underWay = 0
    private(set) var sent: UInt64 = 0
    private(set) var failed: UInt64 = 0
    /// Not copied: too many under way, or the body was too long.
    private(set) var dropped: UInt64 = 0

    init(_ core: LoopCore) { self.core = core }

    func drop() { dropped += 1 }

    /// - Parameters:
    ///   - target: as the backend is sent it.
    ///   - body: the whole of it.
    func send(
        _ exchange: Exchange, _ context: RouteContext, to upstream: Upstream, target: ByteView, body: ByteView
    ) {
        // What is passed through to the backend is still on the request.
        guard underWay < Mirrors.maximum, !context.hasCredential(inQuery: exchange.request.query?.buffer) else {
            return drop()
        }
        underWay += 1
        let headers = exchange.request.headers.copy()
        for name in GatewayAttributes.secretHeaders { headers.remove(named: name) }
        for place in context.credentialPlaces { for key in place.headers { headers.remove(named: key.name) } }
        Forwarder.prepare(headers, exchange)
        let call = HelperCall(
            upstream: upstream, method: exchange.request.methodName.bytes, target: target.bytes, headers: headers,
            body: body.bytes, deadline: .now + Mirrors.patience, replyLimit: 0, isRepeatable: false)
        core.loop.spawn { [self, core] in
            do throws(UpstreamError) {
                _ = try await call.run(core)
                sent += 1
            } catch {
                failed += 1
            }
            underWay -= 1
        }
    }

    func report(into report: inout MetricsReport) {
        guard sent + failed + dropped > 0 else { return }
        for (outcome, count) in [("sent", sent), ("failed", failed), ("dropped", dropped)] {
            report.add(.mirrored, [("outcome", outcome)], Double(count))
        }
    }
}

extension Mirrors: @unchecked Sendable {}
extension HelperCall: @unchecked Sendable {}
