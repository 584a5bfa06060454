// JSON-RPC messages: what is taken, what is refused, and that what is written is what was judged.

import JSON
import Testing

@testable import Proxy

struct RPCMessageTests {
    private func parse(_ text: String) -> Result<RPCMessage, RPCError> {
        Result { () throws(RPCError) in try RPCMessage.parse(Array(text.utf8), limit: 1 << 20) }
    }

    @Test func requestHasItsParts() throws {
        guard case .success(.request(let request)) = parse(#"{"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1}}"#)
        else {
            Issue.record("no request")
            return
        }
        #expect(request.id == .text("a"))
        #expect(request.method == "m")
        #expect(request.params?["x" as StaticString]?.int64 == 1)
    }

    @Test func notificationHasNoID() {
        guard case .success(.notification(let notification)) = parse(#"{"jsonrpc":"2.0","method":"notifications/x"}"#)
        else {
            Issue.record("no notification")
            return
        }
        #expect(notification.method == "notifications/x")
    }

    @Test func errorResponseMayHaveANullID() {
        guard
            case .success(.response(let response)) = parse(
                #"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}"#)
        else {
            Issue.record("no response")
            return
        }
        #expect(response.id == nil)
    }

    @Test(arguments: [
        #"[]"#, #"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, #"{"id":1,"method":"ping"}"#,
        #"{"jsonrpc":2.0,"id":1,"method":"ping"}"#, #"{"jsonrpc":"2.0","id":true,"method":"ping"}"#,
        #"{"jsonrpc":"2.0","id":9223372036854775808,"method":"ping"}"#, #"{"jsonrpc":"2.0","id":1,"method":""}"#,
        #"{"jsonrpc":"2.0","id":1,"method":1}"#, #"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#,
        #"{"jsonrpc":"2.0","method":"tools/call"}"#, #"{"jsonrpc":"2.0","id":1,"method":"notifications/x"}"#,
        #"{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}"#,
        #"{"jsonrpc":"2.0","id":1,"result":1}"#, #"{"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":""}}"#,
        #"{"jsonrpc":"2.0","id":1,"error":{"code":1}}"#, #"{"jsonrpc":"2.0","id":1,"method":"m","extra":1}"#,
        #"{"jsonrpc":"2.0","ID":1,"method":"m"}"#, #"{"jsonrpc":"2.0","result":{}}"#, "",
    ])
    func malformedMessageIsRefused(_ text: String) {
        guard case .failure(let error) = parse(text) else {
            Issue.record("taken: \(text)")
            return
        }
        #expect(error.status == 400)
        #expect(error.code == -32600 || error.code == -32700)
    }

    @Test func memberInAnotherLetterCaseIsRefused() throws {
        let document = try JSONDocument(parsing: #"{"name":"a","NAME":"b"}"#)
        #expect(throws: RPCError.self) { try ClientParams(document.root) }
        let other = try JSONDocument(parsing: #"{"name":"a","other":"b"}"#)
        #expect(try ClientParams(other.root).text("name") == "a")
    }

    @Test func replacingAMemberKeepsTheOthersAsTheyWere() throws {
        let document = try JSONDocument(parsing: #"{"name":"t_a","arguments":{"x":1.0e2,"y":"\u00fc\n"}}"#)
        let bytes = try ClientParams(document.root).encoded(replacing: "name", with: "a")
        #expect(String(decoding: bytes, as: UTF8.self) == #"{"name":"a","arguments":{"x":1.0e2,"y":"ü\n"}}"#)
    }

    /// Whatever is parsed and written again means the same; whatever is mutated is refused or still one message.
    @Test func mutatedMessagesNeverCrash() {
        var random = SplitMix(seed: 20_261_123)
        let seeds = [
            #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":[1,2,{"c":null}]}}}"#,
            #"{"jsonrpc":"2.0","id":"x","result":{"content":[{"type":"text","text":"é"}]}}"#,
        ]
        for round in 0..<20_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0...Int(random.next() % 4) {
                let position = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[position] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: position)
                default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: position)
                }
                if bytes.isEmpty { bytes = [0x7b] }
            }
            guard
                case .success(.request(let request)) = Result(catching: { () throws(RPCError) in
                    try RPCMessage.parse(bytes, limit: 1 << 16)
                })
            else { continue }
            let params = request.params
            let written = RPCWriter.request(
                request.id, request.method, params: params.map { value in { $0.value(value) } })
            guard case .success(.request(let again)) = parse(String(decoding: written, as: UTF8.self)) else {
                Issue.record("seed 20261123, round \(round): written anew, it is no request")
                return
            }
            #expect(again.id == request.id && again.method == request.method)
        }
    }
}

struct SplitMix {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
