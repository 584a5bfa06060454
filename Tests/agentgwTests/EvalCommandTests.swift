// `agentgw eval`: what goes in as JSON, what comes out as JSON.

import Auth
import CEL
import JSON
import Testing

@testable import agentgw

@Suite struct EvalCommandTests {
    private func inputs(_ json: String) throws -> [String: CELValue] {
        EvalInput.values(try JSONDocument(parsing: json))
    }

    @Test func jsonNumbersBecomeTheirNearestType() throws {
        let values = try inputs(
            #"{"i": -3, "big": 9223372036854775808, "bigger": 18446744073709551616, "d": 1.0, "e": 1e2, "n": null}"#)
        #expect(values["i"] == .int(-3))
        #expect(values["big"] == .uint(9_223_372_036_854_775_808))
        #expect(values["bigger"] == .double(18_446_744_073_709_551_616))
        #expect(values["d"] == .double(1))
        #expect(values["e"] == .double(100))
        #expect(values["n"] == .null)
    }

    @Test func pathsMadeUnknownReplaceOrCreateWhatStandsThere() throws {
        var values = try inputs(#"{"a": {"b": {"c": 1}, "d": 2}}"#)
        EvalInput.forget(["a", "b", "c"], in: &values)
        EvalInput.forget(["x", "y"], in: &values)
        EvalInput.forget([], in: &values)
        #expect(
            values["a"] == .map([(key: "b", value: .map([(key: "c", value: .unknown)])), (key: "d", value: .int(2))]))
        #expect(values["x"] == .map([(key: "y", value: .unknown)]))
        #expect(values.count == 2)
    }

    @Test(arguments: [
        ("1", "1", "int"), ("1u", "1", "uint"), ("1.5", "1.5", "double"), ("0.0/0.0", "\"NaN\"", "double"),
        ("-1.0/0.0", "\"-Infinity\"", "double"), ("'a\\\"b'", "\"a\\\"b\"", "string"), ("null", "null", "null_type"),
        ("b''", "\"\"", "bytes"), ("b'a'", "\"YQ==\"", "bytes"), ("b'ab'", "\"YWI=\"", "bytes"),
        ("b'abc'", "\"YWJj\"", "bytes"), ("b'\\xff\\xfe\\xfd\\xfc'", "\"//79/A==\"", "bytes"),
        ("[1, 'a', [true]]", "[1,\"a\",[true]]", "list"), ("{'a': {1: 2}}", "{\"a\":{\"1\":2}}", "map"),
        ("duration('90s')", "\"90s\"", "google.protobuf.Duration"),
        ("timestamp('2020-01-01T00:00:00Z')", "\"2020-01-01T00:00:00Z\"", "google.protobuf.Timestamp"),
        ("type(1)", "\"int\"", "type"), ("optional.none()", "null", "optional_type"),
        ("optional.of(1)", "1", "optional_type"),
    ])
    func valuesAreWrittenAsJSON(_ expression: String, _ json: String, _ type: String) throws {
        let value = try CEL.Environment().compile(expression).evaluate()
        var writer = JSONWriter()
        EvalJSON.write(value, to: &writer)
        #expect(writer.text == json)
        #expect(EvalJSON.typeName(value) == type)
    }

    @Test(arguments: [
        (#"{"jwt": {"scope": "a b"}}"#, "hasScope('b')", CELValue.bool(true)),
        (#"{"jwt": {"scope": "a b", "scopes": ["c"]}}"#, "hasScope('b')", .bool(false)),
        ("{}", "has(jwt.sub) || hasScope('a') || has(apiKey.team)", .bool(false)),
    ])
    func theGatewaysNamesMeanWhatRulesMeanByThem(_ json: String, _ expression: String, _ expected: CELValue) throws {
        var values = try inputs(json)
        EvalInput.addIdentity(to: &values)
        #expect(try GatewayEnvironment.compile(expression).evaluate(values) == expected)
    }

    @Test(arguments: ["jwt.rawToken == ''", "variables()", "random()", "request.pth", "nobody"])
    func theGatewaysNamesAreCheckedAsInRules(_ expression: String) {
        #expect(throws: CompileError.self) { try GatewayEnvironment.compile(expression) }
    }

    @Test(arguments: [
        ("1 + 1", 0 as Int32), ("1 / 0", 1), ("{}.a", 1), ("1 +", 2), ("nope", 2), ("a.b == 1", 0),
        ("true || a.b == 1", 0),
    ])
    func exitCodesTellValueErrorAndMistakeApart(_ expression: String, _ code: Int32) throws {
        var values = try inputs(#"{"a": {}}"#)
        EvalInput.forget(["a", "b"], in: &values)
        #expect(try EvalCommand.parse([expression]).answer(values).exitCode == code)
    }
}
