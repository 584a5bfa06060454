// Colours for terminals, and none for anything else.

import Glibc

struct TextStyle: Sendable {
    enum Choice: String, CaseIterable, Sendable {
        case auto, always, never
    }

    var isColoured: Bool

    static let plain = TextStyle(isColoured: false)

    /// `auto`: on a terminal, unless NO_COLOR is set or TERM is dumb (https://no-color.org).
    static func of(_ choice: Choice, descriptor: Int32 = 1) -> TextStyle {
        switch choice {
        case .always: TextStyle(isColoured: true)
        case .never: .plain
        case .auto:
            TextStyle(
                isColoured: isatty(descriptor) == 1 && !(getenv("NO_COLOR").map { $0.pointee != 0 } ?? false)
                    && getenv("TERM").map { String(cString: $0) } != "dumb")
        }
    }

    func red(_ text: String) -> String { paint(text, "31") }
    func green(_ text: String) -> String { paint(text, "32") }
    func yellow(_ text: String) -> String { paint(text, "33") }
    func blue(_ text: String) -> String { paint(text, "34") }
    func bold(_ text: String) -> String { paint(text, "1") }
    func dim(_ text: String) -> String { paint(text, "2") }

    private func paint(_ text: String, _ code: String) -> String {
        isColoured && !text.isEmpty ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
