// One spelling per path: what is kept, what is rewritten, what is refused.

import Proxy
import Testing

@Suite struct CanonicalPathTests {
    @Test(arguments: [
        "/", "/v1/chat/completions", "/a/b/", "/a.b/c", "/.well-known/x", "/...", "/a%20b", "/a%3Ab", "/@:!$&'()*+,;=",
        "/v1/models/gpt-4o:generate", "/a;b=c/d", "/%C3%A9",
    ])
    func canonicalPathsStayAsTheyAre(_ path: String) throws {
        #expect(try CanonicalPath.canonical(path) == path)
    }

    @Test(arguments: [
        ("/%61%70i", "/api"), ("/a%2db%2Ec%5Fd%7e", "/a-b.c_d~"), ("/a%c3%a9", "/a%C3%A9"), ("//a", "/a"),
        ("/a//b///c", "/a/b/c"), ("/a//", "/a/"), ("//", "/"), ("/%41//%2e%41", "/A/.A"), ("/%2561", "/%2561"),
    ])
    func equivalentSpellingsBecomeOne(_ path: String, _ canonical: String) throws {
        #expect(try CanonicalPath.canonical(path) == canonical)
    }

    @Test(arguments: [
        ("", CanonicalPath.Problem.notAbsolute), ("a", .notAbsolute), ("*", .notAbsolute),
        ("/..", .dotSegment), ("/a/../b", .dotSegment), ("/a/./b", .dotSegment), ("/.", .dotSegment),
        ("/a/%2e%2e/b", .dotSegment), ("/a/%2E./b", .dotSegment), ("/a/.%2e", .dotSegment), ("/a/%2e", .dotSegment),
        ("/a/..;/b", .dotSegment), ("/a/..;x=1/b", .dotSegment), ("/a/%2e%2e;x", .dotSegment), ("/a/.;", .dotSegment),
        ("/a//../b", .dotSegment), ("/a%2fb", .encodedSlash), ("/a%2Fb", .encodedSlash), ("/a%5cb", .encodedSlash),
        ("/a\\b", .backslash), ("/..\\b", .backslash), ("/a%00", .controlCharacter), ("/a%0d%0ab", .controlCharacter),
        ("/a%7f", .controlCharacter), ("/a\u{0}b", .controlCharacter), ("/a\tb", .controlCharacter),
        ("/a%", .badPercentEncoding), ("/a%4", .badPercentEncoding), ("/a%zz", .badPercentEncoding),
        ("/a%%32%65", .badPercentEncoding), ("/a b", .illegalCharacter), ("/a#b", .illegalCharacter),
        ("/a\"b", .illegalCharacter), ("/a<b", .illegalCharacter), ("/a{b}", .illegalCharacter),
        ("/é", .illegalCharacter),
        ("/a|b", .illegalCharacter), ("/a^b", .illegalCharacter), ("/a[b", .illegalCharacter),
    ])
    func ambiguousPathsAreRefused(_ path: String, _ problem: CanonicalPath.Problem) {
        #expect(throws: problem) { try CanonicalPath.canonical(path) }
    }

    /// Whatever comes in: the result is a fixed point, has no dot segment, no empty segment and nothing that decodes to a
    /// slash.
    @Test func canonicalFormIsAFixedPointWithoutTraversal() throws {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SeededRandom(seed: seed)
        let pieces = [
            "/", "/", ".", "..", "%2e", "%2E", "a", "b", "%61", "%2f", "%5C", ";", "%25", "2e", "\\", "%", "//",
        ]
        var accepted = 0
        for _ in 0..<20_000 {
            var path = "/"
            for _ in 0..<Int.random(in: 0...8, using: &random) { path += pieces.randomElement(using: &random) ?? "" }
            guard let canonical = try? CanonicalPath.canonical(path) else { continue }
            accepted += 1
            #expect(try CanonicalPath.canonical(canonical) == canonical, "seed \(seed), path \(path)")
            #expect(!canonical.contains("//") && !canonical.contains("\\"), "seed \(seed), path \(path)")
            for segment in canonical.split(separator: "/") {
                #expect(segment != "." && segment != ".." && !segment.hasPrefix("..;"), "seed \(seed), path \(path)")
            }
            let lowered = canonical.lowercased()
            #expect(!lowered.contains("%2f") && !lowered.contains("%5c"), "seed \(seed), path \(path)")
        }
        #expect(accepted > 1000)
    }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
