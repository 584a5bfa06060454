// A CEL expression of a policy that is no rule: a key, a value, a condition. In source form, as the loader reads it.

import CEL

/// What an expression can read, and what its value is for.
package struct ExpressionUse: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        /// Before anything is sent on.
        case request
        /// Once there is a reply: `response` is known as well.
        case response
        /// When all is over, for the log: of a reply its status is left.
        case record
    }

    package enum Result: Hashable, Sendable {
        /// True or false.
        case condition
        case value
    }

    package var phase: Phase
    package var result: Result

    package init(_ phase: Phase, _ result: Result) {
        self.phase = phase
        self.result = result
    }

    package static let key = ExpressionUse(.request, .value)
    package static let condition = ExpressionUse(.request, .condition)
}

package struct PolicyExpressionSource: Sendable {
    package var text: String
    package var use: ExpressionUse
    package var position: FilePosition
    /// Those of the configuration.
    package var functions: CustomFunctions?

    package init(
        _ text: String, _ use: ExpressionUse, functions: CustomFunctions? = nil, position: FilePosition = .none
    ) {
        self.text = text
        self.use = use
        self.functions = functions
        self.position = position
    }
}

extension PolicyExpressionSource: Hashable {
    /// Where it stands makes no other expression of it.
    package static func == (a: PolicyExpressionSource, b: PolicyExpressionSource) -> Bool {
        a.text == b.text && a.use == b.use
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(text)
        hasher.combine(use)
    }
}
