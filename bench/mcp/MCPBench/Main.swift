// Times what a list costs the gateway beyond asking the servers for it: 500 tools held against 50 rules with the arguments
// unknown, as for `tools/list`. The bar is one millisecond for a list.

import Auth
import Glibc
import JSON
import Proxy

@main
enum MCPBench {
    private static let tools = 500
    private static let rules = 50
    /// Microseconds for one list.
    private static let bar = 1000.0
    /// Lists in one measurement, and measurements; the median counts.
    private static let lists = 20
    private static let measurements = 15

    static func main() throws {
        var failed = false
        print("\(tools) tools, \(rules) rules, µs for one list (bar \(Int(bar)))")
        for mix in Mix.allCases {
            let set = try RuleSet(AuthorizationRules(kind: .mcp, rules: mix.rules(rules)))
            let authorizer = RuleAuthorizer(
                try Authorizer(), RuleLevels([set]),
                RuleInputs(PlainRequest(), principal: .anonymous, startTime: UnixTime(milliseconds: 0)))
            let items = try items()
            let shown = items.filter(authorizer.shows).count
            let time = measure { _ = items.filter(authorizer.shows).count }
            failed = failed || time > bar
            print(
                "  \(mix.rawValue): \(Int(time)), \(shown) of \(tools) shown\(time > bar ? "  MISSED" : "")")
        }
        if failed { exit(1) }
    }

    private static func items() throws -> [MCPItem] {
        try (0..<tools).map { number in
            let text = """
                {"name": "tool-\(number)", "description": "does thing \(number)", "inputSchema": {"type": "object"},
                "annotations": {"readOnlyHint": \(number % 2 == 0), "destructiveHint": \(number % 7 == 0)}}
                """
            return MCPItem(
                kind: .tools, target: number % 2 == 0 ? "even" : "odd", name: "tool-\(number)",
                definition: try JSONDocument(parsing: text).root, session: "", client: nil)
        }
    }

    /// Microseconds, the median.
    private static func measure(_ body: () -> Void) -> Double {
        let clock = ContinuousClock()
        var times: [Double] = []
        for _ in 0..<measurements {
            let time = clock.measure { for _ in 0..<lists { body() } }
            times.append(
                Double(time.components.attoseconds) / 1e12 / Double(lists) + Double(time.components.seconds) * 1e6)
        }
        return times.sorted()[measurements / 2]
    }
}

private enum Mix: String, CaseIterable {
    case names = "each rule names a tool"
    case arguments = "each names a tool and bounds its arguments"
    case patterns = "none can be told by the tool's name"
    case mixed = "a bit of everything"

    func rules(_ count: Int) -> [AuthorizationRule] {
        (0..<count).map { number in
            let (action, text) = rule(number)
            return AuthorizationRule(action: action, expression: text, id: nil, position: .none)
        }
    }

    private func rule(_ number: Int) -> (RuleAction, String) {
        switch self {
        case .names: (.allow, #"mcp.tool.name == "tool-\#(number * 7)""#)
        case .arguments:
            (.allow, #"mcp.tool.name == "tool-\#(number * 7)" && mcp.tool.arguments.amount < \#(number * 100)"#)
        case .patterns:
            (
                .allow,
                #"mcp.tool.name.startsWith("tool-\#(number)") && mcp.tool.target == "even" && "group\#(number)" in jwt.groups"#
            )
        case .mixed:
            switch number % 5 {
            case 0: (.deny, #"mcp.tool.name == "tool-\#(number)" && mcp.tool.arguments.path.startsWith("/etc")"#)
            case 1: (.allow, #"mcp.tool.name.startsWith("tool-\#(number)")"#)
            case 2: (.deny, #"mcp.tool.name.endsWith("-\#(number)") && has(mcp.tool.annotations.destructiveHint)"#)
            case 3: (.allow, #"jwt.role == "admin\#(number)" && mcp.method == "tools/call""#)
            default: (.allow, #"mcp.tool.name in ["tool-\#(number)", "tool-\#(number + 100)"]"#)
            }
        }
    }
}

/// A request that says nothing: these rules are about tools.
private final class PlainRequest: RequestAttributes {
    private let byte = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1)
    deinit { byte.deallocate() }

    private var run: ByteRun { ByteRun(UnsafeMutableBufferPointer(rebasing: byte[..<0])) }
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
