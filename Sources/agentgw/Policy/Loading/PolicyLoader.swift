// From a file to a `LoadedPolicy`, or to everything that would stop the gateway from loading it, in the gateway's words.

import Auth
import Proxy

struct PolicyLoader: Sendable {
    var environment: Environment
    var files: FileReader

    init(environment: Environment = .process, files: FileReader = .system) {
        self.environment = environment
        self.files = files
    }

    struct Outcome {
        /// nil: there is an error among the findings.
        var policy: LoadedPolicy?
        /// The loader's errors and warnings in the order of the file.
        var findings: [Finding]
    }

    func load(path: String) -> Outcome {
        switch files.read(path, YAMLComposer.maximumBytes) {
        case .success(let bytes): return load(file: path, bytes: bytes)
        case .failure(let failure):
            return .failure("cannot read: \(failure.message)", at: FilePosition(file: path, line: 1, column: 1))
        }
    }

    func load(file: String, bytes: [UInt8]) -> Outcome {
        let source = YAMLSource(file: file, bytes: bytes)
        let (root, issues) = YAMLComposer.compose(source)
        guard let root, issues.isEmpty else {
            return Outcome(
                policy: nil,
                findings: issues.map {
                    Finding(
                        rule: Finding.load, severity: .error, position: source.position(at: $0.offset),
                        message: $0.message)
                })
        }
        if PolicyFile.isPolicyFile(root) { return loadPolicyFile(root, source) }
        let loader = ConfigurationLoader(environment: environment, files: files)
        let reading = loader.read(file: file, bytes: bytes)
        return compile(
            .configuration, reading.configuration, tools: [], source: source, root: root,
            diagnostics: reading.diagnostics, sites: reading.rules)
    }

    private func loadPolicyFile(_ root: YAMLNode, _ source: YAMLSource) -> Outcome {
        let context = ConfigurationLoader(environment: environment, files: files).context(for: source)
        let file = PolicyFile.decode(root, context)
        return compile(
            .rules, context.errorCount == 0 ? file?.configuration : nil, tools: file?.tools ?? [], source: source,
            root: root, diagnostics: ConfigurationLoader.inOrder(context.diagnostics), sites: context.rules)
    }

    private func compile(
        _ form: LoadedPolicy.Form, _ configuration: GatewayConfiguration?, tools: [PolicyTool], source: YAMLSource,
        root: YAMLNode, diagnostics: [Diagnostic], sites: [FilePosition: RuleSite]
    ) -> Outcome {
        var findings = diagnostics.map(Finding.init)
        guard let configuration else { return Outcome(policy: nil, findings: findings) }
        let snapshot: Snapshot
        do throws(SnapshotError) {
            snapshot = try Snapshot(
                configuration, upstreams: UpstreamRegistry(), readsCertificates: false,
                readFile: { [files] path throws(AuthError) in
                    switch files.read(path, ConfigurationFiles.maximumBytes) {
                    case .success(let bytes): return bytes
                    case .failure(let failure):
                        throw .configuration("cannot read \(path): \(failure.message)", .none)
                    }
                })
        } catch {
            var position = error.position
            if position == .none { position = FilePosition(file: source.file, line: 1, column: 1) }
            findings.append(
                Finding(rule: Finding.load, severity: .error, position: position, message: error.message))
            return Outcome(policy: nil, findings: findings)
        }
        let ruleSets = snapshot.placedRuleSets.map { placed in
            PolicyRuleSet(
                placed: placed,
                rules: placed.set.rules.enumerated().compactMap { index, rule in
                    guard let site = sites[rule.reference.position] else { return nil }
                    return PolicyRule(
                        id: rule.reference.id, index: index, action: rule.reference.action, mode: rule.mode,
                        program: rule.program, position: rule.reference.position,
                        site: ExpressionSite(site, in: source))
                })
        }
        let policy = LoadedPolicy(
            file: source.file, form: form, source: source, root: root, configuration: configuration,
            snapshot: snapshot, ruleSets: ruleSets, tools: tools, environment: environment)
        return Outcome(policy: policy, findings: findings)
    }
}

extension PolicyLoader.Outcome {
    fileprivate static func failure(_ message: String, at position: FilePosition) -> PolicyLoader.Outcome {
        PolicyLoader.Outcome(
            policy: nil,
            findings: [Finding(rule: Finding.load, severity: .error, position: position, message: message)])
    }
}
