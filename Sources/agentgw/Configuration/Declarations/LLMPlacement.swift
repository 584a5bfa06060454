// From `llm:` to a route: one backend for each model, and a table that says which name leads to which.

import Auth
import Proxy

extension LLMShortDraft {
    /// As a route of gateways, or as a port of its own.
    enum Placement {
        case attached(AttachedRouteDraft)
        case own(BindDraft)
    }

    func placed(among gatewayNames: [String], _ context: DecodingContext) -> Placement? {
        guard let table = table(context) else { return nil }
        var route = RouteDraft(route: Route(position: position), node: node)
        route.route.policies = policies.policies
        route.route.models = table
        route.ai = policies.ai
        route.backends = models.enumerated().map { index, model in
            model.backend(aliases: aliases(of: index))
        }
        route.route.name = "llm:request"
        route.isNamed = true
        route.route.matches = [RouteMatch(position: position)]
        if port == nil, !gateways.isEmpty || gatewayNames.contains("default") {
            return .attached(AttachedRouteDraft(route: route, gateways: gateways))
        }
        var listener = ListenerDraft(listener: Listener(name: "llm", position: position), path: "llm")
        listener.isNamed = true
        listener.routes = [route]
        return .own(
            BindDraft(
                bind: Bind(port: port ?? Self.defaultPort, position: position), listeners: [listener], path: "llm"))
    }

    /// nil: a name stands twice, or leads nowhere; reported.
    func table(_ context: DecodingContext) -> ModelTable? {
        var entries: [ModelTable.Entry] = []
        var isSound = true
        func add(_ entry: ModelTable.Entry, _ position: FilePosition) {
            if entries.contains(where: { $0.name == entry.name }) {
                context.report(
                    "the model \"\(Excerpt.of(entry.name))\" is there already; several servers of one model are "
                        + "models of their own (visibility: internal) under one of virtualModels", at: position)
                isSound = false
            }
            entries.append(entry)
        }
        for (index, model) in models.enumerated() {
            add(
                ModelTable.Entry(
                    name: model.name, isPublic: model.isPublic, owner: model.provider?.owner ?? "",
                    choices: [ModelTable.Choice(backend: index)]), model.position)
        }
        for virtual in virtualModels {
            var choices: [ModelTable.Choice] = []
            for target in virtual.targets {
                guard let index = index(of: target.model) else {
                    context.report(
                        "there is no model \"\(Excerpt.of(target.model))\""
                            + Suggestion.hint(for: target.model, among: models.map(\.name)), at: target.position)
                    isSound = false
                    continue
                }
                choices.append(ModelTable.Choice(backend: index, weight: target.weight))
            }
            guard let first = choices.first else { continue }
            add(
                ModelTable.Entry(
                    name: virtual.name, owner: models[first.backend].provider?.owner ?? "", choices: choices),
                virtual.position)
        }
        return isSound ? ModelTable(entries) : nil
    }

    private func index(of model: String) -> Int? {
        models.firstIndex { $0.name == model }
            ?? models.firstIndex { AIModelAlias(pattern: $0.name, model: "").resolve(model) != nil }
    }

    /// What the names that lead to a model stand for there.
    private func aliases(of index: Int) -> [AIModelAlias] {
        let model = models[index]
        let own = AIModelAlias(pattern: model.name, model: model.params.model ?? "*")
        var aliases: [AIModelAlias] = []
        for virtual in virtualModels {
            for target in virtual.targets where self.index(of: target.model) == index {
                guard !aliases.contains(where: { $0.pattern == virtual.name }) else { continue }
                let name = model.params.model == nil ? target.model : own.resolve(target.model) ?? target.model
                aliases.append(AIModelAlias(pattern: virtual.name, model: name))
            }
        }
        if model.params.model != nil { aliases.append(own) }
        return aliases
    }
}

extension LLMModelDraft {
    fileprivate func backend(aliases: [AIModelAlias]) -> BackendDraft {
        var upstream = AIUpstream(name: name, provider: AIProvider(kind), position: position)
        if let url = params.baseURL {
            let port = url.port ?? (url.scheme == "https" ? 443 : 80)
            upstream.hostOverride = UpstreamAddress(.tcp(host: url.host, port: port), tls: url.scheme == "https")
            if !writesPaths { upstream.pathPrefix = prefix(of: url) }
        }
        upstream.policies = policies
        if let key = params.key { upstream.policies.backendAuthentication = .key(key, location: nil) }
        var draft = BackendDraft(position: position, path: path)
        draft.kind = .ai([
            [
                AIUpstreamDraft(
                    upstream: upstream, ai: AIPolicyDraft(routes: .models, modelAliases: aliases))
            ]
        ])
        return draft
    }

    /// The paths of the API are written out, below the base that is given.
    private var writesPaths: Bool {
        switch provider {
        case .custom?: true
        case .anthropic?: false
        case .openAI?, .gemini?: params.baseURL.map { !$0.path.withoutSlash.hasSuffix("/v1") } ?? false
        case .azure?, nil: false
        }
    }

    private func prefix(of url: AbsoluteURL) -> String? {
        var path = url.path.withoutSlash
        if case .anthropic? = provider {} else { path.removeLast("/v1".count) }
        return path.isEmpty ? nil : path
    }

    private var kind: AIProvider.Kind {
        let base = params.baseURL?.path.withoutSlash ?? ""
        func custom(_ formats: [AICustomFormat]) -> AIProvider.Kind {
            .custom(
                formats: formats.map { format in
                    AICustomFormat(type: format.type, path: format.path.map { base + $0 } ?? base + format.type.suffix)
                })
        }
        switch provider {
        case .anthropic?: return .anthropic
        case .azure?: return .azureOpenAI(resourceName: params.azureResource ?? "", apiVersion: params.azureVersion)
        case .custom(let formats)?: return custom(formats)
        case .openAI? where writesPaths, .gemini? where writesPaths:
            return custom([AICustomFormat(type: .completions), AICustomFormat(type: .embeddings)])
        // With a base of its own, Google's OpenAI-compatible API is one like any other.
        case .gemini? where params.baseURL == nil: return .gemini
        case .openAI?, .gemini?, nil: return .openAI
        }
    }
}

extension AIRouteType {
    /// The path of a format below the base URL of its SDK.
    fileprivate var suffix: String {
        switch self {
        case .completions: "/chat/completions"
        case .responses: "/responses"
        case .embeddings: "/embeddings"
        case .models: "/models"
        case .messages: "/v1/messages"
        case .anthropicTokenCount: "/v1/messages/count_tokens"
        case .passthrough, .detect: ""
        }
    }
}

extension String {
    fileprivate var withoutSlash: String {
        var text = self
        while text.hasSuffix("/") { text.removeLast() }
        return text
    }
}
