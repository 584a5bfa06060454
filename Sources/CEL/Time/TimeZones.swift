// Offsets from UTC: `+02:00`, `-5:30`, `UTC`, and the names of the IANA database as the system has it (TZif, RFC 9636).

#if canImport(Glibc)
import Glibc
#endif

/// Seconds east of UTC at an instant, or what is wrong with the name.
enum TimeZones {
    enum Lookup {
        case offset(Int64)
        case failure(Value)
    }

    static func offset(_ name: Bytes, at seconds: Int64) -> Lookup {
        if name.isEmpty || name.elementsEqual("UTC".utf8) || name.elementsEqual("Z".utf8) { return .offset(0) }
        if let fixed = fixedOffset(name) { return .offset(fixed) }
        guard let zone = cache.zone(String(decoding: name, as: UTF8.self)) else {
            return .failure(
                access("/usr/share/zoneinfo/UTC", R_OK) == 0
                    ? .error(.invalidArgument, "unknown time zone")
                    : .error(.invalidArgument, "the system has no time zone database in /usr/share/zoneinfo"))
        }
        return .offset(zone.offset(at: seconds))
    }

    /// `[+-]?H?H:MM`
    private static func fixedOffset(_ name: Bytes) -> Int64? {
        var rest = name[...]
        var sign: Int64 = 1
        if let first = rest.first, first == 0x2b || first == 0x2d {
            sign = first == 0x2d ? -1 : 1
            rest = rest.dropFirst()
        }
        let parts = rest.split(separator: 0x3a, omittingEmptySubsequences: false)
        guard parts.count == 2, (1...2).contains(parts[0].count), parts[1].count == 2 else { return nil }
        var numbers: [Int64] = []
        for part in parts {
            var value: Int64 = 0
            for byte in part {
                guard byte &- 0x30 < 10 else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            numbers.append(value)
        }
        guard numbers[0] < 24, numbers[1] < 60 else { return nil }
        return sign * (numbers[0] * 3600 + numbers[1] * 60)
    }

    private static let cache = ZoneCache()
}

/// Zones by name, read once. The database has some six hundred names, which bounds the cache.
private final class ZoneCache: @unchecked Sendable {
    // Guards `zones`. Taken only by expressions that name a zone.
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var zones: [String: TimeZoneFile] = [:]

    init() {
        pthread_mutex_init(mutex, nil)
    }

    func zone(_ name: String) -> TimeZoneFile? {
        // A name becomes part of a path: letters, digits, `_ + - /`, and no climbing.
        guard name.utf8.count <= 64, let first = name.utf8.first, first != 0x2f, !name.utf8.contains(0x2e),
            name.utf8.allSatisfy({
                $0 &- 0x30 < 10 || ($0 | 0x20) &- 0x61 < 26 || $0 == 0x5f || $0 == 0x2b || $0 == 0x2d || $0 == 0x2f
            })
        else { return nil }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if let zone = zones[name] { return zone }
        guard let zone = TimeZoneFile(path: "/usr/share/zoneinfo/" + name) else { return nil }
        zones[name] = zone
        return zone
    }
}

/// A TZif file: the instants at which the offset changes, and the rule for the time after the last.
struct TimeZoneFile: Sendable {
    private var transitions: [Int64] = []
    private var types: [UInt8] = []
    private var offsets: [Int64] = []
    private var footer: PosixTimeZone?

    /// No zone's file is larger.
    private static let maximumBytes = 256 << 10

    init?(path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: TimeZoneFile.maximumBytes)
        var count = 0
        while count < bytes.count {
            let n = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + count, $0.count - count) }
            guard n >= 0 else { return nil }
            if n == 0 { break }
            count += n
        }
        self.init(bytes: bytes[0..<count])
    }

    init?(bytes: ArraySlice<UInt8>) {
        let data = Array(bytes)
        func integer(_ offset: Int, _ width: Int) -> Int64? {
            guard offset >= 0, offset + width <= data.count else { return nil }
            var value: UInt64 = 0
            for i in 0..<width { value = value << 8 | UInt64(data[offset + i]) }
            return width == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
        }
        func header(_ offset: Int) -> [Int]? {
            guard data.count >= offset + 44, data[offset..<offset + 4].elementsEqual("TZif".utf8) else { return nil }
            var counts: [Int] = []
            for i in 0..<6 {
                guard let value = integer(offset + 20 + 4 * i, 4), value >= 0, value <= 1 << 16 else { return nil }
                counts.append(Int(value))
            }
            return counts
        }
        // isutc, isstd, leap, time, type, char
        guard let first = header(0), data[4] >= UInt8(ascii: "2") else { return nil }
        let second = 44 + first[3] * 5 + first[4] * 6 + first[5] + first[2] * 8 + first[1] + first[0]
        guard let counts = header(second), counts[4] > 0 else { return nil }
        var offset = second + 44
        for i in 0..<counts[3] {
            guard let time = integer(offset + 8 * i, 8) else { return nil }
            transitions.append(time)
        }
        offset += counts[3] * 8
        guard offset + counts[3] <= data.count else { return nil }
        types = Array(data[offset..<offset + counts[3]])
        offset += counts[3]
        for i in 0..<counts[4] {
            guard let seconds = integer(offset + 6 * i, 4) else { return nil }
            offsets.append(seconds)
        }
        guard types.allSatisfy({ Int($0) < counts[4] }) else { return nil }
        offset += counts[4] * 6 + counts[5] + counts[2] * 12 + counts[1] + counts[0]
        if offset < data.count, data[offset] == 0x0a {
            footer = PosixTimeZone(data[(offset + 1)...].prefix { $0 != 0x0a })
        }
    }

    func offset(at seconds: Int64) -> Int64 {
        var low = 0
        var high = transitions.count
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= seconds { low = middle + 1 } else { high = middle }
        }
        if low == transitions.count, let footer { return footer.offset(at: seconds) }
        return low == 0 ? offsets[0] : offsets[Int(types[low - 1])]
    }
}
