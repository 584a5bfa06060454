// Rules that may run out of their evaluation budget.

import CEL

struct CostCheck: PolicyCheck {
    /// What a large token holds: a request's head has 64 KiB at most.
    private static let sizes = InputSizes(elements: 500, bytes: 128)

    func findings(in subject: LintSubject) -> [Finding] {
        subject.views.compactMap { view in
            let cost = view.checked.worstCaseCost(Self.sizes)
            guard cost > UInt64(EvaluationContext.defaultBudget) else { return nil }
            let times = cost / UInt64(EvaluationContext.defaultBudget)
            return view.finding(
                .costBudget,
                "this may cost \(times > 1000 ? "over a thousand" : "\(max(2, times))") times the budget of an evaluation, "
                    + "which is an error then", hint: "ask one list with in, or fewer lists inside one another")
        }
    }
}
