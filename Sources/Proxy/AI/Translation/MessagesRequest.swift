// A request of Anthropic's messages, said as a chat completion.

import JSON

struct MessagesRequestTranslator {
    /// OpenAI takes no more.
    private static let maximumStops = 4

    private let root: JSONValue
    private let model: String
    /// The bound's name: OpenAI's own models want the new one, servers that are compatible know the old one.
    private let boundName: String
    private var losses: TranslationLosses
    private var call = TranslatedCall(translation: .messagesToChat)
    private var writer = JSONWriter(capacity: 2048)

    static func translate(
        _ request: JSONValue, model: String, boundName: String, losses: TranslationLosses
    ) throws(TranslationProblem) -> ChatRequestTranslator.Outcome {
        var translator = MessagesRequestTranslator(request, model, boundName, losses)
        try translator.write()
        return .init(body: translator.writer.bytes, call: translator.call, losses: translator.losses)
    }

    private init(_ root: JSONValue, _ model: String, _ boundName: String, _ losses: TranslationLosses) {
        self.root = root
        self.model = model
        self.boundName = boundName
        self.losses = losses
    }

    private mutating func write() throws(TranslationProblem) {
        try checkMembers()
        writer.beginObject()
        writer.member("model", model)
        guard let bound = root.present("max_tokens")?.int64, bound > 0 else {
            throw TranslationProblem("max_tokens", "must be a positive integer")
        }
        writer.member(boundName, bound)
        for name: StaticString in ["temperature", "top_p"] {
            guard let value = root.present(name) else { continue }
            guard value.kind == .number else { throw TranslationProblem("\(name)", "must be a number") }
            writer.member("\(name)", value)
        }
        if let stops = root.present("stop_sequences"), stops.count > 0 || stops.kind != .array {
            guard stops.kind == .array, stops.elements.allSatisfy({ $0.kind == .string }) else {
                throw TranslationProblem("stop_sequences", "must be a list of strings")
            }
            guard stops.count <= MessagesRequestTranslator.maximumStops else {
                throw TranslationProblem("stop_sequences", "must not be more than 4 for this provider")
            }
            writer.member("stop", stops)
        }
        try writeThinking()
        try writeFormat()
        if let user = root.present("metadata")?.present("user_id") { writer.member("user", user) }
        writer.name("messages")
        writer.beginArray()
        try writeSystem()
        guard let messages = root.present("messages"), messages.kind == .array, messages.count > 0 else {
            throw TranslationProblem("messages", "must be a list that is not empty")
        }
        for (index, message) in messages.elements.enumerated() {
            var translator = MessageTranslator(message, "messages[\(index)]", losses)
            try translator.write(into: &writer)
            losses = translator.losses
        }
        writer.endArray()
        try writeTools()
        if root.present("stream")?.bool == true {
            call.streams = true
            writer.member("stream", true)
            writer.name("stream_options")
            writer.object { $0.member("include_usage", true) }
        }
        writer.endObject()
    }

    private mutating func checkMembers() throws(TranslationProblem) {
        for (name, value) in root.members where !value.isNull {
            let name = name.string ?? ""
            switch name {
            case "model", "messages", "max_tokens", "temperature", "top_p", "stop_sequences", "system", "tools",
                "tool_choice", "thinking", "output_config", "output_format":
                break
            case "stream":
                guard value.bool != nil else { throw TranslationProblem("stream", "must be true or false") }
            case "metadata":
                for (member, _) in value.members where !member.equals("user_id") {
                    losses.note("metadata.\(member.string ?? "")")
                }
            case "service_tier":
                if !value.equals("auto"), !value.equals("standard_only") {
                    try losses.drop(name, "must be auto or standard_only for this provider")
                }
            case "cache_control": losses.note(name)
            case "container", "mcp_servers": throw TranslationProblem(name, "is not supported by this provider")
            default: try losses.drop(name, "is not supported by this provider")
            }
        }
    }

    // MARK: Thinking and form of the answer

    private mutating func writeThinking() throws(TranslationProblem) {
        var effort = root.present("output_config")?.present("effort")?.string
        if let thinking = root.present("thinking") {
            switch thinking["type"]?.string {
            case "disabled": break
            case "adaptive": call.showsThinking = true
            case "enabled":
                call.showsThinking = true
                guard let budget = thinking["budget_tokens"]?.int64 else {
                    throw TranslationProblem("thinking.budget_tokens", "must be an integer")
                }
                effort = effort ?? (budget < 4096 ? "low" : budget < 16384 ? "medium" : "high")
            default: throw TranslationProblem("thinking.type", "must be enabled, adaptive or disabled")
            }
        }
        if effort == "max" { effort = "high" }
        if let effort { writer.member("reasoning_effort", effort) }
    }

    private mutating func writeFormat() throws(TranslationProblem) {
        let place = root.present("output_format") != nil ? "output_format" : "output_config.format"
        guard let format = root.present("output_format") ?? root.present("output_config")?.present("format") else {
            return
        }
        guard format["type"]?.equals("json_schema") == true, let schema = format["schema"], schema.kind == .object
        else {
            throw TranslationProblem(place, "must be a json_schema with a schema")
        }
        writer.name("response_format")
        writer.object { writer in
            writer.member("type", "json_schema")
            writer.name("json_schema")
            writer.object { writer in
                writer.member("name", "answer")
                writer.member("schema", schema)
                writer.member("strict", true)
            }
        }
    }

    private mutating func writeSystem() throws(TranslationProblem) {
        guard let system = root.present("system") else { return }
        var text = ""
        if let whole = system.string {
            text = whole
        } else {
            guard system.kind == .array else {
                throw TranslationProblem("system", "must be a string or a list of texts")
            }
            for (index, block) in system.elements.enumerated() {
                guard block["type"]?.equals("text") == true, let part = block["text"]?.string else {
                    throw TranslationProblem("system[\(index)]", "must be a text")
                }
                text += text.isEmpty ? part : "\n\n\(part)"
            }
        }
        guard !text.isEmpty else { return }
        writer.beginObject()
        writer.member("role", "system")
        writer.member("content", text)
        writer.endObject()
    }

    // MARK: Tools

    private mutating func writeTools() throws(TranslationProblem) {
        guard let tools = root.present("tools"), tools.count > 0 || tools.kind != .array else { return }
        guard tools.kind == .array else { throw TranslationProblem("tools", "must be a list") }
        writer.name("tools")
        writer.beginArray()
        for (index, tool) in tools.elements.enumerated() {
            if let type = tool.present("type"), !type.equals("custom") {
                throw TranslationProblem(
                    "tools[\(index)].type", "must be custom: this provider has no tools of Anthropic's")
            }
            guard let name = tool["name"], name.kind == .string else {
                throw TranslationProblem("tools[\(index)].name", "is required")
            }
            writer.beginObject()
            writer.member("type", "function")
            writer.name("function")
            writer.beginObject()
            writer.member("name", name)
            if let text = tool.present("description") { writer.member("description", text) }
            if let schema = tool.present("input_schema") { writer.member("parameters", schema) }
            if let strict = tool.present("strict") { writer.member("strict", strict) }
            writer.endObject()
            writer.endObject()
        }
        writer.endArray()
        guard let choice = root.present("tool_choice") else { return }
        switch choice["type"]?.string {
        case "auto": writer.member("tool_choice", "auto")
        case "any": writer.member("tool_choice", "required")
        case "none": writer.member("tool_choice", "none")
        case "tool":
            guard let name = choice["name"], name.kind == .string else {
                throw TranslationProblem("tool_choice.name", "is required")
            }
            writer.name("tool_choice")
            writer.object { writer in
                writer.member("type", "function")
                writer.name("function")
                writer.object { $0.member("name", name) }
            }
        default: throw TranslationProblem("tool_choice.type", "must be auto, any, tool or none")
        }
        if choice["disable_parallel_tool_use"]?.bool == true { writer.member("parallel_tool_calls", false) }
    }
}

/// One message of Anthropic's as one or several of OpenAI's: results of tools are messages of their own.
private struct MessageTranslator {
    private let message: JSONValue
    private let field: String
    private(set) var losses: TranslationLosses

    init(_ message: JSONValue, _ field: String, _ losses: TranslationLosses) {
        self.message = message
        self.field = field
        self.losses = losses
    }

    mutating func write(into writer: inout JSONWriter) throws(TranslationProblem) {
        guard let content = message["content"], content.kind == .string || content.kind == .array else {
            throw TranslationProblem("\(field).content", "must be a string or a list of blocks")
        }
        switch message["role"]?.string {
        case "user": try writeUser(content, &writer)
        case "assistant": try writeAssistant(content, &writer)
        default: throw TranslationProblem("\(field).role", "must be user or assistant")
        }
    }

    private mutating func writeUser(_ content: JSONValue, _ writer: inout JSONWriter) throws(TranslationProblem) {
        guard content.kind == .array else { return begin("user", content, &writer) }
        var others = 0
        for (index, block) in content.elements.enumerated() {
            if block["type"]?.equals("tool_result") == true {
                try writeResult(block, "\(field).content[\(index)]", &writer)
            } else {
                others += 1
            }
        }
        guard others > 0 else { return }
        writer.beginObject()
        writer.member("role", "user")
        writer.name("content")
        writer.beginArray()
        for (index, block) in content.elements.enumerated() {
            let place = "\(field).content[\(index)]"
            switch block["type"]?.string {
            case "tool_result": break
            case "text": try writeText(block, place, &writer)
            case "image": try writeImage(block, place, &writer)
            case "document": try writeDocument(block, place, &writer)
            default:
                throw TranslationProblem("\(place).type", "must be text, image, document or tool_result here")
            }
        }
        writer.endArray()
        writer.endObject()
    }

    private func begin(_ role: String, _ content: JSONValue, _ writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("role", role)
        writer.member("content", content)
        writer.endObject()
    }

    private func writeText(
        _ block: JSONValue, _ place: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        guard let text = block["text"], text.kind == .string else {
            throw TranslationProblem("\(place).text", "must be a string")
        }
        writer.beginObject()
        writer.member("type", "text")
        writer.member("text", text)
        writer.endObject()
    }

    private func writeImage(
        _ block: JSONValue, _ place: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        let url: String
        switch (block["source"]?["type"]?.string, block["source"]) {
        case ("base64", let source?):
            guard let type = source["media_type"]?.string, let data = source["data"]?.string else {
                throw TranslationProblem("\(place).source", "needs media_type and data")
            }
            url = "data:\(type);base64,\(data)"
        case ("url", let source?):
            guard let text = source["url"]?.string else {
                throw TranslationProblem("\(place).source.url", "is required")
            }
            url = text
        default: throw TranslationProblem("\(place).source.type", "must be base64 or url for this provider")
        }
        writer.beginObject()
        writer.member("type", "image_url")
        writer.name("image_url")
        writer.object { $0.member("url", url) }
        writer.endObject()
    }

    private func writeDocument(
        _ block: JSONValue, _ place: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        guard let source = block["source"], let data = source["data"]?.string else {
            throw TranslationProblem("\(place).source", "must be base64 or text for this provider")
        }
        writer.beginObject()
        switch source["type"]?.string {
        case "text":
            writer.member("type", "text")
            writer.member("text", data)
        case "base64":
            writer.member("type", "file")
            writer.name("file")
            writer.beginObject()
            writer.member("filename", block.present("title")?.string ?? "document.pdf")
            writer.member("file_data", "data:\(source["media_type"]?.string ?? "application/pdf");base64,\(data)")
            writer.endObject()
        default: throw TranslationProblem("\(place).source.type", "must be base64 or text for this provider")
        }
        writer.endObject()
    }

    private mutating func writeResult(
        _ block: JSONValue, _ place: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        guard let id = block["tool_use_id"], id.kind == .string else {
            throw TranslationProblem("\(place).tool_use_id", "is required")
        }
        // Whether a call failed is for the text to say.
        if block["is_error"]?.bool == true { losses.note("\(place).is_error") }
        writer.beginObject()
        writer.member("role", "tool")
        writer.member("tool_call_id", id)
        writer.name("content")
        switch block.present("content") {
        case nil: writer.value("")
        case let content? where content.kind == .string: writer.value(content)
        case let content?:
            guard content.kind == .array else {
                throw TranslationProblem("\(place).content", "must be a string or a list of blocks")
            }
            writer.beginArray()
            for (index, part) in content.elements.enumerated() {
                guard part["type"]?.equals("text") == true else {
                    try losses.drop("\(place).content[\(index)]", "must be a text for this provider")
                    continue
                }
                try writeText(part, "\(place).content[\(index)]", &writer)
            }
            writer.endArray()
        }
        writer.endObject()
    }

    private mutating func writeAssistant(_ content: JSONValue, _ writer: inout JSONWriter) throws(TranslationProblem) {
        guard content.kind == .array else { return begin("assistant", content, &writer) }
        var text: String?
        var calls: [JSONValue] = []
        for (index, block) in content.elements.enumerated() {
            let place = "\(field).content[\(index)]"
            switch block["type"]?.string {
            case "text":
                guard let part = block["text"]?.string else {
                    throw TranslationProblem("\(place).text", "must be a string")
                }
                text = (text ?? "") + part
            case "tool_use":
                guard block["id"]?.kind == .string, block["name"]?.kind == .string, block["input"]?.kind == .object
                else {
                    throw TranslationProblem(place, "needs id, name and input")
                }
                calls.append(block)
            // Thoughts are sealed for the model that had them.
            case "thinking", "redacted_thinking": losses.note(place)
            default: throw TranslationProblem("\(place).type", "must be text, thinking or tool_use here")
            }
        }
        writer.beginObject()
        writer.member("role", "assistant")
        if let text { writer.member("content", text) } else { writer.nullMember("content") }
        if !calls.isEmpty {
            writer.name("tool_calls")
            writer.beginArray()
            for call in calls {
                writer.beginObject()
                writer.member("id", call["id"]!)
                writer.member("type", "function")
                writer.name("function")
                writer.beginObject()
                writer.member("name", call["name"]!)
                writer.member("arguments", ToolArguments.text(of: call["input"]!))
                writer.endObject()
                writer.endObject()
            }
            writer.endArray()
        }
        writer.endObject()
    }
}
