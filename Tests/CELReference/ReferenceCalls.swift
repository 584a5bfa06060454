// Which function of the reference a call means. Nil: one that it does not have.

import CEL

extension Reference {
    static func call(_ name: String, _ a: [CELValue], isMember: Bool) throws -> CELValue? {
        if !isMember, let result = try operation(name, a) { return result }
        if let result = try conversion(name, a, isMember: isMember) { return result }
        if isMember, let result = try text(name, a) { return result }
        if isMember, let result = try time(name, a) { return result }
        if isMember, let result = try list(name, a) { return result }
        if !isMember, let result = try namespaced(name, a) { return result }
        return nil
    }

    private static func operation(_ name: String, _ a: [CELValue]) throws -> CELValue? {
        switch (name, a.count) {
        case ("!_", 1):
            guard case .bool(let x) = a[0] else { throw Failure() }
            return .bool(!x)
        case ("-_", 1):
            switch a[0] {
            case .int(let x): return .int(try checked(Int64(0).subtractingReportingOverflow(x)))
            case .double(let x): return .double(-x)
            default: throw Failure()
            }
        case ("_==_", 2): return .bool(equal(a[0], a[1]))
        case ("_!=_", 2): return .bool(!equal(a[0], a[1]))
        case ("_<_", 2), ("_<=_", 2), ("_>_", 2), ("_>=_", 2): return .bool(try ordered(name, a[0], a[1]))
        case ("_+_", 2), ("_-_", 2), ("_*_", 2), ("_/_", 2), ("_%_", 2): return try arithmetic(name, a[0], a[1])
        case ("_[_]", 2): return try member(a[0], a[1])
        case ("_[?_]", 2): return try optionalMember(a[0], a[1])
        case ("@in", 2):
            switch a[1] {
            case .list(let elements): return .bool(elements.contains { equal($0, a[0]) })
            case .map(let entries): return .bool(find(a[0], in: entries) != nil)
            default: throw Failure()
            }
        case ("cel.@mapInsert", 2...3):
            guard case .map(var entries) = a[0] else { throw Failure() }
            if a.count == 3 { return .map(try inserting(a[1], a[2], in: entries)) }
            guard case .map(let more) = a[1] else { throw Failure() }
            for entry in more { entries = try inserting(entry.key, entry.value, in: entries) }
            return .map(entries)
        default: return nil
        }
    }

    private static func conversion(_ name: String, _ a: [CELValue], isMember: Bool) throws -> CELValue? {
        if name == "size", a.count == 1 { return .int(Int64(try size(a[0]))) }
        guard !isMember, a.count == 1 else { return nil }
        switch name {
        case "dyn": return a[0]
        case "type": return .type(typeName(a[0]))
        case "int": return .int(try int(a[0]))
        case "uint": return .uint(try uint(a[0]))
        case "double": return .double(try double(a[0]))
        case "bool": return .bool(try bool(a[0]))
        case "bytes":
            switch a[0] {
            case .bytes: return a[0]
            case .string(let x): return .bytes(Array(x.utf8))
            default: throw Failure()
            }
        case "string": return try string(a[0])
        case "timestamp":
            switch a[0] {
            case .timestamp: return a[0]
            case .string(let x): return try ReferenceTime.parse(x)
            case .int(let x): return try ReferenceTime.timestamp(Int128(x) * 1_000_000_000)
            default: throw Failure()
            }
        case "duration":
            switch a[0] {
            case .duration: return a[0]
            case .string(let x): return try ReferenceTime.duration(x)
            default: throw Failure()
            }
        default: return nil
        }
    }

    // MARK: Conversions

    private static func size(_ value: CELValue) throws -> Int {
        switch value {
        case .string(let x): return x.unicodeScalars.count
        case .bytes(let x): return x.count
        case .list(let x): return x.count
        case .map(let x): return x.count
        default: throw Failure()
        }
    }

    private static func typeName(_ value: CELValue) -> String {
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

    private static func isDecimal(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func int(_ value: CELValue) throws -> Int64 {
        switch value {
        case .int(let x): return x
        case .uint(let x):
            guard let int = Int64(exactly: x) else { throw Failure() }
            return int
        case .double(let x):
            guard x > -9223372036854775808.0, x < 9223372036854775808.0 else { throw Failure() }
            return Int64(x)
        case .string(let x):
            let digits = x.hasPrefix("-") || x.hasPrefix("+") ? String(x.dropFirst()) : x
            guard isDecimal(digits), let int = Int64(x) else { throw Failure() }
            return int
        case .timestamp(let seconds, _): return seconds
        default: throw Failure()
        }
    }

    private static func uint(_ value: CELValue) throws -> UInt64 {
        switch value {
        case .uint(let x): return x
        case .int(let x):
            guard let uint = UInt64(exactly: x) else { throw Failure() }
            return uint
        case .double(let x):
            guard x >= 0, x < 18446744073709551616.0 else { throw Failure() }
            return UInt64(x)
        case .string(let x):
            guard isDecimal(x), let uint = UInt64(x) else { throw Failure() }
            return uint
        default: throw Failure()
        }
    }

    private static func double(_ value: CELValue) throws -> Double {
        switch value {
        case .double(let x): return x
        case .int(let x): return Double(x)
        case .uint(let x): return Double(x)
        case .string(let x):
            switch x.lowercased() {
            case "nan": return .nan
            case "inf", "+inf", "infinity", "+infinity": return .infinity
            case "-inf", "-infinity": return -.infinity
            default: break
            }
            guard x.utf8.allSatisfy({ "0123456789.eE+-".utf8.contains($0) }), let double = Double(x), double.isFinite
            else { throw Failure() }
            return double
        default: throw Failure()
        }
    }

    private static func bool(_ value: CELValue) throws -> Bool {
        switch value {
        case .bool(let x): return x
        case .string("1"), .string("t"), .string("true"), .string("TRUE"), .string("True"): return true
        case .string("0"), .string("f"), .string("false"), .string("FALSE"), .string("False"): return false
        default: throw Failure()
        }
    }

    /// Nil for doubles, whose notation the language leaves open, and for what is not in the standard definitions.
    private static func string(_ value: CELValue) throws -> CELValue? {
        switch value {
        case .string: return value
        case .int(let x): return .string(String(x))
        case .uint(let x): return .string(String(x))
        case .bool(let x): return .string(x ? "true" : "false")
        case .bytes(let x):
            guard let text = String(validating: x, as: UTF8.self) else { throw Failure() }
            return .string(text)
        case .timestamp(let seconds, let nanoseconds): return .string(ReferenceTime.text(seconds, nanoseconds))
        case .duration(let x): return .string(ReferenceTime.text(duration: x))
        case .double, .opaque: return nil
        default: throw Failure()
        }
    }

    // MARK: Times

    private static func time(_ name: String, _ a: [CELValue]) throws -> CELValue? {
        let names = [
            "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek", "getHours",
            "getMinutes", "getSeconds", "getMilliseconds",
        ]
        guard names.contains(name), (1...2).contains(a.count) else { return nil }
        switch a[0] {
        case .duration(let x):
            guard a.count == 1 else { throw Failure() }
            switch name {
            case "getHours": return .int(x / 3_600_000_000_000)
            case "getMinutes": return .int(x / 60_000_000_000)
            case "getSeconds": return .int(x / 1_000_000_000)
            case "getMilliseconds": return .int(x / 1_000_000 % 1000)
            default: throw Failure()
            }
        case .timestamp(let seconds, let nanoseconds):
            var offset: Int64 = 0
            if a.count == 2 {
                guard case .string(let zone) = a[1] else { throw Failure() }
                guard let found = try ReferenceTime.offset(zone) else { return nil }
                offset = found
            }
            let parts = ReferenceTime.parts(seconds, offset: offset)
            switch name {
            case "getFullYear": return .int(parts.year)
            case "getMonth": return .int(parts.month - 1)
            case "getDayOfYear": return .int(parts.dayOfYear)
            case "getDayOfMonth": return .int(parts.day - 1)
            case "getDate": return .int(parts.day)
            case "getDayOfWeek": return .int(parts.dayOfWeek)
            case "getHours": return .int(parts.seconds / 3600)
            case "getMinutes": return .int(parts.seconds / 60 % 60)
            case "getSeconds": return .int(parts.seconds % 60)
            default: return .int(Int64(nanoseconds / 1_000_000))
            }
        default: throw Failure()
        }
    }
}
