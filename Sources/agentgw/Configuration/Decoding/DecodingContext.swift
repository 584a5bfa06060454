// What a decoder has beside the node: the file, the environment, the path so far, and the list of findings.

import Auth
import CEL
import Proxy

/// Confined to one load.
final class DecodingContext {
    let source: YAMLSource
    let environment: Environment
    let files: FileReader
    let ruleChecker: RuleChecker
    /// `config.customFunctions`, read before everything else.
    var functions: CustomFunctions?
    /// They could not be read: rules that call them would be told what is wrong with the functions.
    var hasBrokenFunctions = false
    /// By the position of the expression, for checks that need more than the rule.
    var rules: [FilePosition: RuleSite] = [:]
    /// Whether an unknown field may be one of the configuration that stands in the wrong place.
    var knowsFieldPlaces = true
    private(set) var diagnostics: [Diagnostic] = []
    private var path: [PathElement] = []
    private var hasNotedStrictDefault = false

    private enum PathElement {
        case key(String)
        case index(Int)
    }

    init(source: YAMLSource, environment: Environment, files: FileReader, ruleChecker: RuleChecker) {
        self.source = source
        self.environment = environment
        self.files = files
        self.ruleChecker = ruleChecker
    }

    // MARK: Path

    func within<R>(key: String, _ body: () -> R) -> R {
        path.append(.key(key))
        defer { path.removeLast() }
        return body()
    }

    func within<R>(index: Int, _ body: () -> R) -> R {
        path.append(.index(index))
        defer { path.removeLast() }
        return body()
    }

    /// `binds[0].listeners[0].routes[1].policies.cors`; keys that are not plain names stand in brackets and quotes.
    var pathText: String {
        var text = ""
        for element in path {
            switch element {
            case .index(let index): text += "[\(index)]"
            case .key(let key):
                let isPlain =
                    !key.isEmpty
                    && key.utf8.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                            true
                        default: false
                        }
                    }
                text += isPlain ? (text.isEmpty ? key : ".\(key)") : "[\"\(Excerpt.of(key))\"]"
            }
        }
        return text
    }

    // MARK: Findings

    func position(of node: YAMLNode) -> FilePosition { source.position(at: node.offset) }

    /// Reports an error at a node. Returns nil so that a decoder can `return context.fail(…)`.
    @discardableResult
    func fail<Value>(_ message: String, at node: YAMLNode) -> Value? {
        report(message, atOffset: node.offset)
        return nil
    }

    /// Reports an error at a node.
    func report(_ message: String, at node: YAMLNode) {
        report(message, atOffset: node.offset)
    }

    func report(
        _ message: String, atOffset offset: Int, severity: Diagnostic.Severity = .error, rule: String? = nil
    ) {
        report(message, at: source.position(at: offset), severity: severity, rule: rule)
    }

    /// - Parameter path: nil: where the decoder is now.
    func report(
        _ message: String, at position: FilePosition, severity: Diagnostic.Severity = .error, path: String? = nil,
        rule: String? = nil
    ) {
        diagnostics.append(
            Diagnostic(severity: severity, position: position, path: path ?? pathText, message: message, rule: rule))
    }

    /// - Parameter rule: the linter's name for it.
    func warn(_ message: String, at node: YAMLNode, rule: String? = nil) {
        report(message, atOffset: node.offset, severity: .warning, rule: rule)
    }

    /// The one default that differs from agentgateway's in what a file without `mode` means; said once per file.
    func noteStrictDefault(_ node: YAMLNode) {
        guard !hasNotedStrictDefault, !(node.entries ?? []).contains(where: { $0.key == "mode" }) else { return }
        hasNotedStrictDefault = true
        warn(
            "without mode a credential is required (strict), here and in the rest of the file; agentgateway's default is optional",
            at: node)
    }

    /// Reports an error at byte `offset` of a scalar's expanded text, wherever in the file that byte is written.
    func report(_ message: String, in text: ExpandedText, at offset: Int, of node: YAMLNode) {
        report(message, at: position(in: text, at: offset, of: node))
    }

    func position(in text: ExpandedText, at offset: Int, of node: YAMLNode) -> FilePosition {
        guard let scalar = node.scalar, let offsets = ScalarOffsets.of(scalar, in: source) else {
            return position(of: node)
        }
        let origin = text.origin(of: offset)
        return source.position(at: offsets.indices.contains(origin) ? offsets[origin] : node.offset)
    }

    /// The number of errors so far: unchanged afterwards means that something was fine.
    var errorCount: Int { diagnostics.count { $0.severity == .error } }

    // MARK: Scalars

    /// A scalar's text with the environment expanded. nil: reported.
    func expand(_ scalar: YAMLScalar, of node: YAMLNode) -> ExpandedText? {
        do {
            return try environment.expand(scalar.text)
        } catch {
            report(error.message, in: ExpandedText(text: scalar.text, origins: nil), at: error.offset, of: node)
            return nil
        }
    }
}
