// Why an evaluation has no value.

public struct EvaluationError: Error, Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        case noSuchKey
        case noSuchOverload
        case undeclared
        case divideByZero
        case overflow
        /// An index beyond the end, a code point that is none, a date that is none.
        case outOfRange
        case invalidArgument
        /// The evaluation's budget is spent.
        case cost
        /// `fail("…")`
        case failed
    }

    public let kind: Kind
    public let message: String
    /// Where in the source text, when known.
    public let range: SourceRange?

    public init(_ kind: Kind, _ message: String, range: SourceRange? = nil) {
        self.kind = kind
        self.message = message
        self.range = range
    }
}

extension EvaluationError.Kind: CustomStringConvertible {
    /// As decision records and metrics spell it.
    public var description: String {
        switch self {
        case .noSuchKey: "no_such_key"
        case .noSuchOverload: "no_such_overload"
        case .undeclared: "undeclared_reference"
        case .divideByZero: "divide_by_zero"
        case .overflow: "overflow"
        case .outOfRange: "out_of_range"
        case .invalidArgument: "invalid_argument"
        case .cost: "cost_exceeded"
        case .failed: "failed"
        }
    }
}

extension EvaluationError: CustomStringConvertible {
    public var description: String { "\(kind): \(message)" }
}
