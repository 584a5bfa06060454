// How the auth layer reads a request: through views of its head, nothing copied.

import Auth

struct ExchangeAttributes: RequestAttributes {
    let exchange: Exchange

    private var head: RequestHead { exchange.request }

    var method: ByteRun { head.methodName.buffer }
    var path: ByteRun { head.path.buffer }
    var query: ByteRun? { head.query?.buffer }
    var scheme: ByteRun { (exchange.connection.isSecure ? ByteView("https") : ByteView("http")).buffer }
    var authority: ByteRun { head.authority.buffer }

    var protocolVersion: ByteRun {
        switch head.version {
        case .http10: ByteView("HTTP/1.0").buffer
        case .http11: ByteView("HTTP/1.1").buffer
        case .http2: ByteView("HTTP/2").buffer
        }
    }

    var headerCount: Int { head.headers.count }

    func header(at index: Int) -> (name: ByteRun, value: ByteRun)? {
        guard head.headers.isPresent(index) else { return nil }
        return (head.headers.name(index).buffer, head.headers.value(index).buffer)
    }

    var sourceAddress: ByteRun { exchange.connection.peerIPView.buffer }
    var sourcePort: Int { Int(exchange.connection.peer.port) }
    var destinationAddress: ByteRun { exchange.connection.localIPView.buffer }
    var destinationPort: Int { Int(exchange.connection.local.port) }
    var tls: TLSAttributes? { exchange.connection.tls }
}
