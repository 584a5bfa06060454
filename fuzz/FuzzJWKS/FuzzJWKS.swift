// Fuzzes the reader of key sets, whose bytes come from an issuer, a file or the configuration. Whatever is taken must be
// usable and within its limits, and a secret that was fetched is no key.

import JSON

@testable import Auth

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    if let fetched = try? KeySet(json: bytes, symmetricKeys: .refused) {
        check(fetched)
        precondition(fetched.keys.allSatisfy { !$0.isSymmetric }, "a fetched secret is a key")
    }
    if let inline = try? KeySet(json: bytes, symmetricKeys: .accepted) {
        check(inline)
        let secrets = inline.keys.count { $0.isSymmetric }
        precondition(secrets == 0 || secrets == inline.keys.count, "both kinds of keys in one set")
    }
    return 0
}

private func check(_ set: KeySet) {
    precondition(!set.keys.isEmpty && set.keys.count <= KeySet.maximumKeys)
    let names = set.keys.compactMap(\.id)
    precondition(Set(names.map { Array($0.utf8) }).count == names.count, "two keys of one name")
    for key in set.keys {
        precondition(!key.algorithms.isEmpty, "a key that can do nothing")
        for algorithm in key.algorithms {
            // A verifier can be made for all that the key allows, and says no to a signature that is none.
            guard let verifier = try? SignatureVerifier(key, algorithm) else { fatalError("no verifier") }
            let message: [UInt8] = [1, 2, 3]
            for length in [0, 1, 64, 96, 132, 256] {
                let signature = [UInt8](repeating: 0, count: length)
                precondition(!verifier.verify(message.span, signature: signature.span), "zeros are a signature")
            }
        }
    }
}
