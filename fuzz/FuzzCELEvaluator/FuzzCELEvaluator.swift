// Fuzzes the evaluator: the planned program, the program with probes and the reference come to the same, and what is left
// of an expression while a part of its input is unknown comes to the same later. The first byte says whether the others
// are an expression or choose one, piece by piece.

import CELReference

@testable import CEL

private let inputs = SourceGenerator<ByteSource>.inputs
private let environment = Environment(variables: inputs.mapValues { _ in .dyn })
/// The reference has no bounds of its own.
private let budget = 50_000

private func result(_ program: Program, _ inputs: [String: CELValue]) -> Result<CELValue, EvaluationError> {
    Result { () throws(EvaluationError) in try program.evaluate(inputs, budget: budget) }
}

private func isOverBudget(_ result: Result<CELValue, EvaluationError>) -> Bool {
    if case .failure(let error) = result { error.kind == .cost } else { false }
}

/// Equal values, or errors both.
private func agree(_ a: Result<CELValue, EvaluationError>, _ b: Result<CELValue, EvaluationError>) -> Bool {
    switch (a, b) {
    case (.success(let x), .success(let y)): x == y
    case (.failure, .failure): true
    default: false
    }
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 1 else { return 0 }
    let rest = UnsafeBufferPointer(start: data + 1, count: size - 1)
    var source = String(decoding: rest, as: UTF8.self)
    if data[0] & 1 == 1 {
        var generator = SourceGenerator(ByteSource(Array(rest)))
        source = generator.any(4)
    }
    guard let parsed = try? ParsedExpression.parse(source), let checked = try? environment.resolve(parsed),
        let program = try? Program(checked), let probed = try? Program(checked, isInstrumented: true)
    else { return 0 }
    let plain = result(program, inputs)
    let recorded = result(probed, inputs)
    // Folded constants cost nothing.
    guard !isOverBudget(plain), !isOverBudget(recorded) else { return 0 }
    precondition(agree(plain, recorded), "\(source): \(plain), with probes \(recorded)")
    switch ReferenceEvaluator(checked, inputs).evaluate() {
    case .unsupported: break
    case .error: precondition(agree(plain, .failure(EvaluationError(.failed, ""))), "\(source): \(plain), no error")
    case .value(let value): precondition(agree(plain, .success(value)), "\(source): \(plain), not \(value.debugText)")
    }
    later(program, source, plain)
    return 0
}

/// `m` is unknown at first.
private func later(_ program: Program, _ source: String, _ whole: Result<CELValue, EvaluationError>) {
    var partial = inputs
    partial["m"] = .unknown
    guard let left = try? program.partiallyEvaluate(partial) else { return }
    switch left {
    case .failed: return
    case .value(let value):
        // An unknown beats an error, and what decides without it has decided.
        precondition(agree(whole, .success(value)), "\(source) was \(value.debugText) before all was known: \(whole)")
    case .residual(let ast):
        let text = ast.unparsed()
        guard let rest = try? environment.compileUnchecked(text) else {
            preconditionFailure("\(source) leaves \(text), which is refused")
        }
        let value = result(rest, inputs)
        precondition(
            isOverBudget(value) || agree(whole, value), "\(source) leaves \(text): \(value), and was \(whole)")
    }
}
