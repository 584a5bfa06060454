// A file as the watcher sees it: through every symbolic link on the way, so that an editor's rename, a write in place and
// the swap of a link that a ConfigMap makes are all noticed.

import Glibc

struct WatchedFile {
    /// Links followed to the file itself; more is a loop.
    private static let maximumLinks = 16

    /// What changes when the file does: another file in its place, or other bytes in it.
    struct Stamp: Equatable {
        fileprivate var device: UInt64
        fileprivate var inode: UInt64
        fileprivate var size: Int64
        fileprivate var modified: [Int]
    }

    let path: String

    /// nil: there is no file.
    var stamp: Stamp? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Stamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            modified: [
                status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
            ])
    }

    /// The directories in which a change can put another file in this one's place: its own, and those of every link
    /// that leads to it.
    var directories: Set<String> {
        var found: Set<String> = []
        var pending = [path]
        var links = 0
        while let next = pending.popLast() {
            var prefix = next.hasPrefix("/") ? "/" : "."
            found.insert(WatchedFile.directory(of: next))
            for component in next.split(separator: "/") {
                let place = prefix == "/" ? "/\(component)" : "\(prefix)/\(component)"
                if let target = WatchedFile.target(of: place), links < WatchedFile.maximumLinks {
                    links += 1
                    found.insert(prefix)
                    pending.append(target.hasPrefix("/") ? target : "\(prefix)/\(target)")
                    prefix = target.hasPrefix("/") ? target : "\(prefix)/\(target)"
                    found.insert(prefix)
                } else {
                    prefix = place
                }
            }
            found.insert(WatchedFile.directory(of: prefix))
        }
        return found.filter { WatchedFile.isDirectory($0) }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func target(of path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
