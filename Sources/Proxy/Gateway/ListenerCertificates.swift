// TLS of one port as it is in force: the certificates were read when the configuration was compiled, and are read again
// when their files change. Connections keep the certificates that they began with.

import Glibc
import Synchronization

package final class ListenerCertificates: Sendable {
    /// How often the files are looked at. A look is a few system calls; an issuer renews every few weeks.
    static let interval = Duration.seconds(2)
    /// Session tickets are sealed with keys that live no longer than this, so that a stolen key opens little.
    private static let maximumAge = Duration.seconds(12 * 3600)

    private struct State {
        var context: TLSServerContext
        var files: [FileStamp]
        var madeAt: MonotonicTime
    }

    private let listeners: [Listener]
    private let state: Mutex<State>
    let protocols: [StaticString]

    init(_ listeners: [Listener], protocols: [StaticString]) throws(SnapshotError) {
        self.listeners = listeners
        self.protocols = protocols
        let files = ListenerCertificates.stamps(listeners)
        state = Mutex(
            State(context: try TLSServerContext(listeners, protocols: protocols), files: files, madeAt: .now))
    }

    var current: TLSServerContext { state.withLock { $0.context } }

    /// Reads the certificates again when a file has changed. A pair that does not fit (one of two files written so far)
    /// changes nothing.
    func refresh(_ log: ProcessLog) {
        let now = MonotonicTime.now
        let files = ListenerCertificates.stamps(listeners)
        let (changed, aged) = state.withLock { ($0.files != files, now.since($0.madeAt) > Self.maximumAge) }
        guard changed || aged else { return }
        do throws(SnapshotError) {
            let context = try TLSServerContext(listeners, protocols: protocols)
            state.withLock { $0 = State(context: context, files: files, madeAt: now) }
            if changed { log.info("certificates of \(names) have been read again") }
        } catch {
            state.withLock {
                $0.files = files
                $0.madeAt = now
            }
            log.warn("certificates of \(names) stay as they are: \(error.message)")
        }
    }

    private var names: String { listeners.map { "listener \"\($0.name)\"" }.joined(separator: ", ") }

    private static func stamps(_ listeners: [Listener]) -> [FileStamp] {
        listeners.flatMap { listener -> [FileStamp] in
            guard let tls = listener.tls else { return [] }
            return [tls.certificatePath, tls.keyPath, tls.clientRootPath].compactMap { $0.map { FileStamp($0) } }
        }
    }
}

/// What changes when a file is written or replaced, also behind symbolic links.
private struct FileStamp: Equatable {
    private var device: UInt = 0
    private var inode: UInt = 0
    private var size = 0
    private var seconds = 0
    private var nanoseconds = 0

    init(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
        size = Int(status.st_size)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }
}
