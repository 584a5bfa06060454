// The listening sockets of the gateway's ports: which there are, which a new configuration adds and which it takes away.

import Auth
import Glibc

struct ListenerTable {
    fileprivate struct Place: Hashable {
        let ip: String
        let port: UInt16
        /// What was settled when a connection began. A port that asks for more now, TLS or client certificates, must not
        /// go on with connections that have shown less.
        let security: [String]

        init(_ ip: String, _ bind: Bind) {
            self.ip = ip
            port = bind.port
            security = bind.listeners.compactMap { listener in
                listener.tls.map { tls in
                    "\(listener.hostname) \(tls.minimumVersion) \(tls.requiresClientCertificate) \(tls.clientRootPath ?? "")"
                }
            }
        }
    }

    /// One address, a socket for each loop.
    fileprivate struct Entry {
        let port: UInt16
        let sockets: [ListeningSocket]
    }

    private let loopCount: Int
    private var entries: [Place: Entry] = [:]

    /// What a configuration changes; nothing of it has happened yet.
    struct Change {
        fileprivate var opened: [Place: Entry] = [:]
        fileprivate var removed: [Place] = []

        var openedPorts: Set<UInt16> { Set(opened.values.map(\.port)) }

        /// The reload is off.
        func cancel() {
            for socket in opened.values.flatMap(\.sockets) { socket.close() }
        }
    }

    init(loopCount: Int) { self.loopCount = loopCount }

    /// Opens the sockets that `binds` has and this table has not.
    /// - Throws: for the first that cannot be had; none stays open then.
    func change(to binds: [Bind]) throws(SnapshotError) -> Change {
        var change = Change()
        var wanted: Set<Place> = []
        let ownPorts = Set(entries.values.map(\.port))
        do throws(SnapshotError) {
            for bind in binds {
                for address in try ListenerTable.addresses(bind) {
                    let place = Place(address.ip, bind)
                    guard wanted.insert(place).inserted, entries[place] == nil else { continue }
                    var sockets: [ListeningSocket] = []
                    for loop in 0..<loopCount {
                        do throws(SnapshotError) {
                            // A port of our own is shared for a moment when only its addresses change.
                            let exclusive = loop == 0 && !ownPorts.contains(bind.port)
                            sockets.append(try ListenerTable.listen(address, exclusive: exclusive, bind.position))
                        } catch {
                            sockets.forEach { $0.close() }
                            throw error
                        }
                    }
                    change.opened[place] = Entry(port: bind.port, sockets: sockets)
                }
            }
        } catch {
            change.cancel()
            throw error
        }
        change.removed = entries.keys.filter { !wanted.contains($0) }
        return change
    }

    /// The sockets that loop `index` opens and removes by `change`.
    func sockets(
        _ change: Change, ofLoop index: Int
    ) -> (opened: [(port: UInt16, socket: ListeningSocket)], removed: [ListeningSocket]) {
        (
            change.opened.values.map { ($0.port, $0.sockets[index]) },
            change.removed.compactMap { entries[$0]?.sockets[index] }
        )
    }

    mutating func apply(_ change: Change) {
        for place in change.removed { entries[place] = nil }
        entries.merge(change.opened) { _, new in new }
    }

    // MARK: Addresses

    private static func addresses(_ bind: Bind) throws(SnapshotError) -> [SocketAddress] {
        if bind.addresses.isEmpty {
            // [::] takes IPv4 as well; a kernel without IPv6 has 0.0.0.0 only.
            let probe = Glibc.socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
            if probe >= 0 { Glibc.close(probe) }
            return [SocketAddress(ip: probe >= 0 ? "::" : "0.0.0.0", port: bind.port)!]
        }
        var addresses: [SocketAddress] = []
        for text in bind.addresses {
            guard let address = SocketAddress(ip: text, port: bind.port) else {
                throw SnapshotError("'\(text)' is not an IP address", bind.position)
            }
            addresses.append(address)
        }
        return addresses
    }

    /// - Parameter exclusive: makes sure first that no other process listens there; with SO_REUSEPORT the kernel would
    ///   let two gateways of one user share a port and split their requests.
    static func listen(
        _ address: SocketAddress, exclusive: Bool, _ position: FilePosition
    ) throws(SnapshotError) -> ListeningSocket {
        do throws(IOError) {
            if exclusive { try ListeningSocket.checkFree(address) }
            return try ListeningSocket(address)
        } catch {
            let host = address.ip.contains(":") ? "[\(address.ip)]" : address.ip
            throw SnapshotError("cannot listen on \(host):\(address.port): \(error)", position)
        }
    }
}
