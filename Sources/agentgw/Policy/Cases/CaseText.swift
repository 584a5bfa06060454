// A case as it would be written in a table.

import Auth
import JSON
import Proxy

enum CaseText {
    /// With what the policy decides as its expectation.
    static func yaml(_ judged: JudgedCase, name: String) -> String {
        let testCase = judged.testCase
        var out = "- name: \(flow(.string(name)))\n"
        func add(_ name: String, _ value: MetadataValue?) {
            if let value { out += "  \(name): \(flow(value))\n" }
        }
        if case .fields(let fields) = testCase.request { add("request", request(fields)) }
        add("jwt", testCase.claims.map { .object($0) })
        if case .metadata(let metadata)? = testCase.apiKey { add("apiKey", .object(metadata)) }
        if let basic = testCase.basic, basic.password == nil { add("basicAuth", .string(basic.user)) }
        if testCase.source.address != CaseSource().address { add("source", .string(testCase.source.address)) }
        if let mcp = testCase.mcp { add("mcp", message(mcp)) }
        if let a2a = testCase.a2a { add("a2a", agent(a2a)) }
        if let llm = testCase.llm { add("llm", model(llm)) }
        if let now = testCase.now { add("now", .string(time(now))) }
        return out + "  expect: \(flow(expectation(judged)))\n"
    }

    /// For choosing the simplest.
    static func size(_ testCase: TestCase) -> Int {
        var size = 0
        if case .fields(let fields) = testCase.request { size += flow(request(fields) ?? .null).utf8.count }
        size += testCase.claims.map { flow(.object($0)).utf8.count } ?? 0
        size += testCase.mcp.map { flow(message($0)).utf8.count } ?? 0
        size += testCase.a2a.map { flow(agent($0)).utf8.count } ?? 0
        return size
    }

    private static func request(_ fields: RequestFields) -> MetadataValue? {
        var members: [MetadataMember] = []
        for (name, value) in [("method", fields.method), ("path", fields.path), ("host", fields.host)] {
            if let value { members.append(MetadataMember(name, .string(value))) }
        }
        if !fields.headers.isEmpty {
            let names = fields.headers.map(\.name).unique
            members.append(
                MetadataMember(
                    "headers",
                    .object(
                        names.map { name in
                            let values = fields.headers.filter { $0.name == name }.map {
                                MetadataValue.string($0.value)
                            }
                            return MetadataMember(name, values.count == 1 ? values[0] : .list(values))
                        })))
        }
        return members.isEmpty ? nil : .object(members)
    }

    private static func message(_ mcp: CaseMessage) -> MetadataValue {
        var members: [MetadataMember] = []
        for (name, value) in [
            ("method", mcp.method), ("tool", mcp.tool), ("prompt", mcp.prompt), ("resource", mcp.resource),
            ("target", mcp.target),
        ] {
            if let value { members.append(MetadataMember(name, .string(value))) }
        }
        if let arguments = mcp.arguments { members.append(MetadataMember("arguments", arguments)) }
        return .object(members)
    }

    private static func expectation(_ judged: JudgedCase) -> MetadataValue {
        let outcome = judged.outcome
        if !outcome.listed.isEmpty {
            let names = zip(judged.items, outcome.listed).filter(\.1.isShown).map { MetadataValue.string($0.0) }
            return .object([MetadataMember("visible", .list(names))])
        }
        var members = [MetadataMember("verdict", .string(outcome.verdict.rawValue))]
        // That none did is worth saying: another rule would come to the same verdict.
        if let decision = outcome.decision {
            members.append(MetadataMember("rule", .string(decision.rule?.id ?? "none")))
        }
        return .object(members)
    }

    private static func agent(_ a2a: CaseAgentMessage) -> MetadataValue {
        var members = [MetadataMember("method", .string(a2a.method))]
        for (name, text) in [("skill", a2a.skill), ("taskId", a2a.taskID), ("contextId", a2a.contextID)] {
            if let text { members.append(MetadataMember(name, .string(text))) }
        }
        if let message = a2a.message { members.append(MetadataMember("message", message)) }
        if let params = a2a.params { members.append(MetadataMember("params", params)) }
        return .object(members)
    }

    private static func model(_ llm: TrialModelRequest) -> MetadataValue {
        var members: [MetadataMember] = []
        if let model = llm.model { members.append(MetadataMember("model", .string(model))) }
        if llm.isStreaming { members.append(MetadataMember("stream", .bool(true))) }
        var own: [MetadataMember] = []
        if let params = llm.params {
            for member in params.members {
                guard let name = member.name.string, name != "model", name != "stream" else { continue }
                own.append(MetadataMember(name, MetadataValue(member.value)))
            }
        }
        if !own.isEmpty { members.append(MetadataMember("params", .object(own))) }
        return .object(members)
    }

    private static func time(_ time: UnixTime) -> String {
        let days = Int64((Double(time.seconds) / 86400).rounded(.down))
        let second = time.seconds - days * 86400
        // Civil date of a day number, years beginning in March.
        let z = days + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let doe = z - era * 146_097
        let yoe = (doe - doe / 1460 + doe / 36524 - doe / 146_096) / 365
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
        let mp = (5 * doy + 2) / 153
        let month = mp < 10 ? mp + 3 : mp - 9
        let year = yoe + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(year)-\(two(month))-\(two(doy - (153 * mp + 2) / 5 + 1))T"
            + "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60))Z"
    }

    /// In flow style; a plain scalar where it is one.
    static func flow(_ value: MetadataValue) -> String {
        switch value {
        case .string(let text):
            let isPlain =
                !text.isEmpty && YAMLCoreValue(plain: text) == .text
                && text.utf8.allSatisfy { byte in
                    (0x30...0x39 ~= byte) || (0x41...0x5A ~= byte) || (0x61...0x7A ~= byte)
                        || "_-./".utf8.contains(byte)
                } && text.utf8.first != UInt8(ascii: "-")
            guard !isPlain else { return text }
            // In a table, ${ begins a name.
            var quoted = ""
            JSONText.write(text.replacing("$", with: "$$"), to: &quoted)
            return quoted
        case .list(let values): return "[" + values.map(flow).joined(separator: ", ") + "]"
        case .object(let members):
            return "{" + members.map { "\(flow(.string($0.name))): \(flow($0.value))" }.joined(separator: ", ") + "}"
        default: return FreeJSON.text(value)
        }
    }
}
