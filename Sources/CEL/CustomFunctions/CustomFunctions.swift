// Functions that a configuration defines in CEL, and their notation:
//
//     # Comments run to the end of the line.
//     isInternal() { cidr("10.0.0.0/8").containsIP(source.address) }
//     this.hasRole(role) { role in this.realm_access.roles }
//     anyOf(first, others...) { ([first] + others).exists(x, x in jwt.groups) }
//
// A call stands for its body: it is put in the place of the call before types are checked, so that a function costs nothing
// of its own, is checked with the types it is called with, and cannot recurse. Bodies see what rules see, never the
// variables of their callers.

public struct CustomFunctions: Sendable {
    /// Bounds of what a configuration may define.
    public enum Limits {
        /// Bytes of all definitions together.
        public static let bytes = 64 * 1024
        public static let functions = 256
        public static let parameters = 32
    }

    struct Definition: Sendable {
        let name: String
        /// Called as `value.name(…)`; the value is `this`.
        let isMember: Bool
        let parameters: [String]
        /// The parameter that is a list of all further arguments: `rest...`.
        let rest: String?
        let nameRange: SourceRange
        /// The body's first byte in the definitions.
        let bodyStart: Int
        /// Calls of other functions are replaced in it.
        var body: ParsedExpression

        /// What callers pass, the receiver first.
        var allParameters: [String] { (isMember ? ["this"] : []) + parameters + (rest.map { [$0] } ?? []) }
    }

    /// What was parsed.
    public let source: String
    var definitions: [String: Definition] = [:]

    public var names: [String] { definitions.keys.sorted() }

    /// - Parameter reserved: names that the host gives a meaning of its own.
    /// - Throws: everything that is wrong with the definitions but for types, with offsets into `text`.
    public init(parsing text: String, reserved: Set<String> = []) throws(CompileError) {
        source = text
        var reader = DefinitionReader(text, reserved: reserved)
        let found = reader.read()
        var problems = reader.problems
        if problems.isEmpty {
            let order = CallOrder(found)
            problems = order.problems
            for name in order.sorted where problems.isEmpty {
                guard var definition = found[name] else { continue }
                do throws(CompileError) {
                    try expand(&definition.body)
                } catch {
                    problems += error.diagnostics.map { $0.moved(by: definition.bodyStart) }
                }
                definitions[name] = definition
            }
        }
        guard problems.isEmpty else { throw CompileError(source: text, diagnostics: problems) }
    }

    /// The bodies by themselves, each parameter of any type: for hosts to check, so that a mistake is found in a function
    /// that nobody calls, too.
    public var bodies: [(name: String, start: Int, expression: ParsedExpression)] {
        definitions.values.sorted { $0.bodyStart < $1.bodyStart }.map { definition in
            var parsed = definition.body
            for (number, parameter) in definition.allParameters.enumerated().reversed() {
                let range = parsed.ast.range(of: parsed.ast.root)
                let null = parsed.ast.add(.literal(.null), range)
                let value = parsed.ast.add(.call(function: "dyn", target: nil, arguments: [null]), range)
                let isRest = definition.rest != nil && number == definition.allParameters.count - 1
                let initial = isRest ? parsed.ast.add(.list(elements: [value], optional: []), range) : value
                parsed.ast.root = parsed.ast.binding(parameter, to: initial, in: parsed.ast.root, range)
            }
            return (definition.name, definition.bodyStart, parsed)
        }
    }
}

extension Diagnostic {
    public func moved(by offset: Int) -> Diagnostic {
        Diagnostic(message, SourceRange(Int(range.start) + offset, Int(range.end) + offset), suggestion: suggestion)
    }
}

extension AST {
    /// The form of `cel.bind(name, value, body)`.
    mutating func binding(_ name: String, to value: ExprID, in body: ExprID, _ range: SourceRange) -> ExprID {
        let nothing = add(.list(elements: [], optional: []), range)
        let never = add(.literal(.bool(false)), range)
        let step = add(.ident(name), range)
        return add(
            .comprehension(
                Expr.Comprehension(
                    range: nothing, variable: "#unused", accumulator: name, initial: value, condition: never,
                    step: step,
                    result: body)), range)
    }
}

/// The functions in an order in which each comes after those that it calls.
private struct CallOrder {
    private let definitions: [String: CustomFunctions.Definition]
    private(set) var sorted: [String] = []
    private(set) var problems: [Diagnostic] = []
    private var isVisiting: Set<String> = []
    private var isDone: Set<String> = []

    init(_ definitions: [String: CustomFunctions.Definition]) {
        self.definitions = definitions
        for definition in definitions.values.sorted(by: { $0.bodyStart < $1.bodyStart }) { visit(definition.name) }
    }

    private mutating func visit(_ name: String) {
        guard !isDone.contains(name), let definition = definitions[name] else { return }
        isVisiting.insert(name)
        for node in definition.body.ast.nodes {
            guard case .call(let callee, _, _) = node.expr, definitions[callee] != nil else { continue }
            if isVisiting.contains(callee) {
                problems.append(
                    Diagnostic(
                        "\(name)() calls \(callee == name ? "itself" : "\(callee)(), which calls it"): a function may not recur",
                        definition.nameRange))
                break
            }
            visit(callee)
        }
        isVisiting.remove(name)
        isDone.insert(name)
        sorted.append(name)
    }
}
