// Compiles one test in the mode that it asks for, then evaluates it.

@testable import CEL

extension ConformanceTest {
    /// Nil when the test passes.
    func failure() -> Failure? {
        func failure(_ got: String, _ want: String) -> Failure { Failure(test: self, got: got, want: want) }
        let environment: Environment
        do throws(CELType.Unknown) { environment = try self.environment() } catch {
            return failure("the test's declarations cannot be read: \(error)", "declarations")
        }
        let checked: CheckedExpression
        do throws(CompileError) {
            let parsed = try ParsedExpression.parse(expression)
            checked = try disableCheck ? environment.resolve(parsed) : environment.check(parsed)
        } catch {
            if case .anyError = expectation { return nil }
            return failure(error.diagnostics.map(\.text).joined(separator: "; "), "an expression that compiles")
        }
        if case .type(let proto, _) = expectation {
            do throws(CELType.Unknown) {
                let type = try CELType(proto)
                if checked.type != type { return failure("type \(checked.type)", "type \(type)") }
            } catch {
                return failure("the expected type cannot be read: \(error)", "a type")
            }
        }
        return evaluationFailure(checked).map { failure($0.got, $0.want) }
    }
}
