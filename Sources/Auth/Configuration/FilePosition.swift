// Where in a configuration file something was written: what every load error, decision and explanation points at.

/// A position in a file, 1-based, as editors count.
package struct FilePosition: Hashable, Sendable, CustomStringConvertible {
    package var file: String
    package var line: Int
    package var column: Int

    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// For rule sets that were built in code.
    package static let none = FilePosition(file: "", line: 0, column: 0)

    package var description: String { file.isEmpty ? "-" : "\(file):\(line):\(column)" }
}
