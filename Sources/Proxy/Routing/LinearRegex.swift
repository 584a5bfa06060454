// Regular expressions of routes: RE2, whose time is linear in the text whatever the pattern. The one place in this module
// that sees its C door.

import CRE2

/// A compiled pattern that must cover a whole text.
///
/// Invariant: `pointer` is set once, valid until `deinit`, and only read after `init`; RE2 objects may be matched from
/// several threads at the same time.
package final class LinearRegex: @unchecked Sendable {
    /// Of a compiled program and its caches, in bytes. RE2's own default; a pattern beyond it is an error at load.
    package static let maximumMemory: Int64 = 8 << 20

    package struct SyntaxError: Error {
        package var message: String
    }

    package let pattern: String
    private let pointer: OpaquePointer

    package init(_ pattern: String) throws(SyntaxError) {
        // The pattern alone first: what fails must not be made right, or be explained, by the anchors around it.
        try Self.check(pattern)
        self.pattern = pattern
        pointer = Self.compile("\\A(?:\(pattern))\\z")
        guard agentgw_re2_ok(pointer) else {
            let message = String(cString: agentgw_re2_error(pointer))
            agentgw_re2_free(pointer)
            throw SyntaxError(message: message)
        }
    }

    deinit {
        agentgw_re2_free(pointer)
    }

    package func matches(_ text: ByteView) -> Bool {
        agentgw_re2_match(pointer, text.base, text.count, 0, nil, 0)
    }

    package func matches(_ text: [UInt8]) -> Bool {
        text.withUnsafeBufferPointer { matches(ByteView($0)) }
    }

    private static func check(_ pattern: String) throws(SyntaxError) {
        let pointer = compile(pattern)
        defer { agentgw_re2_free(pointer) }
        guard agentgw_re2_ok(pointer) else { throw SyntaxError(message: String(cString: agentgw_re2_error(pointer))) }
    }

    private static func compile(_ pattern: String) -> OpaquePointer {
        var pattern = pattern
        return pattern.withUTF8 { agentgw_re2_new($0.baseAddress, $0.count, maximumMemory) }
    }
}
