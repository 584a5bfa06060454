// The byte buffers that sockets read into and write from, kept on a free list of their loop.
// Invariant: base[0..<capacity] is owned by the buffer; 0 ≤ reader ≤ writer ≤ capacity at all times; bytes
// reader..<writer are initialised.

import Glibc

package final class IOBuffer {
    private(set) var base: UnsafeMutablePointer<UInt8>
    private(set) var capacity: Int
    /// The first byte that has not been consumed.
    package var reader = 0
    /// One past the last byte that is filled.
    package var writer = 0

    package init(capacity: Int) {
        base = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { base.deallocate() }

    package var readableBytes: Int { writer - reader }
    package var writableBytes: Int { capacity - writer }
    package var view: ByteView { ByteView(base + reader, writer - reader) }
    var writePointer: UnsafeMutablePointer<UInt8> { base + writer }

    package func clear() {
        reader = 0
        writer = 0
    }

    /// Moves what has not been consumed to the front.
    package func compact() {
        guard reader > 0 else { return }
        if reader < writer { memmove(base, base + reader, writer - reader) }
        writer -= reader
        reader = 0
    }

    /// Makes room for `count` more bytes, growing by doubling.
    package func reserve(_ count: Int) {
        guard writableBytes < count else { return }
        var size = max(capacity, 256)
        while size - writer < count { size *= 2 }
        let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
        memcpy(grown, base, writer)
        base.deallocate()
        base = grown
        capacity = size
    }

    @inline(__always)
    package func append(_ byte: UInt8) {
        reserve(1)
        base[writer] = byte
        writer += 1
    }

    @inline(__always)
    package func append(_ view: ByteView) {
        guard view.count > 0 else { return }
        reserve(view.count)
        memcpy(base + writer, view.base.unsafelyUnwrapped, view.count)
        writer += view.count
    }

    @inline(__always)
    package func append(_ literal: StaticString) { append(ByteView(literal)) }

    package func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append(ByteView($0)) }
    }

    // A literal is to be the other kind, which is nobody's to retain.
    @_disfavoredOverload
    package func append(_ text: String) {
        var text = text
        text.withUTF8 { append(ByteView($0)) }
    }

    package func append(decimal value: Int) {
        reserve(20)
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        withUnsafeMutableBytes(of: &digits) { scratch in
            var position = scratch.count
            var rest = value.magnitude
            repeat {
                position -= 1
                scratch[position] = UInt8(0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            if value < 0 {
                position -= 1
                scratch[position] = UInt8(ascii: "-")
            }
            memcpy(base + writer, scratch.baseAddress! + position, scratch.count - position)
            writer += scratch.count - position
        }
    }

    package func append(hexadecimal value: Int) {
        reserve(16)
        var shift = 60
        while shift > 0, (value >> shift) & 15 == 0 { shift -= 4 }
        while shift >= 0 {
            let digit = UInt8((value >> shift) & 15)
            base[writer] = digit < 10 ? 0x30 + digit : 0x57 + digit
            writer += 1
            shift -= 4
        }
    }
}

/// A free list of buffers of one size. Confined to a loop.
final class BufferPool {
    let size: Int
    /// Enough to serve a burst without going back to malloc; beyond it memory is given back.
    private let keep: Int
    private var free: [IOBuffer] = []

    init(size: Int, keep: Int) {
        self.size = size
        self.keep = keep
        free.reserveCapacity(keep)
    }

    func take() -> IOBuffer { free.popLast() ?? IOBuffer(capacity: size) }

    func give(_ buffer: IOBuffer) {
        // A buffer that had to grow for one large head is not kept: idle memory must not follow the largest request.
        guard free.count < keep, buffer.capacity == size else { return }
        buffer.clear()
        free.append(buffer)
    }
}
