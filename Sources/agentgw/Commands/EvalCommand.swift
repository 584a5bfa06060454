// `agentgw eval EXPR`: one CEL expression with the gateway's own engine. Scripts rely on its exit codes (0 a value, 1 an
// error of the evaluation, 2 an expression that does not compile) and on its JSON.

import ArgumentParser
import Auth
import CEL
import JSON

struct EvalCommand: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    enum EnvironmentName: String, ExpressibleByArgument, CaseIterable {
        /// What rules of the gateway can read, with its types.
        case gateway
    }

    static let configuration = CommandConfiguration(
        commandName: "eval", abstract: "Evaluate a CEL expression.",
        discussion: """
            The members of the input are the names that the expression can use. Example:
              agentgw eval 'claims.sub == "alice"' --input request.json
            Exit codes: 0 a value, 1 the evaluation failed, 2 the expression does not compile.
            """)

    @Argument(help: ArgumentHelp("The expression.", valueName: "EXPR"))
    var expression: String

    @Option(
        help: ArgumentHelp("A JSON object whose members are the names; - is standard input.", valueName: "FILE"),
        completion: .file())
    var input: String?

    @Option(help: "How the answer is written.")
    var format = Format.text

    @Flag(help: "Say what the evaluation cost.")
    var cost = false

    @Flag(help: "Show what every part of the expression came to.")
    var explain = false

    @Option(
        help: ArgumentHelp("A path of the input that is not known, such as mcp.tool.arguments.", valueName: "PATH"))
    var unknown: [String] = []

    @Option(help: "Check against declared names and types instead of the input's.")
    var env: EnvironmentName?

    func run() throws {
        var inputs = try input.map { EvalInput.values(try EvalInput.read($0)) } ?? [:]
        if env == .gateway { EvalInput.addIdentity(to: &inputs) }
        for path in unknown {
            let names = path.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
            guard !names.contains("") else { throw ValidationError("--unknown \"\(path)\" is no path: write a.b.c") }
            EvalInput.forget(names, in: &inputs)
        }
        let answer = answer(inputs)
        answer.print(as: format)
        if explain, let program = try? compile(inputs) {
            try EvalExplanation(program, inputs, source: expression).print(as: format)
        }
        if answer.exitCode != 0 { throw ExitCode(answer.exitCode) }
    }

    private func compile(_ inputs: [String: CELValue]) throws(CompileError) -> Program {
        switch env {
        case .gateway: try GatewayEnvironment.compile(expression)
        case nil: try CEL.Environment(variables: inputs.mapValues { _ in .dyn }).compile(expression)
        }
    }

    func answer(_ inputs: [String: CELValue]) -> EvalAnswer {
        let program: Program
        do throws(CompileError) {
            program = try compile(inputs)
        } catch {
            return .compileError(error)
        }
        do throws(EvaluationError) {
            switch try program.partiallyEvaluate(inputs) {
            case .value(let value): return .value(value, cost: cost ? Self.cost(program, inputs) : nil)
            case .failed(let error): return .evaluationError(error, source: expression)
            case .residual(let rest): return .residual(rest.unparsed())
            }
        } catch {
            return .evaluationError(error, source: expression)
        }
    }

    /// In nodes, elements and bytes: what the budget of a rule counts. A second evaluation, which costs the same.
    private static func cost(_ program: Program, _ inputs: [String: CELValue]) -> Int {
        let context = EvaluationContext(program.checked.environment)
        let trees = inputs.compactMap { name, value in
            context.environment.slots[name].flatMap { slot in ValueTree(value).map { (slot: slot, tree: $0) } }
        }
        for (slot, tree) in trees { context.bind(slot, tree.root) }
        return withExtendedLifetime(trees) {
            _ = program.run(in: context)
            return context.cost
        }
    }
}

/// The `--input` of `eval`.
enum EvalInput {
    /// Of an input. It is for trying things out; requests are far smaller.
    static let maximumBytes = 64 << 20

    static func read(_ path: String) throws -> JSONDocument {
        switch FileReader.system.read(path == "-" ? "/dev/stdin" : path, maximumBytes) {
        case .failure(let failure): throw ValidationError("cannot read \(path): \(failure.message)")
        case .success(let bytes):
            let document: JSONDocument
            do throws(JSONError) {
                document = try JSONDocument(parsing: bytes)
            } catch {
                throw ValidationError("\(path) is not JSON: \(error)")
            }
            guard document.root.kind == .object else {
                throw ValidationError("\(path): the input is a JSON object whose members are names")
            }
            return document
        }
    }

    /// The members of the input by name.
    static func values(_ document: JSONDocument) -> [String: CELValue] {
        var values: [String: CELValue] = [:]
        for member in document.root.members { values[member.name.string ?? ""] = value(member.value) }
        return values
    }

    /// Numbers without fraction and exponent are `int` when they fit, then `uint`; all others are `double`.
    private static func value(_ json: JSONValue) -> CELValue {
        if json.isNull { return .null }
        if let value = json.bool { return .bool(value) }
        if let value = json.string { return .string(value) }
        if json.isIntegral {
            if let value = json.int64 { return .int(value) }
            if let value = json.uint64 { return .uint(value) }
        }
        if let value = json.double { return .double(value) }
        if json.kind == .array { return .list(json.elements.map(value)) }
        return .map(json.members.map { (key: .string($0.name.string ?? ""), value: value($0.value)) })
    }

    /// What the gateway says of who asks, where the input does not: `jwt.scopes` of the scopes in `jwt.scope`, and no
    /// claims and no key where there are none.
    static func addIdentity(to inputs: inout [String: CELValue]) {
        if inputs["apiKey"] == nil { inputs["apiKey"] = .map([]) }
        guard case .map(var claims) = inputs["jwt"] ?? .map([]), !claims.contains(where: { $0.key == "scopes" }) else {
            return
        }
        var scopes: [CELValue] = []
        if case .string(let text)? = claims.first(where: { $0.key == "scope" })?.value {
            scopes = text.split(separator: " ").map { .string(String($0)) }
        }
        claims.append((key: "scopes", value: .list(scopes)))
        inputs["jwt"] = .map(claims)
    }

    /// Makes what stands at `path` unknown; maps on the way are made when they are not there.
    static func forget(_ path: [String], in inputs: inout [String: CELValue]) {
        guard let root = path.first else { return }
        inputs[root] = forgetting(path.dropFirst(), in: inputs[root])
    }

    private static func forgetting(_ path: ArraySlice<String>, in value: CELValue?) -> CELValue {
        guard let name = path.first else { return .unknown }
        var entries: [(key: CELValue, value: CELValue)] = []
        if case .map(let known) = value { entries = known }
        let index = entries.firstIndex { $0.key == .string(name) }
        let inner = forgetting(path.dropFirst(), in: index.map { entries[$0].value })
        if let index {
            entries[index].value = inner
        } else {
            entries.append((key: .string(name), value: inner))
        }
        return .map(entries)
    }
}

/// What `eval` says.
enum EvalAnswer {
    case value(CELValue, cost: Int?)
    /// What is left to decide when what `--unknown` named becomes known.
    case residual(String)
    case evaluationError(EvaluationError, source: String)
    case compileError(CompileError)

    var exitCode: Int32 {
        switch self {
        case .value, .residual: 0
        case .evaluationError: 1
        case .compileError: 2
        }
    }

    /// Values and JSON go to standard output; what went wrong, as text, to standard error.
    func print(as format: EvalCommand.Format) {
        switch (self, format) {
        case (.value(let value, let cost), .text):
            Swift.print(value.debugText)
            if let cost { StandardError.write("cost: \(cost)\n") }
        case (.value(let value, let cost), .json):
            Swift.print(Self.json(value, cost))
        case (.residual(let text), .text): Swift.print(text)
        case (.residual(let text), .json):
            var writer = JSONWriter()
            writer.object { writer in
                writer.name("residual")
                writer.value(text)
            }
            Swift.print(writer.text)
        case (.evaluationError(let error, let source), .text):
            if let range = error.range {
                let text = CEL.Diagnostic("\(error)", range).render(source: source, name: "expression")
                StandardError.write("\(text)\n")
            } else {
                StandardError.write("agentgw: \(error)\n")
            }
        case (.evaluationError(let error, let source), .json):
            let place = error.range.map { LineColumn(offset: Int($0.start), in: source) }
            Swift.print(Self.json(error: error.kind.description, message: error.message, place))
        case (.compileError(let error), .text): StandardError.write("\(error)\n")
        case (.compileError(let error), .json):
            let first = error.diagnostics[0]
            let place = LineColumn(offset: Int(first.range.start), in: error.source)
            Swift.print(Self.json(error: "compile", message: first.text, place))
        }
    }

    private static func json(_ value: CELValue, _ cost: Int?) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("value")
            EvalJSON.write(value, to: &writer)
            writer.name("type")
            writer.value(EvalJSON.typeName(value))
            if let cost {
                writer.name("cost")
                writer.value(cost)
            }
        }
        return writer.text
    }

    private static func json(error class: String, message: String, _ place: LineColumn?) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("error")
            writer.object { writer in
                writer.name("class")
                writer.value(`class`)
                writer.name("message")
                writer.value(message)
                guard let place else { return }
                writer.name("line")
                writer.value(place.line)
                writer.name("column")
                writer.value(place.column)
            }
        }
        return writer.text
    }
}
