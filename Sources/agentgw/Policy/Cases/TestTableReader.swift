// Reads a test table: the frame first, then each case with the defaults under it and its matrix taken apart.

import Auth

struct TestTableReader: Sendable {
    var files = FileReader.system

    struct Outcome {
        /// nil: the table cannot be used at all.
        var table: TestTable?
        var findings: [Finding]
    }

    private struct Frame {
        var policy: (name: String, position: FilePosition)?
        var variables: [String: String] = [:]
        var now = TestTable.defaultTime
        var keys: Secret?
        var tools: [PolicyTool]?
        var defaults: YAMLNode?
        var tests: [YAMLNode] = []
    }

    func read(path: String) -> Outcome {
        switch files.read(path, YAMLComposer.maximumBytes) {
        case .success(let bytes): return read(file: path, bytes: bytes)
        case .failure(let failure):
            return Outcome(
                table: nil,
                findings: [
                    Finding(
                        rule: "table", severity: .error, position: FilePosition(file: path, line: 1, column: 1),
                        message: "cannot read: \(failure.message)")
                ])
        }
    }

    func read(file: String, bytes: [UInt8]) -> Outcome {
        let source = YAMLSource(file: file, bytes: bytes)
        let (root, issues) = YAMLComposer.compose(source)
        let context = ConfigurationLoader(environment: .none, files: files).context(for: source)
        context.knowsFieldPlaces = false
        for issue in issues { context.report(issue.message, atOffset: issue.offset) }
        guard let root, issues.isEmpty, let frame = Self.frame(root, context) else {
            return Outcome(table: nil, findings: Self.findings(context))
        }
        var cases: [TestCase] = []
        for (index, node) in frame.tests.enumerated() {
            context.within(key: "tests") {
                context.within(index: index) { cases += Self.cases(node, frame.defaults, context) }
            }
        }
        var seen: [String: Int] = [:]
        for testCase in cases {
            if let line = seen[testCase.name] {
                context.report(
                    "the case \"\(Excerpt.of(testCase.name))\" is already in line \(line); name what differs",
                    at: testCase.position, path: "")
            }
            seen[testCase.name] = testCase.position.line
        }
        let position = FilePosition(file: file, line: 1, column: 1)
        let table = TestTable(
            file: file, policy: RelativePath.resolve(frame.policy?.name ?? Self.defaultPolicy(file), besides: file),
            policyPosition: frame.policy?.position ?? position, variables: frame.variables, now: frame.now,
            keys: frame.keys, tools: frame.tools, cases: cases)
        return Outcome(table: table, findings: Self.findings(context))
    }

    private static func findings(_ context: DecodingContext) -> [Finding] {
        ConfigurationLoader.inOrder(context.diagnostics).map { diagnostic in
            var finding = Finding(diagnostic)
            finding.rule = "table"
            return finding
        }
    }

    /// `dir/payments.test.yaml` is about `payments.yaml` beside it.
    private static func defaultPolicy(_ file: String) -> String {
        let name = file.split(separator: "/").last.map { String($0) } ?? file
        return name.replacing(".test.", with: ".")
    }

    private static func frame(_ root: YAMLNode, _ context: DecodingContext) -> Frame? {
        let node = ValueDecoder<YAMLNode>(.free("Fields of a case.")) { node, context in
            guard node.entries != nil else {
                return context.fail("expected a mapping, found \(NodeKind.name(of: node))", at: node)
            }
            return node
        }
        return ValueDecoder<Frame>.object(
            "TestTable", "Cases and what they have in common.", make: { _, _ in Frame() },
            fields: [
                .apply("policy", .nonEmptyString("a path"), "What is tested.") { owner, name, node, context in
                    owner.policy = (name, context.position(of: node))
                    return true
                },
                .apply("environment", .map(CaseDeclarations.anyText("text")), "Variables of the configuration.") {
                    owner, variables, _, _ in
                    owner.variables = Dictionary(variables.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
                    return true
                },
                .value("now", \.now, CaseDeclarations.time, "The time of every case."),
                .optional("keys", \.keys, CaseDeclarations.fileSecret("a key set"), "A key set for `token`."),
                .optional("tools", \.tools, PolicyTools.list, "The tools of lists."),
                .optional("defaults", \.defaults, node, "Under every case."),
                .value("tests", \.tests, .list(node, of: "case"), required: true, "The cases."),
            ])(root, context)
    }

    private static func cases(_ node: YAMLNode, _ defaults: YAMLNode?, _ context: DecodingContext) -> [TestCase] {
        do throws(CaseExpansion.Problem) {
            return try CaseExpansion.rows(of: node, over: defaults).compactMap { row in
                let before = context.errorCount
                guard let testCase = CaseDeclarations.testCase(CaseExpansion.withoutNulls(row), context) else {
                    return nil
                }
                if testCase.expect == nil {
                    context.report("missing field \"expect\"", at: node)
                }
                return context.errorCount == before ? testCase : nil
            }
        } catch {
            context.report(error.message, atOffset: error.offset)
            return []
        }
    }
}
