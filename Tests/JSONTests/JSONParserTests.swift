import Testing

@testable import JSON

@Suite struct JSONParserTests {
    @Test(arguments: [
        "null", "true", "[]", "{}", "[1,2,3]", #"{"a":1,"b":[true,null,{"c":"d"}]}"#, "-0", "1e5", "-12.5E-3",
        #""a\nb""#,
        " [ 1 , { \"a\" : 2 } ] ", #""\ud83d\ude00 \u00e9""#, "\"é😀\"",
    ])
    func wellFormedTextIsAccepted(_ text: String) throws {
        _ = try JSONDocument(parsing: text)
    }

    @Test(arguments: [
        ("", 0), ("  ", 2), ("tru", 0), ("[1,]", 3), ("[1 2]", 3), ("{\"a\"}", 4), ("{\"a\":}", 5), ("{a:1}", 1),
        ("{\"a\":1,}", 7), ("01", 1), ("-", 1), ("1.", 2), ("1e", 2), ("+1", 0), (".5", 0), ("\"a", 2), ("\"\n\"", 1),
        (#""\x""#, 1), (#""\u12g4""#, 1), (#""\ud800""#, 1), (#""\udc00""#, 1), (#""\ud800A""#, 1), ("[1] x", 4),
        ("nullx", 4), ("[", 1), ("{", 1), ("[1", 2), ("'a'", 0), ("NaN", 0), ("[1}", 2), ("{\"a\":1]", 6),
    ])
    func malformedTextIsRefusedAtItsByte(_ text: String, _ offset: Int) throws {
        let error = #expect(throws: JSONError.self) { try JSONDocument(parsing: text) }
        #expect(error?.offset == offset, "\(text): \(String(describing: error))")
    }

    @Test(
        arguments: [
            [0xff], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22],
            [0x22, 0xe2, 0x82, 0x22], [0xef, 0xbb, 0xbf, 0x31], [0x22, 0x80, 0x22],
            [0x22, 0xf8, 0x88, 0x80, 0x80, 0x80, 0x22],
        ] as [[UInt8]])
    func malformedUTF8AndByteOrderMarksAreRefused(_ bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONDocument(parsing: bytes) }
    }

    @Test(arguments: [
        #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"{"":1,"":2}"#, #"[{"x":{"k":1,"l":2,"k":3}}]"#,
        #"{"a":{"b":1},"c":[],"a":0}"#,
    ])
    func duplicateMembersAreRefusedAlsoWhenEscaped(_ text: String) throws {
        let error = #expect(throws: JSONError.self) { try JSONDocument(parsing: text) }
        guard case .duplicateMember = error?.reason else {
            Issue.record("\(text): \(String(describing: error))")
            return
        }
    }

    @Test func aDuplicateAmongManyMembersIsFound() throws {
        var members = (0..<5000).map { "\"name\($0)\":\($0)" }
        let fine = try JSONDocument(parsing: "{" + members.joined(separator: ",") + "}")
        #expect(fine.root.count == 5000)
        #expect(fine.root["name4999"]?.int64 == 4999)
        members.append("\"name17\":0")
        #expect(throws: JSONError.self) { try JSONDocument(parsing: "{" + members.joined(separator: ",") + "}") }
    }

    @Test func nestingIsBounded() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSONDocument(parsing: nested(64))
        let error = #expect(throws: JSONError.self) { try JSONDocument(parsing: nested(65)) }
        #expect(error?.reason == .tooDeep(limit: 64))
        #expect(throws: JSONError.self) { try JSONDocument(parsing: String(repeating: "[", count: 1_000_000)) }
    }

    @Test func sizeIsBounded() {
        let error = #expect(throws: JSONError.self) {
            try JSONDocument(parsing: "[1,2,3]", limits: JSONLimits(maximumBytes: 6))
        }
        #expect(error?.reason == .tooLarge(limit: 6))
    }

    @Test func numbersKeepTheirTextAndTheirExactValue() throws {
        let root = try JSONDocument(
            parsing:
                "[9223372036854775807,-9223372036854775808,18446744073709551615,18446744073709551616,1.0,1e2,-0,0.1]"
        ).root
        let values = Array(root.elements)
        #expect(values[0].int64 == .max)
        #expect(values[1].int64 == .min)
        #expect(values[2].int64 == nil)
        #expect(values[2].uint64 == .max)
        #expect(values[3].uint64 == nil)
        #expect(values[3].double == 18446744073709551616.0)
        #expect(values[4].int64 == nil)
        #expect(values[4].double == 1)
        #expect(values[5].numberText == "1e2")
        #expect(values[6].int64 == 0)
        #expect(values[7].double == 0.1)
    }

    @Test func membersKeepTheirOrderAndAreFoundByName() throws {
        let root = try JSONDocument(parsing: #"{"b":[1,[2]],"a":{"x":"y"},"c":null}"#).root
        #expect(root.members.map { $0.name.string } == ["b", "a", "c"])
        #expect(root["a"]?["x"]?.string == "y")
        #expect(root["b"]?.elements.map(\.kind) == [.number, .array])
        #expect(root["missing"] == nil)
        #expect(root["c"]?.isNull == true)
        #expect(root["b"]?["x"] == nil)
    }

    @Test(arguments: [
        #"{"a":[1,2.50,"x\ny\"\\ü😀"],"b":{},"c":[],"d":1e400,"e":-0}"#, #"[[[]],{"k":{"l":[null,true,false]}}]"#,
    ])
    func reencodingKeepsEveryValueAndNumberText(_ text: String) throws {
        var writer = JSONWriter()
        writer.value(try JSONDocument(parsing: text).root)
        #expect(writer.text == text)
    }

    @Test func controlCharactersAreEscapedWhenWritten() throws {
        var writer = JSONWriter()
        writer.value("\u{0}\u{1f}\t\u{7f}")
        #expect(writer.text == "\"\\u0000\\u001f\\t\u{7f}\"")
        #expect(try JSONDocument(parsing: writer.bytes).root.string == "\u{0}\u{1f}\t\u{7f}")
    }

    @Test func membersCanBeReplacedWhileOthersSurvive() throws {
        let root = try JSONDocument(parsing: #"{"model":"x","temperature":0.70,"n":{"o":1}}"#).root
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("model")
            writer.value("y")
            writer.copyMembers(of: root, except: ["model"])
        }
        #expect(writer.text == #"{"model":"y","temperature":0.70,"n":{"o":1}}"#)
    }

    @Test func mutatedTextNeverCrashesAndWhatIsAcceptedRoundTrips() throws {
        let seeds = [#"{"a":[1,2.5e3,"\u00e9\ud83d\ude00"],"b":{"c":null,"d":true}}"#, #"[[[1]],{"x":"\\"},-0.1]"#]
        var random = SplitMix(seed: 0x5eed)
        for round in 0..<20_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0..<(1 + random.below(4)) {
                switch random.below(3) {
                case 0: bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: random.below(bytes.count))
                default: bytes.insert(Array(#"{}[]",:\u0"#.utf8)[random.below(10)], at: random.below(bytes.count))
                }
                if bytes.isEmpty { bytes = [0x31] }
            }
            guard let document = try? JSONDocument(parsing: bytes) else { continue }
            var writer = JSONWriter()
            writer.value(document.root)
            var again = JSONWriter()
            again.value(try JSONDocument(parsing: writer.bytes).root)
            #expect(again.bytes == writer.bytes, "seed 0x5eed, round \(round)")
        }
    }
}

/// Steele, Lea and Flood's generator: the same sequence on every machine.
struct SplitMix {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
