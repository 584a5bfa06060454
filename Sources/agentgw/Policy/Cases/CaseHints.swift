// What a failed expectation may have meant: rules, tools and error classes that there are none of, and what a list shows
// that it should not.

import Auth
import CEL

struct CaseHints {
    private let judged: JudgedCase
    private let rules: [String]

    init(_ policy: LoadedPolicy, _ judged: JudgedCase) {
        self.judged = judged
        rules = policy.rules.map(\.id)
    }

    func hinted(_ mismatch: Mismatch) -> Mismatch {
        var mismatch = mismatch
        mismatch.hint =
            switch mismatch.what {
            case "rule": unknown(mismatch.expected, "rule", among: rules + ["none"])
            case "error": slip(mismatch.expected, among: Self.errors)
            case "reason": slip(mismatch.expected, among: Self.reasons)
            case "visible": list
            default: nil
            }
        return mismatch
    }

    /// The items of a list that are shown or hidden against what is expected.
    var surprising: [String] {
        let shown = judged.shown
        return judged.items.filter { name in
            let isShown = shown.contains(name)
            if let visible = judged.testCase.expect?.visible?.value { return visible.contains(name) != isShown }
            return isShown && judged.testCase.expect?.hidden?.value.contains(name) == true
        }
    }

    /// What is missing and what is too much.
    private var list: String? {
        let visible = judged.testCase.expect?.visible?.value ?? []
        let shown = judged.shown
        let strangers = visible.filter { !judged.items.contains($0) }
        let missing = visible.filter { judged.items.contains($0) && !shown.contains($0) }
        let more = shown.filter { !visible.contains($0) }
        var parts: [String] = []
        if !missing.isEmpty { parts.append("hidden: \(missing.joined(separator: ", "))") }
        if !more.isEmpty { parts.append("shown as well: \(more.joined(separator: ", "))") }
        parts += strangers.compactMap { unknown($0, "tool", among: judged.items) }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    private func unknown(_ name: String, _ what: String, among names: [String]) -> String? {
        guard !names.contains(name) else { return nil }
        return "there is no \(what) \"\(Excerpt.of(name))\"" + Suggestion.hint(for: name, among: names)
    }

    private func slip(_ name: String, among names: [String]) -> String? {
        guard !names.contains(name), let nearest = Suggestion.nearest(to: name, among: names) else { return nil }
        return "did you mean \"\(nearest)\"?"
    }

    private static let errors =
        EvaluationError.Kind.allCases.map(\.description) + rejections.map(\.code)
        + ["none", "cost", "no_token", "no_api_key", "invalid_api_key", "basic", "several_credentials"]

    private static let rejections: [TokenRejection] = [
        .notCompactJWS, .missingAlgorithm, .unknownAlgorithm, .criticalHeader, .wrongType, .unknownIssuer,
        .keysUnavailable, .unknownKey, .keyIDNeeded, .badSignature, .wrongIssuer, .wrongAudience, .expired,
        .notYetValid,
        .issuedInFuture, .tooLarge(bytes: 0), .malformedHeader(""), .keyInHeader(""), .unsupportedHeader(""),
        .malformedPayload(""), .missingClaim(""), .malformedClaim(""),
    ]

    private static let reasons =
        ["matched", "requirement_not_met", "nothing_granted", "default_action", "cost"]
        + EvaluationError.Kind.allCases.map { "error.\($0)" } + errors
}
