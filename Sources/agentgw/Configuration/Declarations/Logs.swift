// `frontendPolicies.accessLog` and `decisionLog`.

import Auth
import Proxy

extension Declarations {
    /// Fields beyond this are not a line any more.
    private static let mostFields = 64

    static let accessLog = ValueDecoder<AccessLogPolicy>.object(
        "AccessLog", "One line of JSON a request, allowed or refused.",
        make: { node, context in AccessLogPolicy(position: context.position(of: node)) },
        fields: [
            .optional(
                "file", \.file, .nonEmptyString("a path"), default: "standard error",
                "Appended to; opened again at every reload (SIGHUP)."),
            .optional(
                "filter", \.filter, logExpression(.condition), "CEL: a line is left out when this is false."),
            .value("add", \.add, logFields, "Fields by CEL; one that cannot be computed is left out."),
            .value("remove", \.remove, .list(ValueDecoder<AccessField>.word()), "Fields left out."),
            .notYet("otlp", "logs by OTLP; a collector can read the file"),
            .notYet("database", "a request database"),
        ]
    ).check { policy, node, context in
        if policy.add.count > mostFields { return context.fail("more than \(mostFields) fields", at: node) }
        for field in policy.add {
            let own = AccessField(rawValue: field.name)
            if ["log", "time"].contains(field.name) || own.map({ !policy.remove.contains($0) }) ?? false {
                return context.fail(
                    "add: a line has a field \"\(field.name)\" already\(own == nil ? "" : "; remove it as well")",
                    at: node)
            }
        }
        return policy
    }

    private static let logFields = ValueDecoder<Never>.map(logExpression(.value), key: problem(inField:))
        .map { $0.map { Transformation.Field(name: $0.key, value: $0.value) } }

    private static func problem(inField name: String) -> String? {
        let isPlain = name.utf8.allSatisfy {
            $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
        }
        return isPlain && !name.isEmpty && name.utf8.count <= 128 ? nil : "\"\(Excerpt.of(name))\" is not a field name"
    }

    /// What the log knows of a reply is its status.
    private static func logExpression(_ result: ExpressionUse.Result) -> ValueDecoder<PolicyExpressionSource> {
        policyExpression(ExpressionUse(.record, result))
    }

    private struct DecisionLogDraft {
        var file: String?
    }

    static let decisionLog = ValueDecoder<DecisionLogDraft>.object(
        "DecisionLog", "One line of JSON a decision, allow and deny alike.", make: { _, _ in DecisionLogDraft() },
        fields: [
            .optional(
                "file", \.file, .nonEmptyString("a path"), default: "standard error",
                "Appended to; opened again at every reload (SIGHUP).")
        ]
    ).then { draft, node, context -> String? in
        draft.file ?? context.fail("missing field \"file\"", at: node)
    }
}
