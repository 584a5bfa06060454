// Lists and calls follow the same rules: nothing that some call may do is missing from a list, and nothing is shown that
// every call would be denied. Tried over generated rules and every argument of a small world.

import Auth
import JSON
import Testing

@testable import Proxy

/// SplitMix64; the seed is in the failure's message.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

private final class NoRequest: RequestAttributes {
    private let text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1)
    deinit { text.deallocate() }

    private var run: ByteRun { ByteRun(UnsafeMutableBufferPointer(rebasing: text[..<0])) }
    var method: ByteRun { run }
    var path: ByteRun { run }
    var query: ByteRun? { nil }
    var scheme: ByteRun { run }
    var authority: ByteRun { run }
    var protocolVersion: ByteRun { run }
    var sourceAddress: ByteRun { run }
    var sourcePort: Int { 1 }
    var destinationAddress: ByteRun { run }
    var destinationPort: Int { 2 }
    var tls: TLSAttributes? { nil }
    var headerCount: Int { 0 }
    func header(at index: Int) -> (name: ByteRun, value: ByteRun)? { nil }
}

struct VisibilityTests {
    private static let tools = ["read", "write"]
    private static let targets = ["one", "two"]
    /// What each argument may be; nil: it is not sent.
    private static let values: [String?] = [nil, "0", "1", "true", "\"x\"", "null"]
    private static let arguments = ["a", "b"]

    /// Every way to call a tool.
    private static func worlds() throws -> [JSONValue] {
        var worlds: [JSONValue] = []
        for a in values {
            for b in values {
                let members = zip(arguments, [a, b]).compactMap { name, value in value.map { "\"\(name)\":\($0)" } }
                worlds.append(try JSONDocument(parsing: "{\(members.joined(separator: ","))}").root)
            }
        }
        return worlds
    }

    private static func authorizer(_ rules: [AuthorizationRule], _ defaultAction: Verdict = .allow) throws
        -> RuleAuthorizer
    {
        let set = try RuleSet(AuthorizationRules(kind: .mcp, rules: rules, defaultAction: defaultAction))
        return RuleAuthorizer(
            try Authorizer(), RuleLevels([set]),
            RuleInputs(NoRequest(), principal: .anonymous, startTime: UnixTime(milliseconds: 0)))
    }

    private static func shows(_ authorizer: RuleAuthorizer, _ tool: String, _ target: String) throws -> Bool {
        authorizer.shows(
            MCPItem(
                kind: .tools, target: target, name: tool, definition: try JSONDocument(parsing: "{}").root, session: "",
                client: nil))
    }

    private static func calls(
        _ authorizer: RuleAuthorizer, _ tool: String, _ target: String, _ worlds: [JSONValue]
    ) -> Bool {
        worlds.contains { world in
            if case .allow = authorizer.judge(
                MCPCall(
                    method: "tools/call", target: target,
                    subject: .tool(name: tool, arguments: world, annotations: nil), session: "", client: nil))
            {
                return true
            }
            return false
        }
    }

    // MARK: Generated rules

    private static func known(_ dice: inout Dice) -> String {
        switch Int.random(in: 0..<4, using: &dice) {
        case 0: "mcp.tool.name == '\(tools.randomElement(using: &dice) ?? "")'"
        case 1: "mcp.tool.target == '\(targets.randomElement(using: &dice) ?? "")'"
        case 2: "mcp.method == 'tools/\(["call", "list"].randomElement(using: &dice) ?? "")'"
        default: "mcp.tool.name.startsWith('\(["r", "w", ""].randomElement(using: &dice) ?? "")')"
        }
    }

    /// A test of one argument that some value passes and some does not.
    private static func unknown(_ argument: String, _ dice: inout Dice) -> String {
        let path = "mcp.tool.arguments.\(argument)"
        switch Int.random(in: 0..<7, using: &dice) {
        case 0: return "\(path) == 1"
        case 1: return "\(path) != 'x'"
        case 2: return "has(\(path))"
        case 3: return "!has(\(path))"
        case 4: return "\(path) < 1"
        case 5: return "\(path) in [0, 'x']"
        default: return "\(path) == true"
        }
    }

    private static func expression(_ depth: Int, _ atom: (inout Dice) -> String, _ dice: inout Dice) -> String {
        guard depth > 0 else { return atom(&dice) }
        switch Int.random(in: 0..<5, using: &dice) {
        case 0:
            return "(\(expression(depth - 1, atom, &dice)) && \(expression(depth - 1, atom, &dice)))"
        case 1:
            return "(\(expression(depth - 1, atom, &dice)) || \(expression(depth - 1, atom, &dice)))"
        case 2: return "!(\(expression(depth - 1, atom, &dice)))"
        case 3:
            return
                "(\(expression(depth - 1, atom, &dice)) ? \(expression(depth - 1, atom, &dice)) : \(expression(depth - 1, atom, &dice)))"
        default: return atom(&dice)
        }
    }

    @Test func whatSomeCallMayDoIsListed() throws {
        let worlds = try Self.worlds()
        var shown = 0
        var hidden = 0
        for seed in UInt64(1)...400 {
            var dice = Dice(state: seed)
            let rules = (0..<Int.random(in: 1...4, using: &dice)).map { _ in
                let text = Self.expression(
                    3,
                    { dice in
                        Bool.random(using: &dice)
                            ? Self.known(&dice)
                            : Self.unknown(Self.arguments.randomElement(using: &dice) ?? "a", &dice)
                    }, &dice)
                return AuthorizationRule(
                    action: RuleAction.allCases.randomElement(using: &dice) ?? .allow, expression: text)
            }
            let authorizer = try Self.authorizer(rules, Bool.random(using: &dice) ? .allow : .deny)
            for tool in Self.tools {
                for target in Self.targets {
                    let listed = try Self.shows(authorizer, tool, target)
                    let callable = Self.calls(authorizer, tool, target, worlds)
                    #expect(
                        listed || !callable,
                        "seed \(seed): \(target)/\(tool) can be called and is not listed: \(rules.map(\.expression))")
                    if listed { shown += 1 } else { hidden += 1 }
                }
            }
        }
        // The generator reaches both sides.
        #expect(shown > 100 && hidden > 100, "\(shown) shown, \(hidden) hidden")
    }

    /// Where no two tests are of the same argument, nothing contradicts itself, and the list is exact.
    @Test func whatEveryCallWouldBeDeniedIsNotListed() throws {
        let worlds = try Self.worlds()
        var partial = 0
        for seed in UInt64(1)...400 {
            var dice = Dice(state: seed &* 7919)
            var open = Self.arguments
            var rules: [AuthorizationRule] = []
            for _ in 0..<Int.random(in: 1...3, using: &dice) {
                var text = Self.expression(2, Self.known, &dice)
                if !open.isEmpty, Bool.random(using: &dice) {
                    text =
                        "(\(text)) \(Bool.random(using: &dice) ? "&&" : "||") \(Self.unknown(open.removeLast(), &dice))"
                }
                rules.append(
                    AuthorizationRule(
                        action: RuleAction.allCases.randomElement(using: &dice) ?? .allow, expression: text))
            }
            let authorizer = try Self.authorizer(rules, Bool.random(using: &dice) ? .allow : .deny)
            for tool in Self.tools {
                for target in Self.targets {
                    let listed = try Self.shows(authorizer, tool, target)
                    let callable = Self.calls(authorizer, tool, target, worlds)
                    #expect(
                        listed == callable,
                        "seed \(seed): \(target)/\(tool) listed \(listed), callable \(callable): \(rules.map { "\($0.action) \($0.expression)" })"
                    )
                    if open.count < Self.arguments.count, listed { partial += 1 }
                }
            }
        }
        #expect(partial > 50, "only \(partial) lists depended on arguments")
    }
}
