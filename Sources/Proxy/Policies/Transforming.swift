// `transformations` at work: header fields computed by CEL from what was judged. They run after credentials have been
// taken off the request, so an expression reads what the upstream would get and never what was meant for the gateway.

import Auth
import CEL

final class CompiledTransformation: Sendable {
    private struct Field: Sendable {
        let name: String
        let value: PolicyExpression
    }

    private let add: [Field]
    private let set: [Field]
    private let remove: [String]

    init?(_ source: Transformation?) throws(SnapshotError) {
        guard let source else { return nil }
        func compiled(_ fields: [Transformation.Field]) throws(SnapshotError) -> [Field] {
            var result: [Field] = []
            for field in fields { result.append(Field(name: field.name, value: try .compiled(field.value))) }
            return result
        }
        add = try compiled(source.add)
        set = try compiled(source.set)
        remove = source.remove
    }

    /// Every value is computed before any field changes. One that cannot be computed leaves no field of its name behind
    /// where it was to be set: a client must not get its own value through by making an expression fail.
    func apply(to headers: HeaderBlock, _ inputs: RuleInputs, _ authorizer: Authorizer) {
        let added = add.map { HeaderText.of(authorizer.value($0.value, inputs)) }
        let values = set.map { HeaderText.of(authorizer.value($0.value, inputs)) }
        for (field, value) in zip(add, added) { if let value { headers.append(field.name, value) } }
        for (field, value) in zip(set, values) {
            headers.remove(named: field.name)
            if let value { headers.append(field.name, value) }
        }
        for name in remove { headers.remove(named: name) }
    }
}

enum HeaderText {
    /// Longer values are no header field that a server would take.
    private static let maximumBytes = 8192

    /// A value as a header field says it. nil: it has no such form, or one with a line break or another control character.
    static func of(_ value: CELValue?) -> String? {
        let text: String
        switch value {
        case .string(let string): text = string
        case .bool(let flag): text = flag ? "true" : "false"
        case .int(let number): text = "\(number)"
        case .uint(let number): text = "\(number)"
        case .double(let number) where number.isFinite: text = "\(number)"
        case .optional(let wrapped): return of(wrapped)
        default: return nil
        }
        guard text.utf8.count <= maximumBytes else { return nil }
        var copy = text
        return copy.withUTF8 { HeaderBlock.isValidValue(ByteView($0)) } ? text : nil
    }
}

/// A request as it was judged, without what it showed the gateway or the gateway shows upstreams: what expressions read
/// that are evaluated when the header itself has been made ready for the upstream.
final class JudgedRequest: RequestAttributes {
    private let exchange: Exchange
    private let live: ExchangeAttributes
    private let headers: HeaderBlock

    /// The query as a whole is left out when a credential of the gateway's may be in it.
    private let hidesQuery: Bool

    /// - Parameter context: says where credentials for the gateway are.
    init(_ exchange: Exchange, without context: RouteContext) {
        self.exchange = exchange
        live = ExchangeAttributes(exchange: exchange)
        headers = exchange.request.headers.copy()
        for name in GatewayAttributes.secretHeaders { headers.remove(named: name) }
        for place in context.credentialPlaces { for key in place.headers { headers.remove(named: key.name) } }
        hidesQuery = context.hasCredential(inQuery: live.query)
    }

    var method: ByteRun { live.method }
    var path: ByteRun { live.path }
    var query: ByteRun? { hidesQuery ? nil : live.query }
    var scheme: ByteRun { live.scheme }
    var authority: ByteRun { live.authority }
    var protocolVersion: ByteRun { live.protocolVersion }
    var headerCount: Int { headers.count }

    func header(at index: Int) -> (name: ByteRun, value: ByteRun)? {
        guard headers.isPresent(index) else { return nil }
        return (headers.name(index).buffer, headers.value(index).buffer)
    }

    var sourceAddress: ByteRun { live.sourceAddress }
    var sourcePort: Int { live.sourcePort }
    var destinationAddress: ByteRun { live.destinationAddress }
    var destinationPort: Int { live.destinationPort }
    var tls: TLSAttributes? { live.tls }
}

/// A reply's head as expressions read it.
struct HeadAttributes: ResponseAttributes {
    let head: ResponseHead

    var code: Int { head.status }
    var headerCount: Int { head.headers.count }

    func header(at index: Int) -> (name: ByteRun, value: ByteRun)? {
        guard head.headers.isPresent(index) else { return nil }
        return (head.headers.name(index).buffer, head.headers.value(index).buffer)
    }
}
