// API keys, found by their SHA-256: the stored form reveals nothing, and a lookup by hash takes the same time for every
// wrong key.

import CEL

/// A key that was accepted: its metadata, for the rules and the model router.
package final class APIKeyRecord: Sendable {
    /// The first 16 hexadecimal digits of the key's hash: tells keys apart in logs and session ids.
    package let id: String
    package let metadata: [MetadataMember]
    package let allowedModels: [String]?
    /// Seconds since 1970.
    package let expires: Int64?
    /// The metadata as rules read it.
    let tree: ValueTree

    init(id: String, metadata: [MetadataMember], allowedModels: [String]?, expires: Int64?) throws(AuthError) {
        self.id = id
        self.metadata = metadata
        self.allowedModels = allowedModels
        self.expires = expires
        tree = try ValueTree.object(metadata)
    }

    /// Whether the key may use a model (`exact`, `prefix*`, `*suffix`, `*`).
    package func allowsModel(_ model: String) -> Bool {
        guard let allowedModels else { return true }
        return allowedModels.contains { pattern in
            if pattern == "*" { return true }
            if pattern.hasSuffix("*") { return model.utf8.starts(with: pattern.utf8.dropLast()) }
            if pattern.hasPrefix("*") { return model.utf8.reversed().starts(with: pattern.utf8.dropFirst().reversed()) }
            return pattern.utf8.elementsEqual(model.utf8)
        }
    }
}

struct APIKeyTable: Sendable {
    private let records: [SHA256Value: APIKeyRecord]

    /// - Throws: for a hash that is not `sha256:` and 64 hexadecimal digits, an empty key, or a key given twice.
    init(_ keys: [APIKey]) throws(AuthError) {
        var records: [SHA256Value: APIKeyRecord] = [:]
        for key in keys {
            let hash = try Self.hash(of: key)
            let record = try APIKeyRecord(
                id: String(hash.hex.prefix(16)), metadata: key.metadata, allowedModels: key.allowedModels,
                expires: key.expires)
            guard records.updateValue(record, forKey: hash) == nil else {
                throw .configuration("this API key is listed twice", key.position)
            }
        }
        self.records = records
    }

    private static func hash(of key: APIKey) throws(AuthError) -> SHA256Value {
        switch key.key {
        case .plain(let secret):
            guard !secret.isEmpty else { throw .configuration("an empty API key", key.position) }
            return try secret.withBytes { bytes throws(AuthError) in
                try Digest.sha256(bytes.bindMemory(to: UInt8.self).span)
            }
        case .hash(let text):
            let digits = Array(text.utf8.dropFirst(7))
            var bytes: [UInt8] = []
            for pair in stride(from: 0, to: digits.count - 1, by: 2) {
                guard let high = Character(Unicode.Scalar(digits[pair])).hexDigitValue,
                    let low = Character(Unicode.Scalar(digits[pair + 1])).hexDigitValue
                else { break }
                bytes.append(UInt8(high << 4 | low))
            }
            guard text.hasPrefix("sha256:"), digits.count == 64, let hash = SHA256Value(bytes) else {
                throw .configuration("keyHash must be 'sha256:' and 64 hexadecimal digits", key.position)
            }
            return hash
        }
    }

    /// - Parameter now: seconds since 1970.
    func find(_ key: SHA256Value, now: Int64) -> APIKeyRecord? {
        guard let record = records[key] else { return nil }
        if let expires = record.expires, now >= expires { return nil }
        return record
    }
}
