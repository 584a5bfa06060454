// Finds what an expression may read: the gateway buffers a body or parses arguments only for expressions that do.

struct AttributeWalk {
    private let checked: CheckedExpression
    private(set) var paths: [[String]] = []

    init(_ checked: CheckedExpression) {
        self.checked = checked
        visit(checked.ast.root)
    }

    private mutating func visit(_ start: ExprID) {
        var work = [start]
        while let id = work.popLast() {
            if let path = path(id) {
                if !paths.contains(path) { paths.append(path) }
                continue
            }
            if case .call("variables", nil, let arguments) = checked.ast[id], arguments.isEmpty {
                for root in checked.environment.roots where !paths.contains([root]) { paths.append([root]) }
            }
            work += checked.ast.children(of: id)
        }
    }

    private func path(_ id: ExprID) -> [String]? {
        if case .variable(let root) = checked.references[Int(id.index)] { return [root] }
        switch checked.ast[id] {
        case .select(let operand, let field, _, _): return path(operand).map { $0 + [field] }
        case .call("_[_]", nil, let arguments), .call("_[?_]", nil, let arguments):
            guard arguments.count == 2, case .literal(.string(let key)) = checked.ast[arguments[1]] else { return nil }
            return path(arguments[0]).map { $0 + [key] }
        default: return nil
        }
    }
}
