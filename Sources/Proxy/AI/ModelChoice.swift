// Which of a route's backends takes an AI request: found by the model that its body names. The list of models is answered
// here.

import Auth
import JSON

enum ModelChoice {
    enum Outcome {
        case backend(CompiledBackend)
        /// A reply has been sent.
        case answered
    }

    static func choose(
        _ exchange: Exchange, _ table: ModelTable, _ route: CompiledRoute, _ context: RouteContext,
        _ record: inout RequestRecord
    ) async -> Outcome {
        let request = exchange.request
        let type = AIRouteTable.models.type(of: request.path)
        let shape = type?.clientShape ?? .openAI
        func fail(
            _ status: Int, _ message: String, _ code: String, _ record: inout RequestRecord,
            headers: [(String, String)] = []
        ) async -> Outcome {
            record.reason = code
            await context.error(
                exchange, status: status, message: message, code: code, shape: shape, headers: headers)
            return .answered
        }
        if type == .models {
            guard request.method == .get else {
                return await fail(
                    405, "only GET is allowed here", "method_not_allowed", &record, headers: [("allow", "GET")])
            }
            record.reason = "models"
            await context.sendJSON(exchange, status: 200, body: list(table, record.principal), headers: [])
            return .answered
        }
        guard let type, type.namesModel else {
            return await fail(404, "no AI route takes this path", "not_found", &record)
        }
        guard request.method == .post else {
            return await fail(
                405, "only POST is allowed here", "method_not_allowed", &record, headers: [("allow", "POST")])
        }
        if let encoding = request.headers.first(.contentEncoding), !encoding.equalsIgnoringCase("identity") {
            return await fail(415, "compressed request bodies are not supported here", "content_encoding", &record)
        }
        let limit = context.snapshot.configuration.limits.bufferedBody
        let body: ByteView
        do throws(ExchangeError) {
            guard try await exchange.hold(atMost: limit), let held = exchange.held else {
                return await fail(413, "the request body is too large", "request_body", &record)
            }
            body = held
        } catch {
            let failure = UpstreamError.client(error)
            return await fail(failure.status, failure.clientMessage, "request_body", &record)
        }
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: UnsafeRawBufferPointer(body.buffer))
        } catch {
            return await fail(400, "the request body is not valid JSON: \(error)", "invalid_json", &record)
        }
        guard document.root.kind == .object else {
            return await fail(400, "the request body must be a JSON object", "invalid_request", &record)
        }
        guard let member = document.root["model" as StaticString], !member.isNull, !member.equals("") else {
            return await fail(400, "'model' is required", "missing_model", &record)
        }
        guard let model = member.string else {
            return await fail(400, "'model' must be a string", "invalid_model", &record)
        }
        guard let entry = table.entry(for: model) else {
            record.detail = "no such model"
            return await fail(
                404, "the model '\(model.prefix(128))' does not exist", "model_not_found", &record)
        }
        return .backend(route.backends[pick(entry.choices, &context.worker.random)])
    }

    private static func pick(_ choices: [ModelTable.Choice], _ random: inout some RandomNumberGenerator) -> Int {
        guard choices.count > 1 else { return choices[0].backend }
        var ticket = Int.random(in: 0..<choices.reduce(0) { $0 + $1.weight }, using: &random)
        for choice in choices {
            ticket -= choice.weight
            if ticket < 0 { return choice.backend }
        }
        return choices[0].backend
    }

    /// As OpenAI's API lists models; patterns are no names that could be asked for.
    private static func list(_ table: ModelTable, _ principal: Principal?) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("object")
            writer.value("list")
            writer.name("data")
            writer.array { writer in
                for entry in table.entries where entry.isPublic && !entry.isPattern {
                    guard principal?.apiKey?.allowsModel(entry.name) ?? true else { continue }
                    writer.object { writer in
                        writer.name("id")
                        writer.value(entry.name)
                        writer.name("object")
                        writer.value("model")
                        writer.name("created")
                        writer.value(0)
                        writer.name("owned_by")
                        writer.value(entry.owner)
                    }
                }
            }
        }
        return writer.bytes
    }
}
