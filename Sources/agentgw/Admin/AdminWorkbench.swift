// The policy workbench: a request, or a recorded decision, tried on the configuration in the file or on an edited one, by
// the engine that judges the gateway's requests.

import Auth
import JSON
import Proxy

struct AdminWorkbench {
    let file: AdminFile

    private enum Loaded {
        case policy(LoadedPolicy)
        case failed(AdminResult)
    }

    private func load(_ body: JSONValue) -> Loaded {
        let bytes: [UInt8]
        if let text = body["config"]?.string, !text.isEmpty {
            bytes = Array(text.utf8)
        } else {
            switch file.current() {
            case .success(let read): bytes = read
            case .failure(let failure): return .failed(.failure(409, failure.message))
            }
        }
        let outcome = PolicyLoader(environment: file.environment).load(file: file.path ?? "configuration", bytes: bytes)
        guard let policy = outcome.policy else {
            let errors = outcome.findings.filter { $0.severity == .error }
                .map { "\($0.position): \($0.message)" }
            return .failed(.failure(422, errors.joined(separator: "\n")))
        }
        return .policy(policy)
    }

    /// `{"config"?: text, "case": {fields of a test case}}`
    func evaluate(_ body: JSONValue) -> AdminResult {
        let policy: LoadedPolicy
        switch load(body) {
        case .policy(let loaded): policy = loaded
        case .failed(let result): return result
        }
        guard let request = body["case"] else { return .failure(400, "case is needed") }
        var writer = JSONWriter()
        writer.value(request)
        let bytes = writer.bytes
        let name = "request"
        // The request itself is the only file that it may name.
        let files = FileReader { path, _ in
            path == name ? .success(bytes) : .failure(FileReader.Failure(message: "files are not read here"))
        }
        do throws(LooseCaseError) {
            let testCase = try LooseCase.read(name, files: files)
            let bench: PolicyBench
            do throws(AuthError) { bench = try PolicyBench(policy) } catch { return .failure(500, "\(error)") }
            var table = LooseCase.table(testCase, policy: policy.file)
            table.now = UnixTime(milliseconds: WallClock.nanoseconds / 1_000_000)
            do throws(BrokenCase) {
                let judged = try CaseRunner(table, bench).judged(testCase)
                return AdminResult(body: ExplanationJSON.render(DecisionExplanation(judged.outcome, bench)))
            } catch { return .failure(422, error.message) }
        } catch { return .failure(422, error.message) }
    }

    /// `{"config"?: text, "record": a line of the decision log}`
    func explain(_ body: JSONValue) -> AdminResult {
        let policy: LoadedPolicy
        switch load(body) {
        case .policy(let loaded): policy = loaded
        case .failed(let result): return result
        }
        guard let record = body["record"] else { return .failure(400, "record is needed") }
        var writer = JSONWriter()
        writer.value(record)
        let reading = writer.bytes.withUnsafeBytes { DecisionLine.read($0) }
        guard case .decision(let line) = reading else { return .failure(422, "this is no record of a decision") }
        do throws(RecordExplanationError) {
            return AdminResult(body: ExplanationJSON.render(try RecordExplanation.make(line, policy)))
        } catch { return .failure(422, error.message) }
    }
}
