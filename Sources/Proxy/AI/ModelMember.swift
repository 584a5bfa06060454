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
        /// What is forwarded: an encoding of what was read.
        var body: [UInt8]
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
        if let name = named, let alias = aliases.lazy.compactMap({ $0.resolve(name) }).first { named = alias }
        guard let model = named ?? fallback else { throw .missing }
        // Re-encoded in any case: the upstream reads exactly the members that were read here.
        var writer = JSONWriter(capacity: body.count + model.utf8.count + 16)
        writer.object { writer in
            var written = false
            for (name, value) in root.members {
                if name.equals("model") {
                    writer.name("model")
                    writer.value(model)
                    written = true
                } else {
                    writer.member(name, value)
                }
            }
            if !written {
                writer.name("model")
                writer.value(model)
            }
        }
        return Outcome(model: model, body: writer.bytes)
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
