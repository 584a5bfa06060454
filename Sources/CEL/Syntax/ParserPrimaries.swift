// The innermost level of the grammar: names, literals, parentheses, lists, maps and messages.

extension Parser {
    mutating func primary(sign: SourceRange?) throws(Failure) -> ExprID {
        let start = token
        switch start.kind {
        case .leftParenthesis:
            _ = advance()
            let inner = try expression()
            _ = try expect(.rightParenthesis, "')'")
            return inner
        case .leftBracket: return try list()
        case .leftBrace: return try map()
        case .dot:
            _ = advance()
            let name = try expect(.identifier, "a name")
            return try named("." + text(name), SourceRange(Int(start.range.start), Int(name.range.end)), name.range)
        case .identifier:
            _ = advance()
            return try named(text(start), start.range, start.range)
        case .true, .false, .null, .int, .uint, .double, .string, .bytes:
            return try constant(advance(), sign: sign)
        case .quotedIdentifier:
            throw fail("a back-quoted name is allowed only after a dot", start.range)
        default:
            throw fail(
                start.kind == .end ? "the expression ends where a value is expected" : "unexpected \(describe(start))",
                start.range)
        }
    }

    /// The specification's reserved words: allowed after a dot, not as names.
    static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    ]

    private mutating func named(
        _ name: String, _ range: SourceRange, _ nameRange: SourceRange
    ) throws(Failure) -> ExprID {
        let bare = name.hasPrefix(".") ? String(name.dropFirst()) : name
        if Parser.reserved.contains(bare) {
            throw fail("'\(bare)' is a reserved word", nameRange)
        }
        guard token.kind == .leftParenthesis else { return try ident(name, range) }
        let (arguments, end) = try callArguments()
        return try function(name, target: nil, arguments, SourceRange(Int(range.start), end), nameRange: nameRange)
    }

    private mutating func constant(_ token: Token, sign: SourceRange?) throws(Failure) -> ExprID {
        let slice = bytes[Int(token.range.start)..<Int(token.range.end)]
        let range = SourceRange(Int(sign?.start ?? token.range.start), Int(token.range.end))
        switch token.kind {
        case .true: return try literal(.bool(true), range)
        case .false: return try literal(.bool(false), range)
        case .null: return try literal(.null, range)
        case .int:
            guard let value: Int64 = LiteralText.integer(slice, negative: sign != nil) else {
                throw fail("the number does not fit an int", range)
            }
            return try literal(.int(value), range)
        case .uint:
            guard let value: UInt64 = LiteralText.integer(slice.dropLast(), negative: false) else {
                throw fail("the number does not fit a uint", range)
            }
            return try literal(.uint(value), range)
        case .double:
            var text = String(decoding: slice, as: UTF8.self)
            if text.hasPrefix(".") { text = "0" + text }
            guard let value = Double(text), value.isFinite else {
                throw fail("the number does not fit a double", range)
            }
            return try literal(.double(sign == nil ? value : -value), range)
        default:
            do throws(LiteralText.Problem) {
                let resolved = try LiteralText.resolve(slice)
                if token.kind == .bytes { return try literalOrFail(.bytes(resolved), range) }
                return try literalOrFail(.string(String(decoding: resolved, as: UTF8.self)), range)
            } catch {
                let at = Int(token.range.start) + error.offset
                throw fail(error.message, SourceRange(at, at + error.length))
            }
        }
    }

    /// `add` cannot fail for a leaf but for the bound on nodes, which it reports itself.
    private mutating func literalOrFail(_ value: Literal, _ range: SourceRange) throws(LiteralText.Problem) -> ExprID {
        do throws(Failure) { return try literal(value, range) } catch {
            throw LiteralText.Problem(message: "the expression is too large", offset: 0, length: 1)
        }
    }

    mutating func list() throws(Failure) -> ExprID {
        let start = advance()
        var elements: [ExprID] = []
        var optional: Set<Int32> = []
        // The grammar has `[,]`: the comma at the end stands for itself.
        let isBare = accept(.comma)
        while !isBare, token.kind != .rightBracket {
            if accept(.question) { optional.insert(Int32(elements.count)) }
            elements.append(try expression())
            if !accept(.comma) { break }
        }
        let end = try expect(.rightBracket, "']' or ','")
        return try add(
            .list(elements: elements, optional: optional), SourceRange(Int(start.range.start), Int(end.range.end)))
    }

    mutating func map() throws(Failure) -> ExprID {
        let start = advance()
        var entries: [Expr.MapEntry] = []
        let isBare = accept(.comma)
        while !isBare, token.kind != .rightBrace {
            let optional = accept(.question)
            let key = try expression()
            _ = try expect(.colon, "':'")
            entries.append(Expr.MapEntry(key: key, value: try expression(), optional: optional))
            if !accept(.comma) { break }
        }
        let end = try expect(.rightBrace, "'}' or ','")
        return try add(.map(entries), SourceRange(Int(start.range.start), Int(end.range.end)))
    }

    mutating func message(_ type: String, _ name: ExprID) throws(Failure) -> ExprID {
        _ = advance()
        var fields: [Expr.FieldInitializer] = []
        let isBare = accept(.comma)
        while !isBare, token.kind != .rightBrace {
            let optional = accept(.question)
            let field = token
            guard field.kind == .identifier || field.kind == .quotedIdentifier else {
                throw fail("expected a field name instead of \(describe(field))", field.range)
            }
            _ = advance()
            _ = try expect(.colon, "':'")
            let spelled = text(field)
            fields.append(
                Expr.FieldInitializer(
                    field: field.kind == .identifier ? spelled : String(spelled.dropFirst().dropLast()),
                    value: try expression(), optional: optional, range: field.range))
            if !accept(.comma) { break }
        }
        let end = try expect(.rightBrace, "'}' or ','")
        return try add(
            .message(type: type, fields: fields), SourceRange(Int(ast.range(of: name).start), Int(end.range.end)))
    }
}
