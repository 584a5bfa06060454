// Free-form values of the configuration that travel to clients (`resourceMetadata`) or to rules (API key metadata).

import JSON

/// A JSON-like value; object members keep the order of the file.
package indirect enum MetadataValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case list([MetadataValue])
    case object([MetadataMember])
}

package struct MetadataMember: Hashable, Sendable {
    package var name: String
    package var value: MetadataValue

    package init(_ name: String, _ value: MetadataValue) {
        self.name = name
        self.value = value
    }
}

extension JSONWriter {
    package mutating func value(_ value: MetadataValue) {
        switch value {
        case .null: null()
        case .bool(let bool): self.value(bool)
        case .int(let int): self.value(int)
        case .double(let double): self.value(double)
        case .string(let text): self.value(text)
        case .list(let elements):
            array { writer in
                for element in elements { writer.value(element) }
            }
        case .object(let members):
            object { writer in
                for member in members {
                    writer.name(member.name)
                    writer.value(member.value)
                }
            }
        }
    }
}
