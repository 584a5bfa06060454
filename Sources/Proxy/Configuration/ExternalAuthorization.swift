// `extAuthz`: a service is asked over HTTP whether a request may pass.

import Auth

package struct ExternalAuthorization: Sendable {
    /// What becomes of a request about which the service says nothing.
    package enum FailureMode: Hashable, Sendable {
        case allow
        /// With this status.
        case deny(Int)
    }

    package var address: UpstreamAddress?
    package var timeout: Duration
    /// nil: the request's own path and query.
    package var path: PolicyExpressionSource?
    /// Where a client is sent whom the service does not know (401, 403).
    package var redirect: PolicyExpressionSource?
    /// Fields of the service's reply that the upstream is sent. The client's own of these names never pass.
    package var includeResponseHeaders: [String]
    package var addRequestHeaders: [Transformation.Field]
    /// Fields of the request that the service is shown.
    package var includeRequestHeaders: [String]
    /// Bytes of the request's body that the service is sent; a longer one is refused. nil: it is sent none.
    package var bodyLimit: Int?
    package var failureMode: FailureMode
    package var position: FilePosition

    package init(position: FilePosition = .none) {
        timeout = .seconds(2)
        includeResponseHeaders = []
        addRequestHeaders = []
        includeRequestHeaders = ["authorization"]
        failureMode = .deny(403)
        self.position = position
    }
}
