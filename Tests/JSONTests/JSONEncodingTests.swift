// What is forwarded is what was read: re-encoding into a buffer says the same as the writer, byte for byte.

import JSON
import Testing

@Suite struct JSONEncodingTests {
    private static func encode(_ value: JSONValue) -> String {
        let capacity = value.document.encodingCapacity
        // Two guard bytes behind the promised end show a write beyond it.
        var bytes = [UInt8](repeating: 0xee, count: capacity + 2)
        let written = bytes.withUnsafeMutableBufferPointer { value.encode(into: $0.baseAddress!) }
        #expect(written <= capacity)
        #expect(bytes.suffix(2) == [0xee, 0xee])
        return String(decoding: bytes.prefix(written), as: UTF8.self)
    }

    private static func write(_ value: JSONValue) -> String {
        var writer = JSONWriter()
        writer.value(value)
        return writer.text
    }

    @Test(arguments: [
        ("null", "null"), (" [ ] ", "[]"), ("{ }", "{}"), ("[[],{},[{}]]", "[[],{},[{}]]"),
        (
            #"{"a" : 1.50e+3, "b":[true,false,null,"x"],"":{"c":""}}"#,
            #"{"a":1.50e+3,"b":[true,false,null,"x"],"":{"c":""}}"#
        ),
        (#""\u0000\u001f\b\f\n\r\t\"\\\/""#, #""\u0000\u001f\b\f\n\r\t\"\\/""#), (#""\ud83d\ude00 é""#, "\"😀 é\""),
        ("\"\u{7f}\"", "\"\u{7f}\""),
    ])
    func valuesAreEncodedInTheShortestForm(text: String, expected: String) throws {
        let root = try JSONDocument(parsing: text).root
        #expect(Self.encode(root) == expected)
        #expect(Self.write(root) == expected)
    }

    @Test func aMemberCanBeEncodedAlone() throws {
        let root = try JSONDocument(parsing: #"{"a":{"b":[1,2]},"c":3}"#).root
        #expect(Self.encode(try #require(root["a"])) == #"{"b":[1,2]}"#)
        #expect(Self.encode(try #require(root["c"])) == "3")
    }

    @Test func everyByteIsFoundAtEveryPlaceInAWord() throws {
        for special in ["\"", "\\", "\u{1}", "\u{1f}", "\u{80}", "é", "\u{7f}", "!", " ", "[", "]", "#"] {
            for before in 0..<18 {
                for after in [0, 1, 7, 8, 9] {
                    let text = String(repeating: "a", count: before) + special + String(repeating: "~", count: after)
                    var writer = JSONWriter()
                    writer.value(text)
                    let root = try JSONDocument(parsing: writer.text).root
                    #expect(root.string == text)
                    #expect(Self.encode(root) == writer.text)
                }
            }
        }
    }

    @Test func randomDocumentsSurviveARoundTrip() throws {
        var random = SeededGenerator(seed: 0x6a73_6f6e)
        for _ in 0..<400 {
            let text = Self.document(&random, depth: 0)
            let root = try JSONDocument(parsing: text).root
            let encoded = Self.encode(root)
            #expect(encoded == Self.write(root), "seed 0x6a736f6e, \(text)")
            let again = try JSONDocument(parsing: encoded)
            #expect(Self.encode(again.root) == encoded)
            if root.document.isCompact { #expect(encoded == text, "seed 0x6a736f6e, \(text)") }
            // The few control characters without a short escape are not looked at closely.
            #expect(again.isCompact == !encoded.contains(#"\u00"#), "seed 0x6a736f6e, \(encoded)")
        }
    }

    @Test(arguments: [
        (#"{"a":[1,"\n\"\\\t",null],"é":-0.5e3}"#, true), ("[]", true), (" []", false), ("[] ", false), ("[ ]", false),
        ("{\"a\" :1}", false), ("{\"a\": 1}", false), ("[1 ,2]", false), ("[1,\n2]", false), (#""\/""#, false),
        (#""\u0041""#, false), (#""\ud83d\ude00""#, false), (#""a b""#, true),
    ])
    func aTextThatItsOwnEncodingRepeatsIsCompact(text: String, isCompact: Bool) throws {
        let document = try JSONDocument(parsing: text)
        #expect(document.isCompact == isCompact)
        #expect((Self.encode(document.root) == text) == isCompact)
    }

    private static func document(_ random: inout SeededGenerator, depth: Int) -> String {
        switch Int.random(in: 0..<(depth > 5 ? 4 : 6), using: &random) {
        case 0: return ["null", "true", "false"].randomElement(using: &random)!
        case 1: return String(Int.random(in: -1_000_000...1_000_000, using: &random))
        case 2: return "-0.5E-7"
        case 3: return string(&random)
        case 4:
            let count = Int.random(in: 0..<5, using: &random)
            return "[" + (0..<count).map { _ in document(&random, depth: depth + 1) }.joined(separator: " , ") + "]"
        default:
            let count = Int.random(in: 0..<5, using: &random)
            let members = (0..<count).map {
                "\"\($0)\(string(&random).dropFirst()) :" + document(&random, depth: depth + 1)
            }
            return "{" + members.joined(separator: ",") + "}"
        }
    }

    private static func string(_ random: inout SeededGenerator) -> String {
        let pieces = ["plain text", "\\n", "\\u0007", "\\\"", "é", "😀", "\\ud83d\\ude00", "/", "\\/", "x"]
        let count = Int.random(in: 0..<6, using: &random)
        return "\"" + (0..<count).map { _ in pieces.randomElement(using: &random)! }.joined() + "\""
    }
}

/// xorshift64*: the same documents in every run.
private struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_f491_4f6c_dd1d
    }
}
