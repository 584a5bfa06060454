// Compares our values with those of another engine, from the file that differential/corpus.py writes.

import Testing

@testable import CEL

#if canImport(Glibc)
import Glibc
#endif

@Suite struct DifferentialTests {
    /// More differences than this are one mistake many times.
    static let shownDifferences = 50

    @Test func valuesAreThoseOfTheOtherEngine() throws {
        guard let path = getenv("CEL_DIFFERENTIAL_CORPUS").map({ String(cString: $0) }) else {
            return print("DIFFERENTIAL TEST IS SKIPPED: run spec-tests/cel/differential/run, it writes the corpus")
        }
        let environment = Environment(variables: [
            "i": .int, "u": .uint, "d": .double, "s": .string, "b": .bool, "l": .list(.int),
            "m": .map(key: .string, value: .int), "y": .dyn,
        ])
        var rows: [[String: CELValue]] = []
        var compiled: (source: Substring, program: Program?)?
        var compared = 0
        var differences: [String] = []
        for line in String(decoding: try ConformanceSuite.read(path), as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false)
            try #require(parts.count == 3)
            if parts[0].hasPrefix("@") {
                let row = try #require(Int(parts[0].dropFirst()))
                if row == rows.count { rows.append([:]) }
                rows[row][String(parts[1])] = try Environment().compile(String(parts[2])).evaluate([:])
                continue
            }
            if compiled?.source != parts[2] { compiled = (parts[2], try? environment.compile(String(parts[2]))) }
            let row = try #require(Int(parts[0]))
            let result = (try? compiled?.program?.evaluate(rows[row])).flatMap { $0 }?.canonical ?? "error"
            compared += 1
            if result != parts[1] {
                differences.append("row \(row): \(parts[2])\n    we    \(result)\n    other \(parts[1])")
            }
        }
        print("compared \(compared) evaluations with the other engine: \(differences.count) differences")
        #expect(compared > 0)
        #expect(differences.isEmpty)
        for difference in differences.prefix(DifferentialTests.shownDifferences) { Issue.record("\(difference)") }
    }
}

extension CELValue {
    /// Text that is equal exactly when two values are of one type and equal; differential/corpus.py writes the same.
    var canonical: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .uint(let value): "\(value)u"
        case .double(let value):
            value.isNaN
                ? "d:nan"
                : "d:"
                    + CELValue.hexadecimal((0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (56 - 8 * $0)) })
        case .string(let value): "s:" + CELValue.hexadecimal(Array(value.utf8))
        case .bytes(let value): "b:" + CELValue.hexadecimal(value)
        case .list(let elements): "[" + elements.map(\.canonical).joined(separator: ",") + "]"
        case .map(let entries):
            "{" + entries.map { "\($0.key.canonical)=\($0.value.canonical)" }.sorted().joined(separator: ",") + "}"
        default: "?\(self)"
        }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
