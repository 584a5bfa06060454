// Token buckets, with times that the test chooses.

import Testing

@testable import Proxy

@Suite struct RateLimiterTests {
    private let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private func limiter(_ capacity: Int64, _ perFill: Int64, keys: Int = 100) throws -> RateLimiter<String> {
        let limit = try #require(RateLimit(capacity: capacity, perFill: perFill, interval: .seconds(10)))
        return RateLimiter(limit, maximumKeys: keys)
    }

    @Test(arguments: [(0, 1, 1), (1, 0, 1), (1, 2, 1), (1, 1, 0), (-1, -1, 1)])
    func limitsThatMakeNoSenseAreRefused(_ capacity: Int64, _ perFill: Int64, _ seconds: Int64) {
        #expect(RateLimit(capacity: capacity, perFill: perFill, interval: .seconds(seconds)) == nil)
    }

    @Test func aBurstIsAdmittedAndThenTheRate() throws {
        var limiter = try limiter(2, 1)
        #expect(limiter.take(1, key: "a", at: start) == .admitted(remaining: 1, reset: .seconds(10)))
        #expect(limiter.take(1, key: "a", at: start).remaining == 0)
        #expect(limiter.take(1, key: "a", at: start + .seconds(4)) == .limited(retryAfter: .seconds(6)))
        #expect(limiter.take(1, key: "b", at: start + .seconds(4)).remaining == 1)
        #expect(limiter.take(1, key: "a", at: start + .seconds(10)).remaining == 0)
        #expect(limiter.take(1, key: "a", at: start + .seconds(1000)).remaining == 1)
    }

    @Test func whatACallCostInTheEndIsPaidBackFirst() throws {
        var limiter = try limiter(100, 50)
        #expect(limiter.take(0, key: "a", at: start).remaining == 100)
        limiter.charge(250, key: "a", at: start)
        #expect(limiter.take(0, key: "a", at: start) == .limited(retryAfter: .seconds(40)))
        #expect(limiter.take(0, key: "a", at: start + .seconds(40)).remaining == 50)
    }

    @Test func inventedKeysShareOneBucket() throws {
        var limiter = try limiter(1, 1, keys: 2)
        for key in ["a", "b", "c"] { #expect(limiter.take(1, key: key, at: start).remaining == 0) }
        #expect(limiter.take(1, key: "d", at: start) == .limited(retryAfter: .seconds(10)))
        #expect(limiter.take(1, key: "a", at: start) == .limited(retryAfter: .seconds(10)))
        #expect(limiter.take(1, key: "d", at: start + .seconds(10)).remaining == 0)
        #expect(limiter.take(1, key: "e", at: start + .seconds(10)).remaining == 0)
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

extension RateLimitVerdict {
    fileprivate var remaining: Int64? {
        if case .admitted(let remaining, _) = self { remaining } else { nil }
    }
}

@Suite struct RateLimitTableTests {
    private let now = MonotonicTime(nanoseconds: 1_000_000_000)

    private func table(_ capacity: Int64, isKeyed: Bool = true) throws -> RateLimitTable {
        let limit = try #require(RateLimit(capacity: capacity, perFill: 1, interval: .seconds(3600)))
        return RateLimitTable(limit, isKeyed: isKeyed)
    }

    @Test func loopsTogetherGetNoMoreThanTheLimit() async throws {
        let table = try table(1000)
        let now = now
        let key = RateLimitKey(.string("ann"))
        let admitted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<500).count { _ in
                        if case .admitted = table.take(1, key, at: now) { true } else { false }
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(admitted == 1000)
    }

    @Test func inventedKeysBuyOneBucketPerShardAndNoMore() throws {
        let table = try table(1)
        var admitted = 0
        for number in 0..<200_000 {
            if case .admitted = table.take(1, RateLimitKey(.int(Int64(number))), at: now) { admitted += 1 }
        }
        #expect(admitted <= RateLimitTable.maximumKeys + 16)
        // Those who came before the flood keep their own.
        #expect(table.take(1, RateLimitKey(.int(0)), at: now).remaining == nil)
    }

    @Test func valuesThatAreNoKeyShareABucket() {
        #expect(RateLimitKey(nil) == RateLimitKey(.string("")))
        #expect(RateLimitKey(nil) == RateLimitKey(.null))
        #expect(RateLimitKey(nil) != RateLimitKey(.string("ann")))
        #expect(RateLimitKey(nil) != .all)
    }

    @Test func keysOfSeveralPartsDoNotRunTogether() {
        let one = RateLimitKey(.list([.string("ab"), .string("c")]))
        #expect(one != RateLimitKey(.list([.string("a"), .string("bc")])))
        #expect(one == RateLimitKey(.list([.string("ab"), .string("c")])))
        #expect(RateLimitKey(.string("1")) != RateLimitKey(.int(1)))
    }

    @Test func whatAnotherLimitRefusesCostsNothing() throws {
        let shared = try table(1, isKeyed: false)
        guard case .admitted = shared.take(1, .all, at: now) else {
            Issue.record("a full bucket refused")
            return
        }
        shared.refund(1, .all, at: now)
        #expect(shared.take(1, .all, at: now).remaining == 0)
    }
}
