// Fuzzes regular expressions: a pattern and a text, the first byte saying where one ends. The table that stands in front
// of libre2 answers as it does, and what is found lies in the text.

import CRE2

@testable import CEL

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard size > 1 else { return 0 }
    let rest = UnsafeBufferPointer(start: data + 1, count: size - 1)
    let cut = min(Int(data[0]), rest.count)
    // The engine hands over UTF-8 only.
    let pattern = Array(String(decoding: rest[..<cut], as: UTF8.self).utf8)
    let text = Array(String(decoding: rest[cut...], as: UTF8.self).utf8)
    pattern.withUnsafeBufferPointer { pattern in text.withUnsafeBufferPointer { text in match(pattern, text) } }
    return 0
}

private func match(_ pattern: Bytes, _ text: Bytes) {
    guard let regex = try? Regex(pattern) else { return }
    guard let handle = agentgw_re2_new(pattern.baseAddress, pattern.count, 8 << 20) else { return }
    defer { agentgw_re2_free(handle) }
    let expected = agentgw_re2_match(handle, text.baseAddress, text.count, 0, nil, 0)
    precondition(regex.matches(text) == expected, "the table and libre2 differ")
    precondition((regex.firstMatch(in: text, from: 0) != nil) == expected, "a match that is none, or none that is one")
    var position = 0
    while position <= text.count, let groups = regex.firstMatch(in: text, from: position), let whole = groups[0] {
        precondition(whole.lowerBound >= position && whole.upperBound <= text.count, "a match outside of the text")
        for group in groups.dropFirst() {
            if let group {
                precondition(group.lowerBound >= 0 && group.upperBound <= text.count, "a group outside of the text")
            }
        }
        position = max(whole.upperBound, position + 1)
    }
    // By the functions of the language: what they make is UTF-8, and ends.
    let inputs: [String: CELValue] = [
        "text": .string(String(decoding: text, as: UTF8.self)),
        "pattern": .string(String(decoding: pattern, as: UTF8.self)),
    ]
    guard case .list(let parts)? = try? functions.evaluate(inputs) else { return }
    precondition(expected == (parts[0] != inputs["text"]), "a replacement without a match, or a match without")
}

private let functions: Program = {
    let environment = Environment(variables: ["text": .string, "pattern": .string])
    let source =
        #"[regex.replace(text, pattern, '<\\0>'), text.regexReplace(pattern, '[$0]')] + regex.extractAll(text, pattern)"#
    guard let program = try? environment.compile(source) else { preconditionFailure(source) }
    return program
}()
