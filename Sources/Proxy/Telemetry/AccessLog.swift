// `accessLog` at work: which lines are written, and the fields that the configuration adds. Expressions read the request as
// it was judged, without what it showed the gateway: a log is read by people who must not act for those it is about.

import Auth
import CEL
import JSON

final class CompiledAccessLog: Sendable {
    /// Longer texts are cut.
    private static let maximumTextBytes = 1024

    let file: String?
    private let filter: PolicyExpression?
    private let add: [(name: String, value: PolicyExpression)]
    private let removed: UInt32

    init(_ policy: AccessLogPolicy) throws(SnapshotError) {
        file = policy.file
        filter = try policy.filter.map { (source) throws(SnapshotError) in try .compiled(source) }
        var fields: [(name: String, value: PolicyExpression)] = []
        for field in policy.add { fields.append((field.name, try .compiled(field.value))) }
        add = fields
        removed = policy.remove.reduce(0) { $0 | $1.bit }
    }

    /// Something has to be evaluated.
    var evaluates: Bool { filter != nil || !add.isEmpty }

    func keeps(_ field: AccessField) -> Bool { removed & field.bit == 0 }

    /// A line whose filter fails is written: a log must not lose what nobody has thought of.
    func admits(_ inputs: RuleInputs, _ authorizer: Authorizer) -> Bool {
        guard let filter else { return true }
        if case .bool(false)? = authorizer.value(filter, inputs) { return false }
        return true
    }

    /// Appends `,"name":value` for each field that can be computed.
    func append(to line: IOBuffer, _ inputs: RuleInputs, _ authorizer: Authorizer) {
        for (name, expression) in add {
            guard let value = authorizer.value(expression, inputs) else { continue }
            line.append(",")
            line.append(jsonString: name)
            line.append(":")
            var writer = JSONWriter()
            Self.write(value, into: &writer)
            line.append(writer.bytes)
        }
    }

    private static func write(_ value: CELValue, into writer: inout JSONWriter) {
        switch value {
        case .bool(let flag): writer.value(flag)
        case .int(let number): writer.value(number)
        case .uint(let number): writer.value(number)
        case .double(let number) where number.isFinite: writer.value(number)
        case .string(let text): writer.value(cut(text))
        case .optional(let wrapped?): write(wrapped, into: &writer)
        case .list(let elements):
            writer.beginArray()
            for element in elements { write(element, into: &writer) }
            writer.endArray()
        case .map(let entries):
            writer.beginObject()
            for entry in entries {
                guard case .string(let name) = entry.key else { continue }
                writer.name(cut(name))
                write(entry.value, into: &writer)
            }
            writer.endObject()
        case .null, .optional(nil), .unknown: writer.null()
        case .double, .bytes, .timestamp, .duration, .type, .opaque: writer.value(cut(value.debugText))
        }
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > maximumTextBytes else { return text }
        return String(decoding: Array(text.utf8.prefix(maximumTextBytes)), as: UTF8.self) + "…"
    }
}

extension AccessField {
    fileprivate var bit: UInt32 {
        // As many cases as bits is far away; `allCases` is in order.
        1 << UInt32(AccessField.allCases.firstIndex(of: self) ?? 31)
    }
}

/// What an expression of the log knows of the reply: its fields are gone with the upstream's buffer.
struct SentReply: ResponseAttributes {
    let code: Int
    var headerCount: Int { 0 }
    func header(at index: Int) -> (name: ByteRun, value: ByteRun)? { nil }
}
