// `transformations`.

import Auth
import Proxy

extension Declarations {
    static let transformations = ValueDecoder<TransformationPolicy>.object(
        "Transformations",
        "Header fields computed by CEL from what was judged. Fields that carry credentials are not there to be read.",
        make: { _, _ in TransformationPolicy() },
        fields: [
            .optional("request", \.request, transformation(.request), "Of the request to the backend."),
            .optional("response", \.response, transformation(.response), "Of the reply to the client."),
        ])

    private static func transformation(_ phase: ExpressionUse.Phase) -> ValueDecoder<Transformation> {
        .object(
            phase == .request ? "RequestTransformation" : "ResponseTransformation",
            "Add, then set, then remove; every value is computed first.", make: { _, _ in Transformation() },
            fields: [
                .value("add", \.add, computedFields(phase), "Lines added beside what is there."),
                .value(
                    "set", \.set, computedFields(phase),
                    "Lines put in place of what is there; one that cannot be computed removes the field."),
                .value("remove", \.remove, .list(changeableHeader), "Names removed."),
                .notYet("replace", "a header computed as a whole"),
                .notYet("body", "bodies computed by CEL"),
                .notYet("metadata", "metadata"),
            ])
    }

    static func computedFields(_ phase: ExpressionUse.Phase) -> ValueDecoder<[Transformation.Field]> {
        ValueDecoder<Never>.map(policyExpression(ExpressionUse(phase, .value)), key: problem(inComputed:))
            .map { $0.map { Transformation.Field(name: $0.key.asciiLowercased, value: $0.value) } }
    }

    private static func problem(inComputed name: String) -> String? {
        if name.hasPrefix(":") {
            return "not supported yet: pseudo headers; urlRewrite changes what a request asks for, as it was judged"
        }
        return HeaderSyntax.problem(inName: name) ?? problem(inChanged: name)
    }
}
