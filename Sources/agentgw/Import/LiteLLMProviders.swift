// How LiteLLM writes providers into model names (`groq/llama-3.3-70b`), and what each is here.

struct LiteLLMProvider {
    enum Target {
        case known(String)
        /// An OpenAI-compatible API; nil: the file says where.
        case compatible(baseURL: String?)
        case azure
        case unsupported(String)
    }

    var target: Target
    /// The variable that LiteLLM takes the key from when the file has none.
    var keyVariable: String?

    private static let table: [String: LiteLLMProvider] = [
        "openai": LiteLLMProvider(target: .known("openAI"), keyVariable: "OPENAI_API_KEY"),
        "text-completion-openai": LiteLLMProvider(target: .unsupported("the legacy completions API is not served")),
        "anthropic": LiteLLMProvider(target: .known("anthropic"), keyVariable: "ANTHROPIC_API_KEY"),
        "gemini": LiteLLMProvider(target: .known("gemini"), keyVariable: "GEMINI_API_KEY"),
        "azure": LiteLLMProvider(target: .azure, keyVariable: "AZURE_API_KEY"),
        "groq": compatible("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        "mistral": compatible("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
        "deepseek": compatible("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        "openrouter": compatible("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        "together_ai": compatible("https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
        "xai": compatible("https://api.x.ai/v1", "XAI_API_KEY"),
        "fireworks_ai": compatible("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        "perplexity": compatible("https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
        "cerebras": compatible("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
        "deepinfra": compatible("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
        "nvidia_nim": compatible("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
        "ollama": compatible("http://localhost:11434/v1", nil),
        "ollama_chat": compatible("http://localhost:11434/v1", nil),
        "hosted_vllm": compatible(nil, "HOSTED_VLLM_API_KEY"), "vllm": compatible(nil, nil),
        "lm_studio": compatible(nil, "LM_STUDIO_API_KEY"), "openai_like": compatible(nil, nil),
        "custom_openai": compatible(nil, nil), "litellm_proxy": compatible(nil, "LITELLM_PROXY_API_KEY"),
        "llamafile": compatible(nil, nil), "xinference": compatible(nil, "XINFERENCE_API_KEY"),
        "bedrock": LiteLLMProvider(target: .unsupported("Amazon Bedrock is not supported yet")),
        "sagemaker": LiteLLMProvider(target: .unsupported("Amazon SageMaker is not supported")),
        "vertex_ai": LiteLLMProvider(target: .unsupported("Google Vertex AI is not supported yet; gemini/ is")),
        "vertex_ai_beta": LiteLLMProvider(target: .unsupported("Google Vertex AI is not supported yet; gemini/ is")),
        "azure_ai": LiteLLMProvider(target: .unsupported("Azure AI Foundry is not supported yet; azure/ is")),
        "cohere": LiteLLMProvider(target: .unsupported("Cohere's own API is not supported")),
        "huggingface": LiteLLMProvider(target: .unsupported("Hugging Face's own API is not supported")),
        "replicate": LiteLLMProvider(target: .unsupported("Replicate's API is not supported")),
        "databricks": LiteLLMProvider(target: .unsupported("Databricks is not supported")),
        "watsonx": LiteLLMProvider(target: .unsupported("watsonx is not supported")),
        "github": LiteLLMProvider(target: .unsupported("GitHub Models is not supported")),
        "github_copilot": LiteLLMProvider(target: .unsupported("GitHub Copilot is not supported")),
    ]

    private static func compatible(_ url: String?, _ variable: String?) -> LiteLLMProvider {
        LiteLLMProvider(target: .compatible(baseURL: url), keyVariable: variable)
    }

    /// The provider, and the model's name there.
    /// - Parameter custom: `custom_llm_provider`
    static func find(_ model: String, custom: String?) -> (name: String, provider: LiteLLMProvider?, model: String) {
        if let custom { return (custom, table[custom], model.dropPrefix(custom + "/")) }
        if let slash = model.firstIndex(of: "/"), let known = table[String(model[..<slash])] {
            return (String(model[..<slash]), known, String(model[model.index(after: slash)...]))
        }
        // LiteLLM knows the well-known names without a prefix.
        for (start, provider) in [
            ("claude-", "anthropic"), ("gpt-", "openai"), ("chatgpt-", "openai"), ("o1", "openai"), ("o3", "openai"),
            ("o4", "openai"), ("text-embedding-", "openai"),
        ] where model.hasPrefix(start) {
            return (provider, table[provider], model)
        }
        let prefix = model.firstIndex(of: "/").map { String(model[..<$0]) } ?? model
        return (prefix, nil, model)
    }
}

extension String {
    fileprivate func dropPrefix(_ prefix: String) -> String {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
    }
}
