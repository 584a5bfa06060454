// Runs the tables in vectors/: what the specification's suite has no tests for, and where this engine follows the
// specification while another does not.

import Testing

@testable import CEL

@Suite struct VectorTests {
    @Test(arguments: [
        "sets", "lists", "strings", "regex", "json", "agentgateway", "views", "values", "deviations",
    ])
    func everyRowHasItsResult(_ table: String) throws {
        let folder = #filePath.dropLast("VectorTests.swift".count)
        let text = String(decoding: try ConformanceSuite.read("\(folder)vectors/\(table).tsv"), as: UTF8.self)
        var rows = 0
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: "\t")
            try #require(parts.count == 2, "\(line)")
            let (source, expected) = (String(parts[0]), String(parts[1]))
            #expect(VectorTests.result(source) == (try VectorTests.wanted(expected)), "\(source)")
            rows += 1
        }
        #expect(rows >= 15, "a table has lost its rows")
    }

    private static func result(_ source: String) -> String {
        do throws(CompileError) {
            let program = try Environment().compile(source)
            do throws(EvaluationError) { return try program.evaluate().canonicalText } catch {
                return "error \(error.kind)"
            }
        } catch {
            return "refused"
        }
    }

    private static func wanted(_ expected: String) throws -> String {
        if expected == "refused" || expected.hasPrefix("error ") { return expected }
        return try Environment().compile(expected).evaluate().canonicalText
    }
}

extension CELValue {
    /// As `debugText`, the entries of maps in the order of their texts.
    fileprivate var canonicalText: String {
        switch self {
        case .list(let elements): "[" + elements.map(\.canonicalText).joined(separator: ", ") + "]"
        case .map(let entries):
            "{" + entries.map { "\($0.key.debugText): \($0.value.canonicalText)" }.sorted().joined(separator: ", ")
                + "}"
        case .optional(let wrapped): "optional(\(wrapped?.canonicalText ?? "none"))"
        default: debugText
        }
    }
}
