// Free-form values of the configuration that travel to clients (`resourceMetadata`) or to rules (API key metadata).

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
