// A matrix for the terminal, for spreadsheets, and as a page.

enum MatrixText {
    static func text(_ matrix: AccessMatrix, _ style: TextStyle) -> String {
        let first = matrix.rows.map { $0.name.count }.max() ?? 0
        let widths = matrix.columns.map { max($0.count, 5) }
        var out = String(repeating: " ", count: first)
        for (column, width) in zip(matrix.columns, widths) { out += "  " + padded(column, width) }
        out = trimmed(out) + "\n"
        for row in matrix.rows {
            var line = padded(row.name, first)
            for (cell, width) in zip(row.cells, widths) {
                let text = padded(cell.rawValue, width)
                line += "  "
                switch cell {
                case .allow: line += style.green(text)
                case .deny: line += style.red(text)
                case .maybe: line += style.yellow(text)
                case .none: line += style.dim(text)
                }
            }
            out += trimmed(line) + "\n"
        }
        return out
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func trimmed(_ text: String) -> String {
        var text = text
        while text.last == " " { text.removeLast() }
        return text
    }

    /// RFC 4180, with LF so that version control shows it well.
    static func csv(_ matrix: AccessMatrix) -> String {
        var out = (["persona"] + matrix.columns).map(field).joined(separator: ",") + "\n"
        for row in matrix.rows {
            out += ([field(row.name)] + row.cells.map(\.rawValue)).joined(separator: ",") + "\n"
        }
        return out
    }

    private static func field(_ text: String) -> String {
        let needsQuotes = text.contains { "\",\n\r".contains($0) }
        // A spreadsheet would take it for a formula.
        let begins = text.first.map { "=+-@".contains($0) } ?? false
        let safe = begins ? "'" + text : text
        return needsQuotes ? "\"" + safe.replacing("\"", with: "\"\"") + "\"" : safe
    }

    static func html(_ matrix: AccessMatrix, title: String) -> String {
        var body = "<h1>\(HTML.escaped(title))</h1>\n<table>\n<tr><th>"
        for column in matrix.columns { body += "<th>\(HTML.escaped(column))" }
        body += "\n"
        for row in matrix.rows {
            body += "<tr><th>\(HTML.escaped(row.name))"
            for cell in row.cells {
                body += "<td class=\(cell == .none ? "dim" : cell.rawValue)>\(HTML.escaped(cell.rawValue))"
            }
            body += "\n"
        }
        return HTML.page(title, body + "</table>\n<p>maybe: it depends on the arguments.</p>\n")
    }

    /// The cells that differ, a line each.
    static func differences(_ before: String, _ after: String) -> [String] {
        let (old, new) = (lines(before), lines(after))
        return old.filter { !new.contains($0) }.map { "- \($0)" } + new.filter { !old.contains($0) }.map { "+ \($0)" }
    }

    private static func lines(_ text: String) -> [String] { text.split(separator: "\n").map { String($0) } }
}
