// What must not reach the upstream: the credentials that were shown to us. They are removed whether they were valid,
// invalid or not looked at, unless `backendAuth: passthrough` says otherwise.

/// Made once per route from its authentication policies.
package struct CredentialStripping: Hashable, Sendable {
    /// Fields to remove altogether. `authorization` is always among them.
    package private(set) var headers: [HeaderKey] = [.authorization]
    package private(set) var queryParameters: [String] = []
    package private(set) var cookies: [String] = []

    /// Where AI clients put a provider's key; the AI layer removes these too before it sets its own.
    package static let providerHeaders = ["x-api-key", "api-key", "x-goog-api-key"].map(HeaderKey.init)

    /// Where Google's clients put theirs when not in a field.
    package static let providerQuery = CredentialStripping([.queryParameter(name: "key")])

    init(_ locations: [CredentialLocation]) {
        for location in locations {
            switch location {
            case .header(let name, _):
                let key = HeaderKey(name)
                if !headers.contains(key) { headers.append(key) }
            case .queryParameter(let name):
                if !queryParameters.contains(name) { queryParameters.append(name) }
            case .cookie(let name):
                if !cookies.contains(name) { cookies.append(name) }
            }
        }
    }

    package var touchesQuery: Bool { !queryParameters.isEmpty }
    package var touchesCookies: Bool { !cookies.isEmpty }

    /// The query without the credentials; nil when it has none of them and can stay as it is. May be empty.
    package func strippedQuery(_ query: ByteRun) -> [UInt8]? {
        let names = queryParameters.map { Array($0.utf8) }
        var result: [UInt8] = []
        var removed = false
        QueryParameters.forEach(in: query) { parameter in
            if names.contains(where: { QueryParameters.decodes(parameter.name, to: $0) }) {
                removed = true
            } else {
                if !result.isEmpty { result.append(UInt8(ascii: "&")) }
                result.append(contentsOf: query[parameter.whole])
            }
        }
        return removed ? result : nil
    }

    /// A `Cookie` field's value without the credentials; nil when it can stay, empty when the field should go.
    package func strippedCookies(_ field: ByteRun) -> [UInt8]? {
        let names = cookies.map { Array($0.utf8) }
        var result: [UInt8] = []
        var removed = false
        Cookies.forEach(in: field) { pair in
            if names.contains(where: { pair.name.elementsEqual($0) }) {
                removed = true
            } else {
                if !result.isEmpty { result.append(contentsOf: "; ".utf8) }
                result.append(contentsOf: field[pair.whole].drop { $0 == 0x20 || $0 == 0x09 })
            }
        }
        return removed ? result : nil
    }
}
