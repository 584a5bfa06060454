// What the page shows first: is all well, which ports, listeners, routes and backends there are, the keys of issuers.

import Auth
import JSON
import Proxy

enum AdminOverview {
    static func render(_ gateway: Gateway, _ file: AdminFile) -> String {
        let configuration = gateway.activeConfiguration
        let status = gateway.status
        var writer = JSONWriter()
        writer.object { writer in
            text("version", Gateway.version, &writer)
            text("file", file.path ?? "", &writer)
            writer.name("ready")
            writer.value(gateway.readiness == .ready)
            writer.name("started")
            writer.value(Double(gateway.startTime) / 1e9)
            writer.name("loops")
            writer.value(gateway.loopCount)
            writer.name("config")
            writer.object { writer in
                writer.name("loaded")
                writer.value(Double(status.loadedAt) / 1e9)
                text("digest", status.digest, &writer)
                writer.name("reloads")
                writer.value(status.reloads)
                writer.name("failures")
                writer.value(status.failedReloads)
                writer.name("synchronized")
                writer.value(status.isSynchronized)
                if let failure = status.failure { text("error", failure.text, &writer) }
            }
            writer.name("keySets")
            writer.array { writer in
                for state in gateway.keySetStates() {
                    writer.object { writer in
                        text("issuer", state.issuer, &writer)
                        writer.name("available")
                        writer.value(state.isAvailable)
                        if let age = state.ageSeconds {
                            writer.name("age")
                            writer.value(age)
                        }
                        if let failure = state.failure { text("failure", failure, &writer) }
                    }
                }
            }
            writer.name("binds")
            writer.array { writer in for bind in configuration.binds { write(bind, &writer) } }
        }
        return writer.text
    }

    private static func text(_ name: String, _ value: String, _ writer: inout JSONWriter) {
        writer.name(name)
        writer.value(value)
    }

    private static func write(_ bind: Bind, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("port")
            writer.value(Int(bind.port))
            writer.name("listeners")
            writer.array { writer in
                for listener in bind.listeners {
                    writer.object { writer in
                        text("name", listener.name, &writer)
                        text("host", listener.hostname.description, &writer)
                        text("protocol", listener.transport.rawValue, &writer)
                        writer.name("routes")
                        writer.array { writer in for route in listener.routes { write(route, &writer) } }
                    }
                }
            }
        }
    }

    private static func write(_ route: Route, _ writer: inout JSONWriter) {
        let policies = route.policies
        writer.object { writer in
            text("name", route.name, &writer)
            writer.name("hosts")
            writer.array { writer in for host in route.hostnames { writer.value(host.description) } }
            writer.name("matches")
            writer.array { writer in
                for match in route.matches {
                    let path =
                        switch match.path {
                        case .exact(let path): "= \(path)"
                        case .prefix(let path): path
                        case .regex(let pattern): "~ \(pattern)"
                        }
                    writer.value(match.method.map { "\($0) \(path)" } ?? path)
                }
            }
            writer.name("policies")
            writer.array { writer in
                let present: [(String, Bool)] = [
                    ("jwt", policies.jwtAuthentication != nil), ("mcp auth", policies.mcpAuthentication != nil),
                    ("api key", policies.apiKeyAuthentication != nil), ("basic", policies.basicAuthentication != nil),
                    ("rules", policies.authorization != nil), ("mcp rules", policies.mcpAuthorization != nil),
                    ("a2a rules", policies.a2aAuthorization != nil),
                    ("ext authz", policies.externalAuthorization != nil),
                    ("cors", policies.cors != nil), ("csrf", policies.csrf != nil),
                    ("rate limit", !policies.rateLimits.isEmpty), ("buffer", policies.bufferedRequest != nil),
                    ("transformations", policies.transformations != nil), ("mirror", policies.mirror != nil),
                    ("retry", policies.retry != nil), ("affinity", policies.affinity != nil),
                    ("redirect", policies.requestRedirect != nil), ("direct response", policies.directResponse != nil),
                ]
                for (name, isThere) in present where isThere { writer.value(name) }
            }
            writer.name("backends")
            writer.array { writer in for backend in route.backends { write(backend, &writer) } }
        }
    }

    private static func write(_ backend: RouteBackend, _ writer: inout JSONWriter) {
        writer.object { writer in
            writer.name("weight")
            writer.value(backend.weight)
            switch backend.kind {
            case .host(let address):
                text("kind", "http", &writer)
                text("name", address.endpoint.description, &writer)
            case .ai(let ai):
                text("kind", "ai", &writer)
                text("name", ai.groups.flatMap { $0 }.map(\.name).joined(separator: ", "), &writer)
            case .mcp(let mcp):
                text("kind", "mcp", &writer)
                text("name", mcp.targets.map(\.name).joined(separator: ", "), &writer)
            }
        }
    }
}
