// The `model` of a request: read, and set where the request has none or policy says otherwise. What is forwarded is an
// encoding of what was read, every other member with it.

import JSON

enum ModelMember {
    enum Problem: Error {
        case malformed(JSONError)
        case notAnObject
        case notAString
        case missing
    }

    struct Outcome {
        var model: String
        fileprivate let document: JSONDocument
        /// The model is not the one that the client named.
        fileprivate let isReplaced: Bool

        /// Appends what is forwarded: an encoding of what was read, so that the provider reads exactly the members that
        /// were read here.
        func encode(into buffer: IOBuffer) {
            let root = document.root
            guard isReplaced else {
                buffer.reserve(root.encodedLength)
                buffer.writer += root.encode(into: buffer.writePointer)
                return
            }
            var writer = JSONWriter(capacity: 1024)
            writer.object { writer in
                writer.name("model")
                writer.value(model)
                writer.copyMembers(of: root, except: ["model"])
            }
            buffer.append(writer.bytes)
        }
    }

    /// - Parameters:
    ///   - fallback: used when the request names no model.
    ///   - aliases: models that stand for names that clients use.
    static func resolve(
        _ body: ByteView, fallback: String?, aliases: [AIModelAlias]
    ) throws(Problem) -> Outcome {
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
        let alias = named.flatMap { name in aliases.lazy.compactMap { $0.resolve(name) }.first }
        guard let model = alias ?? named ?? fallback else { throw .missing }
        return Outcome(model: model, document: document, isReplaced: model != named)
    }
}

extension AIModelAlias {
    /// The model that `name` stands for; nil when the pattern does not fit.
    func resolve(_ name: String) -> String? {
        if pattern == name { return model }
        if pattern.hasPrefix("*"), name.hasSuffix(String(pattern.dropFirst())) { return model }
        if pattern.hasSuffix("*"), name.hasPrefix(String(pattern.dropLast())) { return model }
        return nil
    }
}
