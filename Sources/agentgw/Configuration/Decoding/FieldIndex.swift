// Where every field of the format belongs: for the message about a field that is right, but in the wrong place.

struct FieldIndex: Sendable {
    static let shared = FieldIndex(Declarations.root.shape)

    /// For each field name the places it belongs to, as the last two names of their paths: `routes.policies`.
    private var places: [String: [String]] = [:]

    private init(_ root: Shape) {
        var seen: Set<String> = []
        collect(root, "", &seen)
    }

    private mutating func collect(_ shape: Shape, _ place: String, _ seen: inout Set<String>) {
        switch shape {
        case .list(let element, _), .map(let element): collect(element, place, &seen)
        case .either(let shapes): for shape in shapes { collect(shape, place, &seen) }
        case .object(let object):
            // The same object in the same place says nothing new, and what lies below neither.
            guard seen.insert("\(object.name) \(place)").inserted else { return }
            for field in object.fields {
                for name in field.allNames where !(places[name]?.contains(place) ?? false) {
                    places[name, default: []].append(place)
                }
                guard field.support == .yes else { continue }
                let last = place.split(separator: ".").last.map { "\($0)." } ?? ""
                collect(field.shape, last + field.name, &seen)
            }
        case .text, .integer, .number, .boolean, .choice, .free: break
        }
    }

    /// `; it belongs to routes.policies`, or nothing when the name is unknown or too common to help.
    func hint(for name: String) -> String {
        guard let all = places[name] else { return "" }
        // The short forms at the top level repeat what belongs to routes.
        let places = all.filter { !$0.isEmpty && $0 != "mcp.policies" && $0 != "llm.policies" }
        if places.isEmpty { return all.contains("") ? "; it belongs to the top level" : "" }
        return places.count <= 5 ? "; it belongs to \(places.joined(separator: " or "))" : ""
    }
}
