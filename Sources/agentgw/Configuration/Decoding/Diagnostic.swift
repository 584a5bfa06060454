// What is wrong with a configuration, as it is shown: `FILE:LINE:COL: error: PATH: message; did you mean "x"?`.

import Auth

/// One finding of the loader.
struct Diagnostic: Hashable, Sendable, CustomStringConvertible {
    enum Severity: String, Sendable {
        case error, warning
    }

    var severity = Severity.error
    var position: FilePosition
    /// `binds[0].listeners[0].routes[1].policies.cors`; empty at the root.
    var path: String
    var message: String
    /// The rule of the linter that says the same, by which a comment in the file can accept it.
    var rule: String?

    var description: String {
        let place = path.isEmpty ? "" : "\(path): "
        return "\(position): \(severity.rawValue): \(place)\(message)"
    }
}

/// All errors of a configuration, in the order of the file.
struct ConfigurationError: Error, CustomStringConvertible {
    var diagnostics: [Diagnostic]

    var description: String { diagnostics.map(\.description).joined(separator: "\n") }
}
