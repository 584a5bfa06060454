// What a run of the suite gave: a line per file, and every failure.

#if canImport(Glibc)
import Glibc
#endif

struct Failure: CustomStringConvertible {
    var test: ConformanceTest
    /// What happened, and what should have.
    var got: String
    var want: String

    var description: String {
        "\(test.title): \(test.expression)\n    got  \(got)\n    want \(want)"
    }
}

struct ConformanceReport {
    private var rows: [(file: String, total: Int, needsMessages: Int, passed: Int)] = []
    private(set) var failures: [Failure] = []

    /// Tests that are about no messages.
    var count: Int { rows.reduce(0) { $0 + $1.total - $1.needsMessages } }

    mutating func begin(_ file: String) { rows.append((file, 0, 0, 0)) }

    mutating func add(_ test: ConformanceTest, _ failure: Failure?) {
        rows[rows.count - 1].total += 1
        if test.needsMessages {
            rows[rows.count - 1].needsMessages += 1
        } else if let failure {
            failures.append(failure)
        } else {
            rows[rows.count - 1].passed += 1
        }
    }

    var table: String {
        var lines = ["file             total  needs messages  passed  failed"]
        var sum = (total: 0, needsMessages: 0, passed: 0)
        func line(_ name: String, _ total: Int, _ needsMessages: Int, _ passed: Int) -> String {
            func pad(_ text: String, _ width: Int) -> String {
                String(repeating: " ", count: max(0, width - text.utf8.count)) + text
            }
            let left = name + String(repeating: " ", count: max(0, 16 - name.utf8.count))
            return left + pad("\(total)", 6) + pad("\(needsMessages)", 16) + pad("\(passed)", 8)
                + pad("\(total - needsMessages - passed)", 8)
        }
        for row in rows {
            lines.append(line(row.file, row.total, row.needsMessages, row.passed))
            sum = (sum.total + row.total, sum.needsMessages + row.needsMessages, sum.passed + row.passed)
        }
        lines.append(line("all", sum.total, sum.needsMessages, sum.passed))
        return lines.joined(separator: "\n")
    }

    /// Writes the failures to the file that `CEL_FAILURES` names, if it does.
    func writeFailures() {
        guard let path = getenv("CEL_FAILURES"), let stream = fopen(path, "w") else { return }
        for failure in failures { fputs("\(failure)\n", stream) }
        fclose(stream)
    }
}
