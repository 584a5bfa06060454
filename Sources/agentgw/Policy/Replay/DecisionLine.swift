// One line of the gateway's log that records a decision.

import Auth
import Glibc
import JSON

struct DecisionLine {
    /// Keeps what `reads` points into.
    let document: JSONDocument
    let id: String
    let route: String
    let phase: DecisionPhase
    let isAllowed: Bool
    let rule: String?
    let policy: String
    let principal: String

    var reads: JSONValue? { document.root["reads" as StaticString] }

    enum Reading {
        case decision(DecisionLine)
        /// Another line of the log.
        case other
        case broken(String)
    }

    static func read(_ line: UnsafeRawBufferPointer) -> Reading {
        // The log has other text in it as well.
        guard line.first == UInt8(ascii: "{") else { return .other }
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: line)
        } catch { return .broken("not JSON: \(error)") }
        let root = document.root
        if let log = root["log" as StaticString], !log.equals("decision" as StaticString) { return .other }
        guard let verdict = root["verdict" as StaticString], let phase = root["phase" as StaticString]?.string else {
            return root["log" as StaticString] == nil ? .other : .broken("a decision without verdict or phase")
        }
        guard let known = DecisionPhase(rawValue: phase) else { return .broken("an unknown phase \"\(phase)\"") }
        let isAllowed = verdict.equals("allow" as StaticString)
        guard isAllowed || verdict.equals("deny" as StaticString) else { return .broken("an unknown verdict") }
        return .decision(
            DecisionLine(
                document: document, id: root["id" as StaticString]?.string ?? "",
                route: root["route" as StaticString]?.string ?? "", phase: known, isAllowed: isAllowed,
                rule: root["rule" as StaticString]?["id" as StaticString]?.string,
                policy: root["policy" as StaticString]?.string ?? "",
                principal: root["principal" as StaticString]?.string ?? ""))
    }

    /// The target of an MCP message, where some rule read it.
    var target: String? {
        guard let reads else { return nil }
        for name in ["mcp.target", "mcp.tool.target", "mcp.prompt.target", "mcp.resource.target"] {
            if let target = reads[name]?.string { return target }
        }
        for name in ["mcp.tool", "mcp.prompt", "mcp.resource"] {
            if let target = reads[name]?["target" as StaticString]?.string { return target }
        }
        return nil
    }

    /// Some rule read the tool, prompt or resource that the message is about.
    var hasSubject: Bool {
        guard let reads else { return false }
        for member in reads.members {
            let name = member.name.string ?? ""
            if name.hasPrefix("mcp.tool") || name.hasPrefix("mcp.prompt") || name.hasPrefix("mcp.resource") {
                return true
            }
        }
        return false
    }
}

/// The lines of a file, one after the other, in memory for one at a time.
struct LineReader {
    struct Failure: Error {
        var message: String
    }

    /// Of a line. A record of a request with large arguments is far smaller.
    static let maximumLine = 16 << 20

    /// - Parameter body: takes each line without its end, and its number.
    static func read(_ path: String, _ body: (UnsafeRawBufferPointer, Int) -> Void) throws(Failure) {
        let descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure(message: "cannot read \(path): \(String(cString: strerror(errno)))")
        }
        defer { if descriptor > 0 { close(descriptor) } }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var filled = 0
        var number = 0
        while true {
            if filled == buffer.count {
                guard buffer.count < maximumLine else {
                    throw Failure(message: "\(path):\(number + 1): the line is too long")
                }
                buffer += [UInt8](repeating: 0, count: buffer.count)
            }
            let count = buffer.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress.map { $0 + filled }, $0.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(message: "cannot read \(path): \(String(cString: strerror(errno)))") }
            filled += count
            var start = 0
            buffer.withUnsafeBytes { bytes in
                while let end = bytes[start..<filled].firstIndex(of: 0x0A) {
                    number += 1
                    body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), number)
                    start = end + 1
                }
                if count == 0, start < filled {
                    number += 1
                    body(UnsafeRawBufferPointer(rebasing: bytes[start..<filled]), number)
                    start = filled
                }
            }
            if count == 0 { return }
            buffer.removeFirstBytes(start, of: filled)
            filled -= start
        }
    }
}

extension Array where Element == UInt8 {
    /// Moves what follows to the front; the length stays.
    fileprivate mutating func removeFirstBytes(_ count: Int, of filled: Int) {
        guard count > 0 else { return }
        withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            memmove(base, base + count, filled - count)
        }
    }
}
