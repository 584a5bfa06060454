// The fields of one message. Parsed fields stay where they arrived, as offsets into the read buffer; fields that the
// gateway adds live in the block's own storage. Removing a field is a flag. Nothing becomes a `String` on the way.
// Invariant: `base` covers every parsed entry's offsets until `reset`; entries are only reached through this type.

import Auth
import Glibc

package final class HeaderBlock {
    struct Entry {
        var nameStart: UInt32
        var valueStart: UInt32
        var valueLength: UInt32
        var nameLength: UInt16
        var known: KnownHeader
        var isOwn: Bool
        var isRemoved: Bool
    }

    /// Where parsed entries point; moves when the read buffer grows.
    var base: UnsafePointer<UInt8>?
    private let storage = IOBuffer(capacity: 512)
    private(set) var entries: [Entry] = []

    package init() { entries.reserveCapacity(32) }

    package func reset() {
        base = nil
        storage.clear()
        entries.removeAll(keepingCapacity: true)
    }

    // MARK: Filling

    @inline(__always)
    func appendParsed(nameStart: Int, nameLength: Int, valueStart: Int, valueLength: Int, known: KnownHeader) {
        entries.append(
            Entry(
                nameStart: UInt32(truncatingIfNeeded: nameStart), valueStart: UInt32(truncatingIfNeeded: valueStart),
                valueLength: UInt32(truncatingIfNeeded: valueLength),
                nameLength: UInt16(truncatingIfNeeded: nameLength), known: known, isOwn: false, isRemoved: false))
    }

    /// Adds a field. The caller has made sure that `value` has no CR, LF or NUL; `isValidValue` tells.
    package func append(_ name: ByteView, _ value: ByteView) {
        append(name, value, known: KnownHeader.find(name))
    }

    package func append(_ header: KnownHeader, _ value: ByteView) {
        append(ByteView(header.name), value, known: header)
    }

    package func append(_ name: String, _ value: String) {
        var name = name
        var value = value
        name.withUTF8 { name in value.withUTF8 { append(ByteView(name), ByteView($0)) } }
    }

    package func append(_ header: KnownHeader, _ value: String) {
        var value = value
        value.withUTF8 { append(header, ByteView($0)) }
    }

    private func append(_ name: ByteView, _ value: ByteView, known: KnownHeader) {
        append(name, .empty, value, known: known)
    }

    private func append(_ name: ByteView, _ prefix: ByteView, _ value: ByteView) {
        append(name, prefix, value, known: KnownHeader.find(name))
    }

    private func append(_ name: ByteView, _ prefix: ByteView, _ value: ByteView, known: KnownHeader) {
        precondition(
            HeaderBlock.isValidValue(prefix) && HeaderBlock.isValidValue(value),
            "a field value with a control character reached the writer")
        let nameStart = storage.writer
        storage.append(name)
        let valueStart = storage.writer
        storage.append(prefix)
        storage.append(value)
        entries.append(
            Entry(
                nameStart: UInt32(nameStart), valueStart: UInt32(valueStart),
                valueLength: UInt32(prefix.count + value.count), nameLength: UInt16(name.count), known: known,
                isOwn: true, isRemoved: false))
    }

    /// Replaces every field of that name by one.
    package func set(_ header: KnownHeader, _ value: ByteView) {
        remove(header)
        append(header, value)
    }

    package func set(_ header: KnownHeader, _ value: String) {
        remove(header)
        append(header, value)
    }

    package func set(_ name: String, _ value: String) {
        remove(named: name)
        append(name, value)
    }

    /// Replaces every field of that name by one that shows a secret behind `prefix`.
    func set(_ name: ByteView, _ prefix: ByteView, _ secret: Secret) {
        remove(named: name)
        secret.withBytes { append(name, prefix, ByteView($0.bindMemory(to: UInt8.self))) }
    }

    package func remove(_ header: KnownHeader) {
        for i in entries.indices where entries[i].known == header { entries[i].isRemoved = true }
    }

    package func remove(named name: String) {
        var name = name
        name.withUTF8 { remove(named: ByteView($0)) }
    }

    package func remove(named name: ByteView) {
        for i in entries.indices where self.name(i).equalsIgnoringCase(name) { entries[i].isRemoved = true }
    }

    func remove(at index: Int) { entries[index].isRemoved = true }

    /// What the block holds now, to go back to.
    struct Savepoint {
        fileprivate let entries: [Entry]
        fileprivate let end: Int
    }

    var savepoint: Savepoint { Savepoint(entries: entries, end: storage.writer) }

    /// Undoes every change since `savepoint`; what was added is forgotten.
    func restore(_ savepoint: Savepoint) {
        entries = savepoint.entries
        storage.writer = savepoint.end
    }

    // MARK: Reading

    /// The number of slots, removed ones included; see `isPresent`.
    package var count: Int { entries.count }

    package func isPresent(_ index: Int) -> Bool { !entries[index].isRemoved }

    @inline(__always)
    package func name(_ index: Int) -> ByteView {
        let entry = entries[index]
        return ByteView(origin(entry) + Int(entry.nameStart), Int(entry.nameLength))
    }

    @inline(__always)
    package func value(_ index: Int) -> ByteView {
        let entry = entries[index]
        return ByteView(origin(entry) + Int(entry.valueStart), Int(entry.valueLength))
    }

    @inline(__always)
    package func known(_ index: Int) -> KnownHeader { entries[index].known }

    @inline(__always)
    private func origin(_ entry: Entry) -> UnsafePointer<UInt8> {
        entry.isOwn ? UnsafePointer(storage.base) : base.unsafelyUnwrapped
    }

    /// The first value of a field, nil when it is absent.
    package func first(_ header: KnownHeader) -> ByteView? {
        for i in entries.indices where entries[i].known == header && !entries[i].isRemoved { return value(i) }
        return nil
    }

    package func first(named name: ByteView) -> ByteView? {
        for i in entries.indices where !entries[i].isRemoved && self.name(i).equalsIgnoringCase(name) {
            return value(i)
        }
        return nil
    }

    package func occurrences(_ header: KnownHeader) -> Int {
        var count = 0
        for entry in entries where entry.known == header && !entry.isRemoved { count += 1 }
        return count
    }

    /// Calls `body` with each value of the field `name`, in order.
    package func forEach(named name: ByteView, _ body: (ByteView) -> Void) {
        for i in entries.indices where !entries[i].isRemoved && self.name(i).equalsIgnoringCase(name) { body(value(i)) }
    }

    /// Calls `body` with each name and value that is present, in order.
    package func forEach(_ body: (ByteView, ByteView) -> Void) {
        for i in entries.indices where !entries[i].isRemoved { body(name(i), value(i)) }
    }

    /// The fields that are present, in a block that owns them.
    func copy() -> HeaderBlock {
        let block = HeaderBlock()
        for i in entries.indices where !entries[i].isRemoved {
            block.append(name(i), value(i), known: entries[i].known)
        }
        return block
    }

    /// Appends `name: value CRLF` for each field that is present.
    func serialize(into buffer: IOBuffer) {
        for i in entries.indices where !entries[i].isRemoved {
            let entry = entries[i]
            let origin = origin(entry)
            let nameLength = Int(entry.nameLength)
            let valueLength = Int(entry.valueLength)
            buffer.reserve(nameLength + valueLength + 4)
            let out = buffer.base + buffer.writer
            memcpy(out, origin + Int(entry.nameStart), nameLength)
            out[nameLength] = UInt8(ascii: ":")
            out[nameLength + 1] = UInt8(ascii: " ")
            memcpy(out + nameLength + 2, origin + Int(entry.valueStart), valueLength)
            out[nameLength + 2 + valueLength] = 0x0d
            out[nameLength + 3 + valueLength] = 0x0a
            buffer.writer += nameLength + valueLength + 4
        }
    }

    /// A field value (RFC 9110 §5.5): no control character but HTAB.
    package static func isValidValue(_ value: ByteView) -> Bool {
        guard let base = value.base else { return true }
        return HeadParser.valueEnd(base, 0, value.count) == value.count
    }

    package static func isValidName(_ name: ByteView) -> Bool {
        name.count > 0 && name.allSatisfy { ASCII.isToken($0) }
    }
}
