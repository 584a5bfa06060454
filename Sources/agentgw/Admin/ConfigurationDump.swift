// `/config_dump`: the configuration in force, every default filled in. Secrets have no text to be shown by.

import Auth
import JSON
import Proxy

enum ConfigurationDump {
    /// Deeper than any configuration.
    private static let maximumDepth = 40

    static func render(_ configuration: GatewayConfiguration, status: ConfigurationStatus) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("status")
            write(status, 0, &writer)
            writer.name("configuration")
            write(configuration, 0, &writer)
        }
        return writer.text
    }

    private static func write(_ value: Any, _ depth: Int, _ writer: inout JSONWriter) {
        guard depth < maximumDepth else { return writer.null() }
        switch value {
        case is Secret: return writer.value("<redacted>")
        case let text as String: return writer.value(text)
        case let flag as Bool: return writer.value(flag)
        case let number as Int: return writer.value(number)
        case let number as Int64: return writer.value(number)
        case let number as UInt16: return writer.value(Int(number))
        case let number as Double: return writer.value(number)
        case let duration as Duration: return writer.value("\(duration)")
        case let position as FilePosition: return writer.value(position == .none ? "" : position.description)
        default: break
        }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional?:
            if let some = mirror.children.first { write(some.value, depth + 1, &writer) } else { writer.null() }
        case .collection?, .set?:
            writer.array { writer in for child in mirror.children { write(child.value, depth + 1, &writer) } }
        case .dictionary?:
            writer.array { writer in for child in mirror.children { write(child.value, depth + 1, &writer) } }
        case .enum?:
            guard let child = mirror.children.first, let label = child.label else { return writer.value("\(value)") }
            writer.object { writer in
                writer.name(label)
                write(child.value, depth + 1, &writer)
            }
        case .struct?, .class?, .tuple?:
            writer.object { writer in
                for (index, child) in mirror.children.enumerated() {
                    writer.name(child.label ?? "\(index)")
                    write(child.value, depth + 1, &writer)
                }
            }
        default: writer.value(String(describing: type(of: value)))
        }
    }
}
