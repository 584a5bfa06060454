// Notices that files have changed, by inotify on their directories: waits until whoever writes has finished, so that a file
// that is half there is not taken for the new one.

import CLinux
import Glibc

/// Confined to one thread but for `poke`.
final class FileWatcher: @unchecked Sendable {
    /// After the last event, before the files are looked at: a save is often several steps.
    private static let settle: Int32 = 25
    /// The longest that events which never stop put off the look, in milliseconds.
    private static let longestSettling: Int64 = 200
    /// The longest that a writer who keeps a file open is waited for, in milliseconds.
    private static let longestWrite: Int64 = 2000
    /// While a directory is not there, or cannot be watched, files are looked at this often, in milliseconds.
    private static let pollInterval: Int32 = 1000

    enum Event {
        case changed
        /// `poke` was called.
        case poked
    }

    private let notifier: Int32
    private let wakeup: Int32
    private var files: [WatchedFile] = []
    private var stamps: [WatchedFile.Stamp?] = []
    private var watches: [String: Int32] = [:]
    /// Files of the watched directories that have been written to and not closed.
    private var openWrites: Set<String> = []
    private var isIncomplete = false

    /// nil: no descriptor was to be had.
    init?() {
        notifier = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        wakeup = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard notifier >= 0, wakeup >= 0 else {
            if notifier >= 0 { close(notifier) }
            if wakeup >= 0 { close(wakeup) }
            return nil
        }
    }

    deinit {
        close(notifier)
        close(wakeup)
    }

    /// Makes `wait` return. From any thread.
    func poke() {
        var one: UInt64 = 1
        _ = Glibc.write(wakeup, &one, 8)
    }

    /// From now on `wait` is for changes of these files, as they are before they are read.
    /// - Parameter read: what each file was when it was read for the first time.
    func watch(_ read: [String: WatchedFile.Stamp?]) {
        let paths = read.keys.sorted()
        if paths != files.map(\.path) {
            let known = Dictionary(zip(files.map(\.path), stamps), uniquingKeysWith: { first, _ in first })
            files = paths.map { WatchedFile(path: $0) }
            stamps = files.map { known[$0.path] ?? read[$0.path] ?? nil }
        }
        place()
    }

    /// The same for files that have not been read yet.
    func watch(_ paths: Set<String>) {
        watch(Dictionary(uniqueKeysWithValues: paths.map { ($0, WatchedFile(path: $0).stamp) }))
    }

    private func place() {
        let wanted = files.reduce(into: Set<String>()) { $0.formUnion($1.directories) }
        let mask =
            UInt32(IN_CLOSE_WRITE) | UInt32(IN_MODIFY) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM)
            | UInt32(IN_CREATE) | UInt32(IN_DELETE) | UInt32(IN_ATTRIB) | UInt32(IN_DELETE_SELF)
            | UInt32(IN_MOVE_SELF)
        isIncomplete = files.contains { $0.stamp == nil }
        var placed: [String: Int32] = [:]
        for directory in wanted {
            // The same directory again gives the same watch: one that was replaced gives another.
            let watch = inotify_add_watch(notifier, directory, mask)
            if watch >= 0 { placed[directory] = watch } else { isIncomplete = true }
        }
        for watch in Set(watches.values).subtracting(placed.values) { inotify_rm_watch(notifier, watch) }
        watches = placed
    }

    /// Blocks until a file has changed and its writer has finished, or `poke`.
    @discardableResult
    func wait() -> Event {
        // What changed before the directories were watched has told nobody.
        if changed() { return .changed }
        while true {
            if poll(isIncomplete ? FileWatcher.pollInterval : -1) == .poked || settle() == .poked {
                _ = changed()
                return .poked
            }
            place()
            if changed() { return .changed }
        }
    }

    /// Takes note of the files as they are now; true when they are not as noted before.
    private func changed() -> Bool {
        let now = files.map(\.stamp)
        defer { stamps = now }
        return now != stamps
    }

    /// Lets further events come until there are none.
    private func settle() -> Event? {
        let began = FileWatcher.milliseconds
        while true {
            let isWriting = !openWrites.isEmpty
            let end = began + (isWriting ? FileWatcher.longestWrite : FileWatcher.longestSettling)
            let left = end - FileWatcher.milliseconds
            guard left > 0 else { break }
            switch poll(isWriting ? Int32(left) : min(FileWatcher.settle, Int32(left))) {
            case .changed?: continue
            case .poked?: return .poked
            case nil: break
            }
            break
        }
        openWrites.removeAll()
        return nil
    }

    /// nil: nothing has happened for `timeout` milliseconds.
    private func poll(_ timeout: Int32) -> Event? {
        var descriptors = [
            pollfd(fd: notifier, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0),
        ]
        guard Glibc.poll(&descriptors, 2, timeout) > 0 else { return nil }
        if descriptors[1].revents != 0 {
            var count: UInt64 = 0
            _ = Glibc.read(wakeup, &count, 8)
            return .poked
        }
        takeEvents()
        return .changed
    }

    private func takeEvents() {
        let names = Set(files.map { $0.path.split(separator: "/").last.map(String.init) ?? $0.path })
        withUnsafeTemporaryAllocation(byteCount: 16 * 1024, alignment: 8) { buffer in
            while true {
                let count = Glibc.read(notifier, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                var offset = 0
                while offset + MemoryLayout<inotify_event>.size <= count {
                    let event = buffer.load(fromByteOffset: offset, as: inotify_event.self)
                    let start = offset + MemoryLayout<inotify_event>.size
                    let bytes = buffer[start..<start + Int(event.len)].prefix { $0 != 0 }
                    let name = String(decoding: bytes, as: UTF8.self)
                    // Only for files that are watched: a log beside them is written to all day.
                    if names.contains(name) {
                        if event.mask & UInt32(IN_MODIFY) != 0 { openWrites.insert("\(event.wd)/\(name)") }
                        let ends =
                            UInt32(IN_CLOSE_WRITE) | UInt32(IN_DELETE) | UInt32(IN_MOVED_TO) | UInt32(IN_MOVED_FROM)
                        if event.mask & ends != 0 { openWrites.remove("\(event.wd)/\(name)") }
                    }
                    offset = start + Int(event.len)
                }
            }
        }
    }

    private static var milliseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
    }
}
