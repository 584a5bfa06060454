// A policy as the offline tool works on it: the gateway's own compiled rule sets, each rule with its place in the file, its
// text, its program, and where on a request's way it is asked. The linter, the tests, coverage, mutation and `explain` all
// start from this.

import Auth
import CEL
import Proxy

/// One file that loaded without an error.
final class LoadedPolicy: Sendable {
    enum Form: Hashable, Sendable {
        /// A gateway's configuration: rule sets with routes, credentials and backends.
        case configuration
        /// A policy file: one rule set by itself, with `rules:` at the top.
        case rules
    }

    /// As it was named on the command line, or found from there.
    let file: String
    let form: Form
    let source: YAMLSource
    /// The YAML tree; every node knows its byte offset in `source`.
    let root: YAMLNode
    /// Of a policy file: a gateway with one route that has these rules.
    let configuration: GatewayConfiguration
    let snapshot: Snapshot
    /// In the order of the file; listeners before routes before backends.
    let ruleSets: [PolicyRuleSet]
    /// `tools:` of a policy file.
    let tools: [PolicyTool]
    /// What a variable of the configuration stands for, as it was read.
    let environment: Environment

    var rules: [PolicyRule] { ruleSets.flatMap(\.rules) }

    /// How people know a rule set: by the place that it guards; the only one of a policy file by the file.
    func label(of set: PolicyRuleSet) -> String { form == .rules ? file : set.placed.place.label }

    init(
        file: String, form: Form, source: YAMLSource, root: YAMLNode, configuration: GatewayConfiguration,
        snapshot: Snapshot, ruleSets: [PolicyRuleSet], tools: [PolicyTool], environment: Environment
    ) {
        self.file = file
        self.form = form
        self.source = source
        self.root = root
        self.configuration = configuration
        self.snapshot = snapshot
        self.ruleSets = ruleSets
        self.tools = tools
        self.environment = environment
    }
}

/// The rules of one place.
struct PolicyRuleSet: Sendable {
    /// Where requests meet it, which level it is, which claims are declared, who authenticates the requests.
    let placed: PlacedRuleSet
    /// In the order of the file.
    let rules: [PolicyRule]

    var compiled: RuleSet { placed.set }
    /// `authorization`, `mcpAuthorization` or `a2aAuthorization`: decides the phase and so what rules can read.
    var kind: RuleSetKind { compiled.kind }
    /// Of the mapping under `authorization:`.
    var position: FilePosition { compiled.position }
    var defaultAction: Verdict { compiled.defaultAction }
    /// What the rules can read in their phase, with types. `GatewayAttributes` has the attributes of all phases.
    var environment: CEL.Environment { compiled.environment }
}

/// One rule.
struct PolicyRule: Sendable {
    /// `id:`, or `rules[3]`.
    let id: String
    /// Index in its set.
    let index: Int
    let action: RuleAction
    let mode: EnforcementMode
    /// Checked and planned. `program.checked` has tree, types and references; ranges are byte offsets into `expression`.
    let program: Program
    /// Of the expression's first character.
    let position: FilePosition
    let site: ExpressionSite

    /// As the engine read it.
    var expression: String { program.checked.source }
}

/// A tool that a policy is about, from a saved `tools/list` or by name.
struct PolicyTool: Sendable {
    var name: String
    /// The JSON Schema of its arguments; nil: not known.
    var inputSchema: MetadataValue?
    var annotations: MetadataValue?
}
