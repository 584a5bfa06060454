// Fuzzes the JSON parser: what it accepts, written again, must be accepted and mean the same.

import JSON

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard let document = try? JSONDocument(parsing: UnsafeRawBufferPointer(start: data, count: size)) else { return 0 }
    var writer = JSONWriter()
    writer.value(document.root)
    guard let again = try? JSONDocument(parsing: writer.bytes) else { fatalError("what we wrote is not JSON") }
    precondition(isSame(document.root, again.root), "written and read again, it is another value")
    return 0
}

private func isSame(_ a: JSONValue, _ b: JSONValue) -> Bool {
    guard a.kind == b.kind else { return false }
    switch a.kind {
    case .null: return true
    case .bool: return a.bool == b.bool
    case .string: return a.string == b.string
    case .array: return a.count == b.count && zip(a.elements, b.elements).allSatisfy { isSame($0, $1) }
    case .object:
        return a.count == b.count
            && zip(a.members, b.members).allSatisfy { $0.name.string == $1.name.string && isSame($0.value, $1.value) }
    case .number: return a.numberText == b.numberText
    }
}
