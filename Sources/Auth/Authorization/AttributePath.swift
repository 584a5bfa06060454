// The attributes that a rule reads, found in its tree: what a decision record shows as the rule's inputs, and what tells
// the proxy that a rule needs more than the head.

import CEL

/// A root and constant names below it: `jwt.realm_access.roles`, `request.headers["x-team"]`.
package struct AttributePath: Hashable, Sendable, CustomStringConvertible {
    package var root: String
    package var names: [String]

    package init(root: String, names: [String]) {
        self.root = root
        self.names = names
    }

    package var description: String {
        names.reduce(into: root) { text, name in
            let isIdentifier =
                name.utf8.first.map { !(48...57 ~= $0) } ?? false
                && name.utf8.allSatisfy { byte in
                    (48...57 ~= byte) || (65...90 ~= byte) || (97...122 ~= byte) || byte == 95
                }
            text += isIdentifier ? ".\(name)" : "[\"\(name)\"]"
        }
    }
}

extension CheckedExpression {
    /// The longest chain from a root at each place, without repetitions, in the order of the text.
    package var attributePaths: [AttributePath] {
        var paths: [AttributePath] = []
        var inner: Set<ExprID> = []
        // A chain's outer node has its operand as inner node, wherever it stands in the array.
        for index in 0..<ast.count {
            if let operand = operand(of: ExprID(index)), path(to: ExprID(index)) != nil { inner.insert(operand) }
        }
        for index in 0..<ast.count where !inner.contains(ExprID(index)) {
            guard let path = path(to: ExprID(index)), !paths.contains(path) else { continue }
            paths.append(path)
        }
        return paths
    }

    private func operand(of id: ExprID) -> ExprID? {
        switch ast[id] {
        case .select(let operand, _, _, _): operand
        case .call("_[_]", nil, let arguments), .call("_[?_]", nil, let arguments): arguments.first
        default: nil
        }
    }

    /// The chain that a node is; nil when it is none.
    package func attributePath(of id: ExprID) -> AttributePath? { path(to: id) }

    private func path(to id: ExprID) -> AttributePath? {
        switch ast[id] {
        case .ident(let name):
            guard case .variable? = references[Int(id.index)] else { return nil }
            return AttributePath(root: name.hasPrefix(".") ? String(name.dropFirst()) : name, names: [])
        case .select(let operand, let field, _, _):
            guard var path = path(to: operand) else { return nil }
            path.names.append(field)
            return path
        case .call("_[_]", nil, let arguments), .call("_[?_]", nil, let arguments):
            guard arguments.count == 2, case .literal(.string(let key)) = ast[arguments[1]],
                var path = path(to: arguments[0])
            else { return nil }
            path.names.append(key)
            return path
        default: return nil
        }
    }
}
