// The network extension: IP addresses and CIDR blocks, as Kubernetes has them: no IPv4-mapped IPv6, no zones.
// Invariant: an ip or cidr value points to sixteen bytes in an arena; an IPv4 address uses the first four, the rest is zero.

enum Network {
    // MARK: Values

    static func equal(_ a: Value, _ b: Value) -> Bool {
        a.flag == b.flag && a.aux == b.aux && octets(a).elementsEqual(octets(b))
    }

    static func octets(_ value: Value) -> Bytes {
        Bytes(start: UnsafePointer(bitPattern: UInt(value.payload)), count: value.flag == 4 ? 4 : 16)
    }

    static func make(_ octets: [UInt8], _ arena: Arena, prefix: Int? = nil) -> Value {
        let copy = arena.copy(octets + [UInt8](repeating: 0, count: 16 - octets.count))
        return Value(
            prefix == nil ? .ip : .cidr, payload: UInt64(UInt(bitPattern: copy.baseAddress)), length: 0,
            flag: octets.count == 4 ? 4 : 6, aux: UInt16(prefix ?? 0))
    }

    static func address(_ text: some Collection<UInt8>, _ arena: Arena) -> Value? {
        parse(Array(text)).map { make($0, arena) }
    }

    /// The IPv4 address that ::ffff:0:0/96 holds.
    private static func unmapped(_ octets: [UInt8]) -> [UInt8]? {
        octets.prefix(10).allSatisfy { $0 == 0 } && octets[10] == 255 && octets[11] == 255 ? Array(octets[12...]) : nil
    }

    static func block(_ text: [UInt8], _ arena: Arena) -> Value? {
        guard let slash = text.firstIndex(of: UInt8(ascii: "/")), let octets = parse(Array(text[..<slash])),
            octets.count == 16 || !text[..<slash].contains(UInt8(ascii: ":")),
            let prefix = decimal(text[(slash + 1)...], limit: octets.count * 8)
        else { return nil }
        return make(octets, arena, prefix: prefix)
    }

    static func text(_ value: Value) -> String {
        let address = render(Array(octets(value)))
        return value.tag == .cidr ? "\(address)/\(value.aux)" : address
    }

    static func masked(_ octets: Bytes, _ prefix: Int) -> [UInt8] {
        octets.enumerated().map { i, octet in
            let kept = max(0, min(8, prefix - i * 8))
            return kept == 0 ? 0 : octet & (0xff << UInt8(8 - kept))
        }
    }

    /// Whether `block` holds every address of `other` up to its prefix.
    static func contains(_ block: Value, _ other: Value, prefix: Int) -> Bool {
        guard block.flag == other.flag, prefix >= Int(block.aux) else { return false }
        return masked(octets(block), Int(block.aux)) == masked(octets(other), Int(block.aux))
    }

    // MARK: Text

    /// Four or sixteen octets. RFC 4291 §2.2 without the IPv4 tail of mapped addresses; no leading zeros in IPv4.
    static func parse(_ text: [UInt8]) -> [UInt8]? {
        text.contains(UInt8(ascii: ":")) ? parse6(text) : parse4(text[...])
    }

    private static func decimal(_ digits: ArraySlice<UInt8>, limit: Int) -> Int? {
        guard (1...3).contains(digits.count), digits.count == 1 || digits.first != 0x30 else { return nil }
        var value = 0
        for byte in digits {
            guard byte &- 0x30 < 10 else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value <= limit ? value : nil
    }

    private static func parse4(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var octets: [UInt8] = []
        for part in parts {
            guard let value = decimal(part, limit: 255) else { return nil }
            octets.append(UInt8(value))
        }
        return octets
    }

    private static func parse6(_ text: [UInt8]) -> [UInt8]? {
        guard text.count <= 45 else { return nil }
        var head: [UInt8] = []
        var tail: [UInt8] = []
        var compressed = false
        var rest = text[...]
        if rest.starts(with: "::".utf8) {
            compressed = true
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let group = rest.prefix { $0 != UInt8(ascii: ":") }
            var octets: [UInt8] = []
            if group.contains(UInt8(ascii: ".")) {
                guard group.count == rest.count, let four = parse4(group) else { return nil }
                octets = four
            } else {
                guard (1...4).contains(group.count) else { return nil }
                var value: UInt16 = 0
                for byte in group {
                    let digit: UInt8
                    switch byte {
                    case 0x30...0x39: digit = byte - 0x30
                    case 0x41...0x46: digit = byte - 0x37
                    case 0x61...0x66: digit = byte - 0x57
                    default: return nil
                    }
                    value = value << 4 | UInt16(digit)
                }
                octets = [UInt8(value >> 8), UInt8(value & 255)]
            }
            if compressed { tail += octets } else { head += octets }
            guard head.count + tail.count <= 16 else { return nil }
            rest = rest.dropFirst(group.count)
            if rest.isEmpty { break }
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: ":") {
                guard !compressed else { return nil }
                compressed = true
                rest = rest.dropFirst()
            } else if rest.isEmpty {
                return nil
            }
        }
        let missing = 16 - head.count - tail.count
        guard compressed ? missing >= 2 : missing == 0 else { return nil }
        let octets = head + [UInt8](repeating: 0, count: missing) + tail
        // ::ffff:0:0/96 is IPv4 in another spelling: one address must have one value. With the dotted tail it is refused.
        guard let mapped = unmapped(octets) else { return octets }
        return text.contains(UInt8(ascii: ".")) ? nil : mapped
    }

    /// RFC 5952.
    private static func render(_ octets: [UInt8]) -> String {
        if octets.count == 4 { return octets.map { String($0) }.joined(separator: ".") }
        let groups = (0..<8).map { UInt16(octets[2 * $0]) << 8 | UInt16(octets[2 * $0 + 1]) }
        var best = 0..<0
        var i = 0
        while i < 8 {
            var j = i
            while j < 8, groups[j] == 0 { j += 1 }
            if j - i > best.count { best = i..<j }
            i = max(j, i + 1)
        }
        func hex(_ range: Range<Int>) -> String { range.map { String(groups[$0], radix: 16) }.joined(separator: ":") }
        if best.count < 2 { return hex(0..<8) }
        return hex(0..<best.lowerBound) + "::" + hex(best.upperBound..<8)
    }
}

extension FunctionLibrary {
    static let network: [Function] =
        [
            Function("ip", .either, 1) { a, _, scope in
                if a[0].tag == .cidr { return Network.make(Array(Network.octets(a[0])), scope.arena) }
                if a[0].tag == .ip { return a[0] }
                guard a[0].tag == .string else { return noOverload }
                return Network.address(a[0].run, scope.arena) ?? invalid("not an IP address")
            },
            Function("isIP", .global, 1) { a, _, _ in
                a[0].tag == .string ? .bool(Network.parse(Array(a[0].run)) != nil) : noOverload
            },
            Function("ip.isCanonical", .global, 1) { a, _, scope in
                guard a[0].tag == .string else { return noOverload }
                guard let value = Network.address(a[0].run, scope.arena) else { return invalid("not an IP address") }
                return .bool(Network.text(value).utf8.elementsEqual(a[0].run))
            },
            Function("cidr", .global, 1) { a, _, scope in
                if a[0].tag == .cidr { return a[0] }
                guard a[0].tag == .string else { return noOverload }
                return Network.block(Array(a[0].run), scope.arena) ?? invalid("not a CIDR block")
            },
            Function("isCIDR", .global, 1) { a, _, scope in
                a[0].tag == .string ? .bool(Network.block(Array(a[0].run), scope.arena) != nil) : noOverload
            },
            Function("family", .receiver, 1) { a, _, _ in a[0].tag == .ip ? .int(Int(a[0].flag)) : noOverload },
            test("isUnspecified") { $0.allSatisfy { $0 == 0 } },
            test("isLoopback") { $0.count == 4 ? $0[0] == 127 : $0.dropLast().allSatisfy { $0 == 0 } && $0[15] == 1 },
            test("isLinkLocalMulticast", isLinkLocalMulticast), test("isLinkLocalUnicast", isLinkLocalUnicast),
            test("isGlobalUnicast") { octets in
                let isUnspecified = octets.allSatisfy { $0 == 0 }
                if octets.count == 4 {
                    return !isUnspecified && octets[0] != 127 && octets[0] < 224 && !isLinkLocalUnicast(octets)
                        || octets[0] >= 240 && !octets.allSatisfy { $0 == 255 }
                }
                let isLoopback = octets.dropLast().allSatisfy { $0 == 0 } && octets[15] == 1
                return !isUnspecified && !isLoopback && octets[0] != 255 && !isLinkLocalUnicast(octets)
            },
            Function("containsIP", .receiver, 2) { a, _, scope in
                guard a[0].tag == .cidr else { return noOverload }
                var other = a[1]
                if other.tag == .string {
                    guard let parsed = Network.address(other.run, scope.arena) else {
                        return invalid("not an IP address")
                    }
                    other = parsed
                }
                guard other.tag == .ip else { return noOverload }
                return .bool(Network.contains(a[0], other, prefix: 128))
            },
            Function("containsCIDR", .receiver, 2) { a, _, scope in
                guard a[0].tag == .cidr else { return noOverload }
                var other = a[1]
                if other.tag == .string {
                    guard let parsed = Network.block(Array(other.run), scope.arena) else {
                        return invalid("not a CIDR block")
                    }
                    other = parsed
                }
                guard other.tag == .cidr else { return noOverload }
                return .bool(Network.contains(a[0], other, prefix: Int(other.aux)))
            },
            Function("prefixLength", .receiver, 1) { a, _, _ in a[0].tag == .cidr ? .int(Int(a[0].aux)) : noOverload },
            Function("masked", .receiver, 1) { a, _, scope in
                guard a[0].tag == .cidr else { return noOverload }
                return Network.make(
                    Network.masked(Network.octets(a[0]), Int(a[0].aux)), scope.arena, prefix: Int(a[0].aux))
            },
            Function("isMask", .receiver, 1) { a, _, _ in
                guard a[0].tag == .cidr else { return noOverload }
                return .bool(Network.masked(Network.octets(a[0]), Int(a[0].aux)) == Array(Network.octets(a[0])))
            },
        ]

    private static func test(_ name: String, _ predicate: @escaping @Sendable (Bytes) -> Bool) -> Function {
        Function(name, .receiver, 1) { a, _, _ in a[0].tag == .ip ? .bool(predicate(Network.octets(a[0]))) : noOverload
        }
    }

    private static let isLinkLocalUnicast: @Sendable (Bytes) -> Bool = {
        $0.count == 4 ? $0[0] == 169 && $0[1] == 254 : $0[0] == 0xfe && $0[1] & 0xc0 == 0x80
    }

    private static let isLinkLocalMulticast: @Sendable (Bytes) -> Bool = {
        $0.count == 4 ? $0[0] == 224 && $0[1] == 0 && $0[2] == 0 : $0[0] == 0xff && $0[1] & 0x0f == 2
    }
}
