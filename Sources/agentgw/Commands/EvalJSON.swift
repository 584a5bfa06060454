// Values of the language as JSON, for `agentgw eval --format json`.

import CEL
import JSON

enum EvalJSON {
    /// As protobuf's JSON mapping has it where JSON has no such value: bytes in Base64, times and durations as text,
    /// numbers that are none by name.
    static func write(_ value: CELValue, to writer: inout JSONWriter) {
        switch value {
        case .null: writer.null()
        case .bool(let value): writer.value(value)
        case .int(let value): writer.value(value)
        case .uint(let value): writer.value(value)
        case .double(let value):
            if value.isFinite {
                writer.value(value)
            } else {
                writer.value(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
            }
        case .string(let value): writer.value(value)
        case .bytes(let bytes): writer.value(base64(bytes))
        case .timestamp, .duration: writer.value(quotedPart(value.debugText))
        case .type(let name): writer.value(name)
        case .opaque(_, let text): writer.value(text)
        case .optional(let wrapped):
            if let wrapped { write(wrapped, to: &writer) } else { writer.null() }
        case .unknown: writer.null()
        case .list(let elements):
            writer.beginArray()
            for element in elements { write(element, to: &writer) }
            writer.endArray()
        case .map(let entries):
            writer.beginObject()
            for entry in entries {
                writer.name(name(entry.key))
                write(entry.value, to: &writer)
            }
            writer.endObject()
        }
    }

    static func typeName(_ value: CELValue) -> String {
        switch value {
        case .null: "null_type"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .type: "type"
        case .list: "list"
        case .map: "map"
        case .optional: "optional_type"
        case .opaque(let name, _): name
        case .unknown: "unknown"
        }
    }

    /// Keys that are not text as their literals; two keys of one map never differ only in that.
    private static func name(_ key: CELValue) -> String {
        if case .string(let text) = key { text } else { key.debugText }
    }

    /// What stands between the quotes of `timestamp("…")`.
    private static func quotedPart(_ literal: String) -> String {
        let parts = literal.split(separator: "\"", omittingEmptySubsequences: false)
        return parts.count == 3 ? String(parts[1]) : literal
    }

    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.enumerated().reduce(0) { $0 | Int($1.element) << (16 - 8 * $1.offset) }
            for place in 0..<4 {
                out.append(place <= group.count ? alphabet[word >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
