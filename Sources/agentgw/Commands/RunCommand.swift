// `agentgw -f FILE`: load the configuration, then run the gateway on it.

import ArgumentParser
import Glibc
import Proxy

struct RunCommand {
    var file: String
    var validateOnly: Bool

    func run() throws {
        let files = RecordedFiles()
        let loaded: ConfigurationSource.Loaded
        do throws(ConfigurationError) {
            loaded = try ConfigurationSource(path: file, files: files).load()
        } catch {
            StandardError.write("\(error)\n")
            throw ExitCode(1)
        }
        let configuration = loaded.configuration
        for warning in configuration.warnings { StandardError.write("\(warning)\n") }
        if validateOnly {
            try compile(configuration)
            print("\(file): the configuration is valid (\(Self.summary(configuration)))")
            return
        }
        try GatewayProcess.run(
            configuration, digest: loaded.digest, file: AdminFile(path: file), readFile: files.read,
            reloader: { gateway in
                file == "-" ? nil : ConfigurationReloader(path: file, files: files, gateway: gateway)
            })
    }

    /// Everything that would stop the gateway from starting, but for ports that are taken.
    private func compile(_ configuration: GatewayConfiguration) throws {
        do throws(SnapshotError) {
            _ = try Snapshot(configuration, upstreams: UpstreamRegistry(), readFile: ConfigurationFiles.read)
        } catch {
            StandardError.write("\(error)\n")
            throw ExitCode(1)
        }
    }

    static func summary(_ configuration: GatewayConfiguration) -> String {
        let routes = configuration.binds.reduce(0) { $0 + $1.listeners.reduce(0) { $0 + $1.routes.count } }
        let binds = configuration.binds.count
        return "\(binds) \(binds == 1 ? "port" : "ports"), \(routes) \(routes == 1 ? "route" : "routes")"
    }
}

/// What people read; standard output is for what scripts read.
enum StandardError {
    static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(2, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
