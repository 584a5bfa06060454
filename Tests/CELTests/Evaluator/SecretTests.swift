// A secret is shown as a placeholder wherever a value can go, and its text comes out of `unredacted()` alone.

import Testing

@testable import CEL

@Suite struct SecretTests {
    private static let text = "s3cr3t"
    private static let environment = Environment(variables: ["token": .secret, "any": .dyn])
    private static let inputs: [String: CELValue] = ["token": .opaque("secret", text), "any": .opaque("secret", text)]

    @Test(arguments: [
        "token", "[token]", "{'a': token}", "optional.of(token)", "string(token)", "string(any)", "toJson(token)",
        "toJson([token])", "'%s %s'.format([token, [any]])", "type(token)", "variables()",
        "flattenRecursive({'a': token})",
        "any.with(t, [t])", "default(any, 1)", "coalesce(any, 1)", "[any].distinct()", "[any, 1].filter(x, x != 1)",
    ])
    func nothingShowsIt(_ source: String) throws {
        let program = try Self.environment.compile(source)
        #expect(!(try program.evaluate(Self.inputs).debugText.contains(Self.text)))
        let explanation = try program.explain(Self.inputs)
        #expect(!explanation.parts.contains { "\($0.outcome)".contains(Self.text) })
        #expect(!"\(explanation.result)".contains(Self.text))
    }

    @Test(arguments: [
        "any == 's3cr3t'", "any.startsWith('s3')", "any.contains('s3')", "size(any) == 6", "any + 'x' == 's3cr3tx'",
        "any.matches('s3')", "any in ['s3cr3t']", "any == any", "any < 's4'", "{'s3cr3t': 1}[any] == 1",
        "sha256.encode(any) == sha256.encode('s3cr3t')", "bytes(any) == b's3cr3t'", "[any].join() == 's3cr3t'",
        "['s3cr3t', any].distinct().size() == 1", "sets.contains(['s3cr3t'], [any])",
    ])
    func nothingTellsItFromAnother(_ source: String) throws {
        let program = try Self.environment.compile(source)
        #expect((try? program.evaluate(Self.inputs)) != .bool(true))
    }

    @Test func itsTextComesOutByName() throws {
        let program = try Self.environment.compile("token.unredacted() + '!'")
        #expect(try program.evaluate(Self.inputs) == .string("s3cr3t!"))
        #expect(throws: CompileError.self) { try Self.environment.compile("token == 'x'") }
        #expect(throws: CompileError.self) { try Self.environment.compile("'x'.unredacted()") }
    }
}
