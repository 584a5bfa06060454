// YAML itself: scalars of the core schema, aliases, limits, expansion, and places inside scalars.

import Auth
import Proxy
import Testing

@testable import agentgw

@Suite struct YAMLTests {
    // MARK: Scalars

    @Test(arguments: [
        ("", YAMLCoreValue.null), ("~", .null), ("null", .null), ("true", .bool(true)), ("False", .bool(false)),
        ("yes", .text), ("on", .text), ("0", .int(0)), ("-12", .int(-12)), ("+7", .int(7)), ("0x1F", .int(31)),
        ("0o17", .int(15)), ("017", .int(17)), ("0b1", .text), ("1_000", .text), ("1:30", .text),
        ("9223372036854775807", .int(.max)),
        ("9223372036854775808", .hugeInt), ("1.5", .float(1.5)), (".5", .float(0.5)), ("5.", .float(5)),
        ("1e3", .float(1000)),
        ("-.5e-1", .float(-0.05)), (".inf", .float(.infinity)), (".", .text), ("-", .text), ("+", .text), ("e3", .text),
        ("1e", .text), ("0x", .text), ("0xg", .text), ("1.e2", .float(100)), ("--1", .text), ("2026-01-01", .text),
    ])
    func plainScalarsFollowTheCoreSchema(_ text: String, _ expected: YAMLCoreValue) {
        #expect(YAMLCoreValue(plain: text) == expected)
    }

    @Test(arguments: [
        ("10s", Duration.seconds(10)), ("1h30m", .seconds(5400)), ("500ms", .milliseconds(500)),
        ("1.5h", .seconds(5400)),
        ("100us", .microseconds(100)), ("7ns", .nanoseconds(7)), ("0s", .zero), ("1m0s", .seconds(60)),
    ])
    func durationsAreRead(_ text: String, _ expected: Duration) {
        #expect(DurationText.parse(text) == expected)
    }

    @Test(arguments: [
        "", "10", "s", "1d", "1.s", ".5s", "1..5s", "-1s", "1s ", " 1s", "1S", "1e3s", "٣s",
        String(repeating: "9", count: 40) + "h",
    ])
    func whatIsNoDurationIsRefused(_ text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(arguments: [
        ("65536", 65536), ("64KiB", 65536), ("2MB", 2_000_000), ("1 GiB", 1 << 30), ("3k", 3000), ("0", 0),
    ])
    func sizesAreRead(_ text: String, _ expected: Int) {
        #expect(ValueDecoder<Int>.bytes(text) == expected)
    }

    @Test(arguments: ["", "KiB", "1XB", "-1", "99999999999999999999", "9999999999999GiB", "1.5MB"])
    func whatIsNoSizeIsRefused(_ text: String) {
        #expect(ValueDecoder<Int>.bytes(text) == nil)
    }

    @Test(
        arguments: [
            ("1970-01-01", 0), ("1970-01-01T00:00:01Z", 1), ("2000-02-29T00:00:00Z", 951_782_400),
            ("2027-01-31T12:00:00+02:00", 1_801_389_600), ("2027-01-31T12:00:00.5Z", 1_801_396_800),
            ("0001-01-01", -62_135_596_800),
        ] as [(String, Int64)])
    func timesAreRead(_ text: String, _ expected: Int64) {
        #expect(TimestampText.seconds(text) == expected)
    }

    @Test(arguments: [
        "", "2027", "2027-13-01", "2027-02-29", "2027-01-31T24:00:00Z", "2027-01-31T12:00:00", "2027-01-31T12:00Z",
        "0000-01-01", "2027-01-31T12:00:00Zx",
    ])
    func whatIsNoTimeIsRefused(_ text: String) {
        #expect(TimestampText.seconds(text) == nil)
    }

    // MARK: Limits

    @Test func aliasBombIsRefused() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            text +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
                + "]\n"
        }
        let errors = Fixture.errors(text)
        #expect(errors.contains { $0.hasSuffix("more than 1000000 values once aliases are expanded") }, "\(errors)")
    }

    @Test func deepNestingIsRefused() {
        let errors = Fixture.errors("a: " + String(repeating: "[", count: 5000))
        #expect(errors.contains { $0.hasSuffix("nested more than 64 levels deep") }, "\(errors)")
    }

    @Test func aliasStandsForItsAnchorsValue() throws {
        let configuration = try Fixture.load(
            """
            binds:
            - port: 3000
              listeners:
              - routes:
                - {match: {path: /a}, policies: &p {timeout: {requestTimeout: 3s}}, backends: &b [{host: "h:80"}]}
                - {match: {path: /b}, policies: *p, backends: *b}
            """)
        #expect(configuration.routes.map(\.policies.timeouts.request) == [.seconds(3), .seconds(3)])
    }

    @Test func fileThatIsNotUTF8IsRefusedWithItsPlace() throws {
        for bytes: [UInt8] in [[0x61, 0x3A, 0x20, 0xFF], [0xFF, 0xFE, 0x61, 0x00], [0x61, 0x3A, 0x20, 0x00]] {
            let error = #expect(throws: ConfigurationError.self) { try Fixture.loader().load(file: "f", bytes: bytes) }
            #expect(error?.diagnostics.first?.message.contains("not UTF-8 text") == true)
        }
    }

    @Test func byteOrderMarkAndCRLFAreFine() throws {
        let text = "binds:\r\n- port: 3000\r\n  listeners: [{routes: [{backends: [{host: \"h:80\"}]}]}]\r\n"
        let configuration = try Fixture.loader().load(file: "f", bytes: [0xEF, 0xBB, 0xBF] + Array(text.utf8))
        #expect(configuration.binds.map(\.port) == [3000])
        #expect(configuration.binds[0].position.line == 2)
    }

    // MARK: Expansion

    @Test(arguments: [
        ("a$X", "a1"), ("${X}b", "1b"), ("$$X", "$X"), ("$X$X", "11"), ("^/v1$", "^/v1$"), ("a$", "a$"),
        ("$(x)", "$(x)"),
        ("${X:-d}", "1"), ("${N:-d}", "d"), ("${E:-d}", "d"), ("$E", ""), ("${N:-}", ""), ("$$$X", "$1"),
        ("é${X}é", "é1é"),
        ("$X_Y", "2"), ("${D}", "$X"),
    ])
    func variablesAreExpandedOnce(_ text: String, _ expected: String) throws {
        let environment = Environment(["X": "1", "E": "", "X_Y": "2", "D": "$X"])
        #expect(try environment.expand(text).text == expected)
    }

    @Test(arguments: [
        ("$N", 0), ("ab$N", 2), ("${N}", 0), ("${", 0), ("a${N", 1), ("${}", 0), ("${N:x}", 0), ("${1}", 0), ("$1", 0),
        ("$$ $N", 3),
    ])
    func unsetVariablesAndBadBracesAreErrorsAtTheDollar(_ text: String, _ offset: Int) {
        let error = #expect(throws: ExpansionError.self) { try Environment([:]).expand(text) }
        #expect(error?.offset == offset)
    }

    @Test func variableCannotChangeTheStructureOfTheFile() throws {
        let configuration = try Fixture.load(
            Fixture.policies("requestHeaderModifier: {set: {a: $X}}"), environment: ["X": "b}, remove: [host"])
        #expect(configuration.routes[0].policies.requestHeaders?.set.map(\.value) == ["b}, remove: [host"])
        #expect(configuration.routes[0].policies.requestHeaders?.remove == [])
    }

    @Test func plainVariableTakesTheTypeOfWhatItHolds() throws {
        let text = "binds: [{port: $PORT, listeners: [{routes: [{backends: [{host: \"$HOST\"}]}]}]}]"
        let configuration = try Fixture.load(text, environment: ["PORT": "3000", "HOST": "h:80"])
        #expect(configuration.binds[0].port == 3000)
        #expect(
            !Fixture.errors(text.replacing("$PORT", with: "\"$PORT\""), environment: ["PORT": "3000", "HOST": "h:80"])
                .isEmpty)
        // A key that looks like a number is still text where text is wanted.
        let key = try Fixture.load(Fixture.policies("backendAuth: {key: $K}"), environment: ["K": "12345"])
        guard case .key(let secret, _) = key.routes[0].policies.backendAuthentication else {
            Issue.record("no key")
            return
        }
        #expect(secret.constantTimeEquals(Secret("12345")))
    }

    @Test func keysAreNeverExpanded() {
        #expect(Fixture.errors("$X: []", environment: ["X": "binds"]) == ["1:1: unknown field \"$X\""])
    }

    // MARK: Places inside scalars

    /// The rule is written in some notation; the place of the `@` in its text must be the place of the `@` in the file.
    @Test(arguments: [
        "authorization: {rules: [{allow: 'jwt.sub == @'}]}",
        "authorization: {rules: [\"jwt.sub == @\"]}",
        "authorization:\n  rules:\n  - allow: jwt.sub == @",
        "authorization:\n  rules:\n  - allow: jwt.sub ==\n      1 && @",
        "authorization:\n  rules:\n  - allow: 'it''s ''quoted'' @'",
        "authorization:\n  rules:\n  - allow: \"tab\\t quote \\\" é \\u00e9 \\x41 @\"",
        "authorization:\n  rules:\n  - allow: \"line \\\n      joined @\"",
        "authorization:\n  rules:\n  - allow: \"folded\n\n      twice @\"",
        "authorization:\n  rules:\n  - allow: |\n      first &&\n        second @",
        "authorization:\n  rules:\n  - allow: >-  # comment\n      first &&\n      second @",
        "authorization:\n  rules:\n  - allow: >\n      first\n\n      second\n        more @\n      last",
        "authorization:\n  rules:\n  - allow: |2\n        indented @",
        "authorization:\n  rules:\n  - allow: |\n\n\n      after blank lines @",
        "authorization:\n  rules:\n  - allow: \"$VALUE is long and $VALUE then @\"",
        "authorization:\n  rules:\n  - allow: '$$ and ${VALUE} é @'",
    ])
    func findingInsideARulePointsAtItsCharacter(_ policy: String) throws {
        let rules = RuleChecker { _, expression, _, _ in
            Array(expression.utf8).firstIndex(of: UInt8(ascii: "@")).map { [.init(message: "here", offset: $0)] } ?? []
        }
        let text = Fixture.policies(policy)
        let errors = Fixture.errors(text, environment: ["VALUE": "some longer value"], rules: rules)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let line = try #require(lines.firstIndex { $0.contains("@") })
        let column = try #require(lines[line].firstIndex(of: "@"))
        let place = "\(line + 1):\(lines[line].unicodeScalars.distance(from: lines[line].startIndex, to: column) + 1): "
        #expect(errors.count == 1 && errors[0].hasPrefix(place), "expected \(place), got \(errors)")
    }
}
