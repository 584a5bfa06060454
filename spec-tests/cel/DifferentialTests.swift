// Compares the planned evaluator with the reference evaluator and with another engine, on the expressions and inputs of
// the file that differential/corpus.py writes. A difference passes only when exactly one row of differential/explained.tsv
// recognises it.

import CELReference
import Testing

@testable import CEL

#if canImport(Glibc)
import Glibc
#endif

@Suite struct DifferentialTests {
    /// More differences than this are one mistake many times.
    static let shownDifferences = 40

    private static let environment = Environment(variables: [
        "i": .int, "u": .uint, "d": .double, "s": .string, "b": .bool, "l": .list(.int),
        "m": .map(key: .string, value: .int), "y": .dyn, "t": .timestamp, "r": .duration, "g": .list(.string),
        "n": .map(key: .string, value: .dyn), "z": .bytes,
    ])

    /// What was compared, by row of the table and in all.
    private struct Tally {
        var withTheWheel = 0
        var withTheReference = 0
        var unreadable = 0
        var explained: [String: Int] = [:]
        var differences: [String] = []
    }

    @Test func valuesAreThoseOfTheOtherEngineAndOfTheReference() throws {
        guard let path = getenv("CEL_DIFFERENTIAL_CORPUS").map({ String(cString: $0) }) else {
            return print("DIFFERENTIAL TEST IS SKIPPED: run spec-tests/cel/differential/run, it writes the corpus")
        }
        let table = try ExplainedDifference.table()
        var rows: [[String: CELValue]] = []
        var compiled: (source: String, expression: CompiledExpression)?
        var tally = Tally()
        for line in String(decoding: try ConformanceSuite.read(path), as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            try #require(parts.count == 3)
            if parts[0].hasPrefix("@") {
                let row = try #require(Int(parts[0].dropFirst()))
                if row == rows.count { rows.append([:]) }
                rows[row][parts[1]] = try Environment().compile(parts[2]).evaluate([:])
                continue
            }
            let source = DifferentialTests.unescaped(parts[2])
            if compiled?.source != source { compiled = (source, CompiledExpression(source, in: Self.environment)) }
            let expression = try #require(compiled?.expression)
            let row = try #require(Int(parts[0]))
            DifferentialTests.compare(expression, rows[row], parts[1], "row \(row): \(source)", table, &tally)
        }
        DifferentialTests.report(tally, table)
        #expect(tally.withTheWheel > 0 && tally.withTheReference > 0)
        #expect(tally.differences.isEmpty)
        // A row that recognises nothing any more explains nothing.
        for row in table { #expect(tally.explained[row.name] != nil, "\(row.name): no difference of this kind") }
        for difference in tally.differences.prefix(DifferentialTests.shownDifferences) { Issue.record("\(difference)") }
    }

    private static func compare(
        _ expression: CompiledExpression, _ inputs: [String: CELValue], _ theirs: String, _ title: String,
        _ table: [ExplainedDifference], _ tally: inout Tally
    ) {
        let ours = expression.outcome(inputs)
        if let reference = expression.reference(inputs) {
            tally.withTheReference += 1
            let isSame =
                switch (ours, reference) {
                case (.value(let x), .value(let y)): x == y
                case (.error, .error): true
                default: false
                }
            if !isSame { tally.differences.append("\(title)\n    we        \(ours)\n    reference \(reference)") }
        }
        switch theirs {
        case "-": return
        case "unreadable", "crash":
            tally.unreadable += 1
            return
        default: tally.withTheWheel += 1
        }
        let isSame = theirs.hasPrefix("= ") ? "\(ours)" == theirs : !ours.isValue
        if isSame { return }
        let reasons = table.filter { $0.recognises(ours: "\(ours)", theirs: theirs, expression: expression.source) }
        if reasons.count == 1 {
            tally.explained[reasons[0].name, default: 0] += 1
        } else {
            let said = reasons.isEmpty ? "" : "\n    explained by several rows: \(reasons.map(\.name))"
            tally.differences.append("\(title)\n    we    \(ours)\n    other \(theirs)\(said)")
        }
    }

    private static func report(_ tally: Tally, _ table: [ExplainedDifference]) {
        print(
            "compared with the other engine \(tally.withTheWheel), with the reference \(tally.withTheReference);",
            "the other engine could not say its value \(tally.unreadable)")
        for row in table {
            let count = "\(tally.explained[row.name, default: 0])"
            print(String(repeating: " ", count: max(0, 8 - count.utf8.count)) + count, row.name)
        }
        print("unexplained differences: \(tally.differences.count)")
    }

    private static func unescaped(_ text: String) -> String {
        guard text.contains("\\") else { return text }
        var out = ""
        var rest = text[...]
        while let next = rest.popFirst() {
            guard next == "\\", let escaped = rest.popFirst() else {
                out.append(next)
                continue
            }
            out.append(escaped == "n" ? "\n" : escaped)
        }
        return out
    }
}

/// An expression as this engine takes it.
private struct CompiledExpression {
    enum Outcome: CustomStringConvertible {
        case value(CELValue)
        case refused(String)
        case error(EvaluationError)

        var isValue: Bool { if case .value = self { true } else { false } }

        var description: String {
            switch self {
            case .value(let value): "= \(value.canonical)"
            case .refused(let findings): "refused \(findings)"
            case .error(let error): "error \(error.kind): \(error.message)"
            }
        }
    }

    let source: String
    private let program: Result<Program, CompileError>

    init(_ source: String, in environment: Environment) {
        self.source = source
        program = Result { () throws(CompileError) in try environment.compile(source) }
    }

    func outcome(_ inputs: [String: CELValue]) -> Outcome {
        switch program {
        case .failure(let refusal): return .refused(refusal.diagnostics.map(\.message).joined(separator: " ; "))
        case .success(let program):
            do throws(EvaluationError) { return .value(try program.evaluate(inputs)) } catch { return .error(error) }
        }
    }

    /// Nil for what did not compile, and for functions that the reference does not have.
    func reference(_ inputs: [String: CELValue]) -> ReferenceResult? {
        guard case .success(let program) = program else { return nil }
        let result = ReferenceEvaluator(program.checked, inputs).evaluate()
        if case .unsupported = result { return nil }
        return result
    }
}

extension CELValue {
    /// Text that is equal exactly when two values are of one type and equal; differential/corpus.py writes the same.
    fileprivate var canonical: String {
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
        case .timestamp(let seconds, let nanoseconds): "t:\(seconds * 1_000_000 + Int64(nanoseconds / 1000))"
        case .duration(let value): "r:\(value / 1000)"
        case .type(let name): "T:\(name)"
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
