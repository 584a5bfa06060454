// A request for a chat completion, said as Anthropic's messages. Nothing is passed over in silence: every member is
// translated, or refused by name, or noted.

import JSON

struct ChatRequestTranslator {
    /// Anthropic wants a bound; every model that it has offered can write that much.
    static let defaultMaximumTokens: Int64 = 4096
    /// The least that Anthropic takes as a budget for thinking.
    static let leastThinking: Int64 = 1024
    /// The tool that stands for a schema of the answer.
    static let answerTool = "json_answer"

    private let root: JSONValue
    private let model: String
    private var losses: TranslationLosses
    private var call: TranslatedCall
    private var writer = JSONWriter(capacity: 2048)

    struct Outcome {
        var body: [UInt8]
        var call: TranslatedCall
        var losses: TranslationLosses
    }

    /// - Parameters:
    ///   - request: an object without its `model`, which `model` replaces.
    ///   - created: seconds since the epoch.
    static func translate(
        _ request: JSONValue, model: String, losses: TranslationLosses, created: Int64
    ) throws(TranslationProblem) -> Outcome {
        var translator = ChatRequestTranslator(request, model, losses, created)
        try translator.write()
        return Outcome(body: translator.writer.bytes, call: translator.call, losses: translator.losses)
    }

    private init(_ root: JSONValue, _ model: String, _ losses: TranslationLosses, _ created: Int64) {
        self.root = root
        self.model = model
        self.losses = losses
        call = TranslatedCall(translation: .chatToMessages)
        call.created = created
    }

    private mutating func write() throws(TranslationProblem) {
        try checkMembers()
        call.streams = root.present("stream")?.bool ?? false
        call.includesUsage = root["stream_options"]?["include_usage"]?.bool ?? false
        writer.beginObject()
        writer.member("model", model)
        try writeBudget()
        try writeSampling()
        var messages = ChatMessagesTranslator(root, losses)
        try messages.write(into: &writer)
        losses = messages.losses
        try writeTools()
        if let user = root.present("user") ?? root.present("safety_identifier") {
            guard user.string != nil else { throw TranslationProblem("user", "must be a string") }
            writer.name("metadata")
            writer.beginObject()
            writer.member("user_id", user)
            writer.endObject()
        }
        if call.streams { writer.member("stream", true) }
        writer.endObject()
    }

    // MARK: Members

    /// Refuses or notes what has no counterpart.
    private mutating func checkMembers() throws(TranslationProblem) {
        for (name, value) in root.members where !value.isNull {
            let name = name.string ?? ""
            switch name {
            case "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop",
                "stream_options", "tools", "tool_choice", "parallel_tool_calls", "response_format",
                "user", "safety_identifier", "reasoning_effort":
                break
            case "stream":
                guard value.bool != nil else { throw TranslationProblem("stream", "must be true or false") }
            case "n":
                guard value.int64 == 1 else {
                    throw TranslationProblem("n", "must be 1: this provider gives one answer")
                }
            case "prompt_cache_key", "prompt_cache_retention", "prediction": losses.note(name)
            case "logprobs", "store":
                if value.bool != false { try losses.drop(name, "is not supported by this provider") }
            case "presence_penalty", "frequency_penalty":
                if value.double != 0 { try losses.drop(name, "is not supported by this provider") }
            case "logit_bias":
                if value.count > 0 { try losses.drop(name, "is not supported by this provider") }
            case "service_tier":
                if !value.equals("auto"), !value.equals("default") {
                    try losses.drop(name, "must be auto or default for this provider")
                }
            case "modalities":
                guard value.elements.allSatisfy({ $0.equals("text") }) else {
                    throw TranslationProblem(name, "must be [\"text\"]: this provider answers in text")
                }
            case "functions", "function_call":
                throw TranslationProblem(name, "is not supported: use tools and tool_choice")
            case "audio", "web_search_options": throw TranslationProblem(name, "is not supported by this provider")
            default: try losses.drop(name, "is not supported by this provider")
            }
        }
    }

    private func integer(_ name: StaticString) throws(TranslationProblem) -> Int64? {
        guard let value = root.present(name) else { return nil }
        guard let number = value.int64, number > 0 else {
            throw TranslationProblem("\(name)", "must be a positive integer")
        }
        return number
    }

    // MARK: Length and thinking

    private mutating func writeBudget() throws(TranslationProblem) {
        var asked = try integer("max_completion_tokens")
        if asked == nil { asked = try integer("max_tokens") }
        guard var budget = try thinkingBudget() else {
            return writer.member("max_tokens", asked ?? ChatRequestTranslator.defaultMaximumTokens)
        }
        // Both APIs count thinking within the bound.
        if let asked {
            budget = min(budget, asked - 1)
            guard budget >= ChatRequestTranslator.leastThinking else {
                try losses.drop(
                    "reasoning_effort",
                    "needs max_completion_tokens above \(ChatRequestTranslator.leastThinking) for this provider")
                return writer.member("max_tokens", asked)
            }
        }
        writer.member("max_tokens", asked ?? budget + ChatRequestTranslator.defaultMaximumTokens)
        writer.name("thinking")
        writer.beginObject()
        writer.member("type", "enabled")
        writer.member("budget_tokens", budget)
        writer.endObject()
        isThinking = true
    }

    private var isThinking = false

    private mutating func thinkingBudget() throws(TranslationProblem) -> Int64? {
        guard let effort = root.present("reasoning_effort") else { return nil }
        let budget: Int64
        switch effort.string {
        case "none": return nil
        case "minimal", "low": budget = 1024
        case "medium": budget = 4096
        case "high": budget = 16384
        case "xhigh": budget = 32768
        default:
            throw TranslationProblem("reasoning_effort", "must be none, minimal, low, medium, high or xhigh")
        }
        if endsInToolResults {
            // Anthropic wants the thoughts back that led to the calls; a chat has no place for them.
            losses.note("reasoning_effort")
            return nil
        }
        return budget
    }

    /// The last turn of the assistant asked for tools.
    private var endsInToolResults: Bool {
        var last: JSONValue?
        guard let messages = root["messages"] else { return false }
        for message in messages.elements where message["role"]?.equals("assistant") == true { last = message }
        return (last?["tool_calls"]?.count ?? 0) > 0
    }

    // MARK: Sampling

    private mutating func writeSampling() throws(TranslationProblem) {
        if let value = root.present("temperature") {
            guard let temperature = value.double, temperature >= 0, temperature <= 2 else {
                throw TranslationProblem("temperature", "must be a number from 0 to 2")
            }
            if isThinking {
                if temperature != 1 { try losses.drop("temperature", "must be 1 when reasoning, for this provider") }
            } else if temperature > 1 {
                try losses.drop("temperature", "must be at most 1 for this provider")
                writer.member("temperature", 1)
            } else {
                writer.member("temperature", value)
            }
        }
        if let value = root.present("top_p") {
            guard let share = value.double, share >= 0, share <= 1 else {
                throw TranslationProblem("top_p", "must be a number from 0 to 1")
            }
            writer.member("top_p", value)
        }
        guard let stop = root.present("stop") else { return }
        let texts = stop.kind == .array ? Array(stop.elements) : [stop]
        guard texts.allSatisfy({ $0.kind == .string }) else {
            throw TranslationProblem("stop", "must be a string or a list of strings")
        }
        guard !texts.isEmpty else { return }
        writer.name("stop_sequences")
        writer.beginArray()
        for text in texts { writer.value(text) }
        writer.endArray()
    }

    // MARK: Tools

    private mutating func writeTools() throws(TranslationProblem) {
        let tools = root.present("tools")
        guard tools == nil || tools?.kind == .array else { throw TranslationProblem("tools", "must be a list") }
        let schema = try answerSchema()
        if let schema {
            guard tools == nil || tools?.count == 0 else {
                throw TranslationProblem("response_format", "cannot be combined with tools for this provider")
            }
            guard !isThinking else {
                throw TranslationProblem(
                    "response_format", "cannot be combined with reasoning_effort for this provider")
            }
            call.answersByTool = true
            return writeAnswerTool(schema)
        }
        guard let tools, tools.count > 0 else { return }
        writer.name("tools")
        writer.beginArray()
        for (index, tool) in tools.elements.enumerated() { try write(tool, "tools[\(index)]") }
        writer.endArray()
        try writeToolChoice()
    }

    private mutating func write(_ tool: JSONValue, _ field: String) throws(TranslationProblem) {
        guard tool["type"]?.equals("function") == true, let function = tool["function"] else {
            throw TranslationProblem(
                "\(field).type", "must be function: this provider has no other tools of its clients")
        }
        guard let name = function["name"], name.kind == .string else {
            throw TranslationProblem("\(field).function.name", "is required")
        }
        writer.beginObject()
        writer.member("name", name)
        if let text = function.present("description") { writer.member("description", text) }
        writer.name("input_schema")
        if let parameters = function.present("parameters") {
            guard parameters.kind == .object else {
                throw TranslationProblem("\(field).function.parameters", "must be a JSON Schema of an object")
            }
            writer.value(parameters)
        } else {
            writer.object { writer in
                writer.member("type", "object")
                writer.name("properties")
                writer.object { _ in }
            }
        }
        writer.endObject()
        // The schema is sent; that the model keeps to it is not promised.
        if function["strict"]?.bool == true { losses.note("\(field).function.strict") }
    }

    private mutating func writeToolChoice() throws(TranslationProblem) {
        var type = "auto"
        var name: JSONValue?
        if let choice = root.present("tool_choice") {
            switch choice.string {
            case "auto": break
            case "none": type = "none"
            case "required": type = "any"
            default:
                guard choice["type"]?.equals("function") == true, let function = choice["function"]?["name"],
                    function.kind == .string
                else {
                    throw TranslationProblem(
                        "tool_choice", "must be auto, none, required or a function, for this provider")
                }
                type = "tool"
                name = function
            }
        }
        if isThinking, type == "any" || type == "tool" {
            throw TranslationProblem("tool_choice", "cannot force a call together with reasoning_effort")
        }
        let isSerial = root.present("parallel_tool_calls")?.bool == false && type != "none"
        guard root.present("tool_choice") != nil || isSerial else { return }
        writer.name("tool_choice")
        writer.beginObject()
        writer.member("type", type)
        if let name { writer.member("name", name) }
        if isSerial { writer.member("disable_parallel_tool_use", true) }
        writer.endObject()
    }

    // MARK: A schema for the answer

    private mutating func answerSchema() throws(TranslationProblem) -> JSONValue? {
        guard let format = root.present("response_format") else { return nil }
        switch format["type"]?.string {
        case "text": return nil
        case "json_object":
            try losses.drop("response_format", "must be text or json_schema for this provider")
            return nil
        case "json_schema":
            guard let schema = format["json_schema"]?["schema"], schema.kind == .object,
                schema["type"]?.equals("object") == true
            else { throw TranslationProblem("response_format.json_schema.schema", "must be the schema of an object") }
            return schema
        default: throw TranslationProblem("response_format.type", "must be text or json_schema")
        }
    }

    private mutating func writeAnswerTool(_ schema: JSONValue) {
        writer.name("tools")
        writer.array { writer in
            writer.object { writer in
                writer.member("name", ChatRequestTranslator.answerTool)
                writer.member("description", "Gives the answer in the form that is asked for.")
                writer.member("input_schema", schema)
            }
        }
        writer.name("tool_choice")
        writer.object { writer in
            writer.member("type", "tool")
            writer.member("name", ChatRequestTranslator.answerTool)
            writer.member("disable_parallel_tool_use", true)
        }
    }
}
