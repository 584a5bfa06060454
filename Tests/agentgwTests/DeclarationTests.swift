// The declarations as a whole: the schema, the reference page, and that every refused field is refused.

import Glibc
import JSON
import Proxy
import Testing

@testable import agentgw

@Suite struct DeclarationTests {
    private static func objects(_ shape: Shape, _ seen: inout [String: ObjectShape]) {
        switch shape {
        case .list(let element, _), .map(let element): objects(element, &seen)
        case .either(let shapes): for shape in shapes { objects(shape, &seen) }
        case .object(let object):
            guard seen[object.name] == nil else { return }
            seen[object.name] = object
            for field in object.fields { objects(field.shape, &seen) }
        case .text, .integer, .number, .boolean, .choice, .free: break
        }
    }

    @Test func rulesNameOnlyFieldsThatExistAndNoNameStandsTwice() {
        var all: [String: ObjectShape] = [:]
        Self.objects(Declarations.root.shape, &all)
        #expect(all.count > 50)
        for object in all.values {
            let names = object.fields.flatMap(\.allNames)
            #expect(Set(names).count == names.count, "\(object.name)")
            for rule in object.rules {
                switch rule {
                case .exactlyOne(let fields), .atMostOne(let fields):
                    for field in fields { #expect(names.contains(field), "\(object.name): \(field)") }
                }
            }
            for field in object.fields { #expect(!field.summary.isEmpty, "\(object.name).\(field.name)") }
        }
    }

    @Test func referencePageIsWhatTheDeclarationsSay() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(root)/docs/configuration.md"
        let bytes = try FileReader.system.read(path, 1 << 20).get()
        #expect(
            String(decoding: bytes, as: UTF8.self) == ReferenceWriter.page(of: Declarations.root.shape),
            "run: agentgw schema --format markdown > docs/configuration.md")
    }

    @Test func schemaIsJSONAndAllItsReferencesResolve() throws {
        let document = try JSONDocument(parsing: JSONSchemaWriter.schema(of: Declarations.root.shape))
        let definitions = try #require(document.root["$defs"])
        var references: [String] = []
        func collect(_ value: JSONValue) {
            for element in value.elements { collect(element) }
            for member in value.members {
                if member.name.string == "$ref", let text = member.value.string { references.append(text) }
                collect(member.value)
            }
        }
        collect(document.root)
        #expect(references.count > 100)
        for reference in references {
            #expect(
                reference.hasPrefix("#/$defs/") && definitions[String(reference.dropFirst(8))] != nil, "\(reference)")
        }
    }

    @Test func suggestionsComeForSlipsOnly() {
        let names = ["cors", "jwtAuth", "requestHeaderModifier"]
        #expect(Suggestion.nearest(to: "cros", among: names) == "cors")
        #expect(Suggestion.nearest(to: "JWT_AUTH", among: names) == "jwtAuth")
        #expect(Suggestion.nearest(to: "requestHeadersModifer", among: names) == "requestHeaderModifier")
        #expect(Suggestion.nearest(to: "timeout", among: names) == nil)
        #expect(Suggestion.nearest(to: "", among: names) == nil)
    }
}

extension FileReader.Failure: CustomStringConvertible {
    public var description: String { message }
}
