// Keeps the running gateway in step with its file: on a thread of its own, off the event loops, reads and checks what has
// changed and hands it to the gateway, which takes it as a whole or not at all.

import Auth
import Glibc
import Proxy
import Synchronization

final class ConfigurationReloader: @unchecked Sendable {
    /// A file that changes while it is read is read again, so many times.
    private static let maximumAttempts = 5

    private let path: String
    private let watcher: FileWatcher
    private let files: RecordedFiles
    private let gateway: Gateway

    /// - Parameter files: what reading the first configuration has touched.
    init?(path: String, files: RecordedFiles, gateway: Gateway) {
        guard let watcher = FileWatcher() else { return nil }
        self.path = path
        self.watcher = watcher
        self.files = files
        self.gateway = gateway
        watcher.watch(files.stamps)
    }

    func start() {
        SystemThread.start(name: "reload") { [self] in
            while true {
                watcher.wait()
                reload()
                watcher.watch(files.stamps)
            }
        }
    }

    /// Reads the files again though nothing seems to have changed (SIGHUP). From any thread.
    func request() { watcher.poke() }

    private func reload() {
        let began = MonotonicTime.now
        do throws(ConfigurationError) {
            let loaded = try ConfigurationSource(path: path, files: files).load(attempts: Self.maximumAttempts)
            for warning in loaded.configuration.warnings { gateway.log.warn("\(warning)") }
            do throws(SnapshotError) {
                try gateway.reload(loaded.configuration, digest: loaded.digest)
            } catch { return }  // the gateway has said why
            let (seconds, attoseconds) = MonotonicTime.now.since(began).components
            let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
            gateway.log.info("configuration \(path) reloaded in \(milliseconds) ms (\(loaded.digest.prefix(12)))")
        } catch {
            gateway.noteFailedReload(error.description, at: error.diagnostics.first?.position ?? .none)
        }
    }
}

/// The configuration of a running gateway, where it comes from.
struct ConfigurationSource {
    let path: String
    let files: RecordedFiles

    struct Loaded {
        var configuration: GatewayConfiguration
        /// SHA-256 of the file, in hexadecimal.
        var digest: String
    }

    /// - Parameter attempts: a file that changes while it is read is read again, up to so many times.
    func load(attempts: Int = 1) throws(ConfigurationError) -> Loaded {
        let file = WatchedFile(path: path)
        var attempt = 1
        while true {
            let before = file.stamp
            files.add(path)
            let outcome = read()
            if attempt < attempts, file.stamp != before {
                attempt += 1
                continue
            }
            return try outcome.get()
        }
    }

    private func read() -> Result<Loaded, ConfigurationError> {
        let loader = ConfigurationLoader(files: files.reader)
        let bytes: [UInt8]
        switch files.reader.read(path == "-" ? "/dev/stdin" : path, YAMLComposer.maximumBytes) {
        case .success(let read): bytes = read
        case .failure(let failure):
            let position = FilePosition(file: path, line: 1, column: 1)
            return .failure(
                ConfigurationError(
                    diagnostics: [Diagnostic(position: position, path: "", message: "cannot read: \(failure.message)")])
            )
        }
        do throws(ConfigurationError) {
            let configuration = try loader.load(file: path == "-" ? "<stdin>" : path, bytes: bytes)
            let digest = (try? Digest.sha256(bytes.span))?.hex ?? ""
            return .success(Loaded(configuration: configuration, digest: digest))
        } catch { return .failure(error) }
    }
}

/// The files that a configuration is made of: its own and those that it names. Remembered as they are read, so that all of
/// them can be watched.
final class RecordedFiles: Sendable {
    private let state = Mutex<[String: WatchedFile.Stamp?]>([:])

    /// What each was before it was read for the first time.
    var stamps: [String: WatchedFile.Stamp?] { state.withLock { $0 } }

    /// None is forgotten: one that a broken configuration does not name any more may be named by the next. Certificates are
    /// not among them: the gateway follows those by itself.
    func add(_ path: String) {
        state.withLock {
            if $0.index(forKey: path) == nil { $0.updateValue(WatchedFile(path: path).stamp, forKey: path) }
        }
    }

    /// Reads and remembers.
    var reader: FileReader {
        FileReader { [self] path, limit in
            add(path)
            return FileReader.system.read(path, limit)
        }
    }

    /// The same for key sets and password files.
    @Sendable
    func read(_ path: String) throws(AuthError) -> [UInt8] {
        add(path)
        return try ConfigurationFiles.read(path)
    }
}
