// Policies that change the request or its answer, or bound how long it takes.

import Auth

/// `requestHeaderModifier`, `responseHeaderModifier`: remove, then set, then add.
package struct HeaderModifier: Hashable, Sendable {
    package struct Field: Hashable, Sendable {
        /// Lowercase.
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var add: [Field]
    package var set: [Field]
    /// Lowercase names.
    package var remove: [String]

    package init(add: [Field] = [], set: [Field] = [], remove: [String] = []) {
        self.add = add
        self.set = set
        self.remove = remove
    }
}

/// What becomes of the authority (`Host`).
package enum AuthorityRewrite: Hashable, Sendable {
    /// The upstream's own name, which is also what happens without a rewrite.
    case auto
    /// The client's is kept.
    case none
    /// Host and port.
    case full(String)
    /// The host; the port stays.
    case host(String)
    case port(UInt16)
}

package enum PathRewrite: Hashable, Sendable {
    /// The whole path; the query stays.
    case full(String)
    /// In place of the prefix that the route matched.
    case prefix(String)
}

package struct URLRewrite: Hashable, Sendable {
    package var authority: AuthorityRewrite?
    package var path: PathRewrite?

    package init(authority: AuthorityRewrite? = nil, path: PathRewrite? = nil) {
        self.authority = authority
        self.path = path
    }
}

package struct RequestRedirect: Hashable, Sendable {
    package var scheme: String?
    package var authority: AuthorityRewrite?
    package var path: PathRewrite?
    /// 301, 302, 303, 307 or 308.
    package var status: Int

    package init(
        scheme: String? = nil, authority: AuthorityRewrite? = nil, path: PathRewrite? = nil, status: Int = 302
    ) {
        self.scheme = scheme
        self.authority = authority
        self.path = path
        self.status = status
    }
}

package struct DirectResponse: Sendable {
    /// 200…599
    package var status: Int
    package var body: [UInt8]
    package var headers: [HeaderModifier.Field]
    package var position: FilePosition

    package init(
        status: Int, body: [UInt8] = [], headers: [HeaderModifier.Field] = [], position: FilePosition = .none
    ) {
        self.status = status
        self.body = body
        self.headers = headers
        self.position = position
    }
}

package struct Timeouts: Hashable, Sendable {
    /// From the request's head to the end of the response, retries included.
    package var request: Duration?
    /// Of one attempt.
    package var backendRequest: Duration?

    package init(request: Duration? = nil, backendRequest: Duration? = nil) {
        self.request = request
        self.backendRequest = backendRequest
    }
}

package struct RetryPolicy: Hashable, Sendable {
    /// Further tries after the first.
    package var attempts: Int
    package var backoff: Duration?
    /// Statuses that are tried again. Failing to connect always is.
    package var statusCodes: [Int]
    /// Asked before the first try; true makes a request repeatable whatever its method, false makes it not so.
    package var precondition: PolicyExpressionSource?
    /// Asked of a reply of one of the statuses.
    package var condition: PolicyExpressionSource?

    package init(attempts: Int = 1, backoff: Duration? = nil, statusCodes: [Int] = []) {
        self.attempts = attempts
        self.backoff = backoff
        self.statusCodes = statusCodes
    }
}
