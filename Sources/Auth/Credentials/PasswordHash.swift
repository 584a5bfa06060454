// Password hashes of an htpasswd file, checked with crypt(3). A check takes tens of milliseconds by design, so it is a
// value that the caller runs away from its event loop, and only the result comes back.

import CCrypt
import COpenSSL

/// One stored hash in a form that is strong enough.
struct PasswordHash: Hashable, Sendable {
    /// bcrypt's cost and SHA-512-crypt's rounds above these would let one login stop a core for seconds.
    static let maximumBcryptCost = 14
    static let maximumSHA512Rounds = 1_000_000

    fileprivate let text: String

    /// - Throws: `.key` naming the form for anything but bcrypt and SHA-512-crypt.
    init(_ text: String) throws(AuthError) {
        let parts = text.split(separator: "$", omittingEmptySubsequences: false)
        switch parts.count > 1 ? parts[1] : "" {
        case "2a", "2b", "2y":
            guard parts.count == 4, parts[0].isEmpty, parts[3].utf8.count == 53,
                parts[3].utf8.allSatisfy(Self.isSaltCharacter),
                parts[2].utf8.count == 2, let cost = Int(parts[2]), (4...Self.maximumBcryptCost).contains(cost)
            else {
                throw .key("a bcrypt hash that is malformed or has a cost outside 4…\(Self.maximumBcryptCost)")
            }
        case "6":
            let hasRounds = parts.count == 5 && parts[2].hasPrefix("rounds=")
            let rounds = hasRounds ? Int(parts[2].dropFirst(7)) : 5000
            guard parts.count == (hasRounds ? 5 : 4), parts[0].isEmpty, let hash = parts.last, hash.utf8.count == 86,
                hash.utf8.allSatisfy(Self.isSaltCharacter), let rounds,
                (1000...Self.maximumSHA512Rounds).contains(rounds)
            else {
                throw .key(
                    "a SHA-512-crypt hash that is malformed or has rounds outside 1000…\(Self.maximumSHA512Rounds)")
            }
        case "apr1": throw .key("an APR1-MD5 hash, which is too weak; use bcrypt (htpasswd -B)")
        case "1": throw .key("an MD5-crypt hash, which is too weak; use bcrypt (htpasswd -B)")
        case "5": throw .key("a SHA-256-crypt hash; bcrypt (htpasswd -B) and SHA-512-crypt are accepted")
        default:
            if text.hasPrefix("{SHA}") {
                throw .key("an unsalted SHA-1 hash, which is too weak; use bcrypt (htpasswd -B)")
            }
            throw .key("a plain-text or unknown password form; use bcrypt (htpasswd -B) or SHA-512-crypt")
        }
        self.text = text
    }

    private static func isSaltCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}

/// A password to be checked. `run` blocks for tens of milliseconds: call it on a worker thread.
package struct PasswordCheck: Sendable {
    /// Identifies this user and password together in the layer's cache of results.
    let fingerprint: SHA256Value
    /// nil for an unknown user: the work is done all the same, the answer is no.
    private let hash: PasswordHash?
    private let decoy: String
    private let password: Secret

    init(fingerprint: SHA256Value, hash: PasswordHash?, decoy: String, password: Secret) {
        self.fingerprint = fingerprint
        self.hash = hash
        self.decoy = decoy
        self.password = password
    }

    package func run() -> PasswordResult {
        let stored = hash?.text ?? decoy
        let equal = password.withBytes { Self.crypt($0, matches: stored) }
        return PasswordResult(fingerprint: fingerprint, valid: equal && hash != nil)
    }

    /// crypt(3) with its 32 KiB of working memory on the heap and wiped afterwards.
    private static func crypt(_ password: UnsafeRawBufferPointer, matches stored: String) -> Bool {
        // A NUL would end the C string early and make a prefix of the password enough.
        guard !password.contains(0) else { return false }
        var terminated = Array(password) + [0]
        let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
        defer {
            OPENSSL_cleanse(data, MemoryLayout<crypt_data>.size)
            data.deallocate()
            terminated.withUnsafeMutableBytes { if let base = $0.baseAddress { OPENSSL_cleanse(base, $0.count) } }
        }
        data.initialize(to: crypt_data())
        let computed = terminated.withUnsafeBytes { bytes -> [UInt8]? in
            let key = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            guard let result = crypt_rn(key, stored, data, Int32(MemoryLayout<crypt_data>.size)) else { return nil }
            return Array(String(cString: result).utf8)
        }
        guard let computed else { return false }
        return computed.withUnsafeBytes { left in
            Array(stored.utf8).withUnsafeBytes { ConstantTime.equal(left, $0) }
        }
    }
}

package struct PasswordResult: Sendable {
    let fingerprint: SHA256Value
    package let valid: Bool
}

/// The users of one `basicAuth`.
struct HtpasswdTable: Sendable {
    static let maximumUsers = 10_000

    private let users: [String: PasswordHash]
    /// An entry of the table, checked in place of an unknown user's, so that the answer takes as long as for a known one.
    let decoy: String

    /// - Throws: `.configuration` with the line's number; the text never shows the line.
    init(_ text: String, at position: FilePosition) throws(AuthError) {
        var users: [String: PasswordHash] = [:]
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let entry = line.trimmed
            if entry.isEmpty || entry.hasPrefix("#") { continue }
            func refuse(_ reason: String) -> AuthError {
                .configuration("htpasswd line \(number + 1): \(reason)", position)
            }
            guard let colon = entry.firstIndex(of: ":"), colon != entry.startIndex else {
                throw refuse("is not 'user:hash'")
            }
            let user = String(entry[..<colon])
            let hash: PasswordHash
            do throws(AuthError) {
                hash = try PasswordHash(String(entry[entry.index(after: colon)...]))
            } catch {
                throw refuse(error.description)
            }
            guard users.updateValue(hash, forKey: user) == nil else { throw refuse("user '\(user)' is listed twice") }
            guard users.count <= Self.maximumUsers else { throw refuse("more than \(Self.maximumUsers) users") }
        }
        guard let first = users.values.first else {
            throw .configuration("htpasswd without a single user", position)
        }
        self.users = users
        decoy = first.text
    }

    /// Names are compared byte for byte: a second spelling of the same characters is another user, as it is for rules.
    func hash(of user: String) -> PasswordHash? {
        guard let index = users.index(forKey: user), users.keys[index].utf8.elementsEqual(user.utf8) else { return nil }
        return users.values[index]
    }
}
