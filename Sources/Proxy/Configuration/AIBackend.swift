// `ai`: a backend that is an AI provider, or several in order of preference.

import Auth

/// An `ai` backend.
package struct AIBackend: Sendable {
    /// Tried in order: a group is used while one of its providers is healthy. Neither level is empty.
    package var groups: [[AIUpstream]]

    package init(groups: [[AIUpstream]]) {
        self.groups = groups
    }

    /// The first provider, which is the only one unless `groups` were configured.
    package var primary: AIUpstream? { groups.first?.first }
}

/// One provider with the account and the endpoint used there.
package struct AIUpstream: Sendable {
    package var name: String
    package var provider: AIProvider
    /// nil: the provider's public endpoint.
    package var hostOverride: UpstreamAddress?
    /// Put before the provider's own paths; begins with `/`, has no trailing slash.
    package var pathPrefix: String?
    /// Used instead of the provider's own path.
    package var pathOverride: String?
    /// Final: what the backend, its policies and the route say, or the default table.
    package var routes: AIRouteTable
    /// From `policies.ai`: names that clients use, and the model each stands for.
    package var modelAliases: [AIModelAlias]
    /// `lossy: allow`: what a translation cannot say is left out, and not refused.
    package var allowsLosses = false
    /// Relative to the other providers of its group; 0: never chosen.
    package var weight = 1
    package var policies: BackendPolicies
    package var position: FilePosition

    package init(
        name: String, provider: AIProvider, hostOverride: UpstreamAddress? = nil, pathPrefix: String? = nil,
        pathOverride: String? = nil, routes: AIRouteTable = .standard, modelAliases: [AIModelAlias] = [],
        policies: BackendPolicies = BackendPolicies(), position: FilePosition = .none
    ) {
        self.name = name
        self.provider = provider
        self.hostOverride = hostOverride
        self.pathPrefix = pathPrefix
        self.pathOverride = pathOverride
        self.routes = routes
        self.modelAliases = modelAliases
        self.policies = policies
        self.position = position
    }
}

package struct AIModelAlias: Hashable, Sendable {
    /// Exact, or with one `*` at the start or the end.
    package var pattern: String
    package var model: String

    package init(pattern: String, model: String) {
        self.pattern = pattern
        self.model = model
    }
}

/// Who is called, and the model used when the request names none.
package struct AIProvider: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case openAI
        case anthropic
        case gemini
        /// `https://<resourceName>.openai.azure.com`
        case azureOpenAI(resourceName: String, apiVersion: String?)
        /// Any host that speaks these formats; needs a `hostOverride`.
        case custom(formats: [AICustomFormat])
    }

    package var kind: Kind
    package var model: String?

    package init(_ kind: Kind, model: String? = nil) {
        self.kind = kind
        self.model = model
    }
}

/// A format that a custom host speaks, and the path if it is not the format's own.
package struct AICustomFormat: Hashable, Sendable {
    package var type: AIRouteType
    package var path: String?

    package init(type: AIRouteType, path: String? = nil) {
        self.type = type
        self.path = path
    }
}

/// What a request path of an AI backend means.
package enum AIRouteType: String, Sendable, CaseIterable {
    /// OpenAI chat completions.
    case completions
    /// Anthropic messages.
    case messages
    /// OpenAI responses.
    case responses
    case embeddings
    case models
    case anthropicTokenCount
    /// Forwarded as it is, to the path without the route's matched prefix.
    case passthrough
    /// As `passthrough`, reading model and usage where they can be found.
    case detect
}

/// Path suffix → type; the longest suffix that fits decides, `"*"` comes last. A path that nothing covers is a 404.
package struct AIRouteTable: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        /// Begins with `/`.
        package var suffix: String
        package var type: AIRouteType

        package init(_ suffix: String, _ type: AIRouteType) {
            self.suffix = suffix
            self.type = type
        }
    }

    /// The longest first.
    package let entries: [Entry]
    /// `"*"`
    package let fallback: AIRouteType?
    /// Of `entries`, as they are compared with every path.
    private let suffixes: [[UInt8]]

    package init(_ entries: [Entry], fallback: AIRouteType? = nil) {
        self.entries = entries.sorted { ($1.suffix.utf8.count, $0.suffix) < ($0.suffix.utf8.count, $1.suffix) }
        self.fallback = fallback
        suffixes = self.entries.map { Array($0.suffix.utf8) }
    }

    /// For a backend that says nothing: the providers' well-known paths, and no fallback.
    package static let standard = AIRouteTable([
        Entry("/v1/chat/completions", .completions), Entry("/v1/messages", .messages),
        Entry("/v1/messages/count_tokens", .anthropicTokenCount), Entry("/v1/responses", .responses),
        Entry("/v1/embeddings", .embeddings), Entry("/v1/models", .models),
    ])

    /// For an endpoint of many models: the same paths, with and without `/v1` where OpenAI's API has it.
    package static let models = AIRouteTable([
        Entry("/chat/completions", .completions), Entry("/v1/messages", .messages),
        Entry("/v1/messages/count_tokens", .anthropicTokenCount), Entry("/responses", .responses),
        Entry("/embeddings", .embeddings), Entry("/models", .models),
    ])

    /// - Parameter path: canonical, without the query.
    package func type(of path: ByteView) -> AIRouteType? {
        // On a segment border by construction: suffixes begin with `/`.
        for (index, suffix) in suffixes.enumerated()
        where path.count >= suffix.count && path.slice(path.count - suffix.count, path.count) == suffix {
            return entries[index].type
        }
        return fallback
    }
}

extension AIProvider.Kind {
    /// As rules see it in `llm.provider`.
    var name: String {
        switch self {
        case .openAI: "openai"
        case .anthropic: "anthropic"
        case .gemini: "gemini"
        case .azureOpenAI: "azure"
        case .custom: "custom"
        }
    }
}
