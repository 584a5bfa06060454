// The memory of an evaluation, of a program's constants, or of a converted document: a bump allocator whose first block is
// kept from one evaluation to the next, so that an ordinary rule allocates nothing.
// Invariant: everything handed out is valid until `reset` or `deinit`, aligned to 16 bytes, and holds trivial values only.

package final class Arena {
    private var cursor: UnsafeMutableRawPointer
    private var end: UnsafeMutableRawPointer
    private let first: UnsafeMutableRawPointer
    private let firstSize: Int
    private var others: [UnsafeMutableRawPointer] = []
    private var blockSize: Int

    package init(size: Int = 16 << 10) {
        firstSize = size
        blockSize = size
        first = .allocate(byteCount: size, alignment: 16)
        cursor = first
        end = first + size
    }

    deinit {
        first.deallocate()
        for block in others { block.deallocate() }
    }

    package func reset() {
        if !others.isEmpty {
            for block in others { block.deallocate() }
            others.removeAll(keepingCapacity: true)
            end = first + firstSize
            blockSize = firstSize
        }
        cursor = first
    }

    func allocate(_ count: Int) -> UnsafeMutableRawPointer {
        let rounded = (count + 15) & ~15
        if end - cursor >= rounded {
            defer { cursor += rounded }
            return cursor
        }
        return grow(rounded)
    }

    @inline(never)
    private func grow(_ count: Int) -> UnsafeMutableRawPointer {
        if count > blockSize {
            // A block of its own; the current one goes on being filled.
            let block = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 16)
            others.append(block)
            return block
        }
        blockSize = min(blockSize * 2, 1 << 20)
        let block = UnsafeMutableRawPointer.allocate(byteCount: blockSize, alignment: 16)
        others.append(block)
        cursor = block + count
        end = block + blockSize
        return block
    }

    package func values(_ count: Int) -> UnsafeMutablePointer<Value> {
        allocate(count * MemoryLayout<Value>.stride).bindMemory(to: Value.self, capacity: count)
    }

    func bytes(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        allocate(count).bindMemory(to: UInt8.self, capacity: count)
    }

    func box(_ value: Value) -> UnsafePointer<Value> {
        let pointer = values(1)
        pointer.initialize(to: value)
        return UnsafePointer(pointer)
    }

    // MARK: Values made of copies

    func copy(_ source: some Collection<UInt8>) -> Bytes {
        let pointer = bytes(source.count)
        let buffer = UnsafeMutableBufferPointer(start: pointer, count: source.count)
        _ = buffer.initialize(from: source)
        return Bytes(buffer)
    }

    package func string(_ text: some StringProtocol) -> Value { .string(copy(text.utf8)) }
    package func string(utf8: [UInt8]) -> Value { .string(copy(utf8)) }
    package func bytes(_ bytes: [UInt8]) -> Value { .bytes(copy(bytes)) }

    package func list(_ elements: some Collection<Value>) -> Value {
        if elements.isEmpty { return .emptyList }
        let pointer = values(elements.count)
        let buffer = UnsafeMutableBufferPointer(start: pointer, count: elements.count)
        _ = buffer.initialize(from: elements)
        return .list(UnsafeBufferPointer(buffer))
    }

    package func optional(_ value: Value) -> Value {
        Value(.optional, payload: UInt64(UInt(bitPattern: box(value))))
    }

    func error(_ kind: EvaluationError.Kind, _ message: String) -> Value {
        .error(kind, detail: box(string(message)))
    }

    func noSuchKey(_ key: Value) -> Value { .error(.noSuchKey, detail: box(key)) }
}
