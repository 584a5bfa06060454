// `--fix`: applies what findings say about how they are mended. Each change is tried before it is kept: the file must load,
// the finding must be gone and no other may have come.

import Auth

struct LintFixer {
    /// A change can make another possible; more rounds than this would be a circle.
    private static let maximumRounds = 8

    let loader: PolicyLoader
    var linter = PolicyLinter()

    struct Outcome {
        var bytes: [UInt8]
        /// In the order in which they were mended.
        var mended: [Finding]
    }

    /// - Returns: the file with all changes; nil: there are none.
    func fix(file: String, bytes: [UInt8]) -> Outcome? {
        guard var state = State(file, bytes, self) else { return nil }
        var mended: [Finding] = []
        for _ in 0..<Self.maximumRounds {
            let fixable = Self.apart(state.findings.filter { $0.fix != nil })
            guard !fixable.isEmpty else { break }
            // All at once, or what of them is good.
            if let next = apply(fixable, to: state) {
                state = next
                mended += fixable
                continue
            }
            var isChanged = false
            for finding in fixable {
                // Places have moved; the next round has them.
                guard let next = apply([finding], to: state) else { continue }
                state = next
                mended.append(finding)
                isChanged = true
                break
            }
            if !isChanged { break }
        }
        return mended.isEmpty ? nil : Outcome(bytes: state.bytes, mended: mended)
    }

    /// Those whose changes do not touch one another.
    private static func apart(_ findings: [Finding]) -> [Finding] {
        var taken: [Range<Int>] = []
        return findings.filter { finding in
            let ranges = (finding.fix?.edits ?? []).map(\.range)
            guard !ranges.contains(where: { range in taken.contains { $0.overlaps(range) || $0 == range } }) else {
                return false
            }
            taken += ranges
            return true
        }
    }

    private func apply(_ findings: [Finding], to state: State) -> State? {
        let edits = findings.flatMap { $0.fix?.edits ?? [] }.sorted { $0.range.lowerBound < $1.range.lowerBound }
        guard let next = State(state.file, PolicyFormatter.applied(edits, to: state.bytes), self) else { return nil }
        // By rule, since places move: fewer of what was mended, no more of anything else.
        for (rule, count) in next.counts {
            let mended = findings.count { $0.rule == rule }
            guard count <= (state.counts[rule] ?? 0) - mended else { return nil }
        }
        return next
    }

    /// A file as it is now, with its findings.
    private struct State {
        let file: String
        let bytes: [UInt8]
        let findings: [Finding]
        let counts: [String: Int]

        /// nil: it does not load.
        init?(_ file: String, _ bytes: [UInt8], _ fixer: LintFixer) {
            let outcome = fixer.loader.load(file: file, bytes: bytes)
            guard let policy = outcome.policy else { return nil }
            self.file = file
            self.bytes = bytes
            findings = fixer.linter.lint(policy, loading: outcome.findings)
            counts = findings.reduce(into: [:]) { $0[$1.rule, default: 0] += 1 }
        }
    }
}
