// Who may do what: personas down, tools and requests across.

import Auth
import Proxy

struct AccessMatrix: Equatable {
    enum Cell: String {
        case allow, deny
        /// It depends on the arguments.
        case maybe
        /// Not decided by rules: no route, malformed, answered before anybody is asked.
        case none = "-"
    }

    var columns: [String]
    var rows: [(name: String, cells: [Cell])]

    static func == (a: AccessMatrix, b: AccessMatrix) -> Bool {
        a.columns == b.columns && a.rows.elementsEqual(b.rows) { $0.name == $1.name && $0.cells == $1.cells }
    }
}

/// What a matrix is made of (docs/check-policy.md).
struct MatrixSource {
    var table: TestTable
    var personas: [(name: String, node: YAMLNode)]
    var calls: [(name: String, node: YAMLNode)]
    var tools: [PolicyTool]
    var defaults: YAMLNode?
    var source: YAMLSource
}

struct MatrixError: Error {
    var message: String
}

enum MatrixReader {
    private struct Frame {
        var policy = ""
        var variables: [String: String] = [:]
        var now = TestTable.defaultTime
        var keys: Secret?
        var tools: [PolicyTool] = []
        var defaults: YAMLNode?
        var personas: [YAMLNode] = []
        var calls: [YAMLNode] = []
    }

    static func read(_ path: String, files: FileReader = .system) throws(MatrixError) -> MatrixSource {
        let bytes: [UInt8]
        switch files.read(path, YAMLComposer.maximumBytes) {
        case .success(let read): bytes = read
        case .failure(let failure): throw MatrixError(message: "cannot read \(path): \(failure.message)")
        }
        let source = YAMLSource(file: path, bytes: bytes)
        let (root, issues) = YAMLComposer.compose(source)
        let context = ConfigurationLoader(environment: .none, files: files).context(for: source)
        context.knowsFieldPlaces = false
        for issue in issues { context.report(issue.message, atOffset: issue.offset) }
        guard let root, issues.isEmpty, let frame = declaration(root, context), context.errorCount == 0 else {
            throw MatrixError(message: context.diagnostics.map(\.description).joined(separator: "\n"))
        }
        try check(frame, source)
        let table = TestTable(
            file: path, policy: RelativePath.resolve(frame.policy, besides: path),
            policyPosition: FilePosition(file: path, line: 1, column: 1), variables: frame.variables, now: frame.now,
            keys: frame.keys, tools: frame.tools.isEmpty ? nil : frame.tools, cases: [])
        return MatrixSource(
            table: table, personas: frame.personas.map { (name($0), $0) }, calls: frame.calls.map { (name($0), $0) },
            tools: frame.tools, defaults: frame.defaults, source: source)
    }

    /// Rows and columns are known by their names.
    private static func check(_ frame: Frame, _ source: YAMLSource) throws(MatrixError) {
        if frame.tools.isEmpty, frame.calls.isEmpty {
            throw MatrixError(message: "\(source.file):1:1: error: asks nothing: it has neither `tools` nor `calls`")
        }
        for nodes in [frame.personas, frame.calls] {
            var seen: Set<String> = []
            for node in nodes where !seen.insert(name(node)).inserted {
                throw MatrixError(
                    message:
                        "\(source.position(at: node.offset)): error: there is another \"\(Excerpt.of(name(node)))\"")
            }
        }
        var columns = Set(frame.tools.map(\.name))
        if columns.count < frame.tools.count {
            throw MatrixError(message: "\(source.file):1:1: error: a tool is listed twice")
        }
        for call in frame.calls where !columns.insert(name(call)).inserted {
            throw MatrixError(
                message:
                    "\(source.position(at: call.offset)): error: \"\(Excerpt.of(name(call)))\" is a tool's column; "
                    + "give the call another name")
        }
    }

    private static func name(_ node: YAMLNode) -> String {
        node.entries?.first { $0.key == "name" }?.value.scalar?.text ?? ""
    }

    private static let named = ValueDecoder<YAMLNode>(.free("A name and fields of a case.")) { node, context in
        guard let entries = node.entries else {
            return context.fail("expected a mapping, found \(NodeKind.name(of: node))", at: node)
        }
        guard entries.contains(where: { $0.key == "name" && $0.value.scalar != nil }) else {
            return context.fail("missing field \"name\"", at: node)
        }
        return node
    }

    private static let declaration = ValueDecoder<Frame>.object(
        "AccessMatrix", "Who may do what.", make: { _, _ in Frame() },
        fields: [
            .value("policy", \.policy, .nonEmptyString("a path"), required: true, "What is asked."),
            .apply("environment", .map(CaseDeclarations.anyText("text")), "Variables of the configuration.") {
                owner, variables, _, _ in
                owner.variables = Dictionary(variables.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
                return true
            },
            .value("now", \.now, CaseDeclarations.time, "The time of every request."),
            .optional("keys", \.keys, CaseDeclarations.fileSecret("a key set"), "A key set for `token`."),
            .value("tools", \.tools, PolicyTools.list, "Tools: a column for each."),
            .optional(
                "defaults", \.defaults,
                ValueDecoder<YAMLNode>(.free("Fields of a case.")) { node, _ in node }, "Under every request."),
            .value(
                "personas", \.personas, .list(named, atLeast: 1, of: "persona"), required: true, "Who: a row for each."),
            .value("calls", \.calls, .list(named, of: "call"), "Requests: a column for each."),
        ])
}

/// Asks a policy everything that a matrix wants to know.
struct MatrixRun {
    let matrix: MatrixSource
    let bench: PolicyBench

    func run() throws(MatrixError) -> AccessMatrix {
        let runner = CaseRunner(matrix.table, bench)
        var rows: [(name: String, cells: [AccessMatrix.Cell])] = []
        for persona in matrix.personas {
            var cells: [AccessMatrix.Cell] = []
            if !matrix.tools.isEmpty {
                cells += try tools(try testCase(persona.node, nil, isList: true), runner)
            }
            for call in matrix.calls {
                let judged = try judged(try testCase(persona.node, call.node), runner)
                switch judged.outcome.verdict {
                case .allow: cells.append(.allow)
                case .deny: cells.append(.deny)
                default: cells.append(.none)
                }
            }
            rows.append((persona.name, cells))
        }
        return AccessMatrix(columns: matrix.tools.map(\.name) + matrix.calls.map(\.name), rows: rows)
    }

    /// Each tool with its arguments unknown.
    private func tools(_ testCase: TestCase, _ runner: CaseRunner) throws(MatrixError) -> [AccessMatrix.Cell] {
        let judged = try judged(testCase, runner)
        guard judged.outcome.verdict == .allow else { return matrix.tools.map { _ in .deny } }
        return judged.outcome.listed.map { item in
            guard item.isShown else { return .deny }
            let traces = bench.examiner.trace(item.levels, item.inputs)
            return traces.contains { $0.judgement.visibility == .possible } ? .maybe : .allow
        }
    }

    private func judged(_ testCase: TestCase, _ runner: CaseRunner) throws(MatrixError) -> JudgedCase {
        do throws(BrokenCase) {
            return try runner.judged(testCase)
        } catch { throw MatrixError(message: "\(testCase.position): \(testCase.name): \(error.message)") }
    }

    private func testCase(
        _ persona: YAMLNode, _ call: YAMLNode?, isList: Bool = false
    ) throws(MatrixError) -> TestCase {
        var node = matrix.defaults.map { CaseExpansion.merge($0, under: persona) } ?? persona
        if let call { node = CaseExpansion.merge(node, under: call) }
        let context = ConfigurationLoader(environment: .none).context(for: matrix.source)
        context.knowsFieldPlaces = false
        guard var result = CaseDeclarations.testCase(CaseExpansion.withoutNulls(node), context), context.errorCount == 0
        else { throw MatrixError(message: context.diagnostics.map(\.description).joined(separator: "\n")) }
        if isList {
            result.mcp = result.mcp ?? CaseMessage(position: result.position)
            result.mcp?.method = "tools/list"
        }
        return result
    }
}
