// Reads the definitions of functions: heads by hand, bodies with the language's own lexer and parser, so that a brace in a
// string or a comment closes nothing.

struct DefinitionReader {
    private let bytes: [UInt8]
    private let reserved: Set<String>
    private var position = 0
    private(set) var problems: [Diagnostic] = []

    /// Ends the reading; what is wrong has been noted.
    private struct Failure: Error {}

    init(_ text: String, reserved: Set<String>) {
        bytes = Array(text.utf8)
        self.reserved = reserved
    }

    mutating func read() -> [String: CustomFunctions.Definition] {
        var found: [String: CustomFunctions.Definition] = [:]
        guard bytes.count <= CustomFunctions.Limits.bytes else {
            problems = [Diagnostic("more than \(CustomFunctions.Limits.bytes) bytes of functions", SourceRange(0, 0))]
            return [:]
        }
        do throws(Failure) {
            skipSpace()
            while position < bytes.count {
                let definition = try definition()
                if found[definition.name] != nil {
                    report("'\(definition.name)' is defined twice", definition.nameRange)
                }
                found[definition.name] = definition
                guard found.count <= CustomFunctions.Limits.functions else {
                    throw fail("more than \(CustomFunctions.Limits.functions) functions", definition.nameRange)
                }
                skipSpace()
            }
        } catch {}  // `problems` says why
        return found
    }

    // MARK: Heads

    private mutating func definition() throws(Failure) -> CustomFunctions.Definition {
        var (name, range) = try identifier("a function's name")
        let isMember = name == "this" && accept(UInt8(ascii: "."))
        if isMember { (name, range) = try identifier("a function's name") }
        check(name, range)
        try expect(UInt8(ascii: "("), "'('")
        var parameters: [String] = []
        var rest: String?
        if !accept(UInt8(ascii: ")")) {
            repeat {
                let (parameter, place) = try identifier("a parameter's name")
                if parameter == "this" || parameters.contains(parameter) {
                    throw fail("'\(parameter)' is a parameter already", place)
                }
                if rest != nil { throw fail("no parameter may follow '\(rest ?? "")...'", place) }
                skipSpace()
                if bytes[position...].starts(with: "...".utf8) {
                    position += 3
                    rest = parameter
                } else {
                    parameters.append(parameter)
                }
                if parameters.count > CustomFunctions.Limits.parameters {
                    throw fail("more than \(CustomFunctions.Limits.parameters) parameters", place)
                }
            } while accept(UInt8(ascii: ","))
            try expect(UInt8(ascii: ")"), "')' or ','")
        }
        try expect(UInt8(ascii: "{"), "'{'")
        let start = position
        var lexer = Lexer(bytes, from: start)
        guard let end = lexer.runToClosingBrace() else {
            throw fail("the body of '\(name)' has no closing '}'", SourceRange(start - 1, start))
        }
        position = end + 1
        let body: ParsedExpression
        do throws(CompileError) {
            body = try ParsedExpression.parse(String(decoding: bytes[start..<end], as: UTF8.self))
        } catch {
            problems += error.diagnostics.map { $0.moved(by: start) }
            throw Failure()
        }
        return CustomFunctions.Definition(
            name: name, isMember: isMember, parameters: parameters, rest: rest, nameRange: range, bodyStart: start,
            body: body)
    }

    /// A function of the language cannot be given another meaning.
    private mutating func check(_ name: String, _ range: SourceRange) {
        if Parser.reserved.contains(name) || ["true", "false", "null", "in", "this"].contains(name) {
            report("'\(name)' is a reserved word", range)
        } else if Environment.library[name] != nil || Parser.macroNames.contains(name) || reserved.contains(name)
            || Environment.typeNames[name] != nil
        {
            report("'\(name)' is a function already", range)
        }
    }

    // MARK: Characters

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            case UInt8(ascii: "#"): skipLine()
            case UInt8(ascii: "/") where bytes[position...].starts(with: "//".utf8): skipLine()
            default: return
            }
        }
    }

    private mutating func skipLine() {
        while position < bytes.count, bytes[position] != 0x0a { position += 1 }
    }

    private mutating func accept(_ byte: UInt8) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ byte: UInt8, _ what: String) throws(Failure) {
        guard accept(byte) else { throw unexpected(what) }
    }

    private mutating func identifier(_ what: String) throws(Failure) -> (String, SourceRange) {
        skipSpace()
        let start = position
        while position < bytes.count,
            Lexer.isLetter(bytes[position]) || position > start && Lexer.isDigit(bytes[position])
        {
            position += 1
        }
        guard position > start else { throw unexpected(what) }
        return (String(decoding: bytes[start..<position], as: UTF8.self), SourceRange(start, position))
    }

    private mutating func unexpected(_ what: String) -> Failure {
        guard position < bytes.count else {
            return fail("expected \(what), but the definitions end", SourceRange(max(0, position - 1), position))
        }
        var end = position + 1
        while end < bytes.count, bytes[end] & 0xc0 == 0x80 { end += 1 }
        let text = String(decoding: bytes[position..<end], as: UTF8.self)
        return fail("expected \(what) instead of '\(text)'", SourceRange(position, end))
    }

    private mutating func report(_ message: String, _ range: SourceRange) {
        problems.append(Diagnostic(message, range))
    }

    private mutating func fail(_ message: String, _ range: SourceRange) -> Failure {
        report(message, range)
        return Failure()
    }
}
