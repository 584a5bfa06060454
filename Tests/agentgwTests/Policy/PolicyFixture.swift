// Runs test tables over policies that are texts.

import Auth

@testable import agentgw

enum PolicyFixture {
    static func run(
        _ files: [String: String], environment: [String: String] = [:], lints: Bool = false,
        measuresCoverage: Bool = false
    ) -> PolicyRun {
        let loader = Fixture.loader(environment: environment, files: files)
        var options = PolicyRun.Options()
        options.lints = lints
        options.measuresCoverage = measuresCoverage
        options.environment = loader.environment
        options.files = loader.files
        let run = PolicyRun(options)
        var discovery = PolicyDiscovery()
        for file in files.keys.sorted() where file.hasSuffix(".yaml") { discovery.add(file) }
        run.load(discovery)
        run.test()
        return run
    }

    /// `name: what expected≠actual` of every case that did not pass, then the findings.
    static func failures(_ policy: String, _ table: String, files: [String: String] = [:]) -> [String] {
        let report = run(files.merging(["p.yaml": policy, "p.test.yaml": table]) { $1 }).report
        let cases = report.cases.compactMap { result -> String? in
            switch result.outcome {
            case .passed: nil
            case .failed(let mismatches):
                "\(result.name): " + mismatches.map { "\($0.what) \($0.expected)≠\($0.actual)" }.joined(separator: ", ")
            case .broken(let message): "\(result.name): \(message)"
            }
        }
        return cases
            + report.findings.filter { $0.severity == .error }
            .map { "\($0.position.file):\($0.position.line):\($0.position.column): \($0.message)" }
    }

    /// A gateway with an issuer whose keys are fetched, and what the tests need around it.
    static func gateway(_ policies: String, backends: String = "[{host: 'h:80'}]", listener: String = "") -> String {
        let body = policies.split(separator: "\n").map { "        \($0)\n" }.joined()
        return """
            binds:
            - port: 3000
              listeners:
              - name: l
            \(listener)
                routes:
                - name: r
                  matches: [{path: {pathPrefix: /api}}]
                  backends: \(backends)
                  policies:
                    jwtAuth: {mode: strict, issuer: 'https://issuer.example', audiences: [gateway]}
            \(body)
            """
    }
}
