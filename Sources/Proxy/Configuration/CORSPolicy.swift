// `cors`: which web pages may read our answers (Fetch standard, "CORS protocol").

import Auth

package struct CORSPolicy: Sendable {
    package var allowOrigins: [OriginPattern]
    package var allowHeaders: NameList
    package var allowMethods: NameList
    package var exposeHeaders: [String]
    package var allowCredentials: Bool
    package var maxAge: Duration?
    package var position: FilePosition

    package init(
        allowOrigins: [OriginPattern] = [], allowHeaders: NameList = .names([]), allowMethods: NameList = .names([]),
        exposeHeaders: [String] = [], allowCredentials: Bool = false, maxAge: Duration? = nil,
        position: FilePosition = .none
    ) {
        self.allowOrigins = allowOrigins
        self.allowHeaders = allowHeaders
        self.allowMethods = allowMethods
        self.exposeHeaders = exposeHeaders
        self.allowCredentials = allowCredentials
        self.maxAge = maxAge
        self.position = position
    }

    package enum NameList: Hashable, Sendable {
        /// `*`: whatever was asked for.
        case any
        case names([String])
    }
}

/// An entry of `allowOrigins`.
package enum OriginPattern: Hashable, Sendable {
    case any
    /// `scheme://host[:port]`, lowercase.
    case exact(String)
    /// `scheme://*.host[:port]`: what stands before and after the `*`, which takes one or more host labels.
    case wildcard(before: String, after: String)

    /// - Parameter origin: the value of `Origin`, lowercase.
    package func matches(_ origin: String) -> Bool {
        switch self {
        case .any: return true
        case .exact(let text): return text == origin
        case .wildcard(let before, let after):
            guard origin.utf8.count > before.utf8.count + after.utf8.count, origin.hasPrefix(before),
                origin.hasSuffix(after)
            else { return false }
            let labels = origin.utf8.dropFirst(before.utf8.count).dropLast(after.utf8.count)
            return labels.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                    UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
        }
    }
}
