// Where a route's requests go.

import Auth

/// One of a route's backends.
package struct RouteBackend: Sendable {
    /// Under which `backends` defines it; nil: it is written in its route.
    package var name: String?
    /// Relative to the other backends of the route; 0: never chosen.
    package var weight: Int
    package var kind: BackendKind
    package var policies: BackendPolicies
    package var position: FilePosition

    package init(
        name: String? = nil, weight: Int = 1, kind: BackendKind, policies: BackendPolicies = BackendPolicies(),
        position: FilePosition = .none
    ) {
        self.name = name
        self.weight = weight
        self.kind = kind
        self.policies = policies
        self.position = position
    }
}

package enum BackendKind: Sendable {
    /// Plain HTTP.
    case host(UpstreamAddress)
    case ai(AIBackend)
    case mcp(MCPBackend)
}

/// `backendAuth`: what we show the upstream. The client's own credentials never travel unless `passthrough`.
package enum BackendAuthentication: Sendable {
    /// A static credential, sent where the provider expects it (`Authorization: Bearer` unless it is an AI provider
    /// with a header of its own) or at `location`.
    case key(Secret, location: CredentialLocation?)
    /// The credential that the client was authenticated with, put back where it was or at `location`.
    case passthrough(location: CredentialLocation?)
    /// A short-lived token of ours.
    case signedToken(JWTSigning)
}

/// `backendTLS`: how TLS to an upstream is done. Without it an `https` upstream is verified against the system's roots.
package struct BackendTLS: Hashable, Sendable {
    /// PEM files, relative to the process's working directory.
    package var certificatePath: String?
    package var keyPath: String?
    package var rootPath: String?
    /// The name sent as SNI and verified; nil: the upstream's host.
    package var hostname: String?
    /// Verifies nothing.
    package var insecure: Bool
    /// Verifies the chain but not the name.
    package var insecureHost: Bool
    package var alpn: [String]
    package var subjectAltNames: [String]

    package init(
        certificatePath: String? = nil, keyPath: String? = nil, rootPath: String? = nil, hostname: String? = nil,
        insecure: Bool = false, insecureHost: Bool = false, alpn: [String] = [], subjectAltNames: [String] = []
    ) {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.rootPath = rootPath
        self.hostname = hostname
        self.insecure = insecure
        self.insecureHost = insecureHost
        self.alpn = alpn
        self.subjectAltNames = subjectAltNames
    }
}
