// Between OpenAI's chat completions and Anthropic's messages: which way, what of a request its reply depends on, and what
// becomes of members that the other side does not have.

import JSON

enum Translation: Sendable {
    /// The client speaks chat completions, the provider messages.
    case chatToMessages
    /// The client speaks messages, the provider chat completions.
    case messagesToChat
}

/// Why a request cannot be said in the other format. The client is answered with 400.
struct TranslationProblem: Error, Equatable {
    /// As a path: `messages[2].content[0].image_url`
    var field: String
    /// A sentence without its subject.
    var reason: String

    init(_ field: String, _ reason: String) {
        self.field = field
        self.reason = reason
    }

    var message: String { "'\(field)' \(reason)" }
}

/// Members that get lost. What changes the answer is refused unless the configuration allows losses; hints are only noted.
struct TranslationLosses {
    /// The reply's field that names what was lost.
    static let fieldName = "x-agentgw-dropped"
    /// Bytes of that field. Names of members are the client's, so the field must not grow with them.
    private static let fieldLimit = 1024

    let areAllowed: Bool
    private(set) var dropped: [String] = []

    init(areAllowed: Bool) { self.areAllowed = areAllowed }

    /// - Parameter reason: a sentence without its subject.
    mutating func drop(_ field: String, _ reason: String) throws(TranslationProblem) {
        guard areAllowed else { throw TranslationProblem(field, reason) }
        dropped.append(field)
    }

    /// For what the answer does not depend on.
    mutating func note(_ field: String) { dropped.append(field) }

    /// nil: nothing was lost.
    var fieldValue: String? {
        guard !dropped.isEmpty else { return nil }
        var text = ""
        for field in dropped {
            let sound = String(
                decoding: field.utf8.map { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ",") ? $0 : UInt8(ascii: "?") },
                as: UTF8.self)
            guard text.utf8.count + sound.utf8.count + 2 <= TranslationLosses.fieldLimit else { break }
            text += text.isEmpty ? sound : ", \(sound)"
        }
        return text
    }
}

/// What of a request its reply depends on.
struct TranslatedCall: Sendable {
    var translation: Translation
    /// The client wants server-sent events.
    var streams = false
    /// The client of a chat stream wants the usage at its end.
    var includesUsage = false
    /// A schema for the answer became a tool that the model has to call; its input is the answer.
    var answersByTool = false
    /// The client of messages wants to see the model think.
    var showsThinking = false
    /// Seconds since the epoch, which a chat completion states.
    var created: Int64 = 0
}

extension JSONWriter {
    mutating func member(_ name: String, _ value: String) {
        self.name(name)
        self.value(value)
    }

    mutating func member(_ name: String, _ value: Int64) {
        self.name(name)
        self.value(value)
    }

    mutating func member(_ name: String, _ value: Bool) {
        self.name(name)
        self.value(value)
    }

    mutating func member(_ name: String, _ value: JSONValue) {
        self.name(name)
        self.value(value)
    }

    mutating func nullMember(_ name: String) {
        self.name(name)
        null()
    }
}

extension JSONValue {
    /// nil when the member is not there or null.
    func present(_ name: StaticString) -> JSONValue? {
        guard let value = self[name], !value.isNull else { return nil }
        return value
    }
}

/// `data:<type>;base64,<data>` (RFC 2397), as both APIs take pictures and documents.
struct DataURL {
    var mediaType: Substring
    var base64: Substring

    /// nil when `text` is no such URL.
    init?(_ text: String) {
        guard text.hasPrefix("data:"), let comma = text.firstIndex(of: ",") else { return nil }
        let head = text[text.index(text.startIndex, offsetBy: 5)..<comma]
        guard head.hasSuffix(";base64") else { return nil }
        mediaType = head.prefix { $0 != ";" }
        base64 = text[text.index(after: comma)...]
        guard !mediaType.isEmpty else { return nil }
    }
}
