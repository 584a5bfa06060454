// A route: which requests it takes, what is done to them, where they go.

import Auth

package struct Route: Sendable {
    /// As written, or `route0`, `route1`, … by place in its listener. Metrics and decisions show it.
    package var name: String
    /// Empty: any host.
    package var hostnames: [HostPattern]
    /// Alternatives: one that matches is enough. Never empty; the default is the prefix `/`.
    package var matches: [RouteMatch]
    package var policies: RoutePolicies
    /// Chosen by weight. Empty only when a policy always answers (`directResponse`, `requestRedirect`).
    package var backends: [RouteBackend]
    /// Set: the model that a request names chooses among the backends, not their weights.
    package var models: ModelTable?
    package var position: FilePosition

    package init(
        name: String = "route0", hostnames: [HostPattern] = [], matches: [RouteMatch] = [RouteMatch()],
        policies: RoutePolicies = RoutePolicies(), backends: [RouteBackend] = [], position: FilePosition = .none
    ) {
        self.name = name
        self.hostnames = hostnames
        self.matches = matches
        self.policies = policies
        self.backends = backends
        self.position = position
    }
}

/// A host name as routes and listeners write it; compared without letter case and without the port.
package enum HostPattern: Hashable, Sendable, CustomStringConvertible {
    case any
    /// Lowercase.
    case exact(String)
    /// `*.example.com` holds `.example.com`, lowercase: one label or more must stand before it.
    case suffix(String)

    package var description: String {
        switch self {
        case .any: "*"
        case .exact(let name): name
        case .suffix(let suffix): "*\(suffix)"
        }
    }
}

/// Conditions that must all hold.
package struct RouteMatch: Sendable {
    package var path: PathMatch
    /// Compared with letter case (RFC 9110 §9.1); nil: any.
    package var method: String?
    package var headers: [HeaderMatch]
    package var query: [QueryMatch]
    package var position: FilePosition

    package init(
        path: PathMatch = .prefix("/"), method: String? = nil, headers: [HeaderMatch] = [], query: [QueryMatch] = [],
        position: FilePosition = .none
    ) {
        self.path = path
        self.method = method
        self.headers = headers
        self.query = query
        self.position = position
    }
}

/// Paths begin with `/` and are canonical (see `CanonicalPath`).
package enum PathMatch: Hashable, Sendable {
    case exact(String)
    /// On segment borders: `/foo` takes `/foo` and `/foo/x`, never `/foobar`. Without a trailing slash, save for `/`.
    case prefix(String)
    /// RE2 syntax; must cover the whole path.
    case regex(String)
}

package enum ValueMatch: Hashable, Sendable {
    case exact(String)
    /// RE2 syntax; must cover the whole value.
    case regex(String)
}

package struct HeaderMatch: Hashable, Sendable {
    /// Lowercase.
    package var name: String
    /// Compared with the field's lines joined by `, ` (RFC 9110 §5.3).
    package var value: ValueMatch

    package init(name: String, value: ValueMatch) {
        self.name = name
        self.value = value
    }
}

package struct QueryMatch: Hashable, Sendable {
    /// Decoded.
    package var name: String
    /// Every occurrence of the parameter, decoded, must match, and there must be one.
    package var value: ValueMatch

    package init(name: String, value: ValueMatch) {
        self.name = name
        self.value = value
    }
}
