// The policies of a route and of a backend. nil means that the policy is not there; an empty policy is not nil.

import Auth

/// The policies of a route.
package struct RoutePolicies: Sendable {
    package var cors: CORSPolicy?
    package var jwtAuthentication: JWTAuthentication?
    package var mcpAuthentication: MCPAuthentication?
    package var basicAuthentication: BasicAuthentication?
    package var apiKeyAuthentication: APIKeyAuthentication?
    package var authorization: AuthorizationRules?
    package var mcpAuthorization: AuthorizationRules?
    package var a2aAuthorization: AuthorizationRules?
    package var a2a: A2APolicy?
    package var requestHeaders: HeaderModifier?
    package var responseHeaders: HeaderModifier?
    package var urlRewrite: URLRewrite?
    package var requestRedirect: RequestRedirect?
    package var directResponse: DirectResponse?
    package var timeouts: Timeouts
    package var retry: RetryPolicy?
    /// All of them must admit a request.
    package var rateLimits: [RateLimitPolicy] = []
    package var csrf: CSRFPolicy?
    package var externalAuthorization: ExternalAuthorization?
    package var transformations: TransformationPolicy?
    package var mirror: MirrorPolicy?
    package var balancing = Balancing.weighted
    /// Requests with the same value go to the same backend.
    package var affinity: PolicyExpressionSource?
    /// Bytes of a request body that is held before it is sent on; a longer one is refused. nil: it streams.
    package var bufferedRequest: Int?
    /// For every backend of the route that sets none of its own.
    package var backendAuthentication: BackendAuthentication?
    package var backendTLS: BackendTLS?

    package init() {
        timeouts = Timeouts()
    }
}

/// The policies of one backend. What the route sets (`backendAuth`, `backendTLS`) is already filled in where the backend
/// sets nothing itself; rule sets are the backend's own and come after the route's.
package struct BackendPolicies: Sendable {
    package var authorization: AuthorizationRules?
    package var mcpAuthorization: AuthorizationRules?
    package var a2aAuthorization: AuthorizationRules?
    package var a2a: A2APolicy?
    package var requestHeaders: HeaderModifier?
    package var responseHeaders: HeaderModifier?
    package var backendAuthentication: BackendAuthentication?
    package var backendTLS: BackendTLS?
    package var connectTimeout: Duration?
    package var requestTimeout: Duration?
    package var httpVersion: UpstreamHTTPVersion?
    package var keepalive: TCPKeepalive?
    package var transformations: TransformationPolicy?
    package var health: HealthPolicy?

    package init() {}

    /// Nothing but rules for MCP messages is set: there is no HTTP for the rest to apply to.
    package var areRulesOnly: Bool {
        authorization == nil && a2aAuthorization == nil && a2a == nil && requestHeaders == nil && responseHeaders == nil
            && backendAuthentication == nil && backendTLS == nil && connectTimeout == nil && requestTimeout == nil
            && httpVersion == nil && keepalive == nil && transformations == nil && health == nil
    }
}
