// One run over policies and test tables: load, lint, try every case.

import Auth

/// Confined to one thread.
final class PolicyRun {
    struct Options {
        var lints = true
        /// Files are changed where findings say how.
        var mends = false
        /// Only cases whose name it matches.
        var filter: Regex<AnyRegexOutput>?
        var style = TextStyle.plain
        var linter = PolicyLinter()
        var environment = Environment.process
        var files = FileReader.system
        var measuresCoverage = false
    }

    /// One table with what it tests.
    struct Bench {
        var table: TestTable
        var bench: PolicyBench
        var cases: [TestCase]
    }

    private let options: Options
    private(set) var report = PolicyReport()
    /// By table, in the order of the run.
    private(set) var benches: [Bench] = []
    /// Policies that loaded, by file and the variables they were loaded with.
    private var policies: [String: LoadedPolicy] = [:]

    init(_ options: Options) { self.options = options }

    /// Reads everything; nothing has been tried yet.
    func load(_ discovery: PolicyDiscovery) {
        var tables: [TestTable] = []
        for file in discovery.tables {
            let outcome = TestTableReader(files: options.files).read(path: file)
            report.findings += outcome.findings
            guard let table = outcome.table else { continue }
            if options.lints { report.findings += TableCheck.lint(table, options.files) }
            tables.append(table)
        }
        // What a table's policy is may not have been named itself.
        var files = discovery.policies
        var unreadable: [String: String] = [:]
        for table in tables where !files.contains(table.policy) {
            switch options.files.read(table.policy, YAMLComposer.maximumBytes) {
            case .success: files.append(table.policy)
            case .failure(let failure): unreadable[table.policy] = failure.message
            }
        }
        for file in files { load(policy: file, tables.filter { $0.policy == file }) }
        for table in tables { add(table, unreadable: unreadable[table.policy]) }
    }

    /// Sets a policy up for a table that is in no file.
    func load(policy file: String, with table: TestTable) {
        load(policy: file, [table])
        if policies[file] != nil { add(table, unreadable: nil) }
    }

    private func load(policy file: String, _ tables: [TestTable]) {
        var environment = options.environment
        let process = environment.lookup
        let variables = tables.reduce(into: [:]) { $0.merge($1.variables) { $1 } }
        environment.lookup = { process($0) ?? variables[$0] }
        let loader = PolicyLoader(environment: environment, files: options.files)
        if options.mends { mend(file, loader) }
        let outcome = loader.load(path: file)
        guard let policy = outcome.policy else {
            report.findings += outcome.findings
            return
        }
        policies[file] = policy
        report.files.append(
            PolicyReport.CheckedFile(file: file, ruleSets: policy.ruleSets.count, rules: policy.rules.count))
        report.findings +=
            options.lints ? options.linter.lint(policy, loading: outcome.findings) : outcome.findings
    }

    private func mend(_ file: String, _ loader: PolicyLoader) {
        guard case .success(let bytes) = options.files.read(file, YAMLComposer.maximumBytes),
            let outcome = LintFixer(loader: loader, linter: options.linter).fix(file: file, bytes: bytes)
        else { return }
        do throws(OutputError) {
            try OutputFile.write(String(decoding: outcome.bytes, as: UTF8.self), to: file)
            report.mended += outcome.mended
        } catch {
            report.findings.append(
                Finding(
                    rule: Finding.load, severity: .error, position: FilePosition(file: file, line: 1, column: 1),
                    message: error.message))
        }
    }

    /// - Parameter unreadable: why the table's policy cannot be read; nil: it can.
    private func add(_ table: TestTable, unreadable: String?) {
        func fail(_ message: String) {
            report.findings.append(
                Finding(rule: "table", severity: .error, position: table.policyPosition, message: message))
        }
        if let unreadable {
            return fail("cannot read the policy \(table.policy): \(unreadable); say which it is with `policy`")
        }
        guard let policy = policies[table.policy] else {
            return fail("\(table.policy) does not load, so none of the \(table.cases.count) cases was run")
        }
        do throws(AuthError) {
            let bench = try PolicyBench(policy, keys: table.keys, files: options.files)
            let cases = table.cases.filter { testCase in
                options.filter.map { testCase.name.contains($0) } ?? true
            }
            benches.append(Bench(table: table, bench: bench, cases: cases))
        } catch { fail("\(error)") }
    }

    /// The policies that loaded, in the order of the report.
    var loadedPolicies: [LoadedPolicy] { report.files.compactMap { policies[$0.file] } }

    /// Tries every case.
    func test() {
        let collector = options.measuresCoverage ? CoverageCollector() : nil
        for bench in benches {
            let runner = CaseRunner(bench.table, bench.bench)
            for testCase in bench.cases {
                report.cases.append(
                    runner.run(testCase, style: options.style) { collector?.note($0, bench.bench) })
            }
        }
        if let collector { report.coverage = collector.coverage(loadedPolicies) }
    }

    /// Of the last step.
    func finish(elapsed: Duration) -> PolicyReport {
        report.elapsed = elapsed
        return report
    }
}
