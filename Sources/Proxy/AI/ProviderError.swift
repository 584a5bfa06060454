// A provider's error as the client gets it: in its own API's shape, and without the key that the provider may quote.

import Auth
import CLinux
import JSON

struct ProviderError {
    /// Shorter keys are no secrets, and taking them out would harm texts.
    private static let shortestKey = 6

    let status: Int
    /// As received.
    let body: ByteView

    func write(for facts: AIReply.Facts, into out: IOBuffer) {
        let start = out.writer
        if facts.translated == nil {
            out.append(body)
        } else {
            translate(facts.shape, into: out)
        }
        facts.key?.withBytes { key in
            ProviderError.hide(ByteView(key.bindMemory(to: UInt8.self)), in: out, from: start)
        }
    }

    /// Both APIs have the message at the same place.
    private func translate(_ shape: ErrorShape, into out: IOBuffer) {
        var message: String?
        var type: String?
        do throws(JSONError) {
            let error = try JSONDocument(parsing: UnsafeRawBufferPointer(body.buffer)).root["error"]
            message = error?["message"]?.string ?? error?.string
            type = error?["type"]?.string
        } catch {
            // A proxy's page, say: the status tells what can be told.
        }
        // Anthropic's words for kinds of errors say more than OpenAI's, and no client of OpenAI's depends on them.
        if case .anthropic = shape { type = nil }
        shape.write(
            status: status, message: message ?? "the provider answered with status \(status)", code: nil, type: type,
            into: out)
    }

    private static func hide(_ key: ByteView, in out: IOBuffer, from start: Int) {
        guard key.count >= shortestKey, let needle = key.base else { return }
        let text = out.view.slice(start - out.reader, out.readableBytes)
        guard let base = text.base, memmem(base, text.count, needle, key.count) != nil else { return }
        var kept: [UInt8] = []
        var rest = text
        while let base = rest.base, let found = memmem(base, rest.count, needle, key.count) {
            let offset = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
            kept += rest.slice(0, offset)
            kept += "***".utf8
            rest = rest.slice(offset + key.count, rest.count)
        }
        kept += rest
        out.writer = start
        out.append(kept)
    }
}
