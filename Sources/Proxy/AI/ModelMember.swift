// The `model` of a request: read, and set where the request has none or policy says otherwise. What is forwarded is an
// encoding of what was read, every other member with it.

import Auth
import JSON

enum ModelMember {
    enum Problem: Error {
        case malformed(JSONError)
        case notAnObject
        case notAString
    }

    /// What a client has asked, whoever is going to answer it.
    struct Request {
        /// As the client named it; nil: it named none.
        let named: String?
        fileprivate let document: JSONDocument
        /// What was read.
        fileprivate let body: ByteView

        /// - Parameters:
        ///   - fallback: used when the request names no model.
        ///   - aliases: models that stand for names that clients use.
        /// - Returns: nil when there is no model to ask for.
        func resolve(fallback: String?, aliases: [AIModelAlias]) -> Outcome? {
            let alias = named.flatMap { name in aliases.lazy.compactMap { $0.resolve(name) }.first }
            guard let model = alias ?? named ?? fallback else { return nil }
            return Outcome(model: model, request: self)
        }
    }

    struct Outcome {
        var model: String
        fileprivate let request: Request

        var named: String? { request.named }
        /// An object.
        var root: JSONValue { request.document.root }
        /// The client wants server-sent events.
        var streams: Bool { root["stream"]?.bool == true }
        /// The client wants OpenAI's last event, which has the usage.
        var includesUsage: Bool { root["stream_options"]?["include_usage"]?.bool == true }

        /// Appends what is forwarded: an encoding of what was read, so that the provider reads exactly the members that
        /// were read here. Most clients write that very encoding themselves. The body must still be there.
        /// - Parameter addingUsage: asks OpenAI for the usage of a stream, whatever the client says.
        func encode(into buffer: IOBuffer, addingUsage: Bool = false) {
            let document = request.document
            let root = document.root
            guard model != named || addingUsage else {
                if document.isCompact { return buffer.append(request.body) }
                buffer.reserve(document.encodingCapacity)
                buffer.writer += root.encode(into: buffer.writePointer)
                return
            }
            var writer = JSONWriter(capacity: 1024)
            writer.object { writer in
                writer.name("model")
                writer.value(model)
                guard addingUsage else { return writer.copyMembers(of: root, except: ["model"]) }
                writer.copyMembers(of: root, except: ["model", "stream_options"])
                writer.name("stream_options")
                writer.object { writer in
                    if let options = root["stream_options"] {
                        writer.copyMembers(of: options, except: ["include_usage"])
                    }
                    writer.name("include_usage")
                    writer.value(true)
                }
            }
            buffer.append(writer.bytes)
        }
    }

    static func read(_ body: ByteView) throws(Problem) -> Request {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: UnsafeRawBufferPointer(body.buffer))
        } catch { throw .malformed(error) }
        let root = document.root
        guard root.kind == .object else { throw .notAnObject }
        var named: String?
        if let member = root["model"], !member.isNull {
            guard let text = member.string else { throw .notAString }
            if !text.isEmpty { named = text }
        }
        return Request(named: named, document: document, body: body)
    }
}

extension AIModelAlias {
    /// The model that `name` stands for; nil when the pattern does not fit.
    package func resolve(_ name: String) -> String? {
        if pattern == name { return model }
        if pattern.hasPrefix("*"), name.hasSuffix(String(pattern.dropFirst())) {
            return filled(name.dropLast(pattern.count - 1))
        }
        if pattern.hasSuffix("*"), name.hasPrefix(String(pattern.dropLast())) {
            return filled(name.dropFirst(pattern.count - 1))
        }
        return nil
    }
}

extension AIModelAlias {
    /// The model with what the pattern's `*` stood for in the place of its own.
    private func filled(_ part: Substring) -> String {
        model.contains("*") ? model.replacing("*", with: part, maxReplacements: 1) : model
    }
}

extension APIKeyRecord {
    /// Whether `allowedModels` lets a request pass. One whose model is not read could be for any, so a key that is for some
    /// models only may not make it; a list of models is not a use of one.
    func allows(_ type: AIRouteType, _ request: ModelMember.Outcome?) -> Bool {
        if let request { return allowsModel(request.named ?? request.model) }
        return type == .models || allowedModels == nil || allowedModels?.contains("*") == true
    }
}

extension LLMAttributes {
    /// What rules may read of an AI request.
    /// - Parameter request: nil: of a kind that names no model.
    init(provider: String, request: ModelMember.Outcome?) {
        self.init(
            provider: provider, requestModel: request?.named, model: request?.model,
            streaming: request?.root["stream"]?.bool ?? false, params: request?.root)
    }
}
