// What an import could not carry over as it was: one finding for each place in the file.

import Auth
import JSON

struct ImportReport {
    enum Grade: String {
        /// Not carried over.
        case unsupported
        /// Carried over, but it behaves otherwise; the message says how.
        case approximate
        /// Something for the operator to do or to look at.
        case manual
    }

    struct Finding: CustomStringConvertible {
        var grade: Grade
        var position: FilePosition
        /// `model_list[0].litellm_params.rpm`
        var path: String
        var message: String

        var description: String { "\(position): \(grade.rawValue): \(path): \(message)" }
    }

    private var findings: [Finding] = []

    mutating func add(_ grade: Grade, _ position: FilePosition, _ path: String, _ message: String) {
        findings.append(Finding(grade: grade, position: position, path: path, message: message))
    }

    /// In the order of the file.
    var sorted: [Finding] {
        findings.enumerated().sorted { a, b in
            (a.element.position.line, a.element.position.column, a.offset)
                < (b.element.position.line, b.element.position.column, b.offset)
        }.map(\.element)
    }

    static func json(_ findings: [Finding], models: Int) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("models")
            writer.value(models)
            writer.name("findings")
            writer.array { writer in
                for finding in findings {
                    writer.object { writer in
                        for (name, value) in [
                            ("grade", finding.grade.rawValue), ("file", finding.position.file), ("path", finding.path),
                            ("message", finding.message),
                        ] {
                            writer.name(name)
                            writer.value(value)
                        }
                        writer.name("line")
                        writer.value(finding.position.line)
                        writer.name("column")
                        writer.value(finding.position.column)
                    }
                }
            }
        }
        return writer.text
    }
}
