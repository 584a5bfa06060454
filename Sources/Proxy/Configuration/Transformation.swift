// `transformations`: header fields computed by CEL.

import Auth

/// Changes to one message's header: add, then set, then remove, all computed from the message as it was.
package struct Transformation: Hashable, Sendable {
    package struct Field: Hashable, Sendable {
        /// Lowercase.
        package var name: String
        package var value: PolicyExpressionSource

        package init(name: String, value: PolicyExpressionSource) {
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

package struct TransformationPolicy: Hashable, Sendable {
    package var request: Transformation?
    package var response: Transformation?

    package init(request: Transformation? = nil, response: Transformation? = nil) {
        self.request = request
        self.response = response
    }
}
