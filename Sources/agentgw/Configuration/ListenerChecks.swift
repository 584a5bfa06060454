// What ports and listeners must not share.

import Auth
import Proxy

struct ListenerChecks {
    private let context: DecodingContext

    init(_ context: DecodingContext) {
        self.context = context
    }

    func ports(_ binds: [Bind], _ process: ProcessConfiguration) {
        var lines: [UInt16: Int] = [:]
        for bind in binds {
            if let line = lines[bind.port] {
                context.report("port \(bind.port) is already bound in line \(line)", at: bind.position)
                continue
            }
            lines[bind.port] = bind.position.line
            for (name, address) in [
                ("adminAddr", process.adminAddress), ("statsAddr", process.statsAddress),
                ("readinessAddr", process.readinessAddress),
            ] {
                if case .tcp(_, bind.port) = address {
                    context.report("port \(bind.port) is the gateway's own: config.\(name)", at: bind.position)
                }
            }
        }
        let own = [process.adminAddress, process.statsAddress, process.readinessAddress].filter { $0 != .off }
        if Set(own).count < own.count {
            context.report(
                "config.adminAddr, statsAddr and readinessAddr must differ",
                at: FilePosition(file: context.source.file, line: 1, column: 1))
        }
    }

    func listeners(_ bind: Bind) {
        var names: [String: Int] = [:]
        var hosts: [HostPattern: Int] = [:]
        for listener in bind.listeners {
            if let line = names[listener.name] {
                context.report(
                    "listener \"\(Excerpt.of(listener.name))\" is already in line \(line)", at: listener.position)
            }
            names[listener.name] = listener.position.line
            if let line = hosts[listener.hostname] {
                context.report(
                    "port \(bind.port) already has a listener for host \(listener.hostname) in line \(line); give each a "
                        + "hostname of its own", at: listener.position)
            }
            hosts[listener.hostname] = listener.position.line
            if bind.listeners[0].transport != listener.transport {
                context.report("port \(bind.port) cannot mix HTTP and HTTPS", at: listener.position)
            }
            routes(listener)
        }
    }

    private func routes(_ listener: Listener) {
        var names: [String: Int] = [:]
        for route in listener.routes {
            if let line = names[route.name] {
                context.report("route \"\(Excerpt.of(route.name))\" is already in line \(line)", at: route.position)
            }
            names[route.name] = route.position.line
        }
    }
}
