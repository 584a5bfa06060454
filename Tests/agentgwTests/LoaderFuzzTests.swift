// The loader on broken documents: whatever the bytes, it answers with a configuration or with errors that lie inside the
// file. AGENTGW_FUZZ_SECONDS makes it run longer, AGENTGW_FUZZ_SEED repeats a run.

import Glibc
import Proxy
import Testing

@testable import agentgw

@Suite struct LoaderFuzzTests {
    /// Documents to start from: `Corpus/*.yaml`.
    static let corpus: [[UInt8]] = {
        let folder = "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/") + "/Corpus"
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasSuffix(".yaml") { names.append(name) }
        }
        return names.sorted().compactMap { try? FileReader.system.read("\(folder)/\($0)", 1 << 20).get() }
    }()

    static func variable(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }

    /// Loads, and checks what every answer must be.
    static func check(_ bytes: [UInt8], seed: UInt64) {
        let loader = Fixture.loader(environment: ["A": "1", "B": "{x: [y]}", "OPENAI_API_KEY": "k"])
        do throws(ConfigurationError) {
            _ = try loader.load(file: "f", bytes: bytes)
        } catch {
            let lines = bytes.count { $0 == 0x0A || $0 == 0x0D || $0 == 0xC2 || $0 == 0xE2 } + 1
            #expect(!error.diagnostics.isEmpty, "seed \(seed): an error without a reason")
            for diagnostic in error.diagnostics {
                #expect(
                    (1...lines).contains(diagnostic.position.line)
                        && (1...bytes.count + 1).contains(diagnostic.position.column),
                    "seed \(seed): \(diagnostic)")
                #expect(!diagnostic.message.contains("\n"), "seed \(seed): \(diagnostic)")
            }
        }
    }

    @Test func everyDocumentOfTheCorpusIsAnswered() {
        #expect(Self.corpus.count >= 8)
        for document in Self.corpus { Self.check(document, seed: 0) }
    }

    /// Otherwise mutations would start from what is refused early.
    @Test func soundDocumentsOfTheCorpusLoad() throws {
        let environment = ["A": "1", "OPENAI_API_KEY": "k"]
        let loads = Self.corpus.filter {
            (try? Fixture.loader(environment: environment).load(file: "f", bytes: $0)) != nil
        }
        #expect(loads.count >= 5)
    }

    @Test func everyTruncationOfADocumentIsAnswered() throws {
        let document = try #require(Self.corpus.first)
        for length in stride(from: 0, through: document.count, by: 3) {
            Self.check(Array(document[..<length]), seed: 0)
        }
    }

    @Test func mutatedDocumentsAreAnswered() throws {
        let seed = Self.variable("AGENTGW_FUZZ_SEED") ?? .random(in: 0 ... .max)
        print("fuzz seed \(seed)")
        let limit = Self.variable("AGENTGW_FUZZ_SECONDS").map { ContinuousClock.now + .seconds(Int64(clamping: $0)) }
        var random = FuzzRandom(state: seed)
        let pieces: [String] = [
            "- ", ": ", "\n", "  ", "\t", "{", "}", "[", "]", ",", "&a ", "*a", "!!str ", "!x ", "|", ">-", "|2\n", "'",
            "\"",
            "\\", "\\u12", "#", "? ", "<<: *a", "---", "...", "%YAML 1.1\n", "$A", "${B}", "${", "$$", "${A:-x}",
            "null", "~",
            "0x7fffffffffffffff", "1e999", "99999999999999999999", "-1", "true", "yes", "\u{FEFF}", "\u{85}",
            "\u{2028}", "é",
            "\0", "10s", "1h1h", "64KiB", "/a/../b", "%2f", "*.x", "(", "binds", "routes", "match", "policies",
            "authorization",
            "rules", "allow", "jwtAuth", "jwks", "mcp", "targets", "ai", "provider", "backendAuth", "key", "file",
        ]
        var runs = 0
        while limit.map({ ContinuousClock.now < $0 }) ?? (runs < 1500) {
            var document = Self.corpus.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0...document.count, using: &random)
                switch Int.random(in: 0...5, using: &random) {
                case 0: document.insert(contentsOf: Array((pieces.randomElement(using: &random) ?? "").utf8), at: at)
                case 1 where at < document.count: document[at] = UInt8.random(in: 0...255, using: &random)
                case 2: document.removeSubrange(at..<min(document.count, at + Int.random(in: 0...20, using: &random)))
                case 3:
                    let other = Self.corpus.randomElement(using: &random) ?? []
                    let start = Int.random(in: 0...other.count, using: &random)
                    document.insert(contentsOf: other[start..<min(other.count, start + 60)], at: at)
                case 4:
                    let end = min(document.count, at + Int.random(in: 0...40, using: &random))
                    document.insert(contentsOf: Array(document[at..<end]), at: at)
                default: document.insert(contentsOf: Array((pieces.randomElement(using: &random) ?? "").utf8), at: at)
                }
            }
            Self.check(document, seed: seed)
            runs += 1
        }
        #expect(runs > 0)
    }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct FuzzRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
