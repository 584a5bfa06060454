// Evaluates one test with its bindings and compares the value, type and all.

@testable import CEL

extension ConformanceTest {
    /// What came out instead of what was expected, or nil.
    func evaluationFailure(_ checked: CheckedExpression) -> (got: String, want: String)? {
        let expected: TextProto?
        switch expectation {
        case .value(let proto): expected = proto
        case .type(_, let value): expected = value
        case .anyError: expected = nil
        }
        if checkOnly { return nil }
        if case .type(_, nil) = expectation { return nil }
        var inputs: [String: CELValue] = [:]
        for (name, proto) in bindings {
            guard let value = CELValue(proto) else { return ("the binding of '\(name)' cannot be read", "a value") }
            inputs[name] = value
        }
        let result: CELValue
        do {
            let program = try Program(checked)
            let plain = ConformanceTest.outcome { () throws(EvaluationError) in try program.evaluate(inputs) }
            let probed = try Program(checked, isInstrumented: true)
            let recorded = ConformanceTest.outcome { () throws(EvaluationError) in try probed.evaluate(inputs) }
            switch (plain, recorded) {
            case (.success(let x), .success(let y)):
                if x != y { return ("with probes \(y.debugText)", "as without, \(x.debugText)") }
                result = x
            case (.failure(let error), .failure):
                if case .anyError = expectation { return nil }
                return ("\(error)", expected.flatMap { CELValue($0)?.debugText } ?? "a value")
            default: return ("\(recorded) with probes", "as without, \(plain)")
            }
        } catch {
            if case .anyError = expectation { return nil }
            return ("\(error)", "a program")
        }
        guard let expected else { return (result.debugText, "an error") }
        guard let value = CELValue(expected) else { return ("an expected value that cannot be read", "a value") }
        return result == value ? nil : (result.debugText, value.debugText)
    }

    private static func outcome(
        _ body: () throws(EvaluationError) -> CELValue
    ) -> Result<CELValue, EvaluationError> {
        do throws(EvaluationError) { return .success(try body()) } catch { return .failure(error) }
    }
}

extension CELValue {
    /// A value of value.proto. Nil for messages and enums.
    init?(_ proto: TextProto) {
        guard let (name, value) = proto.fields.first else { return nil }
        switch (name, value) {
        case ("null_value", _): self = .null
        case ("bool_value", .scalar(let text)): self = .bool(text == "true")
        case ("int64_value", .scalar(let text)):
            guard let int = ConformanceNumber.int(text) else { return nil }
            self = .int(int)
        case ("uint64_value", .scalar(let text)):
            guard let uint = ConformanceNumber.uint(text) else { return nil }
            self = .uint(uint)
        case ("double_value", .scalar(let text)):
            guard let double = Double(text) else { return nil }
            self = .double(double)
        case ("string_value", .quoted(let bytes)): self = .string(String(decoding: bytes, as: UTF8.self))
        case ("bytes_value", .quoted(let bytes)): self = .bytes(bytes)
        case ("type_value", .quoted(let bytes)): self = .type(String(decoding: bytes, as: UTF8.self))
        case ("list_value", .message(let list)):
            var elements: [CELValue] = []
            for element in list.messages("values") {
                guard let value = CELValue(element) else { return nil }
                elements.append(value)
            }
            self = .list(elements)
        case ("map_value", .message(let map)):
            var entries: [(key: CELValue, value: CELValue)] = []
            for entry in map.messages("entries") {
                guard let key = entry.message("key").flatMap({ CELValue($0) }),
                    let value = entry.message("value").flatMap({ CELValue($0) })
                else { return nil }
                entries.append((key, value))
            }
            self = .map(entries)
        case ("object_value", .message(let object)):
            guard let (type, value) = object.fields.first, case .message(let inner) = value else { return nil }
            let seconds = inner.scalar("seconds").flatMap { Int64($0) } ?? 0
            let nanoseconds = inner.scalar("nanos").flatMap { Int64($0) } ?? 0
            if type.hasSuffix("google.protobuf.Timestamp]") || type.hasSuffix("google.protobuf.Timestamp") {
                self = .timestamp(seconds: seconds, nanoseconds: UInt32(clamping: nanoseconds))
            } else if type.hasSuffix("google.protobuf.Duration]") || type.hasSuffix("google.protobuf.Duration") {
                self = .duration(seconds * 1_000_000_000 + nanoseconds)
            } else {
                return nil
            }
        default: return nil
        }
    }
}

/// Integers of the text format: decimal or hexadecimal.
enum ConformanceNumber {
    static func int(_ text: String) -> Int64? {
        if let value = Int64(text) { return value }
        if text.hasPrefix("0x") { return Int64(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("-0x") { return Int64("-" + text.dropFirst(3), radix: 16) }
        return nil
    }

    static func uint(_ text: String) -> UInt64? {
        UInt64(text) ?? (text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : nil)
    }
}
