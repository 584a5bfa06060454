// The configuration file for the page's editor: read with its tag, checked by the loader that the gateway uses, and saved
// in one step, so that the reload sees the old file or the new one.

import Auth
import Glibc
import JSON
import Proxy

struct AdminFile: Sendable {
    /// nil: the configuration does not come from a file that can be written.
    let path: String?
    /// What a configuration without a file is, for the workbench.
    let text: String?
    let environment: Environment

    init(path: String) {
        self.path = path == "-" ? nil : path
        text = nil
        environment = .process
    }

    /// - Parameter environment: what its variables stand for.
    init(text: String, environment: Environment) {
        path = nil
        self.text = text
        self.environment = environment
    }

    private static func tag(_ bytes: [UInt8]) -> String {
        "\"\((try? Digest.sha256(bytes.span))?.hex ?? "")\""
    }

    /// The file as it is now.
    func current() -> Result<[UInt8], FileReader.Failure> {
        guard let path else {
            return text.map { .success(Array($0.utf8)) }
                ?? .failure(FileReader.Failure(message: "the configuration came from standard input"))
        }
        return FileReader.system.read(path, YAMLComposer.maximumBytes)
    }

    func read() -> AdminResult {
        switch current() {
        case .failure(let failure): return .failure(404, failure.message)
        case .success(let bytes):
            var writer = JSONWriter()
            writer.object { writer in
                writer.name("path")
                writer.value(path ?? "")
                writer.name("writable")
                writer.value(path.map { access($0, W_OK) == 0 } ?? false)
                writer.name("text")
                writer.value(String(decoding: bytes, as: UTF8.self))
            }
            return AdminResult(body: writer.text, headers: [("etag", Self.tag(bytes))])
        }
    }

    /// Everything that would keep the gateway from taking it.
    private func findings(_ text: String) -> [Finding] {
        PolicyLoader(environment: environment).load(file: path ?? "configuration", bytes: Array(text.utf8)).findings
    }

    func validate(_ text: String) -> AdminResult {
        let findings = findings(text)
        return AdminResult(body: Self.render(findings))
    }

    private static func render(_ findings: [Finding]) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("valid")
            writer.value(!findings.contains { $0.severity == .error })
            writer.name("findings")
            writer.array { writer in
                for finding in findings {
                    writer.object { writer in
                        writer.name("severity")
                        writer.value(finding.severity.rawValue)
                        writer.name("line")
                        writer.value(finding.position.line)
                        writer.name("column")
                        writer.value(finding.position.column)
                        writer.name("message")
                        writer.value(finding.message)
                    }
                }
            }
        }
        return writer.text
    }

    /// - Parameter ifMatch: the tag of the file that was edited; another one since then is not overwritten.
    func save(_ text: String, ifMatch: String) -> AdminResult {
        guard let path else { return .failure(409, "this configuration is in no file") }
        let before: [UInt8]
        switch current() {
        case .success(let bytes): before = bytes
        case .failure(let failure): return .failure(409, failure.message)
        }
        guard ifMatch == Self.tag(before) else {
            return .failure(412, "the file has changed since it was read")
        }
        let findings = findings(text)
        if findings.contains(where: { $0.severity == .error }) {
            return AdminResult(status: 422, body: Self.render(findings))
        }
        if let problem = Self.replace(path, with: Array(text.utf8)) { return .failure(500, problem) }
        return AdminResult(body: Self.render(findings), headers: [("etag", Self.tag(Array(text.utf8)))])
    }

    /// Writes beside the file and renames. Nil when that worked.
    private static func replace(_ path: String, with bytes: [UInt8]) -> String? {
        // A link stays a link; what it leads to is replaced.
        guard let resolved = realpath(path, nil) else { return "cannot resolve \(path): \(reason)" }
        defer { free(resolved) }
        let target = String(cString: resolved)
        var status = stat()
        guard stat(target, &status) == 0 else { return "cannot look at \(target): \(reason)" }
        let other = "\(target).agentgw-\(getpid())"
        let descriptor = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return "cannot write beside \(target): \(reason)" }
        var problem: String?
        var rest = bytes[...]
        while problem == nil, !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { problem = "cannot write \(other): \(reason)" } else { rest = rest.dropFirst(count) }
        }
        if problem == nil, fchmod(descriptor, status.st_mode & 0o7777) != 0 {
            problem = "cannot set the mode: \(reason)"
        }
        if problem == nil, fsync(descriptor) != 0 { problem = "cannot write \(other): \(reason)" }
        close(descriptor)
        if problem == nil, rename(other, target) != 0 { problem = "cannot rename to \(target): \(reason)" }
        if problem != nil { unlink(other) }
        return problem
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
