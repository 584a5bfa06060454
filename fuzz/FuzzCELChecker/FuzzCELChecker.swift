// Fuzzes what the type checker promises: an expression that it gives a type evaluates to a value of that type or to an
// error, and prints to a text that it gives the same type. The bytes choose the expression, piece by piece.

import CELReference

@testable import CEL

private let inputs = SourceGenerator<ByteSource>.inputs

private let environment = Environment(variables: [
    "i": .int, "u": .uint, "d": .double, "s": .string, "b": .bool, "l": .list(.dyn), "z": .bytes, "t": .timestamp,
    "r": .duration, "m": .map(key: .string, value: .dyn),
])

/// Whether `value` may be what an expression of that type comes to.
private func isOf(_ type: CELType, _ value: CELValue) -> Bool {
    switch (type, value) {
    case (.dyn, _), (.parameter, _), (.nullable, .null): true
    case (.null, .null), (.bool, .bool), (.int, .int), (.uint, .uint), (.double, .double), (.string, .string),
        (.bytes, .bytes), (.timestamp, .timestamp), (.duration, .duration), (.type, .type):
        true
    case (.nullable(let inner), _): isOf(inner, value)
    case (.list(let element), .list(let values)): values.allSatisfy { isOf(element, $0) }
    case (.map(let key, let value), .map(let entries)):
        entries.allSatisfy { isOf(key, $0.key) && isOf(value, $0.value) }
    case (.opaque("optional_type", let inner), .optional(let wrapped)):
        wrapped.map { isOf(inner.first ?? .dyn, $0) } ?? true
    // The null literal may stand for these (language definition, "Gradual Type Checking").
    case (.timestamp, .null), (.duration, .null), (.opaque, .null), (.object, .null): true
    default: false
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 0 else { return 0 }
    var generator = SourceGenerator(ByteSource(Array(UnsafeBufferPointer(start: data, count: size))))
    let source = generator.any(4)
    guard let checked = try? environment.check(source) else { return 0 }
    for type in checked.types { precondition(!type.hasVariables, "a type that is not settled: \(type) in \(source)") }
    let printed = checked.ast.unparsed()
    guard let again = try? environment.check(printed) else {
        preconditionFailure("\(source) prints as \(printed), which is refused")
    }
    precondition(again.type == checked.type, "\(source) is a \(checked.type), and a \(again.type) when it is printed")
    guard let program = try? Program(checked) else { return 0 }
    if let value = try? program.evaluate(inputs, budget: 100_000) {
        precondition(isOf(checked.type, value), "\(source) is no \(checked.type) but \(value.debugText)")
    }
    return 0
}
