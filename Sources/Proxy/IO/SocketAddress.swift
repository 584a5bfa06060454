// IPv4, IPv6 and Unix addresses in the form that the system calls take.

import CLinux
import Glibc

package struct SocketAddress: @unchecked Sendable {
    private var storage = sockaddr_storage()
    private(set) var length: socklen_t = 0

    /// A numeric address and a port; nil when `host` is not one. Brackets around IPv6 are accepted.
    package init?(ip host: String, port: UInt16) {
        var text = host
        if text.hasPrefix("["), text.hasSuffix("]") { text = String(text.dropFirst().dropLast()) }
        var v4 = sockaddr_in()
        var v6 = sockaddr_in6()
        if inet_pton(AF_INET, text, &v4.sin_addr) == 1 {
            v4.sin_family = sa_family_t(AF_INET)
            v4.sin_port = port.bigEndian
            self.init(copying: v4)
        } else if inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 {
            v6.sin6_family = sa_family_t(AF_INET6)
            v6.sin6_port = port.bigEndian
            self.init(copying: v6)
        } else {
            return nil
        }
    }

    /// A Unix socket's path; nil when it is longer than the kernel takes.
    package init?(path: String) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        self.init(copying: address)
    }

    private init<T>(copying address: T) {
        length = socklen_t(MemoryLayout<T>.size)
        withUnsafeMutableBytes(of: &storage) { target in
            withUnsafeBytes(of: address) { target.copyMemory(from: $0) }
        }
    }

    /// An address that the system returned.
    init(_ pointer: UnsafePointer<sockaddr>, _ length: socklen_t) {
        self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
        withUnsafeMutableBytes(of: &storage) { target in
            target.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: Int(self.length)))
        }
    }

    package var family: Int32 { Int32(storage.ss_family) }

    package var port: UInt16 {
        get {
            withPointer { pointer, _ in
                pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { UInt16(bigEndian: $0.pointee.sin_port) }
            }
        }
        set {
            // The port of sockaddr_in and of sockaddr_in6 lies at the same place.
            withUnsafeMutableBytes(of: &storage) {
                $0.storeBytes(of: newValue.bigEndian, toByteOffset: 2, as: UInt16.self)
            }
        }
    }

    /// The numeric address without port; an IPv4 address that arrived mapped into IPv6 is shown as IPv4.
    package var ip: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        withUnsafeBytes(of: storage) { bytes in
            if family == AF_INET {
                inet_ntop(AF_INET, bytes.baseAddress! + 4, &text, socklen_t(text.count))
            } else if family == AF_INET6 {
                let address = bytes.baseAddress! + 8
                var mapped = true
                for i in 0..<10 where bytes[8 + i] != 0 { mapped = false }
                if mapped, bytes[18] == 0xff, bytes[19] == 0xff {
                    inet_ntop(AF_INET, address + 12, &text, socklen_t(text.count))
                } else {
                    inet_ntop(AF_INET6, address, &text, socklen_t(text.count))
                }
            }
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The address in network byte order: 4 or 16 bytes, none for a Unix socket.
    package var addressBytes: [UInt8] {
        withUnsafeBytes(of: storage) { bytes in
            family == AF_INET ? Array(bytes[4..<8]) : family == AF_INET6 ? Array(bytes[8..<24]) : []
        }
    }

    package var isLoopback: Bool {
        withUnsafeBytes(of: storage) { bytes in
            if family == AF_INET { return bytes[4] == 127 }
            guard family == AF_INET6 else { return family == AF_UNIX }
            if (0..<15).allSatisfy({ bytes[8 + $0] == 0 }) { return bytes[23] == 1 }
            return ip.hasPrefix("127.")
        }
    }

    func withPointer<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        withUnsafeBytes(of: storage) { bytes in
            body(bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), length)
        }
    }

    static func local(of descriptor: Int32) -> SocketAddress? { query(descriptor, getsockname) }
    static func peer(of descriptor: Int32) -> SocketAddress? { query(descriptor, getpeername) }

    private static func query(
        _ descriptor: Int32, _ call: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, &length) }
        }
        guard result == 0 else { return nil }
        return withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { SocketAddress($0, length) }
        }
    }
}
