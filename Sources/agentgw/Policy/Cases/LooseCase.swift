// A case that stands in a file of its own: the request that `explain` is asked about.

import Auth

struct LooseCaseError: Error {
    var message: String
}

enum LooseCase {
    /// The fields of a case (JSON is YAML), or a raw request.
    static func read(_ path: String, files: FileReader = .system) throws(LooseCaseError) -> TestCase {
        let bytes: [UInt8]
        switch files.read(path, YAMLComposer.maximumBytes) {
        case .success(let read): bytes = read
        case .failure(let failure): throw LooseCaseError(message: "cannot read \(path): \(failure.message)")
        }
        let source: YAMLSource
        if path.hasSuffix(".http") {
            // As a case that names the file.
            let name = path.split(separator: "/").last.map { String($0) } ?? path
            var quoted = ""
            JSONText.write(name, to: &quoted)
            source = YAMLSource(file: path, bytes: Array("{request: \(quoted)}".utf8))
        } else {
            source = YAMLSource(file: path, bytes: bytes)
        }
        let (root, issues) = YAMLComposer.compose(source)
        let context = ConfigurationLoader(environment: .none, files: files).context(for: source)
        context.knowsFieldPlaces = false
        for issue in issues { context.report(issue.message, atOffset: issue.offset) }
        if var root, issues.isEmpty, var entries = root.entries {
            if !entries.contains(where: { $0.key == "name" }) {
                let scalar = YAMLScalar(text: path, style: .doubleQuoted, isTaggedString: true, source: 0..<0)
                entries.append(
                    YAMLEntry(
                        key: "name", keyOffset: root.offset,
                        value: YAMLNode(content: .scalar(scalar), offset: root.offset, weight: 1)))
            }
            root.content = .mapping(entries)
            if let testCase = CaseDeclarations.testCase(CaseExpansion.withoutNulls(root), context),
                context.errorCount == 0
            {
                return testCase
            }
        } else if context.errorCount == 0 {
            context.report("expected the fields of a case", atOffset: 0)
        }
        throw LooseCaseError(message: context.diagnostics.map(\.description).joined(separator: "\n"))
    }

    static func table(_ testCase: TestCase, policy: String) -> TestTable {
        TestTable(
            file: testCase.position.file, policy: policy,
            policyPosition: FilePosition(file: policy, line: 1, column: 1),
            variables: [:], now: TestTable.defaultTime, keys: nil, tools: nil, cases: [testCase])
    }
}
