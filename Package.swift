// swift-tools-version: 6.2
import PackageDescription

/// CI sets this so that a warning fails the build; a developer's half-written line should not.
let strict: [SwiftSetting] = Context.environment["AGENTGW_STRICT"] != nil ? [.treatAllWarnings(as: .error)] : []

let settings: [SwiftSetting] =
    strict + [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        // An async function stays on its caller's executor: on an event loop, no hop is ever implied.
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        // Exclusive access is enforced in debug builds and their tests; in release builds the checks cost 8 % of a request.
        .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
    ]

let package = Package(
    name: "agentgw",
    products: [
        .executable(name: "agentgw", targets: ["agentgw"]),
        .library(name: "CEL", targets: ["CEL"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CCrypt", providers: [.apt(["libcrypt-dev"])]),
        .systemLibrary(name: "CJWT", pkgConfig: "libjwt", providers: [.apt(["libjwt-dev"])]),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2"), .linkedLibrary("stdc++")]),

        .target(name: "JSON", swiftSettings: settings),
        .target(name: "CEL", dependencies: ["JSON", "CRE2"], swiftSettings: settings),
        .target(name: "Auth", dependencies: ["CEL", "JSON", "COpenSSL", "CJWT", "CCrypt"], swiftSettings: settings),
        .target(
            name: "Proxy", dependencies: ["Auth", "CEL", "JSON", "CLinux", "COpenSSL", "CNGHTTP2", "CRE2"],
            swiftSettings: settings),
        .executableTarget(
            name: "agentgw",
            dependencies: [
                "Proxy", "Auth", "CEL", "JSON", "CYAML", "CLinux",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], resources: [.embedInCode("AdminPage")], swiftSettings: settings),

        .target(name: "CAllocationCount", path: "bench/cel/CAllocationCount"),
        .executableTarget(
            name: "cel-bench", dependencies: ["CEL", "JSON", "CAllocationCount"], path: "bench/cel/CELBench",
            swiftSettings: settings),

        .executableTarget(
            name: "mcp-bench", dependencies: ["Proxy", "Auth", "JSON"], path: "bench/mcp/MCPBench",
            swiftSettings: settings),
        .executableTarget(
            name: "auth-bench", dependencies: ["Auth", "CEL", "JSON", "COpenSSL"], path: "bench/auth/AuthBench",
            swiftSettings: settings),

        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: settings),
        // The evaluator's oracle; no product has it.
        .target(name: "CELReference", dependencies: ["CEL"], path: "Tests/CELReference", swiftSettings: settings),
        .testTarget(name: "CELTests", dependencies: ["CEL", "CELReference", "JSON"], swiftSettings: settings),
        .testTarget(
            name: "CELConformanceTests", dependencies: ["CEL", "CELReference", "JSON"], path: "spec-tests/cel",
            exclude: ["differential", "vectors"],
            swiftSettings: settings),
        .testTarget(name: "AuthTests", dependencies: ["Auth", "CEL", "JSON"], swiftSettings: settings),
        .testTarget(name: "ProxyTests", dependencies: ["Proxy", "Auth", "CEL", "JSON"], swiftSettings: settings),
        .testTarget(
            name: "agentgwTests", dependencies: ["agentgw"], exclude: ["Corpus"], swiftSettings: settings),
    ],
    cxxLanguageStandard: .cxx17
)

// The fuzz targets have no `main` of their own and link only with `--sanitize=fuzzer`: scripts/fuzz.sh asks for them.
if Context.environment["AGENTGW_FUZZ"] != nil {
    package.targets += [
        .executableTarget(name: "FuzzHTTP", dependencies: ["Proxy"], path: "fuzz/FuzzHTTP", swiftSettings: settings),
        .executableTarget(name: "FuzzJSON", dependencies: ["JSON"], path: "fuzz/FuzzJSON", swiftSettings: settings),
        .executableTarget(
            name: "FuzzMCP", dependencies: ["Proxy", "JSON"], path: "fuzz/FuzzMCP", swiftSettings: settings),
        .executableTarget(
            name: "FuzzA2A", dependencies: ["Proxy", "JSON"], path: "fuzz/FuzzA2A", swiftSettings: settings),
        .executableTarget(
            name: "FuzzJWT", dependencies: ["Auth", "JSON", "COpenSSL"], path: "fuzz/FuzzJWT", swiftSettings: settings),
        .executableTarget(
            name: "FuzzJWKS", dependencies: ["Auth", "JSON"], path: "fuzz/FuzzJWKS", swiftSettings: settings),
        .executableTarget(
            name: "FuzzAuthorization", dependencies: ["Auth"], path: "fuzz/FuzzAuthorization", swiftSettings: settings),
        .executableTarget(
            name: "FuzzMetadata", dependencies: ["Auth", "JSON"], path: "fuzz/FuzzMetadata", swiftSettings: settings),
        .executableTarget(name: "FuzzCEL", dependencies: ["CEL"], path: "fuzz/FuzzCEL", swiftSettings: settings),
        .executableTarget(
            name: "FuzzCELChecker", dependencies: ["CEL", "CELReference"], path: "fuzz/FuzzCELChecker",
            swiftSettings: settings),
        .executableTarget(
            name: "FuzzCELEvaluator", dependencies: ["CEL", "CELReference"], path: "fuzz/FuzzCELEvaluator",
            swiftSettings: settings),
        .executableTarget(
            name: "FuzzCELRegex", dependencies: ["CEL", "CRE2"], path: "fuzz/FuzzCELRegex", swiftSettings: settings),
        // Its folder links to the executable's reader of configurations, which is no module of its own.
        .executableTarget(
            name: "FuzzConfiguration", dependencies: ["Proxy", "Auth", "CEL", "JSON", "CYAML", "CLinux"],
            path: "fuzz/FuzzConfiguration", swiftSettings: settings),
    ]
}
