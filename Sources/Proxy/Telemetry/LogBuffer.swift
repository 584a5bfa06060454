// Lines for the access and decision logs: gathered per loop and written with one system call at the end of a turn, so that
// a request pays for its bytes and not for a write.

import Glibc

package final class LogBuffer {
    /// Beyond this a turn's lines are written at once.
    private static let flushBytes = 64 * 1024

    private let standard: Int32
    private var file: LogFile?
    private let buffer = IOBuffer(capacity: 4096)

    package init(descriptor: Int32, loop: EventLoop) {
        standard = descriptor
        loop.onTurnEnd { [self] in flush() }
    }

    /// What is written from now on goes to `file`; nil: to the descriptor.
    func write(to file: LogFile?) {
        flush()
        self.file = file
    }

    /// Adds one line; `write` must not add line feeds.
    package func line(_ write: (IOBuffer) -> Void) {
        write(buffer)
        buffer.append(0x0a)
        if buffer.readableBytes > LogBuffer.flushBytes { flush() }
    }

    /// A log that cannot be written stops the turn until it can: a decision must not be lost silently.
    package func flush() {
        let descriptor = file?.descriptor ?? standard
        var sent = 0
        let view = buffer.view
        while sent < view.count {
            let result = Glibc.write(descriptor, view.base! + sent, view.count - sent)
            if result > 0 {
                sent += result
            } else if errno == EAGAIN {
                var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                Glibc.poll(&poll, 1, 1000)
            } else if errno != EINTR {
                break  // the reader of the log is gone; there is nobody left to tell
            }
        }
        buffer.clear()
    }
}

extension IOBuffer {
    /// Appends a JSON string (RFC 8259 §7) with its quotes; malformed UTF-8 becomes U+FFFD.
    package func append(jsonString view: ByteView) {
        append(UInt8(ascii: "\""))
        var plain = true
        for byte in view where byte < 0x20 || byte == 0x22 || byte == 0x5c || byte >= 0x7f {
            plain = false
            break
        }
        if plain {
            append(view)
        } else {
            for scalar in String(decoding: view.buffer, as: UTF8.self).unicodeScalars {
                switch scalar.value {
                case 0x22: append("\\\"")
                case 0x5c: append("\\\\")
                case 0x0a: append("\\n")
                case 0x0d: append("\\r")
                case 0x09: append("\\t")
                case 0..<0x20, 0x7f...0x9f, 0x2028, 0x2029:
                    append("\\u")
                    let hex = String(scalar.value, radix: 16)
                    append(String(repeating: "0", count: 4 - hex.utf8.count) + hex)
                default: append(String(scalar))
                }
            }
        }
        append(UInt8(ascii: "\""))
    }

    package func append(jsonString text: String) {
        var text = text
        text.withUTF8 { append(jsonString: ByteView($0)) }
    }

    /// Appends `2026-11-23T21:05:45.123456Z` for nanoseconds since the epoch.
    package func append(timestamp nanoseconds: Int64) {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        append(padded: Int(parts.tm_year) + 1900, 4)
        append(UInt8(ascii: "-"))
        append(padded: Int(parts.tm_mon) + 1, 2)
        append(UInt8(ascii: "-"))
        append(padded: Int(parts.tm_mday), 2)
        append(UInt8(ascii: "T"))
        append(padded: Int(parts.tm_hour), 2)
        append(UInt8(ascii: ":"))
        append(padded: Int(parts.tm_min), 2)
        append(UInt8(ascii: ":"))
        append(padded: Int(parts.tm_sec), 2)
        append(UInt8(ascii: "."))
        append(padded: Int(nanoseconds % 1_000_000_000) / 1000, 6)
        append(UInt8(ascii: "Z"))
    }

    private func append(padded value: Int, _ width: Int) {
        var divisor = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(0x30 + (value / divisor) % 10))
            divisor /= 10
        }
    }
}
