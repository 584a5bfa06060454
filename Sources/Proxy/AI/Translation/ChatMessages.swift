// The conversation of a chat completion as Anthropic's `system` and `messages`: instructions apart, results of tools as the
// user's blocks, neighbours of one role in one message.

import JSON

struct ChatMessagesTranslator {
    private let root: JSONValue
    private(set) var losses: TranslationLosses
    /// The role of the message that is being written.
    private var open: String?

    init(_ root: JSONValue, _ losses: TranslationLosses) {
        self.root = root
        self.losses = losses
    }

    mutating func write(into writer: inout JSONWriter) throws(TranslationProblem) {
        guard let messages = root.present("messages"), messages.kind == .array, messages.count > 0 else {
            throw TranslationProblem("messages", "must be a list that is not empty")
        }
        try writeSystem(messages, &writer)
        writer.name("messages")
        writer.beginArray()
        for (index, message) in messages.elements.enumerated() {
            try write(message, "messages[\(index)]", &writer)
        }
        close(&writer)
        writer.endArray()
    }

    private static func isInstruction(_ message: JSONValue) -> Bool {
        message["role"]?.equals("system") == true || message["role"]?.equals("developer") == true
    }

    private mutating func writeSystem(_ messages: JSONValue, _ writer: inout JSONWriter) throws(TranslationProblem) {
        guard messages.elements.contains(where: ChatMessagesTranslator.isInstruction) else { return }
        var isBehind = false
        writer.name("system")
        writer.beginArray()
        for (index, message) in messages.elements.enumerated() {
            guard ChatMessagesTranslator.isInstruction(message) else {
                isBehind = true
                continue
            }
            // Anthropic's instructions stand before everything.
            if isBehind { losses.note("messages[\(index)].role") }
            try writeTexts(message["content"], "messages[\(index)].content", &writer)
        }
        writer.endArray()
    }

    private mutating func write(
        _ message: JSONValue, _ field: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        if message.present("name") != nil { losses.note("\(field).name") }
        switch message["role"]?.string {
        case "system", "developer": return
        case "user":
            begin("user", &writer)
            try writeUser(message["content"], "\(field).content", &writer)
        case "assistant": try writeAssistant(message, field, &writer)
        case "tool":
            guard let id = message["tool_call_id"], id.kind == .string else {
                throw TranslationProblem("\(field).tool_call_id", "is required")
            }
            begin("user", &writer)
            writer.beginObject()
            writer.member("type", "tool_result")
            writer.member("tool_use_id", id)
            writer.name("content")
            writer.beginArray()
            try writeTexts(message["content"], "\(field).content", &writer)
            writer.endArray()
            writer.endObject()
        default:
            throw TranslationProblem("\(field).role", "must be system, developer, user, assistant or tool")
        }
    }

    private mutating func begin(_ role: String, _ writer: inout JSONWriter) {
        guard open != role else { return }
        close(&writer)
        open = role
        writer.beginObject()
        writer.member("role", role)
        writer.name("content")
        writer.beginArray()
    }

    private mutating func close(_ writer: inout JSONWriter) {
        guard open != nil else { return }
        writer.endArray()
        writer.endObject()
        open = nil
    }

    // MARK: Content

    /// Anthropic takes no empty texts, which say nothing anyway.
    private func writeText(_ text: JSONValue, _ writer: inout JSONWriter) {
        guard !text.rawBytes.isEmpty else { return }
        writer.beginObject()
        writer.member("type", "text")
        writer.member("text", text)
        writer.endObject()
    }

    /// A string or a list of texts, as blocks.
    private mutating func writeTexts(
        _ content: JSONValue?, _ field: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        guard let content, content.kind != .string else {
            if let content { writeText(content, &writer) }
            return
        }
        guard content.kind == .array else { throw TranslationProblem(field, "must be a string or a list of texts") }
        for (index, part) in content.elements.enumerated() {
            guard part["type"]?.equals("text") == true, let text = part["text"], text.kind == .string else {
                throw TranslationProblem("\(field)[\(index)]", "must be a text")
            }
            writeText(text, &writer)
        }
    }

    private mutating func writeUser(
        _ content: JSONValue?, _ field: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        guard let content, content.kind == .array else {
            guard content?.kind == .string else {
                throw TranslationProblem(field, "must be a string or a list of parts")
            }
            return try writeTexts(content, field, &writer)
        }
        for (index, part) in content.elements.enumerated() {
            let place = "\(field)[\(index)]"
            switch part["type"]?.string {
            case "text":
                guard let text = part["text"], text.kind == .string else {
                    throw TranslationProblem("\(place).text", "must be a string")
                }
                writeText(text, &writer)
            case "image_url": try writeImage(part, place, &writer)
            case "file": try writeFile(part, place, &writer)
            default: throw TranslationProblem("\(place).type", "must be text, image_url or file for this provider")
            }
        }
    }

    private mutating func writeImage(
        _ part: JSONValue, _ field: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        guard let image = part["image_url"], let url = image["url"]?.string else {
            throw TranslationProblem("\(field).image_url.url", "is required")
        }
        if let detail = image.present("detail"), !detail.equals("auto") { losses.note("\(field).image_url.detail") }
        writer.beginObject()
        writer.member("type", "image")
        writer.name("source")
        writer.beginObject()
        if url.hasPrefix("data:") {
            guard let data = DataURL(url) else {
                throw TranslationProblem("\(field).image_url.url", "is not a data URL with a type and base64")
            }
            writer.member("type", "base64")
            writer.member("media_type", String(data.mediaType))
            writer.member("data", String(data.base64))
        } else {
            guard url.hasPrefix("https://") || url.hasPrefix("http://") else {
                throw TranslationProblem("\(field).image_url.url", "must be a data, http or https URL")
            }
            writer.member("type", "url")
            writer.member("url", url)
        }
        writer.endObject()
        writer.endObject()
    }

    private mutating func writeFile(
        _ part: JSONValue, _ field: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        guard let text = part["file"]?["file_data"]?.string else {
            throw TranslationProblem("\(field).file", "must have file_data: this provider has no files of OpenAI's")
        }
        guard let data = DataURL(text), data.mediaType == "application/pdf" else {
            throw TranslationProblem("\(field).file.file_data", "must be a data URL of a PDF for this provider")
        }
        writer.beginObject()
        writer.member("type", "document")
        writer.name("source")
        writer.beginObject()
        writer.member("type", "base64")
        writer.member("media_type", "application/pdf")
        writer.member("data", String(data.base64))
        writer.endObject()
        if let name = part["file"]?.present("filename") { writer.member("title", name) }
        writer.endObject()
    }

    // MARK: The assistant's turns

    private mutating func writeAssistant(
        _ message: JSONValue, _ field: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        for name: StaticString in ["function_call", "audio"] where message.present(name) != nil {
            throw TranslationProblem("\(field).\(name)", "is not supported by this provider")
        }
        let calls = message.present("tool_calls")
        guard calls == nil || calls?.kind == .array else {
            throw TranslationProblem("\(field).tool_calls", "must be a list")
        }
        let content = message.present("content")
        if let content, content.kind == .array {
            begin("assistant", &writer)
            for (index, part) in content.elements.enumerated() {
                guard let text = part["text"] ?? part["refusal"], text.kind == .string else {
                    throw TranslationProblem("\(field).content[\(index)]", "must be a text or a refusal")
                }
                writeText(text, &writer)
            }
        } else if let text = content ?? message.present("refusal") {
            guard text.kind == .string else {
                throw TranslationProblem("\(field).content", "must be a string or a list of parts")
            }
            if !text.rawBytes.isEmpty {
                begin("assistant", &writer)
                writeText(text, &writer)
            }
        }
        guard let calls else { return }
        for (index, call) in calls.elements.enumerated() {
            begin("assistant", &writer)
            try writeCall(call, "\(field).tool_calls[\(index)]", &writer)
        }
    }

    private func writeCall(
        _ call: JSONValue, _ field: String, _ writer: inout JSONWriter
    ) throws(TranslationProblem) {
        guard call["type"] == nil || call["type"]?.equals("function") == true, let function = call["function"],
            let name = function["name"], name.kind == .string
        else { throw TranslationProblem(field, "must be the call of a function") }
        guard let id = call["id"], id.kind == .string else { throw TranslationProblem("\(field).id", "is required") }
        writer.beginObject()
        writer.member("type", "tool_use")
        writer.member("id", id)
        writer.member("name", name)
        writer.name("input")
        guard let arguments = function["arguments"]?.string else {
            throw TranslationProblem("\(field).function.arguments", "must be a string")
        }
        if arguments.isEmpty {
            writer.object { _ in }
        } else {
            guard let input = ToolArguments.parse(arguments) else {
                throw TranslationProblem("\(field).function.arguments", "must be a JSON object")
            }
            writer.value(input)
        }
        writer.endObject()
    }
}

/// What a model calls a tool with: an object to Anthropic, its text to OpenAI.
enum ToolArguments {
    /// nil: not an object in JSON.
    static func parse(_ text: String) -> JSONValue? {
        do throws(JSONError) {
            let root = try JSONDocument(parsing: text).root
            return root.kind == .object ? root : nil
        } catch {
            return nil
        }
    }

    static func text(of input: JSONValue) -> String {
        var writer = JSONWriter()
        writer.value(input)
        return writer.text
    }
}
