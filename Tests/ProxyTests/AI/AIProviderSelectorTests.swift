// Failover between priority groups, with times that the test chooses.

import Testing

@testable import Proxy

@Suite struct AIProviderSelectorTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    @Test func theFirstGroupTakesAllCallsWhileOneOfItIsReady() {
        var selector = ProviderSelector(weights: [[1, 1], [1]])
        #expect(selector.select(at: start, random: 0) == 0)
        #expect(selector.select(at: start, random: .max) == 1)
        selector.failed(0, at: start)
        #expect(selector.select(at: start, random: 0) == 1)
        selector.failed(1, at: start)
        #expect(selector.select(at: start, random: 0) == 2)
        #expect(selector.select(at: start + .seconds(3), random: 0) == 0)
    }

    @Test func weightsDivideTheRandomRange() {
        let selector = ProviderSelector(weights: [[3, 0, 1]])
        var counts = [0, 0, 0]
        for step in 0..<UInt64(400) {
            if let index = selector.select(at: start, random: step * (.max / 400)) { counts[index] += 1 }
        }
        #expect(counts[1] == 0)
        #expect((299...302).contains(counts[0]))
        #expect(counts[0] + counts[2] == 400)
    }

    @Test func whenAllCoolDownTheOneThatIsReadyFirstIsUsed() {
        var selector = ProviderSelector(weights: [[1], [1]])
        selector.failed(0, at: start, retryAfter: .seconds(60))
        selector.failed(1, at: start, retryAfter: .seconds(20))
        #expect(selector.select(at: start, random: 0) == 1)
        #expect(selector.select(at: start, random: 0, excluding: [1]) == 0)
        #expect(selector.select(at: start, random: 0, excluding: [0, 1]) == nil)
    }

    @Test func coolDownsInARowGrowAndEndWithASuccess() {
        var selector = ProviderSelector(weights: [[1]], coolDown: .seconds(2))
        selector.failed(0, at: start)
        selector.failed(0, at: start)
        #expect(selector.isReady(0, start + .seconds(2)))
        selector.failed(0, at: start + .seconds(2))
        #expect(!selector.isReady(0, start + .seconds(5)))
        #expect(selector.isReady(0, start + .seconds(6)))
        selector.succeeded(0)
        selector.failed(0, at: start)
        #expect(selector.isReady(0, start + .seconds(2)))
    }

    @Test func failuresBelowTheThresholdCountOnlyInARow() {
        var selector = ProviderSelector(weights: [[1]], threshold: 2)
        selector.failed(0, at: start)
        selector.succeeded(0)
        selector.failed(0, at: start)
        #expect(selector.isReady(0, start))
        selector.failed(0, at: start)
        #expect(!selector.isReady(0, start))
    }

    @Test func retryAfterIsHonouredAtOnceAndCapped() {
        var selector = ProviderSelector(weights: [[1]], threshold: 5)
        selector.failed(0, at: start, retryAfter: .seconds(1_000_000))
        #expect(!selector.isReady(0, start + .seconds(299)))
        #expect(selector.isReady(0, start + ProviderSelector.longestCoolDown))
    }
}
