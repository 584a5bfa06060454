// What may be sent again, and how often.

import Testing

@testable import Proxy

@Suite struct RetryRulesTests {
    @Test func whatMayBeDoneOnceOnlyIsRepeatedOnlyWhenNothingWasDone() {
        let rules = ReplayRules(hasBody: true, isIdempotent: false)
        #expect(rules.admits(.connect(.closed)))
        #expect(rules.admits(status: 429))
        #expect(!rules.admits(status: 503) && !rules.admits(status: 500))
        #expect(!rules.admits(.timedOut) && !rules.admits(.broken(.closed)))
    }

    @Test func withoutItsBodyARequestIsRepeatedOnlyWhenItWasNeverBegun() {
        let rules = ReplayRules(hasBody: false, isIdempotent: true)
        #expect(rules.admits(.connect(.closed)))
        #expect(!rules.admits(.timedOut) && !rules.admits(status: 503) && !rules.admits(status: 429))
    }

    @Test func whatTheClientDidIsNeverRepeated() {
        let rules = ReplayRules(hasBody: true, isIdempotent: true)
        #expect(!rules.admits(.client(.io(.reset))) && !rules.admits(.malformed(.tooManyInterim)))
    }

    @Test func aBudgetAllowsAFifthBeyondItsReserve() {
        var budget = RetryBudget()
        var tries = 0
        for _ in 0..<1000 {
            budget.earn()
            if budget.spend() { tries += 1 }
        }
        #expect((200...211).contains(tries))
    }
}
