// What each AI provider expects: where it is, the paths of its API, how a key is shown to it. A row for each provider, so
// that no other code asks which one it is.

import Auth

struct ProviderTraits: Sendable {
    /// The public endpoint.
    var host: String
    var port: UInt16 = 443
    /// The field that carries the key, and what stands before it.
    var keyField: String
    var keyPrefix: StaticString
    /// Fields that are sent when the client sends none.
    var defaultFields: [(name: String, value: String)] = []
    /// The shape of the provider's own errors.
    var shape: ErrorShape
    /// Native path for each type that the provider speaks.
    var paths: [AIRouteType: String]

    init(_ provider: AIProvider) {
        switch provider.kind {
        case .openAI:
            self.init(
                host: "api.openai.com", keyField: "authorization", keyPrefix: "Bearer ", shape: .openAI,
                paths: [
                    .completions: "/v1/chat/completions", .responses: "/v1/responses", .embeddings: "/v1/embeddings",
                    .models: "/v1/models",
                ])
        case .anthropic:
            self.init(
                host: "api.anthropic.com", keyField: "x-api-key", keyPrefix: "",
                defaultFields: [("anthropic-version", "2023-06-01")], shape: .anthropic,
                paths: [
                    .messages: "/v1/messages", .anthropicTokenCount: "/v1/messages/count_tokens", .models: "/v1/models",
                ])
        case .gemini:
            // Google's OpenAI-compatible endpoint takes its key the way OpenAI does.
            self.init(
                host: "generativelanguage.googleapis.com", keyField: "authorization", keyPrefix: "Bearer ",
                shape: .openAI,
                paths: [
                    .completions: "/v1beta/openai/chat/completions", .embeddings: "/v1beta/openai/embeddings",
                    .models: "/v1beta/openai/models",
                ])
        case .azureOpenAI(let resource, let version):
            let query = version.map { "?api-version=\($0)" } ?? ""
            self.init(
                host: "\(resource).openai.azure.com", keyField: "api-key", keyPrefix: "", shape: .openAI,
                paths: [
                    .completions: "/openai/v1/chat/completions\(query)", .responses: "/openai/v1/responses\(query)",
                    .embeddings: "/openai/v1/embeddings\(query)", .models: "/openai/v1/models\(query)",
                ])
        case .custom(let formats):
            var paths: [AIRouteType: String] = [:]
            for format in formats { paths[format.type] = format.path ?? ProviderTraits.standardPath(format.type) }
            let speaksAnthropic = paths[.messages] != nil && paths[.completions] == nil
            self.init(
                host: "", keyField: speaksAnthropic ? "x-api-key" : "authorization",
                keyPrefix: speaksAnthropic ? "" : "Bearer ", shape: speaksAnthropic ? .anthropic : .openAI, paths: paths
            )
        }
    }

    private init(
        host: String, keyField: String, keyPrefix: StaticString,
        defaultFields: [(name: String, value: String)] = [], shape: ErrorShape, paths: [AIRouteType: String]
    ) {
        self.host = host
        self.keyField = keyField
        self.keyPrefix = keyPrefix
        self.defaultFields = defaultFields
        self.shape = shape
        self.paths = paths
    }

    private static func standardPath(_ type: AIRouteType) -> String {
        switch type {
        case .completions: "/v1/chat/completions"
        case .messages: "/v1/messages"
        case .responses: "/v1/responses"
        case .embeddings: "/v1/embeddings"
        case .models: "/v1/models"
        case .anthropicTokenCount: "/v1/messages/count_tokens"
        case .passthrough, .detect: "/"
        }
    }
}

extension AIRouteType {
    /// Requests of these types have a JSON body with a `model`.
    var namesModel: Bool {
        switch self {
        case .completions, .messages, .responses, .embeddings, .anthropicTokenCount: true
        case .models, .passthrough, .detect: false
        }
    }

    /// Replies to requests of these types say how many tokens they took.
    var countsTokens: Bool {
        switch self {
        case .completions, .messages, .responses, .embeddings: true
        case .anthropicTokenCount, .models, .passthrough, .detect: false
        }
    }

    /// The shape in which the client of such a path expects its errors; nil: the provider's own.
    var clientShape: ErrorShape? {
        switch self {
        case .completions, .responses, .embeddings: .openAI
        case .messages, .anthropicTokenCount: .anthropic
        case .models, .passthrough, .detect: nil
        }
    }
}

/// One provider of an AI backend, compiled.
final class CompiledProvider: Sendable {
    let name: String
    let configuration: AIUpstream
    let traits: ProviderTraits
    let upstream: Upstream
    /// The provider's own path for each type, as bytes.
    private let paths: [(type: AIRouteType, path: [UInt8])]

    init(_ configuration: AIUpstream, traits: ProviderTraits, upstream: Upstream) {
        name = configuration.name
        self.configuration = configuration
        self.traits = traits
        self.upstream = upstream
        paths = traits.paths.map { (type: $0.key, path: Array($0.value.utf8)) }
    }

    func nativePath(_ type: AIRouteType) -> [UInt8]? { paths.first { $0.type == type }?.path }
}

extension CompiledRoute {
    /// The shape of errors on a path of an AI route; nil for every other route.
    func errorShape(_ path: ByteView) -> ErrorShape? {
        guard case .ai(let provider)? = backends.first?.kind else { return nil }
        return provider.configuration.routes.type(of: path)?.clientShape ?? provider.traits.shape
    }
}
