// The functions that agentgateway's users write, beyond the standard extensions.

extension FunctionLibrary {
    static let gateway: [Function] = [
        Function("merge", .receiver, 2) { a, _, scope in
            let (left, right) = (a[0].asMap(scope), a[1].asMap(scope))
            guard left.tag == .map, right.tag == .map else { return noOverload }
            let keys = right.entries.reduce(Int(left.length) + Int(right.length)) { $0 + $1.key.weight }
            return paid(keys, scope) {
                var builder = MapBuilder(arena: scope.arena, capacity: Int(left.length) + Int(right.length))
                for entry in left.entries { builder.append(entry.key, entry.value) }
                for entry in right.entries { builder.set(entry.key, entry.value) }
                return builder.finish()
            }
        },
        Function("fail", .global, 1, foldable: false) { a, _, scope in
            guard a[0].tag == .string else { return noOverload }
            return .error(.failed, detail: scope.arena.box(a[0]))
        },
        Function("cel.@mapInsert", .global, 2...3) { a, n, scope in
            guard a[0].tag == .map, n == 3 || a[1].tag == .map else { return noOverload }
            let added = n == 3 ? a[1].weight : a[1].entries.reduce(Int(a[1].length)) { $0 + $1.key.weight }
            guard scope.spend(Int(a[0].length) + added) else { return EvaluationScope.overBudget }
            var builder = MapBuilder(arena: scope.arena, capacity: Int(a[0].length) + 1)
            for entry in a[0].entries { builder.append(entry.key, entry.value) }
            if n == 3 {
                guard builder.insert(a[1], a[2]) else { return invalid("the same key twice in a map") }
            } else {
                for entry in a[1].entries where !builder.insert(entry.key, entry.value) {
                    return invalid("the same key twice in a map")
                }
            }
            return builder.finish()
        },
        Function("flatten", .global, 1) { a, _, scope in
            let value = a[0].asMap(scope)
            return value.tag == .map || value.tag == .list ? value : noOverload
        },
        Function("flattenRecursive", .global, 1, flattenAll), Function("flatten_recursive", .global, 1, flattenAll),
        digest("sha256.encode", Digests.sha256), digest("sha1.encode", Digests.sha1), digest("md5.encode", Digests.md5),
        Function("url.encode", .global, 1) { a, _, scope in
            guard a[0].tag == .string else { return noOverload }
            return paid(a[0].run.count >> 2, scope) {
                var out: [UInt8] = []
                percentEncode(a[0].run, &out)
                return scope.arena.string(utf8: out)
            }
        },
        Function("url.decode", .global, 1) { a, _, scope in
            guard a[0].tag == .string else { return noOverload }
            return paid(a[0].run.count >> 2, scope) {
                guard let out = percentDecode(a[0].run[...], plusIsSpace: false) else {
                    return invalid("not a percent-encoded text")
                }
                return scope.arena.string(utf8: out)
            }
        },
        Function("form.decode", .global, 1) { a, _, scope in
            guard a[0].tag == .string || a[0].tag == .bytes else { return noOverload }
            return paid(a[0].run.count, scope) { decodeForm(a[0].run, scope) }
        },
        Function("form.encode", .global, 1) { a, _, scope in
            let map = a[0].asMap(scope)
            guard map.tag == .map else { return noOverload }
            return encodeForm(map, scope)
        },
    ]

    // MARK: Flattening, as logs show what is nested

    private static let flattenAll: FunctionBody = { a, _, scope in
        let value = a[0].asMap(scope)
        guard value.tag == .map || value.tag == .list else { return noOverload }
        var builder = MapBuilder(arena: scope.arena, capacity: max(8, Int(value.length)))
        return flatten(value, under: [], &builder, scope) ? builder.finish() : EvaluationScope.overBudget
    }

    /// Each part that has no parts under the names and positions on the way to it, joined by dots. False when the budget
    /// ran out: a list that holds another several times is flattened into as many.
    private static func flatten(
        _ value: Value, under path: [UInt8], _ builder: inout MapBuilder, _ scope: EvaluationScope
    ) -> Bool {
        guard scope.spend(1 + path.count) else { return false }
        func inner(_ name: some Collection<UInt8>) -> [UInt8] {
            path.isEmpty ? Array(name) : path + [UInt8(ascii: ".")] + name
        }
        let value = value.asMap(scope)
        switch value.tag {
        case .map where value.length > 0:
            for entry in value.entries {
                let name = entry.key.tag == .string ? Array(entry.key.run) : Array(CELValue(entry.key).debugText.utf8)
                guard flatten(entry.value, under: inner(name), &builder, scope) else { return false }
            }
        case .list where value.length > 0:
            for (index, element) in value.elements.enumerated() {
                guard flatten(element, under: inner("\(index)".utf8), &builder, scope) else { return false }
            }
        default: if !path.isEmpty { builder.set(scope.arena.string(utf8: path), value) }
        }
        return true
    }

    private static func digest(_ name: String, _ digest: @escaping @Sendable (Bytes) -> [UInt8]) -> Function {
        Function(name, .global, 1) { a, _, scope in
            guard a[0].tag == .string || a[0].tag == .bytes else { return noOverload }
            return paid(a[0].run.count, scope) { scope.arena.string(Hex.encode(digest(a[0].run))) }
        }
    }

    // MARK: Percent encoding (RFC 3986 §2.1) and forms (URL Standard, application/x-www-form-urlencoded)

    static func percentEncode(_ bytes: Bytes, spaceAsPlus: Bool = false, _ out: inout [UInt8]) {
        let hex = Array("0123456789ABCDEF".utf8)
        for byte in bytes {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: out.append(byte)
            case 0x7e where !spaceAsPlus: out.append(byte)
            case 0x20 where spaceAsPlus: out.append(UInt8(ascii: "+"))
            default: out += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
    }

    static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// Nil for a broken escape, or when the result is not UTF-8.
    private static func percentDecode(_ bytes: Slice<Bytes>, plusIsSpace: Bool) -> [UInt8]? {
        var out: [UInt8] = []
        var i = bytes.startIndex
        while i < bytes.endIndex {
            if bytes[i] == UInt8(ascii: "%") {
                guard i + 2 < bytes.endIndex, let high = hexDigit(bytes[i + 1]), let low = hexDigit(bytes[i + 2]) else {
                    return nil
                }
                out.append(high << 4 | low)
                i += 3
            } else {
                out.append(plusIsSpace && bytes[i] == UInt8(ascii: "+") ? 0x20 : bytes[i])
                i += 1
            }
        }
        return out.withUnsafeBufferPointer { Text.isUTF8($0) } ? out : nil
    }

    private static func decodeForm(_ text: Bytes, _ scope: EvaluationScope) -> Value {
        var names: [[UInt8]] = []
        var values: [[Value]] = []
        var positions: [[UInt8]: Int] = [:]
        for pair in text.split(separator: UInt8(ascii: "&")) {
            let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
            let rest = equals < pair.endIndex ? pair[(equals + 1)...] : pair[pair.endIndex...]
            guard let name = percentDecode(pair[..<equals], plusIsSpace: true),
                let value = percentDecode(rest, plusIsSpace: true)
            else { return invalid("not a form") }
            let position = positions[name] ?? names.count
            if position == names.count {
                positions[name] = position
                names.append(name)
                values.append([])
            }
            values[position].append(scope.arena.string(utf8: value))
        }
        var builder = MapBuilder(arena: scope.arena, capacity: names.count)
        for (name, values) in zip(names, values) {
            builder.append(scope.arena.string(utf8: name), values.count == 1 ? values[0] : scope.arena.list(values))
        }
        return builder.finish()
    }

    private static func encodeForm(_ map: Value, _ scope: EvaluationScope) -> Value {
        guard scope.spend(Int(map.length)) else { return EvaluationScope.overBudget }
        var out: [UInt8] = []
        let entries = map.entries.sorted { Equality.compare($0.key.run, $1.key.run) == .less }
        for entry in entries {
            guard entry.key.tag == .string else { return noOverload }
            let values = entry.value.tag == .list ? Array(entry.value.elements) : [entry.value]
            for value in values where value.tag != .null {
                let text: Value
                switch value.tag {
                case .string: text = value
                case .bool: text = value.asBool ? .string("true") : .string("false")
                case .int: text = scope.arena.string(String(value.asInt))
                case .uint: text = scope.arena.string(String(value.asUInt))
                case .double: text = scope.arena.string(Numbers.text(value.asDouble))
                default: return .error(.noSuchOverload, "a form holds texts, numbers and lists of them")
                }
                if !out.isEmpty { out.append(UInt8(ascii: "&")) }
                percentEncode(entry.key.run, spaceAsPlus: true, &out)
                out.append(UInt8(ascii: "="))
                percentEncode(text.run, spaceAsPlus: true, &out)
                guard scope.spend(1 + text.run.count >> 3) else { return EvaluationScope.overBudget }
            }
        }
        return scope.arena.string(utf8: out)
    }
}
