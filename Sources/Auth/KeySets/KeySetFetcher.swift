// The one thing the auth layer asks of the network, as a protocol that the proxy core implements.

/// A GET that fetches keys or metadata.
package struct KeySetRequest: Hashable, Sendable {
    package static let timeout = Duration.seconds(5)
    package static let maximumBytes = 1 << 20
    /// `application/jwk-set+json` is RFC 7517 §8.5.1; most issuers send plain JSON.
    package static let accept = "application/json, application/jwk-set+json"

    package var url: FetchURL
    package var rules: KeySetFetchRules

    package init(url: FetchURL, rules: KeySetFetchRules) {
        self.url = url
        self.rules = rules
    }
}

package struct KeySetResponse: Sendable {
    package var status: Int
    package var body: [UInt8]
    package var cacheControl: String?
    package var age: String?

    package init(status: Int, body: [UInt8], cacheControl: String? = nil, age: String? = nil) {
        self.status = status
        self.body = body
        self.cacheControl = cacheControl
        self.age = age
    }
}

/// Why nothing came back; the text is for logs and `/readyz`.
package struct KeySetFetchFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) { self.description = description }
}

/// Fetches over the network. An implementation must: stop after `KeySetRequest.timeout` and at
/// `KeySetRequest.maximumBytes`; verify TLS; connect only to addresses for which `EgressAddress.isAllowed` holds;
/// follow a redirect only when `FetchURL.allowsRedirect`; send no credentials.
package protocol KeySetFetcher {
    func fetch(_ request: KeySetRequest) async -> Result<KeySetResponse, KeySetFetchFailure>
}
