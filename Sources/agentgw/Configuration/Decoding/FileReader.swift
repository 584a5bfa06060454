// Files that the configuration names, and the configuration itself.

import Glibc

/// Reads whole files. Paths are relative to the process's working directory.
struct FileReader: Sendable {
    struct Failure: Error {
        var message: String
    }

    var read: @Sendable (_ path: String, _ limit: Int) -> Result<[UInt8], Failure>

    static let system = FileReader { path, limit in
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(Failure(message: reason(errno))) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                return .failure(Failure(message: reason(errno)))
            }
            if count == 0 { return .success(bytes) }
            bytes.append(contentsOf: buffer[..<count])
            if bytes.count > limit { return .failure(Failure(message: "larger than \(limit) bytes")) }
        }
    }

    private static func reason(_ code: Int32) -> String {
        switch code {
        case ENOENT: "no such file"
        case EACCES: "permission denied"
        case EISDIR: "is a directory"
        default: String(cString: strerror(code))
        }
    }
}
