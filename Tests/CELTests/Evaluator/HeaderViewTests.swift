// Header views over a host's header block: fields are read when asked for, in any letter case, as often as they occur.

import Testing

@testable import CEL

private struct HostHeaders {
    var fields: [(name: String, value: String)]
}

private let layout = RecordLayout(
    open: "Headers", token: { _ in nil }, read: { _, _, _ in .absent },
    find: { key, object, scope in
        let found = object.assumingMemoryBound(to: HostHeaders.self).pointee.fields
            .filter { Text.isSameIgnoringCase($0.name.utf8, key) }.map { scope.arena.string($0.value) }
        return found.isEmpty ? .absent : found.count == 1 ? found[0] : scope.arena.list(found)
    },
    materialize: { object, scope in
        var builder = MapBuilder(arena: scope.arena)
        for field in object.assumingMemoryBound(to: HostHeaders.self).pointee.fields {
            builder.set(scope.arena.string(field.name), scope.arena.string(field.value))
        }
        return builder.finish()
    })

@Suite struct HeaderViewTests {
    @Test(arguments: [
        ("h.raw()['X-TEAM']", CELValue.list(["a", "b"])), ("h.join().x_team + h.join()['x-team']", .string("ca,b")),
        ("h.redacted().authorization", "<redacted>"), ("h.redacted().raw()['Authorization']", .list(["<redacted>"])),
        ("h.cookie('sid')", "1"), ("h.split().accept", .list(["x", "y"])), ("has(h.raw().nothing)", false),
        ("h.raw().size() == h.size()", true), ("h.redacted().exists(n, h.redacted()[n] == 'Bearer s')", false),
        ("[h.redacted()].map(r, r.authorization)", .list(["<redacted>"])),
        ("toJson(h.redacted()).contains('Bearer')", false), ("h.raw().x_team == ['c']", true),
        ("h.join().raw()['x-team'].size()", 2), ("'%s'.format([h.join().accept])", "x, y"),
    ])
    func fieldsAreReadThroughAView(_ source: String, _ expected: CELValue) throws {
        let environment = Environment(variables: ["h": .jsonMap])
        let program = try environment.compile(source)
        let context = EvaluationContext(environment)
        var headers = HostHeaders(fields: [
            ("x-team", "a"), ("x-team", "b"), ("x_team", "c"), ("authorization", "Bearer s"), ("accept", "x, y"),
            ("cookie", "theme=dark"), ("cookie", "sid=1"),
        ])
        try withUnsafePointer(to: &headers) { pointer in
            context.bind(try #require(environment.slots["h"]), context.record(layout, pointer))
            let value = program.run(in: context)
            #expect(value.isKnown, "\(value.isKnown ? "" : program.error(value).message)")
            #expect(try program.copy(value, in: context, atMost: 100) == expected)
        }
    }
}
