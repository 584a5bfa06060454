// Loads configurations from text, with an environment and files of the test's own.

import Auth
import Glibc
import Proxy

@testable import agentgw

enum Fixture {
    static func loader(
        environment: [String: String] = [:], files: [String: String] = [:], rules: RuleChecker = .none
    ) -> ConfigurationLoader {
        ConfigurationLoader(
            environment: Environment(environment),
            files: FileReader { path, limit in
                guard let text = files[path] else { return .failure(FileReader.Failure(message: "no such file")) }
                return text.utf8.count > limit
                    ? .failure(FileReader.Failure(message: "too large")) : .success(Array(text.utf8))
            }, ruleChecker: rules)
    }

    static func load(
        _ text: String, environment: [String: String] = [:], files: [String: String] = [:], rules: RuleChecker = .none
    ) throws(ConfigurationError) -> GatewayConfiguration {
        try loader(environment: environment, files: files, rules: rules).load(file: "f.yaml", bytes: Array(text.utf8))
    }

    /// `LINE:COL: path: message` of every error; empty when the text loads.
    static func errors(
        _ text: String, environment: [String: String] = [:], files: [String: String] = [:], rules: RuleChecker = .none
    ) -> [String] {
        do throws(ConfigurationError) {
            _ = try load(text, environment: environment, files: files, rules: rules)
            return []
        } catch {
            return error.diagnostics.map { diagnostic in
                let path = diagnostic.path.isEmpty ? "" : "\(diagnostic.path): "
                return "\(diagnostic.position.line):\(diagnostic.position.column): \(path)\(diagnostic.message)"
            }
        }
    }

    /// One route of one port, its fields indented as in a file; line 4 is the first of them.
    static func route(_ fields: String) -> String {
        let body = fields.split(separator: "\n", omittingEmptySubsequences: false).map { "    " + $0 }
        return "binds:\n- port: 3000\n  listeners: [{routes: [\n  {\n" + body.joined(separator: "\n") + "\n  }]}]\n"
    }

    /// The text in block style: a route whose policies are given.
    static func policies(_ policies: String) -> String {
        let body = policies.split(separator: "\n", omittingEmptySubsequences: false).map { "          " + $0 }
        return """
            binds:
              - port: 3000
                listeners:
                  - routes:
                      - backends: [{host: "h:80"}]
                        policies:

            """ + body.map { "                  " + $0 }.joined(separator: "\n") + "\n"
    }

    /// The folder of files shared between checkouts; nil: not there.
    static var sharedFolder: String? {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let candidates = [getenv("AGENTGW_SHARED").map { String(cString: $0) }, "/\(root)/../shared"]
        return candidates.compactMap { $0 }.first { access($0 + "/seed", R_OK) == 0 }
    }
}

extension GatewayConfiguration {
    var routes: [Route] { binds.flatMap { $0.listeners.flatMap(\.routes) } }
}
