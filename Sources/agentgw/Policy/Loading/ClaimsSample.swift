// Types of claims from a sample: the payload of one token says what the tokens of an issuer look like.

import Auth
import CEL
import JSON

enum ClaimsSample {
    /// A path to claims as JSON, or to a token.
    static let schema = ValueDecoder<String>.nonEmptyString("a path").then { (path, node, context) -> ClaimsSchema? in
        let path = RelativePath.resolve(path, besides: context.source.file)
        switch context.files.read(path, 1 << 20) {
        case .failure(let failure): return context.fail("cannot read \(path): \(failure.message)", at: node)
        case .success(let bytes):
            guard let schema = infer(bytes.trimmingASCIIWhitespace) else {
                return context.fail("\(path) is neither a JSON object of claims nor a token", at: node)
            }
            return schema
        }
    }

    static func infer(_ bytes: [UInt8]) -> ClaimsSchema? {
        var json = bytes
        if bytes.first != UInt8(ascii: "{") {
            let parts = bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            guard parts.count == 3, let payload = Base64URL.decode(String(decoding: parts[1], as: UTF8.self)) else {
                return nil
            }
            json = payload
        }
        guard let document = try? JSONDocument(parsing: json), document.root.kind == .object else { return nil }
        var schema = ClaimsSchema(types: [:])
        for member in document.root.members {
            // `aud` is text in one token and a list in the next.
            guard let name = member.name.string, name != "aud" else { continue }
            schema.types[name] = type(of: member.value)
        }
        return schema
    }

    private static func type(of value: JSONValue) -> CELType {
        switch value.kind {
        case .null: return .dyn
        case .bool: return .bool
        case .string: return .string
        // JSON does not tell 1 from 1.0; rules that compare it work with either.
        case .number: return .dyn
        case .object: return .jsonMap
        case .array:
            let types = Set(value.elements.map(type))
            return .list(types.count == 1 ? types.first ?? .dyn : .dyn)
        }
    }
}
