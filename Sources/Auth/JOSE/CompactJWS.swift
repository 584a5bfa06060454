// The outer shape of a token: three parts of base64url with dots between (RFC 7515 §7.1), found without copying.

/// Offsets of the parts of a compact JWS in its text.
struct CompactJWS {
    /// Longer tokens do not fit a header block anyway, and hashing them would be work for an attacker to ask for.
    static let maximumBytes = 16 * 1024

    let headerEnd: Int
    let payloadEnd: Int
    let end: Int

    /// Checks the size, the number of parts and that none is empty; the alphabet is checked by decoding.
    init(_ token: borrowing Span<UInt8>) throws(TokenRejection) {
        guard token.count <= Self.maximumBytes else { throw .tooLarge(bytes: token.count) }
        var first: Int?
        var second: Int?
        for index in 0..<token.count where token[index] == UInt8(ascii: ".") {
            if first == nil {
                first = index
            } else if second == nil {
                second = index
            } else {
                throw .notCompactJWS
            }
        }
        guard let first, let second, first > 0, second > first + 1, second + 1 < token.count else {
            throw .notCompactJWS
        }
        headerEnd = first
        payloadEnd = second
        end = token.count
    }

    var header: Range<Int> { 0..<headerEnd }
    var payload: Range<Int> { headerEnd + 1..<payloadEnd }
    var signature: Range<Int> { payloadEnd + 1..<end }
    /// What is signed (RFC 7515 §5.2 step 8).
    var signingInput: Range<Int> { 0..<payloadEnd }
}
