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

    @Option(help: "Check against declared names and types instead of the input's.")
    var env: EnvironmentName?

    func validate() throws {
        if env != nil { throw ValidationError("--env gateway is not built yet") }
    }

    func run() throws {
        let document = try input.map(EvalInput.read)
        let environment = environment(document)
        do throws(CompileError) {
            _ = try environment.check(expression)
        } catch {
            EvalAnswer.compileError(error).print(as: format)
            throw ExitCode(2)
        }
        StandardError.write("agentgw: the expression is sound; evaluating is not built yet\n")
        throw ExitCode(1)
    }

    private func environment(_ document: JSONDocument?) -> CEL.Environment {
        var variables: [String: CELType] = [:]
        for member in document?.root.members.map({ $0 }) ?? [] {
            if let name = member.name.string { variables[name] = .dyn }
        }
        return CEL.Environment(variables: variables)
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
}

/// What `eval` says.
enum EvalAnswer {
    case compileError(CompileError)

    /// A value and JSON go to standard output; what went wrong, as text, to standard error.
    func print(as format: EvalCommand.Format) {
        switch (self, format) {
        case (.compileError(let error), .text): StandardError.write("\(error)\n")
        case (.compileError(let error), .json):
            let first = error.diagnostics[0]
            let place = LineColumn(offset: Int(first.range.start), in: error.source)
            Swift.print(Self.json(error: "compile", message: first.text, place))
        }
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
