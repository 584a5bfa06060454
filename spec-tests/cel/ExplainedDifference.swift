// A row of differential/explained.tsv: a difference from the other engine that the specification decides, or leaves open.

@testable import CEL

struct ExplainedDifference {
    let name: String
    /// Patterns that what this engine says, what the other says, and the expression must match as a whole.
    private let ours: Regex
    private let theirs: Regex
    private let expression: Regex
    /// The paragraph of the specification that decides.
    let paragraph: String

    struct Malformed: Error { let line: String }

    static func table() throws -> [ExplainedDifference] {
        let folder = #filePath.dropLast("ExplainedDifference.swift".count)
        let text = String(decoding: try ConformanceSuite.read("\(folder)differential/explained.tsv"), as: UTF8.self)
        return try text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 5, !parts.contains("") else { throw Malformed(line: String(line)) }
            return ExplainedDifference(
                name: parts[0], ours: try whole(parts[1]), theirs: try whole(parts[2]), expression: try whole(parts[3]),
                paragraph: parts[4])
        }
    }

    private static func whole(_ pattern: String) throws -> Regex {
        try Array("(?s)^(?:\(pattern))$".utf8).withUnsafeBufferPointer { try Regex($0) }
    }

    func recognises(ours: String, theirs: String, expression: String) -> Bool {
        func match(_ regex: Regex, _ text: String) -> Bool {
            Array(text.utf8).withUnsafeBufferPointer { regex.matches($0) }
        }
        return match(self.ours, ours) && match(self.theirs, theirs) && match(self.expression, expression)
    }
}
