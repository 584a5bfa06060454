// Which addresses a fetch of keys or metadata may connect to. Judged when dialling, on the address itself: a name that
// resolves to a public address now and to a private one a moment later is caught.

/// An IP address in network byte order: 4 or 16 bytes.
package struct EgressAddress: Hashable, Sendable {
    package enum Scope: Sendable {
        case publicAddress
        case loopback
        /// Private, link-local, shared, documentation, multicast and reserved ranges (RFC 6890), the metadata
        /// services of clouds among them.
        case special
    }

    private let bytes: [UInt8]

    /// nil unless there are 4 or 16 bytes. An IPv4 address inside IPv6 (mapped, compatible, NAT64, 6to4) is judged as
    /// that IPv4 address.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.bytes = bytes.count == 16 ? Self.embeddedIPv4(bytes) ?? bytes : bytes
    }

    private static func embeddedIPv4(_ bytes: [UInt8]) -> [UInt8]? {
        let head = bytes[0..<12]
        if head.elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])
            || head.elementsEqual([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0])
        {
            return Array(bytes[12...])
        }
        if head.allSatisfy({ $0 == 0 }), bytes[12] != 0 { return Array(bytes[12...]) }
        if bytes[0] == 0x20, bytes[1] == 0x02 { return Array(bytes[2..<6]) }
        return nil
    }

    package var scope: Scope { bytes.count == 4 ? scope4 : scope6 }

    private var scope4: Scope {
        switch (bytes[0], bytes[1], bytes[2]) {
        case (127, _, _): .loopback
        case (0, _, _), (10, _, _), (100, 64...127, _), (169, 254, _), (172, 16...31, _), (192, 0, 0), (192, 0, 2),
            (192, 88, 99), (192, 168, _), (198, 18...19, _), (198, 51, 100), (203, 0, 113), (224..., _, _):
            .special
        default: .publicAddress
        }
    }

    private var scope6: Scope {
        if bytes[0..<15].allSatisfy({ $0 == 0 }) { return bytes[15] == 1 ? .loopback : .special }
        // Global unicast is 2000::/3 (RFC 4291 §2.4); in it, 2001:db8::/32 and 3fff::/20 are for documentation and
        // 2001::/23 for protocols such as Teredo.
        guard bytes[0] & 0xE0 == 0x20 else { return .special }
        if bytes[0] == 0x20, bytes[1] == 0x01 {
            if bytes[2] == 0x0D, bytes[3] == 0xB8 { return .special }
            if bytes[2] < 2 { return .special }
        }
        if bytes[0] == 0x3F, bytes[1] == 0xFF, bytes[2] < 0x10 { return .special }
        return .publicAddress
    }

    /// Whether a fetch of `url` may connect to this address.
    package func isAllowed(for url: FetchURL, _ rules: KeySetFetchRules) -> Bool {
        switch scope {
        case .publicAddress: true
        case .loopback: url.isLoopback || rules.allowPrivateAddresses
        case .special: rules.allowPrivateAddresses
        }
    }
}
