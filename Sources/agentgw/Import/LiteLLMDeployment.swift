// One entry of LiteLLM's `model_list`: which provider, where, with which key.

import Auth

struct LiteLLMDeployment {
    /// As clients call it.
    var name: String
    var isPublic = true
    var weight = 1
    let position: FilePosition
    private var rest: [String] = []

    /// The entry of `llm.models`.
    var lines: [String] {
        ["name: \(YAMLText.literal(name))"] + (isPublic ? [] : ["visibility: internal"]) + rest
    }

    /// nil: it cannot be carried over, and the report says why.
    init?(_ name: String, _ params: LiteLLMObject, _ position: FilePosition, _ report: inout ImportReport) {
        self.position = position
        self.name = name
        let written = params.text("model", &report) ?? ""
        let custom = params.text("custom_llm_provider", &report)
        let key = params.text("api_key", &report)
        let base = params.text("api_base", &report) ?? params.text("base_url", &report)
        let version = params.text("api_version", &report)
        let weight = params.text("weight", &report)
        defer { params.finish(&report, known: LiteLLMNotes.params) }
        func refuse(_ what: String, _ message: String) {
            report.add(
                .unsupported, params.position(of: what), params.path(of: what), "\(message); the model is left out")
        }
        guard !name.isEmpty, !written.isEmpty else {
            refuse("model", "model_name and litellm_params.model are needed")
            return nil
        }
        guard name.utf8.count(where: { $0 == UInt8(ascii: "*") }) <= 1,
            !name.contains("*") || name.hasPrefix("*") || name.hasSuffix("*")
        else {
            refuse("model", "a pattern has one '*', at its start or its end")
            return nil
        }
        if let weight {
            if let number = Int(weight), (1...1_000_000).contains(number) {
                self.weight = number
            } else {
                report.add(
                    .unsupported, params.position(of: "weight"), params.path(of: "weight"),
                    "only whole weights from 1 on are carried over")
            }
        }
        let (prefix, provider, model) = LiteLLMProvider.find(written, custom: custom)
        guard let provider else {
            refuse("model", "the provider '\(prefix)' is not known here")
            return nil
        }
        var lines: [String] = []
        var settings: [String] = []
        var auth: String?
        func keyText() -> String? {
            if let key { return LiteLLMValue.key(key, params, "api_key", &report) }
            guard let variable = provider.keyVariable else { return nil }
            return YAMLText.quoted("$\(variable)")
        }
        if model != name || name.contains("*") { settings.append("model: \(YAMLText.literal(model))") }
        switch provider.target {
        case .known(let word):
            lines.append("provider: \(word)")
            if let base { settings.append("baseUrl: \(LiteLLMValue.string(base))") }
            if let key = keyText() { settings.append("apiKey: \(key)") }
        case .compatible(let url):
            guard let base = base.map(LiteLLMValue.string) ?? url.map(YAMLText.quoted) else {
                refuse("model", "api_base is needed for '\(prefix)'")
                return nil
            }
            lines.append("provider: {custom: {formats: [{type: completions}, {type: embeddings}]}}")
            settings.append("baseUrl: \(base)")
            if let key = keyText() { settings.append("apiKey: \(key)") }
        case .azure:
            guard let base else {
                refuse("model", "api_base is needed for azure")
                return nil
            }
            report.add(
                .approximate, params.position(of: "model"), params.path(of: "model"),
                "Azure's v1 API is called, with the deployment's name as the model"
                    + (version == nil ? "" : "; it needs no api_version"))
            if let resource = LiteLLMDeployment.azureResource(base) {
                lines.append("provider: azure")
                settings.append("azureResourceName: \(YAMLText.literal(resource))")
                if let key = keyText() { settings.append("apiKey: \(key)") }
            } else {
                let variable = LiteLLMValue.variable(base)
                let stem = variable.map { "${\($0)}" } ?? base.replacing("$", with: "$$")
                lines.append("provider: {custom: {formats: [{type: completions}, {type: embeddings}]}}")
                settings.append(
                    "baseUrl: \(YAMLText.quoted((stem.hasSuffix("/") ? String(stem.dropLast()) : stem) + "/openai/v1"))"
                )
                auth = keyText().map { "auth: {key: {value: \($0), location: {header: {name: api-key}}}}" }
            }
        case .unsupported(let reason):
            refuse("model", reason)
            return nil
        }
        if case .azure = provider.target {
        } else if version != nil {
            report.add(
                .unsupported, params.position(of: "api_version"), params.path(of: "api_version"), "belongs to azure")
        }
        if key == nil, let variable = provider.keyVariable {
            report.add(
                .approximate, params.position(), params.path,
                "has no api_key; $\(variable) has to be set when the gateway starts")
        }
        if !settings.isEmpty { lines += ["params:"] + settings.map { "  " + $0 } }
        if let auth { lines.append(auth) }
        rest = lines
    }

    /// `https://NAME.openai.azure.com`
    private static func azureResource(_ base: String) -> String? {
        guard let url = AbsoluteURL(base), url.scheme == "https", url.port == nil || url.port == 443,
            url.host.hasSuffix(".openai.azure.com"), url.path.isEmpty || url.path == "/"
        else { return nil }
        let name = url.host.dropLast(".openai.azure.com".count)
        return name.isEmpty || name.contains(".") ? nil : String(name)
    }
}
