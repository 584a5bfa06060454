// `ai`: providers, and the policy of the same name.

import Auth
import Proxy

/// `policies.ai` of a route or backend; the nearer one wins field by field.
struct AIPolicyDraft: Sendable {
    var routes: AIRouteTable?
    var modelAliases: [AIModelAlias]?
    var lossy: LossPolicy?

    func merged(over other: AIPolicyDraft) -> AIPolicyDraft {
        AIPolicyDraft(
            routes: routes ?? other.routes, modelAliases: modelAliases ?? other.modelAliases,
            lossy: lossy ?? other.lossy)
    }
}

/// What becomes of members that a translation cannot say.
enum LossPolicy: String, Sendable, CaseIterable {
    case refuse, allow
}

/// A provider as written, with what is settled only when the route is known.
struct AIUpstreamDraft: Sendable {
    var upstream: AIUpstream
    var ai = AIPolicyDraft()
}

extension Declarations {
    static let aiPolicy = ValueDecoder<AIPolicyDraft>.object(
        "AIPolicy", "How AI requests are treated.", make: { _, _ in AIPolicyDraft() },
        fields: [
            .optional("routes", \.routes, aiRoutes, "What a path means: suffix → type; the longest suffix decides."),
            .optional(
                "modelAliases", \.modelAliases, modelAliases,
                "Names that clients use → models; one `*` at start or end."),
            .optional(
                "lossy", \.lossy, ValueDecoder<LossPolicy>.word(), default: "refuse",
                "Members that a translation to the provider's format cannot say: `refuse` them by name, or `allow` "
                    + "leaving them out; the reply then names them in `x-agentgw-dropped`."),
            .notYet("promptGuard", "guards on prompts and answers"),
            .notYet("defaults", "default members of the request"),
            .notYet("overrides", "forced members of the request"),
            .notYet("transformations", "transformations of the request"),
            .notYet("finalTransformations", "transformations of the request"),
            .notYet("prompts", "added prompts"),
            .notYet("promptCaching", "prompt caching"),
        ])

    private static let aiRouteType = ValueDecoder<AIRouteType>.word(
        unsupported: ["realtime", "generateContent", "geminiCountTokens", "rerank"])

    static let aiRoutes = ValueDecoder<Never>.map(
        aiRouteType,
        key: { key in
            if key == "*" { return nil }
            guard key.hasPrefix("/") else { return "\"\(Excerpt.of(key))\" is neither a path (\"/…\") nor \"*\"" }
            return (try? CanonicalPath.canonical(key)) == key ? nil : "\"\(Excerpt.of(key))\" can never match a path"
        }
    ).map { entries in
        AIRouteTable(
            entries.filter { $0.key != "*" }.map { AIRouteTable.Entry($0.key, $0.value) },
            fallback: entries.first { $0.key == "*" }?.value)
    }

    private static let modelAliases = ValueDecoder<Never>.map(
        .nonEmptyString("a model"),
        key: { key in
            let stars = key.utf8.count { $0 == UInt8(ascii: "*") }
            guard stars == 0 || (stars == 1 && (key.hasPrefix("*") || key.hasSuffix("*"))) else {
                return "a pattern has one \"*\", at the start or the end"
            }
            return nil
        }
    ).map { aliases in
        aliases.map { AIModelAlias(pattern: $0.key, model: $0.value) }
            .sorted { $0.pattern.utf8.count > $1.pattern.utf8.count }
    }

    // MARK: Providers

    private struct ProviderDraft {
        var model: String?
        var resourceName = ""
        var apiVersion: String?
        var formats: [AICustomFormat] = []
    }

    private static let modelField = Field<ProviderDraft>.optional(
        "model", \.model, .nonEmptyString("a model"), "The model used when the request names none.")

    private static func provider(
        _ name: String, _ summary: String, fields: [Field<ProviderDraft>] = [],
        _ kind: @escaping @Sendable (ProviderDraft) -> AIProvider.Kind
    ) -> ValueDecoder<AIProvider> {
        ValueDecoder<ProviderDraft>.object(
            name, summary, make: { _, _ in ProviderDraft() }, fields: [modelField] + fields
        ).map { AIProvider(kind($0), model: $0.model) }
    }

    private static let openAI = provider(
        "OpenAIProvider", "OpenAI.", fields: [.notYet("moderation", "moderation")]
    ) { _ in .openAI }
    private static let anthropic = provider("AnthropicProvider", "Anthropic.") { _ in .anthropic }
    private static let gemini = provider("GeminiProvider", "Google Gemini.") { _ in .gemini }

    /// It becomes a label of the host that the key is sent to.
    static let resourceName = ValueDecoder<String>.nonEmptyString("a resource's name").check {
        name, node, context in
        guard HostName.isSound(name), !name.contains(".") else {
            return context.fail("\(NodeKind.written(node)) is not the name of a resource", at: node)
        }
        return name
    }

    static let apiVersion = ValueDecoder<String>.nonEmptyString("a version").check { text, node, context in
        let isSound = text.utf8.allSatisfy {
            $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || HostName.isLetterOrDigit($0)
        }
        return isSound ? text : context.fail("\(NodeKind.written(node)) is not a version", at: node)
    }

    private static let azure = provider(
        "AzureOpenAIProvider", "Azure OpenAI.",
        fields: [
            .value(
                "resourceName", \.resourceName, resourceName, required: true,
                "The resource: `https://<resourceName>.openai.azure.com`."),
            .optional("apiVersion", \.apiVersion, apiVersion, "Sent as `api-version`."),
            .notYet("resourceType", "resources other than Azure OpenAI"),
            .notYet("projectName", "Foundry projects"),
        ]
    ) { .azureOpenAI(resourceName: $0.resourceName, apiVersion: $0.apiVersion) }

    private static let customFormat = ValueDecoder<AICustomFormat>.object(
        "AIFormat", "A format that a host speaks.", make: { _, _ in AICustomFormat(type: .completions) },
        fields: [
            .value("type", \.type, aiRouteType, required: true, "The format."),
            .optional("path", \.path, canonicalPath, default: "the format's own", "The path it is spoken at."),
        ])

    /// `{formats: …}`
    static let customFormats = ValueDecoder<[AICustomFormat]>.object(
        "CustomFormats", "What a host speaks.", make: { _, _ in [] },
        fields: [
            .value(
                "formats", \.self, .list(customFormat, atLeast: 1, of: "format"), required: true, "What it speaks.")
        ])

    private static let custom = provider(
        "CustomProvider", "Any host that speaks these formats; needs `hostOverride`.",
        fields: [
            .value(
                "formats", \.formats, .list(customFormat, atLeast: 1, of: "format"), required: true, "What it speaks."),
            .notYet("providerOverride", "another provider's name in metrics"),
        ]
    ) { .custom(formats: $0.formats) }

    static let aiProvider = ValueDecoder<AIProvider?>.object(
        "AIProvider", "Who is called.", make: { _, _ in nil },
        fields: [
            providerField("openAI", aliases: ["openai"], openAI, "OpenAI."),
            providerField("anthropic", anthropic, "Anthropic."),
            providerField("gemini", gemini, "Google Gemini, by its OpenAI-compatible endpoint."),
            providerField("azureOpenAI", azure, "Azure OpenAI."),
            providerField("custom", custom, "Any host that speaks OpenAI's or Anthropic's formats."),
            .notYet("azure", "Azure in agentgateway's form; use azureOpenAI"),
            .notYet("bedrock", "Amazon Bedrock"),
            .notYet("vertex", "Google Vertex AI"),
            .notYet("copilot", "GitHub Copilot"),
        ],
        rules: [
            .exactlyOne([
                "openAI", "openai", "anthropic", "gemini", "azureOpenAI", "custom", "azure", "bedrock", "vertex",
                "copilot",
            ])
        ]
    ).then { provider, _, _ in provider }

    private static func providerField(
        _ name: String, aliases: [String] = [], _ decoder: ValueDecoder<AIProvider>, _ summary: String
    ) -> Field<AIProvider?> {
        .apply(name, aliases: aliases, decoder, summary) { owner, provider, _, _ in
            owner = provider
            return true
        }
    }

    private static func newUpstream(_ node: YAMLNode, _ context: DecodingContext) -> AIUpstreamDraft {
        AIUpstreamDraft(
            upstream: AIUpstream(name: "", provider: AIProvider(.openAI), position: context.position(of: node)))
    }

    private static let upstreamFields: [Field<AIUpstreamDraft>] = [
        .value("name", \.upstream.name, .nonEmptyString("a name"), required: true, "Shown in metrics and decisions."),
        .value("provider", \.upstream.provider, aiProvider, required: true, "Who is called."),
        .apply(
            "hostOverride", upstream(allowsPath: false),
            "`host:port` or a URL in place of the provider's own; plaintext unless it says https or `backendTLS` is set."
        ) { owner, text, _, _ in
            owner.upstream.hostOverride = text.address
            return true
        },
        .optional(
            "pathPrefix", \.upstream.pathPrefix, canonicalPath.map(withoutTrailingSlash),
            "Put before the provider's paths."),
        .optional("pathOverride", \.upstream.pathOverride, canonicalPath, "Used in place of the provider's paths."),
        .optional("routes", \.ai.routes, aiRoutes, "What a path means; the same as `policies.ai.routes`."),
        .apply("policies", backendPolicies, "Policies of this provider.") { owner, draft, _, _ in
            owner.upstream.policies = draft.policies
            owner.ai = owner.ai.merged(over: draft.ai)
            return true
        },
        .notYet("tokenize", "counting tokens before the call"),
    ]

    @Sendable private static func checkUpstream(
        _ draft: AIUpstreamDraft, _ node: YAMLNode, _ context: DecodingContext
    ) -> AIUpstreamDraft? {
        if case .custom = draft.upstream.provider.kind, draft.upstream.hostOverride == nil {
            return context.fail("a custom provider needs hostOverride", at: node)
        }
        if draft.upstream.pathOverride != nil, draft.upstream.pathPrefix != nil {
            return context.fail("only one of pathOverride, pathPrefix can be set", at: node)
        }
        return draft
    }

    private static let aiUpstream = ValueDecoder<AIUpstreamDraft>.object(
        "AIUpstream", "One provider of a group.", make: newUpstream,
        fields: upstreamFields + [
            .value(
                "weight", \.upstream.weight, .integer(0...1_000_000), default: "1",
                "Its share of the group's requests; 0: none.")
        ]
    ).check(checkUpstream)

    private struct GroupDraft {
        var providers: [AIUpstreamDraft] = []
    }

    private static let aiGroup = ValueDecoder<GroupDraft>.object(
        "AIGroup", "Providers of equal rank.", make: { _, _ in GroupDraft() },
        fields: [
            .value(
                "providers", \.providers, .list(aiUpstream, atLeast: 1, of: "provider"), required: true,
                "The providers.")
        ]
    ).map(\.providers)

    private struct AIBackendDraft {
        var groups: [[AIUpstreamDraft]] = []
        var single: AIUpstreamDraft
    }

    static let aiBackend = ValueDecoder<AIBackendDraft>.object(
        "AIBackend", "An AI provider: either one provider's fields, or `groups` in order of preference.",
        make: { node, context in AIBackendDraft(single: newUpstream(node, context)) },
        fields: upstreamFields.map { $0.inside(\.single, required: false) } + [
            .value(
                "groups", \.groups, .list(aiGroup, atLeast: 1, of: "group"),
                "Groups of providers; the next is used when one fails.")
        ], rules: [.exactlyOne(["provider", "groups"]), .atMostOne(["name", "groups"])]
    ).check { draft, node, context in
        guard draft.groups.isEmpty else { return draft }
        if draft.single.upstream.name.isEmpty { return context.fail("missing field \"name\"", at: node) }
        return checkUpstream(draft.single, node, context) == nil ? nil : draft
    }.map { draft in draft.groups.isEmpty ? [[draft.single]] : draft.groups }
}
