// The values of a rule's parts, each at the place where the part stands.
//
//     jwt.groups.exists(g, g.startsWith("fin-")) && mcp.tool.arguments.amount <= 1000
//     │          │                                  │                         └ false
//     │          │                                  └ 5000
//     │          └ true (element 2: "fin-ops")
//     └ ["eng", "fin-ops"]

import Auth
import CEL

/// One value of a rule, worth showing.
struct RulePart: Sendable {
    /// Of the part in the expression.
    var range: SourceRange
    /// The byte of the expression that stands for the part: an operator, a function's name, or where it begins.
    var anchor: Int
    /// As an expression, or what went wrong.
    var text: String
    var failed: Bool
}

struct RuleTree {
    /// Longer values are cut: a page of claims explains nothing.
    static let maximumText = 120
    /// Wider expressions are shown as a list of their parts.
    static let maximumWidth = 150

    let program: Program
    let explanation: Explanation
    private let ast: AST
    private let source: [UInt8]
    private var outcomes: [ExprID: Explanation.Outcome] = [:]
    /// Operands of chains, bodies of macros: shown by what is around them.
    private var hidden: Set<ExprID> = []
    private var secret: Set<ExprID> = []

    init(_ program: Program, _ explanation: Explanation) {
        self.program = program
        self.explanation = explanation
        ast = program.checked.ast
        source = Array(program.checked.source.utf8)
        for part in explanation.parts { outcomes[part.node] = part.outcome }
        for index in 0..<ast.count { hide(below: ExprID(index)) }
        markSecrets()
    }

    // MARK: What is not shown

    private mutating func hide(below id: ExprID) {
        switch ast[id] {
        case .select(let operand, _, _, _): hidden.insert(operand)
        case .call("_[_]", nil, let arguments), .call("_[?_]", nil, let arguments): hidden.insert(arguments[0])
        case .comprehension(let fold):
            // What a macro did for its last element is told by the macro's own line.
            for node in [fold.initial, fold.condition, fold.step, fold.result] { hideAll(node) }
        default: break
        }
        if ast.macroCalls[id] != nil {
            for child in children(id) where ast.range(of: child) == ast.range(of: id) { hideAll(child) }
        }
    }

    private mutating func hideAll(_ id: ExprID) {
        hidden.insert(id)
        for child in children(id) { hideAll(child) }
    }

    private func children(_ id: ExprID) -> [ExprID] {
        switch ast[id] {
        case .literal, .ident: []
        case .select(let operand, _, _, _): [operand]
        case .call(_, let target, let arguments): (target.map { [$0] } ?? []) + arguments
        case .list(let elements, _): elements
        case .map(let entries): entries.flatMap { [$0.key, $0.value] }
        case .message(_, let fields): fields.map(\.value)
        case .comprehension(let fold): [fold.range, fold.initial, fold.condition, fold.step, fold.result]
        }
    }

    /// Values that decision records redact, and what is computed from them, but for yes and no.
    private mutating func markSecrets() {
        for index in 0..<ast.count where isSecretPath(ExprID(index)) { secret.insert(ExprID(index)) }
        guard !secret.isEmpty else { return }
        // Children precede nothing in particular: to a fixed point.
        var changed = true
        while changed {
            changed = false
            for index in 0..<ast.count {
                let id = ExprID(index)
                // A chain of names is what it is: all headers are secret, and one of them is not for that.
                if !secret.contains(id), path(id) == nil, children(id).contains(where: secret.contains) {
                    secret.insert(id)
                    changed = true
                }
            }
        }
    }

    private func isSecretPath(_ id: ExprID) -> Bool {
        guard let path = path(id), let first = path.dropFirst().first else { return false }
        switch (path[0], first) {
        case ("request", "query"), ("request", "pathAndQuery"), ("request", "uri"), ("jwt", "rawToken"),
            ("mcp", "sessionId"):
            return true
        case ("request", "headers"):
            guard path.count > 2 else { return true }
            return GatewayAttributes.secretHeaders.contains(path[2].asciiLowercased)
        default: return false
        }
    }

    private func path(_ id: ExprID) -> [String]? {
        switch ast[id] {
        case .ident(let name): [name]
        case .select(let operand, let field, _, _): path(operand).map { $0 + [field] }
        case .call("_[_]", nil, let arguments), .call("_[?_]", nil, let arguments):
            if case .literal(.string(let key)) = ast[arguments[1]] {
                path(arguments[0]).map { $0 + [key] }
            } else {
                nil
            }
        default: nil
        }
    }

    // MARK: What is

    /// In the order of the text.
    var parts: [RulePart] {
        var parts: [RulePart] = []
        var taken: Set<Int> = []
        for part in explanation.parts where !hidden.contains(part.node) {
            guard let shown = shown(part), taken.insert(shown.anchor).inserted else { continue }
            parts.append(shown)
        }
        return parts.sorted { $0.anchor < $1.anchor }
    }

    private func shown(_ part: Explanation.Part) -> RulePart? {
        var text: String
        var failed = false
        switch part.outcome {
        case .notEvaluated: return nil
        case .failed(let error):
            // An error is shown where it arose, not at everything around it.
            let isInner = children(part.node).contains { isFailed($0) }
            if isInner, !isFold(part.node), !isChain(part.node) { return nil }
            text = "error: \(error)"
            failed = true
        case .value(let value):
            switch (ast[part.node], value) {
            case (_, .opaque("record", _)): return nil
            // Their operands say it.
            case (.call("_&&_", nil, _), .bool), (.call("_||_", nil, _), .bool), (.call("!_", nil, _), .bool),
                (.call("_?_:_", nil, _), .bool):
                if part.node != ast.root || !children(part.node).allSatisfy(isLiteral) { return nil }
                text = Self.text(value)
            case (.call("_&&_", nil, _), .unknown), (.call("_||_", nil, _), .unknown), (.call("!_", nil, _), .unknown):
                return nil
            case (.ident, .map) where part.node != ast.root: return nil
            default: text = secret.contains(part.node) ? redacted(value) : Self.text(value)
            }
            text += note(part.node, value)
        }
        return RulePart(range: part.range, anchor: anchor(part.node), text: text, failed: failed)
    }

    private func isFailed(_ id: ExprID) -> Bool {
        if case .failed? = outcomes[id] { true } else { false }
    }

    private func isFold(_ id: ExprID) -> Bool {
        if case .comprehension = ast[id] { true } else { false }
    }

    /// Its operands are not shown by themselves.
    private func isChain(_ id: ExprID) -> Bool {
        switch ast[id] {
        case .select, .call("_[_]", nil, _), .call("_[?_]", nil, _): true
        default: false
        }
    }

    private func isLiteral(_ id: ExprID) -> Bool {
        if case .literal = ast[id] { true } else { false }
    }

    private func redacted(_ value: CELValue) -> String {
        if case .bool = value { return Self.text(value) }
        return Secret.placeholder
    }

    static func text(_ value: CELValue) -> String {
        let text = value.debugText.printable
        guard text.count > maximumText else { return text }
        return text.prefix(maximumText) + "…"
    }

    /// What the value alone does not tell.
    private func note(_ id: ExprID, _ value: CELValue) -> String {
        if let call = ast.macroCalls[id], call.function == "hasScope", case .call(_, _, let operands) = ast[id],
            operands.count == 2, case .value(let scopes)? = outcomes[operands[1]]
        {
            return " (jwt.scopes is \(Self.text(scopes)))"
        }
        guard case .comprehension(let fold) = ast[id], case .bool(let result) = value,
            let call = ast.macroCalls[id], result == (call.function == "exists"),
            ["exists", "all"].contains(call.function), case .value(.list(let elements))? = outcomes[fold.range],
            !secret.contains(fold.range)
        else { return "" }
        // The fold ended with the element that decided.
        let variable = explanation.parts.first { part in
            if case .ident(fold.variable) = ast[part.node] {
                part.range.start >= ast.range(of: id).start
            } else {
                false
            }
        }
        guard case .value(let element)? = variable?.outcome,
            let index = elements.firstIndex(where: { $0.debugText == element.debugText })
        else { return "" }
        return " (element \(index + 1): \(Self.text(element)))"
    }

    // MARK: Where

    /// The byte that stands for a node.
    private func anchor(_ id: ExprID) -> Int {
        let range = ast.range(of: id)
        let call: (target: ExprID?, arguments: [ExprID], isOperator: Bool)
        if let macro = ast.macroCalls[id] {
            call = (macro.target, macro.arguments, false)
        } else if case .call(let function, let target, let arguments) = ast[id] {
            let isOperator =
                target == nil && arguments.count == 2 && !function.hasPrefix("_[")
                && (function.hasPrefix("_") || function == "@in")
            call = (target, arguments, isOperator)
        } else {
            return Int(range.start)
        }
        if call.isOperator {
            return next(after: Int(ast.range(of: call.arguments[0]).end), before: Int(range.end), ") ")
        }
        if let target = call.target {
            return next(after: Int(ast.range(of: target).end), before: Int(range.end), ") .")
        }
        return Int(range.start)
    }

    /// The first byte from `start` on that is none of these and no line break.
    private func next(after start: Int, before end: Int, _ skipped: StaticString) -> Int {
        var at = start
        let skip = UnsafeBufferPointer(start: skipped.utf8Start, count: skipped.utf8CodeUnitCount)
        while at < end, at < source.count, skip.contains(source[at]) || source[at] < 0x20 { at += 1 }
        return min(at, max(0, source.count - 1))
    }

    // MARK: Drawing

    /// Lines without indentation.
    func drawn(_ style: TextStyle) -> [String] {
        let parts = parts
        let (line, columns) = oneLine
        guard line.count <= Self.maximumWidth else { return listed(parts, line, style) }
        var lines = [line]
        let places = parts.map { (column: columns[min($0.anchor, columns.count - 1)], part: $0) }
        for index in places.indices.reversed() {
            var drawn = ""
            var column = 0
            for place in places[..<index] where place.column >= column {
                drawn += String(repeating: " ", count: place.column - column) + style.dim("│")
                column = place.column + 1
            }
            drawn += String(repeating: " ", count: max(0, places[index].column - column)) + style.dim("└ ")
            let part = places[index].part
            lines.append(drawn + paint(part, style))
        }
        return lines
    }

    private func paint(_ part: RulePart, _ style: TextStyle) -> String {
        if part.failed { return style.red(part.text) }
        if part.text.hasPrefix("false") { return style.red(part.text) }
        if part.text.hasPrefix("true") { return style.green(part.text) }
        return style.blue(part.text)
    }

    private func listed(_ parts: [RulePart], _ line: String, _ style: TextStyle) -> [String] {
        let unbroken = program.checked.source.printable.split(separator: "\n").map { String($0) }
        return unbroken
            + parts.map { part in
                let text = String(decoding: source[Int(part.range.start)..<Int(part.range.end)], as: UTF8.self)
                    .printable.replacing("\n", with: " ")
                return "  \(text) \(style.dim("→")) \(paint(part, style))"
            }
    }

    /// The expression on one line, and the column of each of its bytes.
    private var oneLine: (text: String, columns: [Int]) {
        var columns: [Int] = []
        var text: [UInt8] = []
        var column = -1
        var at = 0
        while at < source.count {
            var end = at
            while end < source.count, source[end] == 0x20 || source[end] < 0x20 { end += 1 }
            if end > at, source[at..<end].contains(0x0A) {
                // A break and the spaces around it.
                column += 1
                columns += Array(repeating: column, count: end - at)
                text.append(0x20)
                at = end
                continue
            }
            if source[at] & 0xC0 != 0x80 { column += 1 }
            columns.append(column)
            text.append(source[at])
            at += 1
        }
        return (String(decoding: text, as: UTF8.self).printable, columns.isEmpty ? [0] : columns)
    }
}
