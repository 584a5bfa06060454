// `llm:` at the top level: many models behind one endpoint, chosen by the `model` of each request.

import Auth
import Proxy

struct LLMShortDraft: Sendable {
    /// What agentgateway uses when neither port nor gateway is named.
    static let defaultPort: UInt16 = 4000

    var gateways: [String] = []
    var port: UInt16?
    var models: [LLMModelDraft] = []
    var virtualModels: [VirtualModelDraft] = []
    var policies = RoutePoliciesDraft()
    var position: FilePosition
    var node: YAMLNode
}

struct LLMModelDraft: Sendable {
    var name = ""
    var isPublic = true
    var provider: LLMProviderName?
    var params = LLMParamsDraft()
    var policies = BackendPolicies()
    var position: FilePosition
    var path: String
}

struct LLMParamsDraft: Sendable {
    var model: String?
    var key: Secret?
    var baseURL: AbsoluteURL?
    var azureResource: String?
    var azureVersion: String?
}

enum LLMProviderName: Sendable {
    case openAI, anthropic, gemini, azure
    case custom([AICustomFormat])

    var owner: String {
        switch self {
        case .openAI: "openai"
        case .anthropic: "anthropic"
        case .gemini: "google"
        case .azure: "azure"
        case .custom: "custom"
        }
    }
}

struct VirtualModelDraft: Sendable {
    struct Target: Sendable {
        var model = ""
        var weight = 1
        var position: FilePosition
    }
    var name = ""
    var targets: [Target] = []
    var position: FilePosition
}

extension Declarations {
    private enum Visibility: String, CaseIterable { case `public`, `internal` }
    private enum ProviderWord: String, CaseIterable { case openAI, openai, anthropic, gemini, azure, azureOpenAI }

    private static let modelName = ValueDecoder<String>.nonEmptyString("a model").then {
        (name, node, context) -> String? in
        let stars = name.utf8.count { $0 == UInt8(ascii: "*") }
        guard stars == 0 || (stars == 1 && (name.hasPrefix("*") || name.hasSuffix("*"))) else {
            return context.fail("a model's name has at most one \"*\", at its start or its end", at: node)
        }
        return name
    }

    private static let baseURL = ValueDecoder<String>.nonEmptyString("a URL").then {
        (text, node, context) -> AbsoluteURL? in
        guard let url = AbsoluteURL(text), url.scheme == "http" || url.scheme == "https", url.query == nil else {
            return context.fail("\(NodeKind.written(node)) is no URL such as https://host/v1", at: node)
        }
        guard (try? CanonicalPath.canonical(url.path.isEmpty ? "/" : url.path)) != nil else {
            return context.fail("the path of \(NodeKind.written(node)) is read in different ways", at: node)
        }
        return url
    }

    private static let params = ValueDecoder<LLMParamsDraft>.object(
        "LLMParams", "Where the model is, and with which key.", make: { _, _ in LLMParamsDraft() },
        fields: [
            .optional(
                "model", \.model, .nonEmptyString("a model"), default: "as the client wrote it",
                "What the provider calls the model. A `*` is what the `*` of `name` stood for."),
            .optional("apiKey", \.key, .secretOrFile("an API key"), "The provider's key."),
            .optional(
                "baseUrl", \.baseURL, baseURL, default: "the provider's own",
                "As the provider's SDK takes it: with `/v1` for OpenAI's API, without for Anthropic's."),
            .optional("azureResourceName", \.azureResource, resourceName, "`https://<name>.openai.azure.com`"),
            .optional("azureApiVersion", \.azureVersion, apiVersion, "Sent as `api-version`."),
            .notYet("azureResourceType", "resources other than Azure OpenAI"),
            .notYet("azureProjectName", "Foundry projects"),
            .notYet("awsRegion", "Amazon Bedrock"),
            .notYet("vertexRegion", "Google Vertex AI"),
            .notYet("vertexProject", "Google Vertex AI"),
            .notYet("hostOverride", "the older form of baseUrl"),
            .notYet("pathOverride", "the older form of baseUrl"),
            .notYet("pathPrefix", "the older form of baseUrl"),
            .notYet("tokenize", "counting tokens before the call"),
        ])

    private static let customProvider = ValueDecoder<LLMProviderName>.object(
        "LLMCustomProvider", "A provider that is none of the known ones.", make: { _, _ in .custom([]) },
        fields: [
            .apply(
                "custom", customFormats, required: true, "Any host that speaks these formats; needs `params.baseUrl`."
            ) {
                owner, formats, _, _ in
                owner = .custom(formats)
                return true
            },
            .notYet("reference", "providers by name"),
        ])

    private static let llmProvider = ValueDecoder<LLMProviderName>.byNotation(
        scalar: ValueDecoder<ProviderWord>.word(
            unsupported: [
                "vertex", "bedrock", "copilot", "cohere", "ollama", "baseten", "cerebras", "deepinfra", "deepseek",
                "groq", "huggingface", "mistral", "openrouter", "togetherai", "xai", "fireworks",
            ]
        ).map { word -> LLMProviderName in
            switch word {
            case .openAI, .openai: .openAI
            case .anthropic: .anthropic
            case .gemini: .gemini
            case .azure, .azureOpenAI: .azure
            }
        }, mapping: customProvider, expected: "openAI, anthropic, gemini, azure, or {custom: …}")

    private static let model = ValueDecoder<LLMModelDraft>.object(
        "LLMModel", "A model that clients may ask for.",
        make: { node, context in LLMModelDraft(position: context.position(of: node), path: context.pathText) },
        fields: [
            .value("name", \.name, modelName, required: true, "As clients call it; one `*` at the start or the end."),
            .apply(
                "visibility", ValueDecoder<Visibility>.word(), default: "public",
                "`internal`: only through `virtualModels`."
            ) {
                owner, visibility, _, _ in
                owner.isPublic = visibility == .public
                return true
            },
            .optional("provider", \.provider, llmProvider, "Who has it: a word, or {custom: …}."),
            .value("params", \.params, params, "Where it is, and with which key."),
            .optional("authorization", \.policies.authorization, ruleSet(.http), "Rules for this model's requests."),
            .optional("requestHeaders", \.policies.requestHeaders, headerModifier, "Changes request headers."),
            .optional("responseHeaders", \.policies.responseHeaders, headerModifier, "Changes response headers."),
            .optional(
                "backendTLS", aliases: ["tls"], \.policies.backendTLS, backendTLS, "TLS to the provider."),
            .optional(
                "auth", \.policies.backendAuthentication, backendAuth,
                "The credential, where `apiKey` does not say enough."),
            .notYet("id", "keys of models"),
            .notYet("matches", "conditions on headers"),
            .notYet("defaults", "default members of the request"),
            .notYet("overrides", "forced members of the request"),
            .notYet("transformation", "transformations of the request"),
            .notYet("finalTransformation", "transformations of the request"),
            .notYet("backendTunnel", "an egress proxy"),
            .notYet("health", "outlier detection"),
            .notYet("guardrails", "guards on prompts and answers"),
            .notYet("promptCaching", "prompt caching"),
            .notYet("passthrough", "other paths"),
        ]
    ).check { draft, node, context in
        guard let provider = draft.provider else { return context.fail("missing field \"provider\"", at: node) }
        switch provider {
        case .custom where draft.params.baseURL == nil:
            return context.fail("a custom provider needs params.baseUrl", at: node)
        case .azure where draft.params.azureResource == nil:
            return context.fail("azure needs params.azureResourceName", at: node)
        case .openAI, .anthropic, .gemini, .custom:
            guard draft.params.azureResource == nil, draft.params.azureVersion == nil else {
                return context.fail("azureResourceName and azureApiVersion belong to the provider azure", at: node)
            }
        case .azure:
            guard draft.params.baseURL == nil else {
                return context.fail("only one of baseUrl, azureResourceName can be set", at: node)
            }
        }
        if draft.params.key != nil, draft.policies.backendAuthentication != nil {
            return context.fail("only one of params.apiKey, auth can be set", at: node)
        }
        return draft
    }

    private static let target = ValueDecoder<VirtualModelDraft.Target>.object(
        "LLMTarget", "One of the models.",
        make: { node, context in VirtualModelDraft.Target(position: context.position(of: node)) },
        fields: [
            .value("model", \.model, .nonEmptyString("a model"), required: true, "One of `models`."),
            .value("weight", \.weight, .integer(1...1_000_000), default: "1", "Relative to the others."),
        ])

    private static let weighted = ValueDecoder<[VirtualModelDraft.Target]>.object(
        "LLMWeighted", "Some of the requests each.", make: { _, _ in [] },
        fields: [.value("targets", \.self, .list(target, atLeast: 1, of: "target"), required: true, "The models.")])

    private static let routing = ValueDecoder<[VirtualModelDraft.Target]>.object(
        "LLMRouting", "Which model takes a request.", make: { _, _ in [] },
        fields: [
            .value("weighted", \.self, weighted, required: true, "By weight."),
            .notYet("failover", "failover between models"),
            .notYet("conditional", "conditions in CEL"),
        ])

    private static let virtualModel = ValueDecoder<VirtualModelDraft>.object(
        "LLMVirtualModel", "A name for several models.",
        make: { node, context in VirtualModelDraft(position: context.position(of: node)) },
        fields: [
            .value("name", \.name, .nonEmptyString("a model"), required: true, "As clients call it."),
            .value("routing", \.targets, routing, required: true, "Which model takes a request."),
        ])

    static let llmShort = ValueDecoder<LLMShortDraft>.object(
        "LLM", "Many models behind one endpoint that speaks OpenAI's and Anthropic's formats.",
        make: { node, context in LLMShortDraft(position: context.position(of: node), node: node) },
        fields: [
            .value("models", \.models, .list(model, atLeast: 1, of: "model"), required: true, "The models."),
            .value("virtualModels", \.virtualModels, .list(virtualModel), "Names for several models."),
            .value(
                "gateways", \.gateways,
                ValueDecoder<Never>.oneOrMore(.nonEmptyString("a gateway's name"), of: "gateway"),
                default: "the gateway `default`, when there is one",
                "`gateway` or `gateway/listener`; one or a list."),
            .apply("port", .port, default: "4000", "A port of its own.") { owner, port, _, _ in
                owner.port = UInt16(clamping: port)
                return true
            },
            .value("policies", \.policies, routePolicies, "What is done to the requests."),
            .notYet("providers", "providers by name"),
            .notYet("tls", "TLS on a port of its own; use gateways"),
        ], rules: [.atMostOne(["gateways", "port"])]
    ).check { draft, node, context in draft.table(context) == nil ? nil : draft }
}
