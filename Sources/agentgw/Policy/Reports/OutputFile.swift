// Files that the tool writes.

import Glibc

struct OutputError: Error {
    var message: String
}

enum OutputFile {
    /// Replaces a file as a whole: who reads it sees the old text or the new one. `-` is standard output. A file that is
    /// there keeps its permissions, and a link to it stays a link.
    static func write(_ text: String, to path: String) throws(OutputError) {
        if path == "-" { return print(text, terminator: "") }
        let resolved = realpath(path, nil)
        defer { free(resolved) }
        let target = resolved.map { String(cString: $0) } ?? path
        let temporary = "\(target).\(getpid()).tmp"
        func failure() -> OutputError {
            OutputError(message: "cannot write \(path): \(String(cString: strerror(errno)))")
        }
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure() }
        var status = stat()
        if stat(target, &status) == 0 { fchmod(descriptor, status.st_mode & 0o7777) }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failure()
                close(descriptor)
                unlink(temporary)
                throw error
            }
            rest = rest.dropFirst(count)
        }
        guard close(descriptor) == 0, rename(temporary, target) == 0 else {
            let error = failure()
            unlink(temporary)
            throw error
        }
    }
}
