// Objects of the host whose fields are read when a rule asks for them: `request`, `request.headers`, `source`. No map is
// built, nothing is copied.
// Invariant: a record's object is valid while the evaluation that it was bound for runs.

/// What fields an object has and how to read them. One per kind of object, made at start-up.
package final class RecordLayout: Sendable {
    package typealias Read = @Sendable (_ token: Int, _ object: UnsafeRawPointer, _ scope: EvaluationScope) -> Value
    package typealias Find = @Sendable (_ key: Bytes, _ object: UnsafeRawPointer, _ scope: EvaluationScope) -> Value

    package let name: String
    /// By token: the fields that rules may name. Empty for an open record such as the header block.
    package let fields: [String]
    /// Turns a constant key into a token when a rule is compiled; nil when no object of this kind has such a field.
    let token: @Sendable (String) -> Int?
    let read: Read
    let find: Find
    /// All members, for iteration, `size` and `==`; a map.
    let materialize: @Sendable (UnsafeRawPointer, EvaluationScope) -> Value
    /// The record types of fields that are records themselves, so that a path of names is resolved at compile time.
    package let nested: [Int: RecordLayout]

    /// A record with fixed fields. `read` gives a field's value by its position in `fields`, absent when it is not set.
    package init(_ name: String, fields: [String], nested: [String: RecordLayout] = [:], read: @escaping Read) {
        self.name = name
        self.fields = fields
        self.read = read
        let positions = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1, $0) })
        token = { positions[$0] }
        var byToken: [Int: RecordLayout] = [:]
        for (field, type) in nested { if let position = positions[field] { byToken[position] = type } }
        self.nested = byToken
        find = { key, object, scope in
            for (position, field) in fields.enumerated() where field.utf8.elementsEqual(key) {
                return read(position, object, scope)
            }
            return .absent
        }
        materialize = { object, scope in
            var builder = MapBuilder(arena: scope.arena, capacity: fields.count)
            for (position, field) in fields.enumerated() {
                let value = read(position, object, scope)
                if value.tag != .absent { builder.append(scope.arena.string(field), value) }
            }
            return builder.finish()
        }
    }

    /// A record whose keys are not known before, such as header fields. `token` interns a constant key at compile time.
    package init(
        open name: String, token: @escaping @Sendable (String) -> Int?, read: @escaping Read, find: @escaping Find,
        materialize: @escaping @Sendable (UnsafeRawPointer, EvaluationScope) -> Value
    ) {
        self.name = name
        fields = []
        nested = [:]
        self.token = token
        self.read = read
        self.find = find
        self.materialize = materialize
    }
}

/// A record's type and object, in the arena.
struct RecordBox {
    let type: Unmanaged<RecordLayout>
    let object: UnsafeRawPointer
}

extension Value {
    @inline(__always) var recordBox: UnsafePointer<RecordBox>? { UnsafePointer(bitPattern: UInt(payload)) }

    func recordField(_ key: Value, _ scope: EvaluationScope) -> Value {
        guard let box = recordBox, key.tag == .string else { return .absent }
        return box.pointee.type._withUnsafeGuaranteedRef { $0.find(key.run, box.pointee.object, scope) }
    }

    /// A record as a map; any other value as it is.
    func asMap(_ scope: EvaluationScope) -> Value {
        guard tag == .record, let box = recordBox else { return self }
        return box.pointee.type._withUnsafeGuaranteedRef { $0.materialize(box.pointee.object, scope) }
    }
}
