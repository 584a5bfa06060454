// Text to tokens (language definition, "Syntax"). Works on UTF-8 bytes; a token is a kind and a range.

struct Token {
    enum Kind: Equatable {
        case identifier
        /// `` `a-b` ``, in places where a field is selected.
        case quotedIdentifier
        case int, uint, double, string, bytes
        case `true`, `false`, null, `in`
        case leftParenthesis, rightParenthesis, leftBracket, rightBracket, leftBrace, rightBrace
        case dot, comma, colon, question
        case plus, minus, star, slash, percent, not
        case equal, notEqual, less, lessEqual, greater, greaterEqual, and, or
        case end
    }
    var kind: Kind
    var range: SourceRange
}

struct Lexer {
    private let bytes: [UInt8]
    private var position = 0
    private(set) var tokens: [Token] = []
    private(set) var problems: [Diagnostic] = []

    /// More findings than this in one expression help nobody.
    static let maximumProblems = 32

    init(_ bytes: [UInt8], from start: Int = 0) {
        self.bytes = bytes
        position = start
    }

    private func peek(_ ahead: Int = 0) -> UInt8 {
        position + ahead < bytes.count ? bytes[position + ahead] : 0
    }

    mutating func run() {
        tokens.reserveCapacity(bytes.count / 3 + 4)
        while true {
            skipSpace()
            guard position < bytes.count, problems.count < Lexer.maximumProblems else { break }
            token()
        }
        tokens.append(Token(kind: .end, range: SourceRange(bytes.count, bytes.count)))
    }

    /// The position of the first brace that closes what was opened before the start; nil when there is none.
    mutating func runToClosingBrace() -> Int? {
        var open = 0
        while true {
            skipSpace()
            guard position < bytes.count, problems.count < Lexer.maximumProblems else { return nil }
            let start = position
            token()
            guard let last = tokens.last, last.range.start == Int32(start) else { continue }
            if last.kind == .leftBrace { open += 1 }
            if last.kind == .rightBrace {
                if open == 0 { return start }
                open -= 1
            }
        }
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0c, 0x0d: position += 1
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"):
                while position < bytes.count, bytes[position] != 0x0a { position += 1 }
            default: return
            }
        }
    }

    private mutating func add(_ kind: Token.Kind, _ length: Int) {
        tokens.append(Token(kind: kind, range: SourceRange(position, position + length)))
        position += length
    }

    private mutating func report(_ message: String, from start: Int) {
        problems.append(Diagnostic(message, SourceRange(start, max(position, start + 1))))
    }

    static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "_") }
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    private mutating func token() {
        let byte = bytes[position]
        if Lexer.isLetter(byte) { return word() }
        if Lexer.isDigit(byte) { return number() }
        switch byte {
        case UInt8(ascii: "."): Lexer.isDigit(peek(1)) ? number() : add(.dot, 1)
        case UInt8(ascii: "\""), UInt8(ascii: "'"): string(prefix: 0, raw: false, kind: .string)
        case UInt8(ascii: "`"): quoted()
        case UInt8(ascii: "("): add(.leftParenthesis, 1)
        case UInt8(ascii: ")"): add(.rightParenthesis, 1)
        case UInt8(ascii: "["): add(.leftBracket, 1)
        case UInt8(ascii: "]"): add(.rightBracket, 1)
        case UInt8(ascii: "{"): add(.leftBrace, 1)
        case UInt8(ascii: "}"): add(.rightBrace, 1)
        case UInt8(ascii: ","): add(.comma, 1)
        case UInt8(ascii: ":"): add(.colon, 1)
        case UInt8(ascii: "?"): add(.question, 1)
        case UInt8(ascii: "+"): add(.plus, 1)
        case UInt8(ascii: "-"): add(.minus, 1)
        case UInt8(ascii: "*"): add(.star, 1)
        case UInt8(ascii: "/"): add(.slash, 1)
        case UInt8(ascii: "%"): add(.percent, 1)
        case UInt8(ascii: "!"): peek(1) == UInt8(ascii: "=") ? add(.notEqual, 2) : add(.not, 1)
        case UInt8(ascii: "<"): peek(1) == UInt8(ascii: "=") ? add(.lessEqual, 2) : add(.less, 1)
        case UInt8(ascii: ">"): peek(1) == UInt8(ascii: "=") ? add(.greaterEqual, 2) : add(.greater, 1)
        case UInt8(ascii: "="):
            if peek(1) == UInt8(ascii: "=") { return add(.equal, 2) }
            let start = position
            position += 1
            problems.append(Diagnostic("'=' is no operator", SourceRange(start, start + 1), suggestion: "=="))
            tokens.append(Token(kind: .equal, range: SourceRange(start, start + 1)))
        case UInt8(ascii: "&"):
            if peek(1) == byte { return add(.and, 2) }
            problems.append(Diagnostic("'&' is no operator", SourceRange(position, position + 1), suggestion: "&&"))
            add(.and, 1)
        case UInt8(ascii: "|"):
            if peek(1) == byte { return add(.or, 2) }
            problems.append(Diagnostic("'|' is no operator", SourceRange(position, position + 1), suggestion: "||"))
            add(.or, 1)
        default:
            let start = position
            position += 1
            while position < bytes.count, bytes[position] & 0xc0 == 0x80 { position += 1 }
            let text = String(decoding: bytes[start..<position], as: UTF8.self)
            report(byte < 0x20 ? "control character in the expression" : "unexpected character '\(text)'", from: start)
        }
    }

    private mutating func word() {
        let start = position
        // Prefixes of strings: r, b, br in either case ('rb' is none).
        let first = bytes[position] | 0x20
        let second = peek(1)
        func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }
        if first == UInt8(ascii: "r"), isQuote(second) { return string(prefix: 1, raw: true, kind: .string) }
        if first == UInt8(ascii: "b"), isQuote(second) { return string(prefix: 1, raw: false, kind: .bytes) }
        if first == UInt8(ascii: "b"), second | 0x20 == UInt8(ascii: "r"), isQuote(peek(2)) {
            return string(prefix: 2, raw: true, kind: .bytes)
        }
        while position < bytes.count, Lexer.isLetter(bytes[position]) || Lexer.isDigit(bytes[position]) {
            position += 1
        }
        let kind: Token.Kind
        switch position - start {
        case 2 where matches(start, "in"): kind = .in
        case 4 where matches(start, "true"): kind = .true
        case 4 where matches(start, "null"): kind = .null
        case 5 where matches(start, "false"): kind = .false
        default: kind = .identifier
        }
        tokens.append(Token(kind: kind, range: SourceRange(start, position)))
    }

    private func matches(_ start: Int, _ text: StaticString) -> Bool {
        for i in 0..<text.utf8CodeUnitCount where bytes[start + i] != text.utf8Start[i] { return false }
        return true
    }

    private mutating func quoted() {
        let start = position
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "`"), bytes[position] != 0x0a { position += 1 }
        guard peek() == UInt8(ascii: "`") else { return report("unterminated back-quoted name", from: start) }
        position += 1
        for byte in bytes[(start + 1)..<(position - 1)]
        where !(Lexer.isLetter(byte) || Lexer.isDigit(byte) || "-./ ".utf8.contains(byte)) {
            return report("a back-quoted name may have letters, digits, '_', '.', '-', '/' and spaces", from: start)
        }
        if position - start == 2 { return report("an empty back-quoted name", from: start) }
        tokens.append(Token(kind: .quotedIdentifier, range: SourceRange(start, position)))
    }

    private mutating func number() {
        let start = position
        if bytes[position] == UInt8(ascii: "0"), peek(1) | 0x20 == UInt8(ascii: "x") {
            position += 2
            let digits = position
            while Lexer.isDigit(peek()) || (peek() | 0x20) &- 0x61 < 6 { position += 1 }
            if position == digits { return report("a hexadecimal number without digits", from: start) }
            return finishNumber(start, .int)
        }
        var kind = Token.Kind.int
        while Lexer.isDigit(peek()) { position += 1 }
        if peek() == UInt8(ascii: "."), Lexer.isDigit(peek(1)) {
            kind = .double
            position += 1
            while Lexer.isDigit(peek()) { position += 1 }
        }
        if peek() | 0x20 == UInt8(ascii: "e") {
            let sign = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-") ? 1 : 0
            if Lexer.isDigit(peek(1 + sign)) {
                kind = .double
                position += 1 + sign
                while Lexer.isDigit(peek()) { position += 1 }
            }
        }
        finishNumber(start, kind)
    }

    private mutating func finishNumber(_ start: Int, _ kind: Token.Kind) {
        var kind = kind
        if kind == .int, peek() | 0x20 == UInt8(ascii: "u") {
            kind = .uint
            position += 1
        }
        if Lexer.isLetter(peek()) || Lexer.isDigit(peek()) {
            let end = position
            while Lexer.isLetter(peek()) || Lexer.isDigit(peek()) { position += 1 }
            // The only word that may follow a number: `1in l` has three tokens.
            guard position - end == 2, matches(end, "in") else { return report("malformed number", from: start) }
            position = end
        }
        tokens.append(Token(kind: kind, range: SourceRange(start, position)))
    }

    /// Finds the end of a string; its escapes are resolved when the parser makes a literal of it.
    private mutating func string(prefix: Int, raw: Bool, kind: Token.Kind) {
        let start = position
        position += prefix
        let quote = bytes[position]
        let triple = peek(1) == quote && peek(2) == quote
        position += triple ? 3 : 1
        while position < bytes.count {
            let byte = bytes[position]
            if byte == quote, !triple || peek(1) == quote && peek(2) == quote {
                position += triple ? 3 : 1
                tokens.append(Token(kind: kind, range: SourceRange(start, position)))
                return
            }
            if !triple, byte == 0x0a || byte == 0x0d { break }
            position += byte == 0x5c && !raw && position + 1 < bytes.count ? 2 : 1
        }
        position = min(position, bytes.count)
        report("unterminated string", from: start)
    }
}
