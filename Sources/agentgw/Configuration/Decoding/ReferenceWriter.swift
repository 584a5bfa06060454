// The declarations as a page for people: docs/configuration.md. A test keeps the page and the declarations the same.

enum ReferenceWriter {
    static func page(of root: Shape) -> String {
        var writer = Writer()
        writer.collect(root)
        var out = """
            # Configuration

            <!-- Made by `agentgw schema --format markdown`; change the declarations, not this page. -->

            A configuration is one YAML 1.2 document. Unknown fields, duplicate keys, wrong types and values out of range
            are errors, all of a file at once, as `FILE:LINE:COL: error: PATH: …`. `agentgw -f FILE --validate-only`
            checks a file; `agentgw schema` prints a JSON Schema for editors.

            - **Variables.** `$NAME`, `${NAME}` and `${NAME:-default}` stand for environment variables in values, never in
              keys. An unset variable is an error. `$$` is a dollar.
            - **Text and numbers.** `"80"` is text and `80` a number; one where the other belongs is an error. Booleans are
              `true` and `false`.
            - **Durations** have units: `10s`, `1h30m`, `500ms`. **Sizes** may have them: `65536`, `64KiB`, `2MB`.
            - **Files** are found relative to the working directory.
            - Fields of agentgateway's format that are listed as *not supported yet* refuse the load.


            """
        for object in writer.objects { out += writer.section(object) }
        return out
    }

    private struct Writer {
        var objects: [ObjectShape] = []
        private var seen: Set<String> = []

        mutating func collect(_ shape: Shape) {
            switch shape {
            case .list(let element, _), .map(let element): collect(element)
            case .either(let shapes): for shape in shapes { collect(shape) }
            case .object(let object):
                guard seen.insert(object.name).inserted else { return }
                objects.append(object)
                for field in object.fields where field.support == .yes { collect(field.shape) }
            case .text, .integer, .number, .boolean, .choice, .free: break
            }
        }

        func section(_ object: ObjectShape) -> String {
            var out = "## \(object.name)\n\n\(object.summary)\n\n"
            let fields = object.fields.filter { $0.support == .yes }
            if fields.isEmpty {
                out += "No fields: `{}`.\n\n"
            } else {
                out += "| field | type | default | |\n|---|---|---|---|\n"
                for field in fields {
                    let names = field.allNames.map { "`\($0)`" }.joined(separator: ", ")
                    let normal = field.isRequired ? "**required**" : field.defaultText ?? ""
                    out += "| \(names) | \(type(field.shape)) | \(cell(normal)) | \(cell(field.summary)) |\n"
                }
                out += "\n"
            }
            for rule in object.rules {
                let known = Set(fields.flatMap(\.allNames))
                switch rule {
                case .exactlyOne(let names):
                    let names = names.filter { known.contains($0) }
                    if names.count > 1 { out += "Exactly one of \(list(names)).\n\n" }
                case .atMostOne(let names):
                    let names = names.filter { known.contains($0) }
                    if names.count > 1 { out += "At most one of \(list(names)).\n\n" }
                }
            }
            let refused = object.fields.filter { $0.support == .notYet }.flatMap(\.allNames)
            if !refused.isEmpty { out += "Not supported yet: \(list(refused)).\n\n" }
            return out
        }

        private func list(_ names: [String]) -> String { names.map { "`\($0)`" }.joined(separator: ", ") }

        private func type(_ shape: Shape) -> String {
            switch shape {
            case .text(let what, _): cell(what)
            case .integer(let range):
                range.upperBound == .max ? "integer ≥ \(range.lowerBound)" : "\(range.lowerBound)…\(range.upperBound)"
            case .number(let range): "\(range.lowerBound)…\(range.upperBound)"
            case .boolean: "boolean"
            case .choice(let words): list(words)
            case .list(let element, _): "list of \(type(element))"
            case .map(let element): "map of \(type(element))"
            case .object(let object): "[\(object.name)](#\(object.name.asciiLowercased))"
            case .either(let shapes): shapes.map(type).joined(separator: " or ")
            case .free(let what): cell(what)
            }
        }

        private func cell(_ text: String) -> String {
            text.replacing("|", with: "\\|").replacing("\n", with: " ")
        }
    }
}
