// A tree back to text: what parses to an equal tree, with the parentheses that this takes and macros as they were called.

extension AST {
    /// The expression on one line. Reading it again gives a tree that `isEquivalent` to this one, unless somebody built
    /// a fold that no macro makes: that prints in a form for people only.
    public func unparsed() -> String { unparsed(root) }

    /// The expression under one node.
    public func unparsed(_ id: ExprID) -> String {
        var unparser = Unparser(ast: self)
        unparser.print(id, atLeast: .conditional)
        return unparser.text
    }
}

private struct Unparser {
    /// How tightly a piece of text binds, loosest first (language definition, "Syntax").
    enum Precedence: Int {
        case conditional = 1, or, and, relation, sum, product, unary, member
    }

    let ast: AST
    var text = ""

    mutating func print(_ id: ExprID, atLeast minimum: Precedence) {
        let needsParentheses = precedence(id).rawValue < minimum.rawValue
        if needsParentheses { text += "(" }
        printBare(id)
        if needsParentheses { text += ")" }
    }

    private func precedence(_ id: ExprID) -> Precedence {
        guard ast.macroCalls[id] == nil, case .call(let function, nil, _) = ast[id] else { return .member }
        return switch function {
        case "_?_:_": .conditional
        case "_||_": .or
        case "_&&_": .and
        case "_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_", "@in": .relation
        case "_+_", "_-_": .sum
        case "_*_", "_/_", "_%_": .product
        case "!_", "-_": .unary
        default: .member
        }
    }

    private mutating func printBare(_ id: ExprID) {
        if let call = ast.macroCalls[id] { return printCall(call.function, call.target, call.arguments) }
        switch ast[id] {
        case .literal(let literal): text += LiteralText.spelling(of: literal)
        case .ident(let name): text += name
        case .select(let operand, let field, let testOnly, let optional):
            if testOnly { text += "has(" }
            print(operand, atLeast: .member)
            text += optional ? ".?" : "."
            printField(field)
            if testOnly { text += ")" }
        case .call(let function, let target, let arguments):
            if target == nil, printOperator(id, function, arguments) { return }
            printCall(function, target, arguments)
        case .list(let elements, let optional):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += ", " }
                if optional.contains(Int32(index)) { text += "?" }
                print(element, atLeast: .conditional)
            }
            text += "]"
        case .map(let entries):
            text += "{"
            for (index, entry) in entries.enumerated() {
                if index > 0 { text += ", " }
                if entry.optional { text += "?" }
                print(entry.key, atLeast: .conditional)
                text += ": "
                print(entry.value, atLeast: .conditional)
            }
            text += "}"
        case .message(let type, let fields):
            text += "\(type){"
            for (index, field) in fields.enumerated() {
                if index > 0 { text += ", " }
                if field.optional { text += "?" }
                printField(field.field)
                text += ": "
                print(field.value, atLeast: .conditional)
            }
            text += "}"
        case .comprehension(let fold):
            text += "@fold(\(fold.variable)"
            if let second = fold.variable2 { text += ", \(second)" }
            text += " in "
            print(fold.range, atLeast: .conditional)
            text += ", \(fold.accumulator) = "
            for (index, part) in [fold.initial, fold.condition, fold.step, fold.result].enumerated() {
                if index > 0 { text += ", " }
                print(part, atLeast: .conditional)
            }
            text += ")"
        }
    }

    private mutating func printCall(_ function: String, _ target: ExprID?, _ arguments: [ExprID]) {
        if let target {
            print(target, atLeast: .member)
            text += "."
        }
        text += function
        text += "("
        for (index, argument) in arguments.enumerated() {
            if index > 0 { text += ", " }
            print(argument, atLeast: .conditional)
        }
        text += ")"
    }

    private mutating func printField(_ name: String) {
        let isPlain =
            name.utf8.first.map(Lexer.isLetter) == true
            && name.utf8.allSatisfy { Lexer.isLetter($0) || Lexer.isDigit($0) }
            && !["true", "false", "null", "in"].contains(name)
        text += isPlain ? name : "`\(name)`"
    }

    // MARK: Operators

    private mutating func printOperator(_ id: ExprID, _ function: String, _ arguments: [ExprID]) -> Bool {
        switch (function, arguments.count) {
        case ("_?_:_", 3):
            print(arguments[0], atLeast: .or)
            text += " ? "
            print(arguments[1], atLeast: .or)
            text += " : "
            print(arguments[2], atLeast: .conditional)
        case ("_||_", 2): printChain(id, function, " || ", operand: .and)
        case ("_&&_", 2): printChain(id, function, " && ", operand: .relation)
        case ("_[_]", 2), ("_[?_]", 2):
            print(arguments[0], atLeast: .member)
            text += function == "_[_]" ? "[" : "[?"
            print(arguments[1], atLeast: .conditional)
            text += "]"
        case ("!_", 1):
            text += "!"
            print(arguments[0], atLeast: .unary)
        case ("-_", 1):
            text += "-"
            // A sign before a number becomes part of it.
            if beginsWithNumber(arguments[0]) {
                text += "("
                printBare(arguments[0])
                text += ")"
            } else {
                print(arguments[0], atLeast: .unary)
            }
        case (_, 2):
            let own = precedence(id)
            guard own != .member, let symbol = Operators.symbol(function),
                let tighter = Precedence(rawValue: own.rawValue + 1)
            else { return false }
            print(arguments[0], atLeast: own)
            text += " \(symbol) "
            print(arguments[1], atLeast: tighter)
        default: return false
        }
        return true
    }

    /// Whether the text of a node begins with a digit.
    private func beginsWithNumber(_ id: ExprID) -> Bool {
        if let call = ast.macroCalls[id] { return call.target.map(beginsWithNumber) ?? false }
        guard precedence(id) == .member else { return false }
        switch ast[id] {
        case .literal(.int(let value)): return value >= 0
        case .literal(.double(let value)): return value.sign == .plus
        case .select(let operand, _, false, _): return beginsWithNumber(operand)
        case .call("_[_]", nil, let arguments), .call("_[?_]", nil, let arguments):
            return arguments.first.map(beginsWithNumber) ?? false
        case .call(_, let target, _): return target.map(beginsWithNumber) ?? false
        default: return false
        }
    }

    /// The parser makes a balanced tree of a chain: a tree of that shape is the chain of its terms, another one needs
    /// its parentheses.
    private mutating func printChain(_ id: ExprID, _ function: String, _ symbol: String, operand: Precedence) {
        var terms: [ExprID] = []
        collect(id, function, &terms)
        if !isBalanced(id, function, terms.count), case .call(_, _, let arguments) = ast[id] { terms = arguments }
        for (index, term) in terms.enumerated() {
            if index > 0 { text += symbol }
            print(term, atLeast: operand)
        }
    }

    private func operands(_ id: ExprID, _ function: String) -> (ExprID, ExprID)? {
        guard ast.macroCalls[id] == nil, case .call(function, nil, let arguments) = ast[id], arguments.count == 2
        else { return nil }
        return (arguments[0], arguments[1])
    }

    private func collect(_ id: ExprID, _ function: String, _ terms: inout [ExprID]) {
        guard let (left, right) = operands(id, function) else { return terms.append(id) }
        collect(left, function, &terms)
        collect(right, function, &terms)
    }

    private func isBalanced(_ id: ExprID, _ function: String, _ count: Int) -> Bool {
        guard let (left, right) = operands(id, function) else { return count == 1 }
        guard count >= 2 else { return false }
        let half = (count + 1) / 2
        return isBalanced(left, function, half) && isBalanced(right, function, count - half)
    }
}

extension LiteralText {
    /// The text of a literal, in the spelling that the unparser chooses.
    static func spelling(of literal: Literal) -> String {
        switch literal {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): "\(value)"
        case .uint(let value): "\(value)u"
        case .double(let value): "\(value)"
        case .string(let value): quoted(value)
        case .bytes(let value): quoted(value)
        }
    }

    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            if let escape = shortEscape(scalar.value) {
                text += escape
            } else if scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value) {
                text += "\\u00" + hexadecimal(UInt8(scalar.value))
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    private static func quoted(_ value: [UInt8]) -> String {
        var text = "b\""
        for byte in value {
            if let escape = shortEscape(UInt32(byte)) {
                text += escape
            } else if byte < 0x20 || byte >= 0x7f {
                text += "\\x" + hexadecimal(byte)
            } else {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            }
        }
        return text + "\""
    }

    private static func shortEscape(_ value: UInt32) -> String? {
        switch value {
        case 0x09: "\\t"
        case 0x0a: "\\n"
        case 0x0d: "\\r"
        case 0x22: "\\\""
        case 0x5c: "\\\\"
        default: nil
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return byte < 16 ? "0" + text : text
    }
}
