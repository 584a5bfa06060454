// Token buckets, with times that the test chooses.

import Testing

@testable import Proxy

@Suite struct AIRateLimiterTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func limiter(_ capacity: Int64, _ perFill: Int64, keys: Int = 100) throws -> RateLimiter {
        let limit = try #require(RateLimiter.Limit(capacity: capacity, perFill: perFill, interval: .seconds(10)))
        return RateLimiter(limit, maximumKeys: keys)
    }

    @Test(arguments: [(0, 1, 1), (1, 0, 1), (1, 2, 1), (1, 1, 0), (-1, -1, 1)])
    func limitsThatMakeNoSenseAreRefused(_ capacity: Int64, _ perFill: Int64, _ seconds: Int64) {
        #expect(RateLimiter.Limit(capacity: capacity, perFill: perFill, interval: .seconds(seconds)) == nil)
    }

    @Test func aBurstIsAdmittedAndThenTheRate() throws {
        var limiter = try limiter(2, 1)
        #expect(limiter.take(1, key: "a", at: start) == .admitted(remaining: 1))
        #expect(limiter.take(1, key: "a", at: start) == .admitted(remaining: 0))
        #expect(limiter.take(1, key: "a", at: start + .seconds(4)) == .limited(retryAfter: .seconds(6)))
        #expect(limiter.take(1, key: "b", at: start + .seconds(4)) == .admitted(remaining: 1))
        #expect(limiter.take(1, key: "a", at: start + .seconds(10)) == .admitted(remaining: 0))
        #expect(limiter.take(1, key: "a", at: start + .seconds(1000)) == .admitted(remaining: 1))
    }

    @Test func whatACallCostInTheEndIsPaidBackFirst() throws {
        var limiter = try limiter(100, 50)
        #expect(limiter.take(0, key: "a", at: start) == .admitted(remaining: 100))
        limiter.charge(250, key: "a", at: start)
        #expect(limiter.take(0, key: "a", at: start) == .limited(retryAfter: .seconds(40)))
        #expect(limiter.take(0, key: "a", at: start + .seconds(40)) == .admitted(remaining: 50))
    }

    @Test func inventedKeysShareOneBucket() throws {
        var limiter = try limiter(1, 1, keys: 2)
        for key in ["a", "b", "c"] { #expect(limiter.take(1, key: key, at: start) == .admitted(remaining: 0)) }
        #expect(limiter.take(1, key: "d", at: start) == .limited(retryAfter: .seconds(10)))
        #expect(limiter.take(1, key: "a", at: start) == .limited(retryAfter: .seconds(10)))
        #expect(limiter.take(1, key: "d", at: start + .seconds(10)) == .admitted(remaining: 0))
        #expect(limiter.take(1, key: "e", at: start + .seconds(10)) == .admitted(remaining: 0))
    }

    @Test func extremeCostsNeverTrap() throws {
        var limiter = try limiter(.max, 1)
        limiter.charge(.max, key: "a", at: start)
        limiter.charge(.max, key: "a", at: start)
        limiter.charge(.max, key: "a", at: start)
        limiter.charge(.min, key: "a", at: start)
        guard case .limited = limiter.take(.max, key: "a", at: .never) else {
            Issue.record("a debt was forgiven")
            return
        }
    }
}
