// One policy set up to have requests tried on it. Confined to one thread.

import Auth
import Proxy

/// A request of a case could not be tried: the case is wrong, not the policy.
struct BrokenCase: Error {
    var message: String
}

final class PolicyBench {
    let policy: LoadedPolicy
    let examiner: PolicyExaminer
    private let files: FileReader
    private let changed: GatewayConfiguration?
    private let keys: Secret?
    private let signer: TrialTokenSigner
    /// Verifies tokens that the tool signs.
    private lazy var minted = Result<GatewayTrial, BrokenCase> { () throws(BrokenCase) in try make(signer.keySet) }
    /// Verifies tokens that somebody else has signed.
    private lazy var signed = Result<GatewayTrial, BrokenCase> { () throws(BrokenCase) in try make(keys) }

    /// - Parameters:
    ///   - configuration: in place of the policy's, for a policy that was changed.
    ///   - keys: a key set for signed tokens, in place of the configuration's.
    init(
        _ policy: LoadedPolicy, configuration: GatewayConfiguration? = nil, keys: Secret? = nil,
        files: FileReader = .system
    ) throws(AuthError) {
        self.policy = policy
        changed = configuration
        self.keys = keys
        self.files = files
        examiner = try PolicyExaminer()
        signer = try TrialTokenSigner()
    }

    /// The same configuration with other keys; nil: with its own.
    private func make(_ keys: Secret?) throws(BrokenCase) -> GatewayTrial {
        do {
            if keys == nil, changed == nil { return try GatewayTrial(policy.snapshot) }
            let files = files
            let configuration = changed ?? policy.configuration
            let snapshot = try Snapshot(
                keys.map { configuration.withKeys($0) } ?? configuration, upstreams: UpstreamRegistry(),
                readFile: { path throws(AuthError) in
                    switch files.read(path, ConfigurationFiles.maximumBytes) {
                    case .success(let bytes): return bytes
                    case .failure(let failure):
                        throw .configuration("cannot read \(path): \(failure.message)", .none)
                    }
                })
            return try GatewayTrial(snapshot)
        } catch let error as SnapshotError {
            throw BrokenCase(message: "the policy does not load with these keys: \(error.message)")
        } catch {
            throw BrokenCase(message: "\(error)")
        }
    }

    /// A token over exactly these claims that the policy's issuers are taken to have signed.
    func sign(_ claims: [UInt8]) -> String { signer.sign(claims) }

    func trial(signed isSigned: Bool) throws(BrokenCase) -> GatewayTrial {
        try (isSigned ? signed : minted).get()
    }

    /// The rule set of this policy that an asked one is: those of a trial are compiled anew, in the same order.
    func ruleSet(of asked: RuleSet) -> PolicyRuleSet? {
        ruleSetIndex(of: asked).map { policy.ruleSets[$0] }
    }

    func ruleSetIndex(of asked: RuleSet) -> Int? {
        policy.ruleSets.firstIndex { $0.position == asked.position && $0.kind == asked.kind }
    }
}

extension GatewayConfiguration {
    /// Every issuer verified with one key set, whatever algorithm it has.
    fileprivate func withKeys(_ keys: Secret) -> GatewayConfiguration {
        func changed(_ authentication: JWTAuthentication?) -> JWTAuthentication? {
            guard var authentication else { return nil }
            for index in authentication.providers.indices {
                authentication.providers[index].keys = .inline(keys)
                authentication.providers[index].algorithms = nil
            }
            return authentication
        }
        var configuration = self
        for bind in configuration.binds.indices {
            for listener in configuration.binds[bind].listeners.indices {
                var changing = configuration.binds[bind].listeners[listener]
                changing.policies.jwtAuthentication = changed(changing.policies.jwtAuthentication)
                for route in changing.routes.indices {
                    var policies = changing.routes[route].policies
                    policies.jwtAuthentication = changed(policies.jwtAuthentication)
                    if policies.mcpAuthentication != nil { policies.mcpAuthentication?.keys = .inline(keys) }
                    changing.routes[route].policies = policies
                }
                configuration.binds[bind].listeners[listener] = changing
            }
        }
        return configuration
    }
}
