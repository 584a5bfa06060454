// `json`, `toJson`, and what is in a token's payload before anyone has checked it.

import JSON

extension FunctionLibrary {
    static let json: [Function] = [
        Function("json", .global, 1) { a, _, scope in
            guard a[0].tag == .string || a[0].tag == .bytes else { return noOverload }
            return paid(a[0].run.count, scope) { parse(a[0].run, scope) }
        },
        Function("toJson", .either, 1, encode), Function("to_json", .either, 1, encode),
        Function("unvalidatedJwtPayload", .global, 1) { a, _, scope in
            guard a[0].tag == .string else { return noOverload }
            let segments = a[0].run.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            guard segments.count == 3, scope.spend(a[0].run.count),
                let payload = Base64.decode(Bytes(rebasing: segments[1]), urlSafe: true)
            else { return invalid("not a token") }
            let value = parse(scope.arena.copy(payload), scope)
            return value.tag == .map || value.tag == .error ? value : invalid("the token's payload is no object")
        },
    ]

    private static func parse(_ text: Bytes, _ scope: EvaluationScope) -> Value {
        do throws(JSONError) {
            let document = try JSONDocument(parsing: UnsafeRawBufferPointer(text))
            let value = ValueTree.value(document.root, in: scope.arena)
            return copy(value, scope.arena, keeping: document) ?? invalid("a number beyond the range of double")
        } catch {
            return scope.arena.error(.invalidArgument, "not JSON: \(error)")
        }
    }

    /// The document ends with the call, so its strings move into the arena. Nil when a number is none of this language.
    private static func copy(_ value: Value, _ arena: Arena, keeping document: JSONDocument) -> Value? {
        withExtendedLifetime(document) {
            switch value.tag {
            case .string: return .string(arena.copy(value.run))
            case .double: return value.asDouble.isFinite ? value : nil
            case .list:
                var builder = ListBuilder(arena: arena, capacity: Int(value.length))
                for element in value.elements {
                    guard let element = copy(element, arena, keeping: document) else { return nil }
                    builder.append(element)
                }
                return builder.finish()
            case .map:
                var builder = MapBuilder(arena: arena, capacity: Int(value.length))
                for entry in value.entries {
                    guard let member = copy(entry.value, arena, keeping: document) else { return nil }
                    builder.append(.string(arena.copy(entry.key.run)), member)
                }
                return builder.finish()
            default: return value
            }
        }
    }

    private static let encode: FunctionBody = { a, _, scope in
        var writer = JSONWriter()
        guard write(a[0], &writer, scope) else {
            if scope.state.pointee.budget < 0 { return EvaluationScope.overBudget }
            return holdsUnknown(a[0]) ? .unknown : .error(.noSuchOverload, "this value has no JSON form")
        }
        return scope.arena.string(utf8: writer.bytes)
    }

    /// Whether it is a part that is not known which cannot be written.
    private static func holdsUnknown(_ value: Value) -> Bool {
        switch value.tag {
        case .unknown: true
        case .list: value.elements.contains(where: holdsUnknown)
        case .map: value.entries.contains { holdsUnknown($0.value) }
        case .optional: holdsUnknown(value.wrapped)
        default: false
        }
    }

    /// As protobuf's JSON mapping has it: bytes as base64, timestamps and durations as text.
    static func write(_ value: Value, _ writer: inout JSONWriter, _ scope: EvaluationScope) -> Bool {
        guard scope.spend(1 + (value.tag == .string || value.tag == .bytes ? value.run.count >> 3 : 0)) else {
            return false
        }
        switch value.tag {
        case .null: writer.null()
        case .bool: writer.value(value.asBool)
        case .int: writer.value(value.asInt)
        case .uint: writer.value(value.asUInt)
        case .double: writer.value(value.asDouble)
        case .string: writer.value(utf8: value.run)
        case .bytes: writer.value(String(decoding: Base64.encode(value.run), as: UTF8.self))
        case .timestamp: writer.value(Timestamps.text(seconds: value.asInt, nanoseconds: value.length))
        case .duration: writer.value(Durations.text(value.asInt))
        case .ip, .cidr: writer.value(Network.text(value))
        case .secret: writer.value("\(HeaderViews.placeholder)")
        case .optional:
            if value.wrapped.tag == .absent { writer.null() } else { return write(value.wrapped, &writer, scope) }
        case .list:
            writer.beginArray()
            for element in value.elements { guard write(element, &writer, scope) else { return false } }
            writer.endArray()
        case .map:
            writer.beginObject()
            for entry in value.entries {
                switch entry.key.tag {
                case .string: writer.name(entry.key.text)
                case .int: writer.name(String(entry.key.asInt))
                case .uint: writer.name(String(entry.key.asUInt))
                case .bool: writer.name(String(entry.key.asBool))
                default: return false
                }
                guard write(entry.value, &writer, scope) else { return false }
            }
            writer.endObject()
        case .record: return write(value.asMap(scope), &writer, scope)
        default: return false
        }
        return true
    }
}
