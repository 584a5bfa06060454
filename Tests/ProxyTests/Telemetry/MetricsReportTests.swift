// Numbers of several loops added up, their text, and the ring of recent decisions.

import Testing

@testable import Proxy

@Suite struct MetricsReportTests {
    @Test func loopsAreAddedUpAndLabelsEscaped() {
        var first = MetricsReport()
        first.add(.requests, [("route", "a\"b\\c\nd")], 2)
        var second = MetricsReport()
        second.add(.requests, [("route", "a\"b\\c\nd")], 3)
        first.add(second)
        #expect(first.text.contains("agentgateway_requests_total{route=\"a\\\"b\\\\c\\nd\"} 5\n"))
    }

    @Test func bucketsAreCumulativeAndEndAtInfinity() {
        var histogram = Histogram([1, 2])
        for value in [0.5, 1, 1.5, 9] { histogram.observe(value) }
        var report = MetricsReport()
        report.add(.requestSeconds, [], histogram)
        let name = "agentgateway_request_duration_seconds"
        let lines = report.text.split(separator: "\n").dropFirst(2)
        #expect(
            Array(lines) == [
                "\(name)_bucket{le=\"1\"} 2", "\(name)_bucket{le=\"2\"} 3", "\(name)_bucket{le=\"+Inf\"} 4",
                "\(name)_sum 12", "\(name)_count 4",
            ])
    }

    @Test func everyMetricHasANameOfItsOwnAndCountersSayTotal() {
        let names = Metric.allCases.map(\.name)
        #expect(Set(names).count == names.count)
        for metric in Metric.allCases { #expect((metric.kind == .counter) == metric.name.hasSuffix("_total")) }
    }

    @Test(arguments: [0, 1, 5, DecisionRing.capacity, DecisionRing.capacity + 3, 3 * DecisionRing.capacity])
    func theRingGivesTheLatestInOrder(count: Int) {
        var ring = DecisionRing()
        for number in 0..<count { ring.append(Array("\(number)".utf8)) }
        let kept = min(count, DecisionRing.capacity)
        #expect(ring.since(0).map { String(decoding: $0, as: UTF8.self) } == (count - kept..<count).map { "\($0)" })
        #expect(ring.since(count).isEmpty)
        if count > 0 { #expect(ring.since(count - 1).map { String(decoding: $0, as: UTF8.self) } == ["\(count - 1)"]) }
    }
}
