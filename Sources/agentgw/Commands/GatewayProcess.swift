// The life of the gateway as a process: start, wait for signals, drain, end.

import ArgumentParser
import Auth
import CLinux
import Glibc
import Proxy

enum GatewayProcess {
    /// Runs the gateway until SIGTERM or SIGINT; a second one ends it at once.
    /// - Parameters:
    ///   - extra: servers of this process's own, beside the gateway's ports.
    ///   - file: what the admin page edits and tries requests on.
    ///   - readFile: reads the files that the configuration names.
    ///   - reloader: gives what keeps the gateway in step with its file; nil when there is none to follow.
    ///   - ready: called once when every port accepts connections.
    static func run(
        _ configuration: GatewayConfiguration, digest: String = "", file: AdminFile,
        extra: [(ListeningSocket, any RequestHandler)] = [],
        readFile: @escaping @Sendable (String) throws(AuthError) -> [UInt8] = ConfigurationFiles.read,
        reloader: (Gateway) -> ConfigurationReloader? = { _ in nil },
        ready: () -> Void = {}
    ) throws {
        // Blocked before any thread exists, so that all inherit it and `sigwait` is the only place that takes them.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        raiseDescriptorLimit()

        let gateway: Gateway
        do throws(SnapshotError) {
            gateway = try Gateway(configuration, digest: digest, extra: extra, readFile: readFile)
        } catch {
            StandardError.write("\(error)\n")
            throw ExitCode(1)
        }
        do throws(SnapshotError) {
            try serveAdmin(gateway, configuration.process.adminAddress, file)
        } catch {
            StandardError.write("\(error)\n")
            throw ExitCode(1)
        }
        let reloader = reloader(gateway)
        reloader?.start()
        ready()
        while true {
            var number: Int32 = 0
            guard sigwait(&signals, &number) == 0 else { continue }
            if number == SIGHUP {
                if let reloader {
                    reloader.request()
                } else {
                    gateway.log.warn("SIGHUP: there is no file to read again")
                }
                continue
            }
            break
        }
        // While draining, the next signal takes its default course: the process ends.
        signal(SIGTERM, SIG_DFL)
        signal(SIGINT, SIG_DFL)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        gateway.drainAndStop()
    }

    /// The port is for this machine, unless a token protects it.
    private static func serveAdmin(
        _ gateway: Gateway, _ address: ListenAddress, _ file: AdminFile
    ) throws(SnapshotError) {
        guard case .tcp(let host, let port) = address else { return }
        let token = getenv(AdminGuard.variable).map { Secret(String(cString: $0)) }
        let isLoopback =
            host == "localhost" || SocketAddress(ip: host, port: port).map(\.isLoopback) ?? false
        guard isLoopback || token.map({ $0.count >= 16 }) ?? false else {
            throw SnapshotError(
                "config.adminAddr: \(address) is not only for this machine: set \(AdminGuard.variable) to a token of at "
                    + "least 16 characters")
        }
        try gateway.serve(
            admin: AdminHandler(gateway: gateway, access: AdminGuard(token: token, port: port), file: file))
    }

    /// A proxy needs two descriptors a request; the soft limit of 1,024 is for programs that use select().
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}

/// Files that a configuration names: key sets, password files.
enum ConfigurationFiles {
    /// Larger files are no key sets.
    static let maximumBytes = 16 << 20

    @Sendable
    static func read(_ path: String) throws(AuthError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw .configuration("cannot read \(path): \(String(cString: strerror(errno)))", .none)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw .configuration("cannot read \(path): \(String(cString: strerror(errno)))", .none)
            }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= maximumBytes else {
                throw .configuration("\(path) is larger than \(maximumBytes) bytes", .none)
            }
        }
    }
}
