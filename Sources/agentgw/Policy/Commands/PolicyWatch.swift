// `--watch`: the same run again whenever a file that it read has changed, or a file has come into a folder.

import Glibc
import Synchronization

/// Remembers what is read through it.
final class ReadFiles: Sendable {
    private let paths = Mutex<Set<String>>([])

    var all: Set<String> { paths.withLock { $0 } }

    func reader(over files: FileReader) -> FileReader {
        FileReader { [self] path, limit in
            paths.withLock { _ = $0.insert(path) }
            return files.read(path, limit)
        }
    }
}

enum PolicyWatch {
    /// Runs until the process is ended.
    /// - Parameters:
    ///   - paths: as they were named on the command line.
    ///   - once: one run, with the reader to read through.
    /// - Throws: when nothing can be watched.
    static func run(_ paths: [String], clearsScreen: Bool, once: (FileReader) -> Void) throws {
        guard let watcher = FileWatcher() else {
            throw PolicyExit.couldNotRun("cannot watch files: \(String(cString: strerror(errno)))")
        }
        var known = Set(paths)
        while true {
            // Before reading, so that no change is missed.
            watcher.watch(known)
            let read = ReadFiles()
            if clearsScreen { print("\u{1B}[2J\u{1B}[H", terminator: "") }
            once(read.reader(over: .system))
            fflush(nil)
            known = read.all.union(paths)
            // A file that comes or goes changes its folder.
            for path in known { known.insert(folder(of: path) + "/.") }
            watcher.watch(known)
            watcher.wait()
        }
    }

    private static func folder(of path: String) -> String {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { return path }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return String(path[..<slash])
    }
}
