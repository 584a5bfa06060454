// docs/cel.md: every row of its tables is run, and every function of the language has one.

import Glibc
import Testing

@testable import CEL

@Suite struct ExampleTests {
    private struct Row {
        let line: Int
        let expression: String
        let value: String
    }

    private static func page() throws -> String {
        let path = #filePath.replacing("Tests/CELTests/Documentation/ExampleTests.swift", with: "docs/cel.md")
        let file = try #require(fopen(path, "r"), "\(path)")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    private static func rows() throws -> [Row] {
        try page().split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { index, line in
            guard line.hasPrefix("| `") else { return nil }
            let cells = line.replacing("\\|", with: "\u{1}").split(separator: "|", omittingEmptySubsequences: false)
            try #require(cells.count == 5, "line \(index + 1)")
            let texts = cells[1...2].map { cell in
                cell.replacing("\u{1}", with: "|").replacing("`", with: "").trimmed
            }
            return Row(line: index + 1, expression: texts[0], value: texts[1])
        }
    }

    @Test func everyExampleHasItsValue() throws {
        let rows = try Self.rows()
        #expect(rows.count > 120)
        for row in rows {
            let result: String
            do throws(CompileError) {
                let program = try Environment().compile(row.expression)
                do throws(EvaluationError) { result = try program.evaluate().debugText } catch {
                    result = "error \(error.kind)"
                }
            } catch {
                result = "refused"
            }
            let isPlain = row.value == "refused" || row.value.hasPrefix("error ")
            let expected = isPlain ? row.value : try Environment().compile(row.value).evaluate().debugText
            #expect(result == expected, "docs/cel.md:\(row.line): \(row.expression)")
        }
    }

    @Test func everyFunctionHasAnExample() throws {
        let examples = try Self.rows().map(\.expression).joined(separator: "\n")
        let names = Set(Environment.library.keys).union(Parser.macroNames).filter { name in
            name.utf8.first.map(Lexer.isLetter) == true && !name.hasPrefix("_") && !name.contains("@") && name != "cel"
                && name != "math"
        }
        // Written by hosts only.
        let missing = names.subtracting(["unredacted"]).filter { !examples.contains("\($0)(") }
        #expect(missing.sorted() == [])
    }
}

extension StringProtocol {
    fileprivate var trimmed: String {
        String(decoding: utf8.drop { $0 == 0x20 }.reversed().drop { $0 == 0x20 }.reversed(), as: UTF8.self)
    }
}
