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
    /// The bound of a chat completion: OpenAI's own models want the new name, compatible servers know the old one.
    var boundName = "max_tokens"

    init(_ provider: AIProvider) {
        switch provider.kind {
        case .openAI:
            self.init(
                host: "api.openai.com", keyField: "authorization", keyPrefix: "Bearer ", shape: .openAI,
                paths: [
                    .completions: "/v1/chat/completions", .responses: "/v1/responses", .embeddings: "/v1/embeddings",
                    .models: "/v1/models",
                ])
            boundName = "max_completion_tokens"
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
            self.init(
                host: "\(resource).openai.azure.com", keyField: "api-key", keyPrefix: "", shape: .openAI,
                paths: ProviderTraits.azurePaths(version))
            boundName = "max_completion_tokens"
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

    /// Without a version, or with a word for one, models are named in the body; with a date, in the path.
    private static func azurePaths(_ version: String?) -> [AIRouteType: String] {
        let query = version.map { "?api-version=\($0)" } ?? ""
        guard version?.first?.isNumber == true else {
            return [
                .completions: "/openai/v1/chat/completions\(query)", .responses: "/openai/v1/responses\(query)",
                .embeddings: "/openai/v1/embeddings\(query)", .models: "/openai/v1/models\(query)",
            ]
        }
        let deployment = "/openai/deployments/\(ProviderPath.modelMark)"
        return [
            .completions: "\(deployment)/chat/completions\(query)", .embeddings: "\(deployment)/embeddings\(query)",
            .responses: "/openai/responses\(query)", .models: "/openai/models\(query)",
        ]
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
    private let ways: [(type: AIRouteType, way: ProviderWay)]

    init(_ configuration: AIUpstream, traits: ProviderTraits, upstream: Upstream) {
        name = configuration.name
        self.configuration = configuration
        self.traits = traits
        self.upstream = upstream
        var ways = traits.paths.map { (type: $0.key, way: ProviderWay(path: ProviderPath($0.value))) }
        ways += [(.passthrough, ProviderWay()), (.detect, ProviderWay())]
        if let path = traits.paths[.messages], traits.paths[.completions] == nil {
            ways.append((.completions, ProviderWay(path: ProviderPath(path), translation: .chatToMessages)))
        }
        if let path = traits.paths[.completions], traits.paths[.messages] == nil {
            ways.append((.messages, ProviderWay(path: ProviderPath(path), translation: .messagesToChat)))
        }
        self.ways = ways
    }

    /// nil: the provider does not speak that, and nothing is translated into it.
    func way(_ type: AIRouteType) -> ProviderWay? { ways.first { $0.type == type }?.way }

    /// Whether a request for `path`, which means `type` to the backend, can be sent here.
    func speaks(_ type: AIRouteType, on path: ByteView) -> Bool {
        configuration.routes.type(of: path) == type && way(type) != nil
    }
}

/// How a request of one type is said to a provider.
struct ProviderWay: Sendable {
    /// nil: the request's own.
    var path: ProviderPath?
    /// nil: the provider speaks the client's format.
    var translation: Translation?
}

/// A path of a provider's API, which may name the model.
struct ProviderPath: Sendable {
    /// What stands for the model.
    static let modelMark = "{model}"

    private let head: [UInt8]
    private let tail: [UInt8]
    private let namesModel: Bool

    init(_ path: String) {
        // There is one mark at most, and it holds the only braces.
        let parts = path.split(separator: "{", maxSplits: 1, omittingEmptySubsequences: false)
        namesModel = parts.count == 2
        head = Array(parts[0].utf8)
        tail = namesModel ? Array(parts[1].drop { $0 != "}" }.dropFirst().utf8) : []
    }

    func append(model: String, to out: IOBuffer) {
        out.append(head)
        guard namesModel else { return }
        // A client chooses the model: it must stay one segment (RFC 3986 §2.3).
        for byte in model.utf8 {
            if ASCII.isDigit(byte) || ASCII.lowercase(byte) &- 0x61 < 26 || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: "_")
            {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                if byte < 16 { out.append(UInt8(ascii: "0")) }
                out.append(hexadecimal: Int(byte))
            }
        }
        out.append(tail)
    }
}

extension CompiledRoute {
    /// The shape of errors on a path of an AI route; nil for every other route.
    func errorShape(_ path: ByteView) -> ErrorShape? {
        guard let members = backends.first?.providers, let first = members.first?.provider else { return nil }
        if route.models != nil { return AIRouteTable.models.type(of: path)?.clientShape ?? .openAI }
        return members.typeOfPath(path)?.clientShape ?? first.traits.shape
    }
}
