// Ports, and the listeners that share them.

import Auth

/// One port. Its listeners are told apart by SNI (TLS) or `Host` (plaintext): exact, then the longest wildcard, then any.
package struct Bind: Sendable {
    package var port: UInt16
    /// Address literals to listen on; empty: all interfaces, both families.
    package var addresses: [String]
    package var listeners: [Listener]
    package var position: FilePosition

    package init(port: UInt16, addresses: [String] = [], listeners: [Listener] = [], position: FilePosition = .none) {
        self.port = port
        self.addresses = addresses
        self.listeners = listeners
        self.position = position
    }
}

package struct Listener: Sendable {
    /// As written, or `listener0`, `listener1`, … by place.
    package var name: String
    package var hostname: HostPattern
    package var transport: ListenerProtocol
    /// Set exactly when `transport` is `https`.
    package var tls: ListenerTLS?
    package var policies: ListenerPolicies
    package var routes: [Route]
    package var position: FilePosition

    package init(
        name: String = "listener0", hostname: HostPattern = .any, transport: ListenerProtocol = .http,
        tls: ListenerTLS? = nil, policies: ListenerPolicies = ListenerPolicies(), routes: [Route] = [],
        position: FilePosition = .none
    ) {
        self.name = name
        self.hostname = hostname
        self.transport = transport
        self.tls = tls
        self.policies = policies
        self.routes = routes
        self.position = position
    }
}

package enum ListenerProtocol: String, Sendable, CaseIterable {
    case http = "HTTP"
    case https = "HTTPS"
}

package enum TLSVersion: String, Sendable, CaseIterable, Comparable {
    case tls12 = "TLS_V1_2"
    case tls13 = "TLS_V1_3"

    package static func < (a: TLSVersion, b: TLSVersion) -> Bool { a == .tls12 && b == .tls13 }
}

/// PEM files of a TLS listener, relative to the process's working directory.
package struct ListenerTLS: Sendable {
    package var certificatePath: String
    package var keyPath: String
    /// Certificate authorities of clients; set: a client certificate is asked for.
    package var clientRootPath: String?
    /// Without one there is no connection. Off: a client may show none, but not one that does not verify.
    package var requiresClientCertificate: Bool
    package var minimumVersion: TLSVersion
    package var maximumVersion: TLSVersion
    package var position: FilePosition

    package init(
        certificatePath: String, keyPath: String, clientRootPath: String? = nil,
        requiresClientCertificate: Bool = true, minimumVersion: TLSVersion = .tls12,
        maximumVersion: TLSVersion = .tls13, position: FilePosition = .none
    ) {
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.clientRootPath = clientRootPath
        self.requiresClientCertificate = requiresClientCertificate
        self.minimumVersion = minimumVersion
        self.maximumVersion = maximumVersion
        self.position = position
    }
}

/// The policies of a listener: they run before the route is chosen, and the route's own run as well.
package struct ListenerPolicies: Sendable {
    package var cors: CORSPolicy?
    package var jwtAuthentication: JWTAuthentication?
    package var basicAuthentication: BasicAuthentication?
    package var apiKeyAuthentication: APIKeyAuthentication?
    package var authorization: AuthorizationRules?
    package var externalAuthorization: ExternalAuthorization?

    package init(
        cors: CORSPolicy? = nil, jwtAuthentication: JWTAuthentication? = nil,
        basicAuthentication: BasicAuthentication? = nil, apiKeyAuthentication: APIKeyAuthentication? = nil,
        authorization: AuthorizationRules? = nil
    ) {
        self.cors = cors
        self.jwtAuthentication = jwtAuthentication
        self.basicAuthentication = basicAuthentication
        self.apiKeyAuthentication = apiKeyAuthentication
        self.authorization = authorization
    }
}
