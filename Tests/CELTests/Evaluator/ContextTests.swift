import JSON
import Testing

@testable import CEL

/// A request as a host keeps it.
private struct HostRequest {
    var path: [UInt8]
    var headers: [(name: String, value: [UInt8])]
}

private let headerLayout = RecordLayout(
    open: "Headers", token: { name in ["x-team": 1, "accept": 2][name] },
    read: { token, object, scope in
        let name = token == 1 ? "x-team" : "accept"
        return find(Array(name.utf8), object, scope)
    },
    find: { key, object, scope in find(Array(key), object, scope) },
    materialize: { object, scope in
        var builder = MapBuilder(arena: scope.arena)
        for field in object.assumingMemoryBound(to: HostRequest.self).pointee.headers {
            builder.set(scope.arena.string(field.name), scope.arena.string(utf8: field.value))
        }
        return builder.finish()
    })

private func find(_ name: [UInt8], _ object: UnsafeRawPointer, _ scope: EvaluationScope) -> Value {
    let request = object.assumingMemoryBound(to: HostRequest.self)
    let found = request.pointee.headers.filter { Array($0.name.utf8) == name }.map {
        scope.arena.string(utf8: $0.value)
    }
    return found.isEmpty ? .absent : found.count == 1 ? found[0] : scope.arena.list(found)
}

private let requestLayout = RecordLayout("Request", fields: ["path", "headers"], nested: ["headers": headerLayout]) {
    token, object, scope in
    token == 0
        ? scope.arena.string(utf8: object.assumingMemoryBound(to: HostRequest.self).pointee.path)
        : scope.record(headerLayout, object)
}

@Suite struct ContextTests {
    private let environment = Environment(
        variables: ["request": .object("Request"), "jwt": .jsonMap],
        records: [RecordType("Request", fields: ["path": .init(.string), "headers": .init(.jsonMap)])])

    @Test(arguments: [
        (#"request.path == "/mcp""#, true), (#"request.headers["x-team"] == "a""#, true),
        (#"request.headers.accept == ["x", "y"]"#, true), (#"has(request.headers.missing)"#, false),
        (#""accept" in request.headers"#, true), (#"size(request.headers) == 2"#, true),
        (#"request.headers["x-" + "team"] == "a""#, true), (#"request.headers.exists(h, h == "accept")"#, true),
        (#"jwt.sub == "ann" && jwt.n == 7 && jwt.d == 1.5"#, true),
    ])
    func recordsAreReadWhenAsked(_ source: String, _ expected: Bool) throws {
        for layouts in [[:], ["Request": requestLayout]] {
            let program = try Program(try environment.check(source), layouts: layouts)
            let context = EvaluationContext(environment)
            let tree = ValueTree(try JSONDocument(parsing: #"{"sub":"ann","n":7,"d":1.5}"#))
            var request = HostRequest(
                path: Array("/mcp".utf8),
                headers: [("x-team", [0x61]), ("accept", [0x78]), ("accept", [0x79])])
            try withUnsafePointer(to: &request) { pointer in
                context.bind(try #require(environment.slots["request"]), context.record(requestLayout, pointer))
                context.bind(try #require(environment.slots["jwt"]), tree.root)
                switch program.decide(in: context) {
                case .yes: #expect(expected, "\(source)")
                case .no: #expect(!expected, "\(source)")
                case .unknown: Issue.record("unknown")
                case .failed(let failure): Issue.record("\(program.error(failure))")
                }
            }
            withExtendedLifetime(tree) {}
        }
    }

    @Test func aLargeMapIsHashedAndComparesNumbersByValue() throws {
        let environment = Environment(variables: ["m": .dyn, "k": .dyn])
        let program = try environment.compile("m[k]")
        let map = CELValue.map((0..<2000).map { (.int(Int64($0)), .int(Int64($0 * 2))) })
        for key: CELValue in [.int(1234), .uint(1234), .double(1234)] {
            #expect(try program.evaluate(["m": map, "k": key]) == .int(2468))
        }
        #expect(throws: EvaluationError.self) { try program.evaluate(["m": map, "k": .double(0.5)]) }
    }

    @Test func aRuleThatIsNoBoolFails() throws {
        let context = EvaluationContext(environment)
        guard case .failed = try environment.compile("dyn(1)").decide(in: context) else {
            Issue.record("1 is no decision")
            return
        }
    }
}
