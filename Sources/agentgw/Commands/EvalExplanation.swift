// `agentgw eval --explain`: every part of an expression with what it came to, outer parts first.

import CEL
import JSON

struct EvalExplanation {
    private let explanation: Explanation
    private let source: String

    init(_ program: Program, _ inputs: [String: CELValue], source: String) throws {
        explanation = try program.explain(inputs)
        self.source = source
    }

    private func text(_ range: SourceRange) -> String {
        String(decoding: Array(source.utf8)[Int(range.start)..<Int(range.end)], as: UTF8.self)
    }

    private func outcome(_ outcome: Explanation.Outcome) -> String {
        switch outcome {
        case .value(let value): value.debugText
        case .failed(let error): "error: \(error)"
        case .notEvaluated: "not evaluated"
        }
    }

    /// As text to standard error, so that the value alone is on standard output; as JSON a second line.
    func print(as format: EvalCommand.Format) {
        switch format {
        case .text:
            for part in explanation.parts {
                let place = LineColumn(offset: Int(part.range.start), in: source)
                StandardError.write(
                    "  \(place.line):\(place.column)  \(text(part.range))  =>  \(outcome(part.outcome))\n")
            }
        case .json:
            var writer = JSONWriter()
            writer.object { writer in
                writer.name("explain")
                writer.array { writer in
                    for part in explanation.parts { write(part, &writer) }
                }
            }
            Swift.print(writer.text)
        }
    }

    private func write(_ part: Explanation.Part, _ writer: inout JSONWriter) {
        let place = LineColumn(offset: Int(part.range.start), in: source)
        writer.object { writer in
            writer.name("expression")
            writer.value(text(part.range))
            writer.name("line")
            writer.value(place.line)
            writer.name("column")
            writer.value(place.column)
            switch part.outcome {
            case .value(.unknown):
                writer.name("unknown")
                writer.value(true)
            case .value(let value):
                writer.name("value")
                EvalJSON.write(value, to: &writer)
            case .failed(let error):
                writer.name("error")
                writer.value(error.message)
            case .notEvaluated:
                writer.name("evaluated")
                writer.value(false)
            }
        }
    }
}
