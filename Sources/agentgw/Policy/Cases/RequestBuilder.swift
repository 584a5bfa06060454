// The bytes of a case's request, as a client would send them, so that the gateway's parser has its say.

import Auth
import Proxy

struct RequestBuilder {
    private let testCase: TestCase
    private let policy: LoadedPolicy

    init(_ testCase: TestCase, _ policy: LoadedPolicy) {
        self.testCase = testCase
        self.policy = policy
    }

    /// - Throws: for a head that the gateway refuses.
    func request(_ credentials: [CaseCredential]) throws(ProtocolError) -> TrialRequest {
        try TrialRequest(bytes(credentials), port: port, connection: connection)
    }

    private var fields: RequestFields {
        if case .fields(let fields) = testCase.request { fields } else { RequestFields() }
    }

    private var bind: Bind? {
        let binds = policy.configuration.binds
        if let port = fields.port { return binds.first { Int($0.port) == port } }
        return binds.first { $0.listeners.contains { route(in: $0) != nil } } ?? binds.first
    }

    private var listener: Listener? {
        let listeners = bind?.listeners ?? []
        return listeners.first { route(in: $0) != nil } ?? listeners.first
    }

    /// The route that takes a message of the case's kind; nil: there is none, or the case has no message.
    private func route(in listener: Listener) -> Route? {
        if testCase.mcp != nil { return listener.mcpRoute }
        return testCase.a2a == nil ? nil : listener.agentRoute
    }

    private var port: UInt16 { fields.port.map { UInt16($0) } ?? bind?.port ?? 80 }

    private var connection: TrialConnection {
        let isSecure = fields.tls ?? (testCase.source.certificate != nil || listener?.transport == .https)
        return TrialConnection(
            source: testCase.source.address, sourcePort: testCase.source.port,
            destination: testCase.source.address.contains(":") ? "2001:db8::fe" : "192.0.2.254", isSecure: isSecure,
            certificate: testCase.source.certificate)
    }

    private func bytes(_ credentials: [CaseCredential]) -> [UInt8] {
        let added = Self.headers(credentials)
        switch testCase.request {
        case .raw(let bytes):
            // Behind the request line.
            guard !added.isEmpty, let lineFeed = bytes.firstIndex(of: 0x0A) else { return bytes }
            let text = added.map { "\($0.name): \($0.value)\r\n" }.joined()
            return Array(bytes[...lineFeed]) + Array(text.utf8) + Array(bytes[(lineFeed + 1)...])
        case .fields(let fields):
            var path = fields.path ?? defaultPath
            for credential in credentials {
                guard case .queryParameter(let name) = credential.place else { continue }
                path += (path.contains("?") ? "&" : "?") + "\(name)=\(Self.percentEncoded(credential.value))"
            }
            var text =
                "\(fields.method ?? (testCase.mcp == nil && testCase.a2a == nil ? "GET" : "POST")) \(path) HTTP/1.1\r\n"
            if !fields.headers.contains(where: { $0.name.asciiLowercased == "host" }) {
                text += "host: \(fields.host ?? defaultHost)\r\n"
            }
            for header in fields.headers + added { text += "\(header.name): \(header.value)\r\n" }
            return Array((text + "\r\n").utf8)
        }
    }

    private static func headers(_ credentials: [CaseCredential]) -> [(name: String, value: String)] {
        credentials.compactMap { credential in
            switch credential.place {
            case .header(let name, let prefix): (name, prefix + credential.value)
            case .cookie(let name): ("cookie", "\(name)=\(credential.value)")
            case .queryParameter: nil
            }
        }
    }

    private static func percentEncoded(_ text: String) -> String {
        text.utf8.reduce(into: "") { out, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                out.append(Character(Unicode.Scalar(byte)))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                out += "%" + (hex.utf8.count == 1 ? "0" : "") + hex
            }
        }
    }

    /// For a message the place where the policy takes some.
    private var defaultPath: String {
        guard let match = listener.flatMap(route)?.matches.first else { return "/" }
        switch match.path {
        case .exact(let path), .prefix(let path): return path
        case .regex: return "/"
        }
    }

    private var defaultHost: String {
        for pattern in (listener.flatMap(route)?.hostnames ?? []) + [listener?.hostname ?? .any] {
            switch pattern {
            case .exact(let name): return name
            case .suffix(let suffix): return "host" + suffix
            case .any: continue
            }
        }
        return "gateway.test"
    }
}

extension Listener {
    /// The first route that leads to an A2A agent.
    fileprivate var agentRoute: Route? {
        routes.first { $0.policies.a2a != nil || $0.backends.contains { $0.policies.a2a != nil } }
    }

    /// The first route that leads to MCP servers.
    fileprivate var mcpRoute: Route? {
        routes.first { $0.backends.contains { if case .mcp = $0.kind { true } else { false } } }
    }
}
