// Every function by name: how it may be called and the body that dispatches on the values' types. The libraries are a file
// each beside this one.

struct Function: Sendable {
    enum Style: Sendable { case global, receiver, either }

    let name: String
    let style: Style
    /// With the target of a receiver call counted.
    let arity: ClosedRange<Int>
    let body: FunctionBody
    /// Equal arguments give equal results, so constant calls are folded.
    let foldable: Bool

    init(
        _ name: String, _ style: Style, _ arity: ClosedRange<Int>, foldable: Bool = true,
        _ body: @escaping FunctionBody
    ) {
        self.name = name
        self.style = style
        self.arity = arity
        self.body = body
        self.foldable = foldable
    }

    init(_ name: String, _ style: Style, _ arity: Int, foldable: Bool = true, _ body: @escaping FunctionBody) {
        self.init(name, style, arity...arity, foldable: foldable, body)
    }
}

enum FunctionLibrary {
    private static let all: [Function] =
        standard + conversions + timestampAccessors + strings + math + encoders + lists + sets + regex + network + json
        + optionals + gateway + headerViews + uris + secrets

    private static let byName: [String: [Function]] = Dictionary(grouping: all, by: \.name)

    static func find(_ name: String, receiver: Bool, arity: Int) -> Function? {
        byName[name]?.first {
            $0.arity.contains(arity) && ($0.style == .either || ($0.style == .receiver) == receiver)
        }
    }

    /// Whether any function has this name, in any form.
    static func isDeclared(_ name: String) -> Bool { byName[name] != nil }

    static var noOverload: Value { .error(.noSuchOverload, "no such overload for these types of arguments") }
    static func invalid(_ message: StaticString) -> Value { .error(.invalidArgument, message) }

    /// Sorting and the like pay for what they touch.
    static func paid(_ units: Int, _ scope: EvaluationScope, _ body: () -> Value) -> Value {
        scope.spend(units) ? body() : EvaluationScope.overBudget
    }
}
