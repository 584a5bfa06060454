// Arguments against input schemas, keyword by keyword; what cannot be told is refused. And what headers mirror.

import JSON
import Testing

@testable import Proxy

struct ArgumentSchemaTests {
    private static func fits(_ arguments: String, _ schema: String) throws -> Bool {
        do throws(ArgumentSchema.Finding) {
            try ArgumentSchema.check(
                try! JSONDocument(parsing: arguments).root, against: try! JSONDocument(parsing: schema).root)
            return true
        } catch { return false }
    }

    @Test(arguments: [
        (#"{"a":1}"#, #"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}"#),
        (#"{"a":1.0}"#, #"{"properties":{"a":{"type":"integer"}}}"#),
        (#"{"a":null}"#, #"{"properties":{"a":{"type":["string","null"]}}}"#),
        (#"{"a":"y"}"#, #"{"properties":{"a":{"enum":["x","y"]}}}"#),
        (#"{"a":1.0}"#, #"{"properties":{"a":{"const":1}}}"#),
        (#"{"a":{"x":1,"y":[2]}}"#, #"{"properties":{"a":{"const":{"y":[2],"x":1}}}}"#),
        (#"{"ab":1}"#, #"{"patternProperties":{"^a":{"type":"number"}},"additionalProperties":false}"#),
        (
            #"{"a":[1,"x",true]}"#,
            #"{"properties":{"a":{"prefixItems":[{"type":"integer"}],"items":{"type":["string","boolean"]}}}}"#
        ),
        (#"{"a":"äöü"}"#, #"{"properties":{"a":{"minLength":3,"maxLength":3,"pattern":"^[äöü]+$"}}}"#),
        (#"{"a":6}"#, #"{"properties":{"a":{"minimum":6,"exclusiveMaximum":7,"multipleOf":3}}}"#),
        (#"{"a":1}"#, #"{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"integer"}]}}}"#),
        (#"{"a":1}"#, #"{"properties":{"a":{"oneOf":[{"type":"string"},{"type":"integer"}]}}}"#),
        (#"{"a":1}"#, ##"{"properties":{"a":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"integer"}}}"##),
        (#"{"n":{"n":{}}}"#, ##"{"type":"object","properties":{"n":{"$ref":"#"}},"additionalProperties":false}"##),
        (#"{"a":1,"b":2}"#, #"{"if":{"required":["a"]},"then":{"required":["b"]}}"#),
        (#"{"a":[1,2]}"#, #"{"properties":{"a":{"uniqueItems":true,"contains":{"const":2},"maxItems":2}}}"#),
        (#"{"a":"not a date"}"#, #"{"properties":{"a":{"type":"string","format":"date"}}}"#),
        (#"{}"#, "true"),
    ])
    func argumentsThatFitPass(_ arguments: String, _ schema: String) throws {
        #expect(try Self.fits(arguments, schema))
    }

    @Test(arguments: [
        (#"{}"#, #"{"required":["a"]}"#),
        (#"{"a":"1"}"#, #"{"properties":{"a":{"type":"integer"}}}"#),
        (#"{"a":1.5}"#, #"{"properties":{"a":{"type":"integer"}}}"#),
        (#"{"a":true}"#, #"{"properties":{"a":{"type":"number"}}}"#),
        (#"{"a":"X"}"#, #"{"properties":{"a":{"enum":["x","y"]}}}"#),
        ("{\"a\":\"e\u{301}\"}", "{\"properties\":{\"a\":{\"const\":\"\u{e9}\"}}}"),
        (#"{"b":1}"#, #"{"properties":{"a":{}},"additionalProperties":false}"#),
        (#"{"A":1}"#, #"{"properties":{"a":{}},"additionalProperties":false}"#),
        (#"{"a":[1,2]}"#, #"{"properties":{"a":{"maxItems":1}}}"#),
        (#"{"a":[1,1.0]}"#, #"{"properties":{"a":{"uniqueItems":true}}}"#),
        (#"{"a":"xyz"}"#, #"{"properties":{"a":{"pattern":"^y"}}}"#),
        (#"{"a":7}"#, #"{"properties":{"a":{"exclusiveMaximum":7}}}"#),
        (#"{"a":1}"#, #"{"properties":{"a":{"oneOf":[{"type":"number"},{"type":"integer"}]}}}"#),
        (#"{"a":1}"#, #"{"properties":{"a":{"not":{"type":"integer"}}}}"#),
        (#"{"a":1}"#, #"{"if":{"required":["a"]},"then":{"required":["b"]}}"#),
        (#"{"a":1}"#, #"{"dependentRequired":{"a":["b"]}}"#),
        (#"{"a":{"b":1}}"#, #"{"properties":{"a":{"propertyNames":{"maxLength":0}}}}"#),
        (#"{}"#, "false"),
        (#"[]"#, #"{"type":"object"}"#),
    ])
    func argumentsThatDoNotFitAreRefused(_ arguments: String, _ schema: String) throws {
        #expect(try !Self.fits(arguments, schema))
    }

    @Test(arguments: [
        #"{"unevaluatedProperties":false}"#, #"{"$ref":"https://example.com/schema"}"#, ##"{"$ref":"#/nothing"}"##,
        #"{"properties":{"a":{"pattern":"(?=x)"}}}"#, ##"{"$ref":"#"}"##, #"{"properties":{"a":{"type":"text"}}}"#,
        #"{"not":{"unevaluatedProperties":false}}"#, #"{"oneOf":[{"$dynamicRef":"x"},{}]}"#, "7",
    ])
    func whatCannotBeToldIsRefused(_ schema: String) throws {
        #expect(try !Self.fits(#"{"a":"x"}"#, schema))
    }

    @Test func combinationsDoNotTakeForEver() throws {
        let bomb =
            ##"{"$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"},{"$ref":"#/$defs/b"}]},"b":{"allOf":[{"$ref":"#/$defs/c"},{"$ref":"#/$defs/c"}]},"c":{"anyOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}"##
        #expect(try !Self.fits("{}", bomb))
    }

    // MARK: Mirrored arguments

    private static let mirrored =
        #"{"properties":{"region":{"type":"string","x-mcp-header":"Region"},"in":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}}}"#

    private static func agrees(_ arguments: String, _ headers: [String: [String]]) throws -> Bool {
        let mirror = try #require(MirroredArguments(schema: try JSONDocument(parsing: mirrored).root))
        do throws(RPCError) {
            try mirror.check(try! JSONDocument(parsing: arguments).root) { headers[$0] ?? [] }
            return true
        } catch {
            #expect(error.code == -32020)
            return false
        }
    }

    @Test func headersMustSayWhatTheArgumentsSay() throws {
        let region = "mcp-param-region"
        #expect(try Self.agrees(#"{"region":"eu"}"#, [region: ["eu"]]))
        #expect(try Self.agrees(#"{"region":"eü"}"#, [region: ["=?base64?ZcO8?="]]))
        #expect(try Self.agrees(#"{"region":null}"#, [:]))
        #expect(try Self.agrees(#"{"in":{"n":42}}"#, ["mcp-param-n": ["42.0"]]))
        #expect(try !Self.agrees(#"{"region":"eu"}"#, [:]))
        #expect(try !Self.agrees(#"{"region":"eu"}"#, [region: ["us"]]))
        #expect(try !Self.agrees(#"{"region":"eu"}"#, [region: ["eu", "eu"]]))
        #expect(try !Self.agrees(#"{"region":"eu"}"#, [region: ["EU"]]))
        #expect(try !Self.agrees(#"{}"#, [region: ["eu"]]))
        #expect(try !Self.agrees(#"{"in":{"n":42}}"#, ["mcp-param-n": ["4.2e1"]]))
        #expect(try !Self.agrees(#"{"in":{"n":42}}"#, ["mcp-param-n": ["43"]]))
    }

    @Test func fieldsAreWrittenAsClientsWriteThem() throws {
        let mirror = try #require(MirroredArguments(schema: try JSONDocument(parsing: Self.mirrored).root))
        let fields = mirror.fields(try JSONDocument(parsing: #"{"region":"eü","in":{"n":7}}"#).root)
        #expect(fields.map(\.name) == ["mcp-param-region", "mcp-param-n"])
        #expect(fields.map(\.value) == ["=?base64?ZcO8?=", "7"])
    }

    @Test(arguments: [
        #"{"x-mcp-header":"A"}"#, #"{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}"#,
        #"{"properties":{"a":{"type":"string","x-mcp-header":"A b"}}}"#,
        #"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#,
    ])
    func annotationsThatAreNotValidMirrorNothing(_ schema: String) throws {
        #expect(MirroredArguments(schema: try JSONDocument(parsing: schema).root) == nil)
    }
}
