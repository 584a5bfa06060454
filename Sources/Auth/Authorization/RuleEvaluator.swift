// Runs rules on one event loop: the evaluation contexts, and the binding of a request's attributes to their roots.
// Invariant: what is bound points into the `RuleInputs` of `begin`, which is retained until `end`.

import CEL
import JSON

final class RuleEvaluator {
    private struct Bound {
        let environment: Environment
        let context: EvaluationContext
        let slots: Slots
        /// The request whose attributes are bound; contexts of environments that it does not need are left alone.
        var generation: UInt64
    }

    /// Where an environment has the roots; nil for those that its phase does not know.
    private struct Slots {
        /// Roots that are records over `RuleInputs`, with their layouts.
        let records: [(slot: Int, layout: RecordLayout)]
        let jwt: Int?
        let apiKey: Int?
        let env: Int?

        init(_ environment: Environment) {
            records = GatewayAttributes.roots.compactMap { root in
                guard case .object(let type) = root.type, let slot = environment.slots[root.name],
                    let layout = GatewayRecords.layouts[type]
                else { return nil }
                return (slot, layout)
            }
            jwt = environment.slots["jwt"]
            apiKey = environment.slots["apiKey"]
            env = environment.slots["env"]
        }
    }

    /// Contexts of environments with declared claims are kept for as many routes; more are made anew.
    static let maximumContexts = 64

    private var contexts: [Bound] = []
    private var inputs: RuleInputs?
    private var generation: UInt64 = 0
    private let env: ValueTree

    /// - Parameter env: the members of `env`.
    init(env: [String: String]) throws(AuthError) {
        self.env = try ValueTree.object(
            env.sorted { $0.key < $1.key }.map { MetadataMember($0.key, .string($0.value)) })
    }

    func begin(_ inputs: RuleInputs) {
        self.inputs = inputs
        generation &+= 1
    }

    /// Lets go of the request.
    func end() { inputs = nil }

    @inline(__always)
    static func outcome(_ program: Program, _ context: EvaluationContext, _ cost: inout Int) -> RuleOutcome {
        let value = program.run(in: context)
        cost += context.cost
        if value.isTrue { return .isTrue }
        if value.isFalse { return .isFalse }
        return withoutTruth(value, program)
    }

    /// What a value that was computed elsewhere says.
    static func outcome(of value: Value, _ program: Program) -> RuleOutcome {
        if value.isTrue { return .isTrue }
        if value.isFalse { return .isFalse }
        return withoutTruth(value, program)
    }

    @inline(never)
    private static func withoutTruth(_ value: Value, _ program: Program) -> RuleOutcome {
        switch value.tag {
        case .unknown: return .unknown
        case .error:
            let kind = program.error(value).kind
            return .failed(kind == .cost ? .cost : .error(kind.description))
        default: return .failed(.notBoolean)
        }
    }

    /// A context with the request's attributes bound. Only between `begin` and `end`.
    func context(for environment: Environment) -> EvaluationContext {
        guard let inputs else { preconditionFailure("rules are asked outside a request") }
        for index in contexts.indices where contexts[index].environment === environment {
            if contexts[index].generation != generation {
                contexts[index].generation = generation
                bind(inputs, contexts[index])
            }
            return contexts[index].context
        }
        if contexts.count >= Self.maximumContexts { contexts.removeFirst() }
        let bound = Bound(
            environment: environment, context: EvaluationContext(environment), slots: Slots(environment),
            generation: generation)
        bind(inputs, bound)
        contexts.append(bound)
        return bound.context
    }

    private func bind(_ inputs: RuleInputs, _ bound: Bound) {
        let context = bound.context
        context.reset()
        let object = UnsafeRawPointer(Unmanaged.passUnretained(inputs).toOpaque())
        for (slot, layout) in bound.slots.records { context.bind(slot, context.record(layout, object)) }
        if let slot = bound.slots.jwt, let tree = inputs.principal.token?.tree ?? Self.noToken {
            context.bind(slot, tree.root)
        }
        if let slot = bound.slots.apiKey, let tree = inputs.principal.apiKey?.tree ?? Self.noKey {
            context.bind(slot, tree.root)
        }
        if let slot = bound.slots.env { context.bind(slot, env.root) }
    }

    /// `jwt` of a request without a token: no claims, and no scopes. A literal that is a value; were it none, reading
    /// the root would be an error, which grants nothing.
    private static let noToken = ValueTree(.map([("scopes", .list([]))]))
    private static let noKey = ValueTree(.map([]))
}

extension ValueTree {
    /// An object of the configuration as rules see it.
    /// - Throws: `.configuration` for a member that is there twice.
    static func object(_ members: [MetadataMember]) throws(AuthError) -> ValueTree {
        var writer = JSONWriter()
        writer.value(MetadataValue.object(members))
        do throws(JSONError) {
            return ValueTree(try JSONDocument(parsing: writer.bytes))
        } catch {
            throw .configuration("metadata: \(error)", .none)
        }
    }
}
