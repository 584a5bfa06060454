// `hasScope("mcp:read")` is written for `"mcp:read" in jwt.scopes`: a macro, so that the checker, partial evaluation and
// the scope challenge see one form, while error messages and explain show what was written.

import CEL

enum ScopeMacro {
    static let name = "hasScope"

    static func expand(_ parsed: inout ParsedExpression) {
        for index in 0..<parsed.ast.count {
            let id = ExprID(index)
            guard case .call(name, nil, let arguments) = parsed.ast[id], arguments.count == 1 else { continue }
            let range = parsed.ast.range(of: id)
            let jwt = parsed.ast.add(.ident("jwt"), range)
            let scopes = parsed.ast.add(
                .select(operand: jwt, field: "scopes", testOnly: false, optional: false), range)
            parsed.ast[id] = .call(function: "@in", target: nil, arguments: [arguments[0], scopes])
            parsed.ast.macroCalls[id] = MacroCall(function: name, target: nil, arguments: arguments)
        }
    }
}
