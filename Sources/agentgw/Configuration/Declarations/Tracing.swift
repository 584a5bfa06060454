// `frontendPolicies.tracing`: OTLP over HTTP, sampled.

import Auth
import Proxy

extension Declarations {
    /// true, false, or a share from 0 to 1.
    private static let sampling = ValueDecoder<Double>(.either([.boolean, .number(0...1)])) { node, context in
        let what = "true, false or a share from 0 to 1"
        guard let scalar = Scalars.any(what, node, context) else { return nil }
        switch scalar.value {
        case .bool(let flag): return flag ? 1 : 0
        case .int(let number) where number == 0 || number == 1: return Double(number)
        case .float(let share) where (0...1).contains(share): return share
        default: return context.fail("expected \(what), found \(NodeKind.written(node))", at: node)
        }
    }

    /// Spans over gRPC would need an HTTP/2 client of ours.
    private static let tracingProtocol = ValueDecoder<String>.string("http").then { text, node, context -> String? in
        guard text != "grpc" else {
            return context.fail("not supported yet: OTLP over gRPC; use protocol: http", at: node)
        }
        guard text == "http" else { return context.fail("expected http, found \(NodeKind.written(node))", at: node) }
        return text
    }

    private struct TracingDraft {
        var tracing: TracingConfiguration
        var transport = "http"
    }

    static let tracing = ValueDecoder<TracingDraft>.object(
        "Tracing", "Which requests are traced, and where their spans are sent.",
        make: { node, context in TracingDraft(tracing: TracingConfiguration(position: context.position(of: node))) },
        fields: [
            .apply("host", upstream(allowsPath: false), required: true, "The collector: host:port or a URL.") {
                owner, text, _, _ in
                owner.tracing.collector = text.address
                return true
            },
            .value(
                "protocol", \.transport, tracingProtocol, required: true,
                "`http`. It must be said: agentgateway's default is gRPC, which is not there yet."),
            .value("path", \.tracing.path, canonicalPath, default: "/v1/traces", "Of the collector."),
            .value(
                "randomSampling", \.tracing.randomSampling, sampling, default: "false",
                "The share of requests without a trace that begin one."),
            .value(
                "clientSampling", \.tracing.clientSampling, sampling, default: "true",
                "The share of requests with a sampled trace whose trace goes on."),
            .notYet("service", "a collector by service; use host"),
            .notYet("backend", "a collector by backend; use host"),
            .notYet("policies", "policies of the collector"),
            .notYet("attributes", "attributes by CEL"),
            .notYet("resources", "resource attributes by CEL"),
            .notYet("remove", "removing attributes"),
            .notYet("filter", "a filter by CEL"),
        ]
    ).map(\.tracing)
}
