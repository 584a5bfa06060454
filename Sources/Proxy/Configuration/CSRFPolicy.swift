// `csrf`: requests that another site's page makes a browser send.

package struct CSRFPolicy: Hashable, Sendable {
    /// Beside the request's own.
    package var additionalOrigins: [OriginPattern]

    package init(additionalOrigins: [OriginPattern] = []) { self.additionalOrigins = additionalOrigins }
}
