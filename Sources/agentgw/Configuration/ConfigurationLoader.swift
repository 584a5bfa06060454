// The loader: a file's bytes → `GatewayConfiguration`, or every error of the file at once.

import Auth
import Glibc
import Proxy

struct ConfigurationLoader: Sendable {
    var environment: Environment
    var files: FileReader
    var ruleChecker: RuleChecker

    init(
        environment: Environment = .process, files: FileReader = .system, ruleChecker: RuleChecker = .gateway
    ) {
        self.environment = environment
        self.files = files
        self.ruleChecker = ruleChecker
    }

    /// - Parameter path: a file, or `-` for standard input.
    func load(path: String, readsToolLocks: Bool = true) throws(ConfigurationError) -> GatewayConfiguration {
        switch files.read(path == "-" ? "/dev/stdin" : path, YAMLComposer.maximumBytes) {
        case .success(let bytes):
            return try load(
                file: path == "-" ? "<stdin>" : path, bytes: bytes, readsToolLocks: readsToolLocks)
        case .failure(let failure):
            let position = FilePosition(file: path, line: 1, column: 1)
            throw ConfigurationError(
                diagnostics: [Diagnostic(position: position, path: "", message: "cannot read: \(failure.message)")])
        }
    }

    /// - Parameter readsToolLocks: false for the command that writes them.
    func load(
        file: String, bytes: [UInt8], readsToolLocks: Bool = true
    ) throws(ConfigurationError) -> GatewayConfiguration {
        let reading = read(file: file, bytes: bytes, readsToolLocks: readsToolLocks)
        guard var configuration = reading.configuration else {
            throw ConfigurationError(diagnostics: reading.diagnostics.filter { $0.severity == .error })
        }
        configuration.warnings = reading.diagnostics.map {
            ConfigurationWarning($0.path.isEmpty ? $0.message : "\($0.path): \($0.message)", at: $0.position)
        }
        return configuration
    }

    /// Reads a file with everything that tools about it need beside the configuration.
    func read(file: String, bytes: [UInt8], readsToolLocks: Bool = true) -> ConfigurationReading {
        let source = YAMLSource(file: file, bytes: bytes)
        let (root, issues) = YAMLComposer.compose(source)
        let context = context(for: source)
        for issue in issues { context.report(issue.message, atOffset: issue.offset) }
        if let root { Declarations.readCustomFunctions(root, context) }
        let draft = root.flatMap { Declarations.root($0, context) }
        // References can be resolved only when everything they may point to was read.
        var configuration = draft.map { ConfigurationAssembly.assemble($0, context) }
        var problems = readsToolLocks ? configuration?.readToolLocks(files) ?? [] : []
        problems += configuration?.readOpenAPIDocuments(files) ?? []
        return ConfigurationReading(
            configuration: context.errorCount == 0 && problems.isEmpty ? configuration : nil,
            diagnostics: Self.inOrder(context.diagnostics + problems), source: source, root: root, rules: context.rules)
    }

    func context(for source: YAMLSource) -> DecodingContext {
        DecodingContext(source: source, environment: environment, files: files, ruleChecker: ruleChecker)
    }

    /// In the order of the file; a place that several references lead to complains once.
    static func inOrder(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
        var seen: Set<Diagnostic> = []
        return diagnostics.filter { seen.insert($0).inserted }.enumerated().sorted { a, b in
            (a.element.position.line, a.element.position.column, a.offset)
                < (b.element.position.line, b.element.position.column, b.offset)
        }.map(\.element)
    }
}

/// A file as it was read: for the gateway its configuration, for tools also where everything stands.
struct ConfigurationReading {
    /// nil: there are errors.
    var configuration: GatewayConfiguration?
    /// Errors and warnings in the order of the file.
    var diagnostics: [Diagnostic]
    var source: YAMLSource
    /// nil: not YAML.
    var root: YAMLNode?
    /// By the position of the rule's expression.
    var rules: [FilePosition: RuleSite]
}

extension Environment {
    /// The variables of this process.
    static let process = Environment { name in
        getenv(name).map { String(cString: $0) }
    }
}
