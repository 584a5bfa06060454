// Where an HTTP+SSE server says that messages go to: only ever the server itself.

import Testing

@testable import Proxy

@Suite struct EventEndpointTests {
    @Test(arguments: [
        ("/messages?session=1", "/messages?session=1"), ("https://Server.example:8443/m", "/m"), ("/", "/"),
    ])
    func anEndpointOnTheServerIsTaken(endpoint: String, path: String) {
        #expect(EventWire.path(endpoint, scheme: "https", authority: "server.example:8443") == path)
    }

    @Test(arguments: [
        "", "messages", "//evil.example/m", "https://server.example:8443//evil.example/m",
        "https://server.example:8443",
        "http://server.example:8443/m", "https://server.example/m", "https://server.example:8443.evil.example/m",
        "https://server.example:8443@evil.example/m", "/m#x", "/m n", "\\\\evil.example", "/\r\nx",
    ])
    func anyOtherIsNot(endpoint: String) {
        #expect(EventWire.path(endpoint, scheme: "https", authority: "server.example:8443") == nil)
    }
}
