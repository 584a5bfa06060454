// The abstract syntax tree: what the parser makes, and what the checker, planner, unparser and explain all refer to.
// Nodes live in one flat array and name each other by index, so that a tree of any depth is copied and freed without
// recursion and a side table (types, references, coverage) is an array of the same length.

/// A node of an `AST`: the index of its entry in `AST.nodes`.
public struct ExprID: Hashable, Sendable, Comparable {
    public let index: Int32

    public init(_ index: Int) { self.index = Int32(index) }

    public static func < (a: ExprID, b: ExprID) -> Bool { a.index < b.index }
}

/// A half-open range of UTF-8 byte offsets into the source text.
public struct SourceRange: Hashable, Sendable {
    public var start: Int32
    public var end: Int32

    public init(_ start: Int, _ end: Int) {
        self.start = Int32(start)
        self.end = Int32(end)
    }
}

/// A literal of the source text. Doubles compare by bit pattern, so that equal trees are equal values.
public enum Literal: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])

    public static func == (a: Literal, b: Literal) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let x), .bool(let y)): x == y
        case (.int(let x), .int(let y)): x == y
        case (.uint(let x), .uint(let y)): x == y
        case (.double(let x), .double(let y)): x.bitPattern == y.bitPattern
        case (.string(let x), .string(let y)): Array(x.utf8) == Array(y.utf8)  // never by canonical equivalence
        case (.bytes(let x), .bytes(let y)): x == y
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let x): hasher.combine(x)
        case .int(let x): hasher.combine(x)
        case .uint(let x): hasher.combine(x)
        case .double(let x): hasher.combine(x.bitPattern)
        case .string(let x): for byte in x.utf8 { hasher.combine(byte) }
        case .bytes(let x): hasher.combine(x)
        }
    }
}

/// One expression, in the shapes of the CEL specification's `Expr` message (syntax.proto).
public enum Expr: Hashable, Sendable {
    case literal(Literal)
    /// A name; a leading dot (`.a`, root scope) is kept in the text.
    case ident(String)
    /// `operand.field`; `operand.?field` when `optional`; `has(operand.field)` when `testOnly`.
    case select(operand: ExprID, field: String, testOnly: Bool, optional: Bool)
    /// Global calls, receiver calls, and every operator under the specification's names (`_&&_`, `_[_]`, `@in`, …;
    /// `_[?_]` for an optional index).
    case call(function: String, target: ExprID?, arguments: [ExprID])
    /// `optional` holds the positions written as `[?e]`.
    case list(elements: [ExprID], optional: Set<Int32>)
    case map([MapEntry])
    case message(type: String, fields: [FieldInitializer])
    case comprehension(Comprehension)

    public struct MapEntry: Hashable, Sendable {
        public var key: ExprID
        public var value: ExprID
        public var optional: Bool

        public init(key: ExprID, value: ExprID, optional: Bool) {
            self.key = key
            self.value = value
            self.optional = optional
        }
    }

    public struct FieldInitializer: Hashable, Sendable {
        public var field: String
        public var value: ExprID
        public var optional: Bool
        public var range: SourceRange

        public init(field: String, value: ExprID, optional: Bool, range: SourceRange) {
            self.field = field
            self.value = value
            self.optional = optional
            self.range = range
        }
    }

    /// A fold, what every macro over a list or map expands to.
    public struct Comprehension: Hashable, Sendable {
        public var range: ExprID
        public var variable: String
        /// The second variable of the two-variable macros; `variable` is then the index or key.
        public var variable2: String?
        public var accumulator: String
        public var initial: ExprID
        public var condition: ExprID
        public var step: ExprID
        public var result: ExprID

        public init(
            range: ExprID, variable: String, variable2: String? = nil, accumulator: String, initial: ExprID,
            condition: ExprID, step: ExprID, result: ExprID
        ) {
            self.range = range
            self.variable = variable
            self.variable2 = variable2
            self.accumulator = accumulator
            self.initial = initial
            self.condition = condition
            self.step = step
            self.result = result
        }
    }
}

/// A macro call as it was written, kept beside its expansion for the unparser, explain and error messages.
public struct MacroCall: Hashable, Sendable {
    public var function: String
    public var target: ExprID?
    public var arguments: [ExprID]

    public init(function: String, target: ExprID?, arguments: [ExprID]) {
        self.function = function
        self.target = target
        self.arguments = arguments
    }
}

public struct AST: Sendable {
    public struct Node: Sendable {
        public var expr: Expr
        public var range: SourceRange
    }

    public private(set) var nodes: [Node] = []
    public var root = ExprID(0)
    /// By the id of the expansion's outermost node.
    public var macroCalls: [ExprID: MacroCall] = [:]
    /// The nodes that come from the bodies of custom functions, with the function's name. Their range is that of the call.
    public var inlined: [ExprID: String] = [:]
    /// The calls of custom functions, each the outermost node of a body now. `macroCalls` has what was written.
    public var inlinedCalls: Set<ExprID> = []

    public init() {}

    public subscript(id: ExprID) -> Expr {
        get { nodes[Int(id.index)].expr }
        set { nodes[Int(id.index)].expr = newValue }
    }

    public func range(of id: ExprID) -> SourceRange { nodes[Int(id.index)].range }

    @discardableResult
    public mutating func add(_ expr: Expr, _ range: SourceRange) -> ExprID {
        nodes.append(Node(expr: expr, range: range))
        return ExprID(nodes.count - 1)
    }

    public var count: Int { nodes.count }

    /// The nodes right below a node, in the order of their evaluation.
    func children(of id: ExprID) -> [ExprID] {
        switch self[id] {
        case .literal, .ident: []
        case .select(let operand, _, _, _): [operand]
        case .call(_, let target, let arguments): (target.map { [$0] } ?? []) + arguments
        case .list(let elements, _): elements
        case .map(let entries): entries.flatMap { [$0.key, $0.value] }
        case .message(_, let fields): fields.map(\.value)
        case .comprehension(let fold): [fold.range, fold.initial, fold.condition, fold.step, fold.result]
        }
    }
}
