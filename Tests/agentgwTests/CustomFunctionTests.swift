// `config.customFunctions`: read before the rules that call them, wherever in the file they stand.

import Auth
import Proxy
import Testing

@testable import agentgw

@Suite struct CustomFunctionTests {
    private static func file(_ rule: String, _ functions: String) -> String {
        """
        binds:
        - port: 3000
          listeners:
          - routes:
            - backends: [{host: "h:80"}]
              policies:
                authorization:
                  rules:
                  - \(rule)
        config:
          customFunctions: |
            # Ours.
            \(functions)
        """
    }

    @Test func rulesAboveTheFunctionsCallThem() throws {
        #expect(
            Fixture.errors(
                Self.file("isInternal()", "isInternal() { cidr('10.0.0.0/8').containsIP(source.address) }"),
                rules: .gateway) == [])
    }

    @Test func aMistakeIsToldWhereItStands() {
        #expect(
            Fixture.errors(Self.file("isInternal()", "isInternal() { sorce.tls }"), rules: .gateway).first
                == "13:20: config.customFunctions: undeclared reference to 'sorce'; did you mean 'source'?")
        #expect(
            Fixture.errors(Self.file("isInternal(1)", "isInternal() { source.tls }"), rules: .gateway)
                == [
                    "9:13: binds[0].listeners[0].routes[0].policies.authorization.rules[0]: isInternal() takes 0 arguments"
                ]
        )
        #expect(
            Fixture.errors(Self.file("true", "size() { source.tls }"), rules: .gateway)
                == ["13:5: config.customFunctions: 'size' is a function already"])
        #expect(
            Fixture.errors("config: {customFunctions: 1}", rules: .gateway).first?.contains("functions in CEL") == true)
    }
}
