// A log in a file: opened for appending by each loop, and again at every reload, so that a file that was moved away is
// begun anew.

import Auth
import Glibc

final class LogFile: Sendable {
    let descriptor: Int32

    /// - Throws: when it cannot be opened for appending.
    init(_ path: String, _ position: FilePosition) throws(AuthError) {
        // Readable by the group at most: a log names people and what they did.
        let opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0o640)
        guard opened >= 0 else {
            throw .configuration("cannot write the log \(path): \(String(cString: strerror(errno)))", position)
        }
        descriptor = opened
    }

    deinit { close(descriptor) }
}
