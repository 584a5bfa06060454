// What the process says about itself: start, listeners, reloads, trouble. One line each on standard error.

import Glibc

package struct ProcessLog: Sendable {
    package let configuration: LoggingConfiguration

    package init(_ configuration: LoggingConfiguration) { self.configuration = configuration }

    private static func rank(_ level: LoggingConfiguration.Level) -> Int {
        switch level {
        case .trace: 0
        case .debug: 1
        case .info: 2
        case .warn: 3
        case .error: 4
        case .off: 5
        }
    }

    package func writes(_ level: LoggingConfiguration.Level) -> Bool {
        ProcessLog.rank(level) >= ProcessLog.rank(configuration.level) && level != .off
    }

    package func debug(_ message: @autoclosure () -> String) { write(.debug, message) }
    package func info(_ message: @autoclosure () -> String) { write(.info, message) }
    package func warn(_ message: @autoclosure () -> String) { write(.warn, message) }
    package func error(_ message: @autoclosure () -> String) { write(.error, message) }

    private func write(_ level: LoggingConfiguration.Level, _ message: () -> String) {
        guard writes(level) else { return }
        let buffer = IOBuffer(capacity: 256)
        switch configuration.format {
        case .json:
            buffer.append("{\"log\":\"process\",\"time\":\"")
            buffer.append(timestamp: WallClock.nanoseconds)
            buffer.append("\",\"level\":\"")
            buffer.append(level.rawValue)
            buffer.append("\",\"message\":")
            buffer.append(jsonString: message())
            buffer.append("}\n")
        case .text:
            buffer.append(timestamp: WallClock.nanoseconds)
            buffer.append(" ")
            buffer.append(level.rawValue)
            buffer.append(" ")
            // One line a message, whatever is in it.
            buffer.append(message().split(separator: "\n").joined(separator: " | "))
            buffer.append("\n")
        }
        let view = buffer.view
        _ = Glibc.write(2, view.base!, view.count)
    }
}
