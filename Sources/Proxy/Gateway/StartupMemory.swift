// Gives back, once the gateway serves, the pages of program text and constants that only starting up has touched: the
// kernel maps sixteen around each one used and never takes them back while memory is plenty.
// Invariant: only pages are dropped that the kernel can read from their file again: private mappings of a file, without
// write permission, of which no page was ever changed (`Anonymous: 0 kB`).

import CLinux
import Glibc

enum StartupMemory {
    /// Of `/proc/self/smaps`, which has some 800 bytes for each of about 150 mappings.
    private static let mostBytes = 1 << 20

    /// Measured: 22 MiB of resident memory become 10; the first request of a loop takes some 200 soft page faults.
    static func release() {
        malloc_trim(0)
        for mapping in unchangedMappings(Self.smaps()) {
            guard let start = UnsafeMutableRawPointer(bitPattern: mapping.lowerBound) else { continue }
            // A refusal costs nothing but memory.
            _ = madvise(start, Int(mapping.upperBound - mapping.lowerBound), Int32(MADV_DONTNEED))
        }
    }

    private static func smaps() -> String {
        let descriptor = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count < mostBytes {
            let count = read(descriptor, &piece, piece.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: piece[..<count])
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The address ranges of file pages that were never written, of a text as in proc_pid_smaps(5).
    static func unchangedMappings(_ smaps: String) -> [Range<UInt>] {
        var found: [Range<UInt>] = []
        var candidate: Range<UInt>?
        for line in smaps.split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            if let first = words.first, first.hasSuffix(":") {
                let isUnchanged = first == "Anonymous:" && words.count > 1 && words[1] == "0"
                if isUnchanged, let range = candidate { found.append(range) }
                if first == "Anonymous:" { candidate = nil }
                continue
            }
            candidate = nil
            guard words.count >= 6, words[5].hasPrefix("/"), words[1] == "r-xp" || words[1] == "r--p" else { continue }
            let bounds = words[0].split(separator: "-")
            guard bounds.count == 2, let start = UInt(bounds[0], radix: 16), let end = UInt(bounds[1], radix: 16),
                start < end
            else { continue }
            candidate = start..<end
        }
        return found
    }
}
