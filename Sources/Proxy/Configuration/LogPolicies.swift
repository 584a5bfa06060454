// `frontendPolicies.accessLog` and `decisionLog`: where lines go, which are written, and what they say.

import Auth

package struct AccessLogPolicy: Sendable {
    /// nil: standard error.
    package var file: String?
    /// A line is left out only when this is false.
    package var filter: PolicyExpressionSource?
    package var add: [Transformation.Field]
    package var remove: [AccessField]
    package var position: FilePosition

    package init(position: FilePosition = .none) {
        add = []
        remove = []
        self.position = position
    }
}

/// The fields of a line of the access log that can be left out.
package enum AccessField: String, Sendable, CaseIterable {
    case source, method, host, path, `protocol`, route, status
    case bytesIn = "bytes_in"
    case bytesOut = "bytes_out"
    case duration = "duration_us"
    case upstream, model, tokens, a2a, principal, reason, trace, decision, detail, aborted, failure
}
