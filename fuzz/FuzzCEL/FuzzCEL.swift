// Fuzzes the front of the expression language: lexer, parser, macros, checker. Whatever text comes, it ends in a tree or
// in errors that point into the text, within the limits.

import CEL

private let environment = Environment(
    variables: ["request": .map(key: .string, value: .dyn), "jwt": .dyn, "n": .int, "names": .list(.string)])

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let source = String(decoding: UnsafeBufferPointer(start: data, count: size), as: UTF8.self)
    do throws(CompileError) {
        let checked = try environment.check(source)
        precondition(checked.types.count == checked.ast.count, "a node without a type")
    } catch {
        precondition(!error.diagnostics.isEmpty, "refused without a reason")
        for finding in error.diagnostics {
            precondition(finding.range.start >= 0, "a place before the source")
            precondition(finding.range.end <= source.utf8.count, "a place behind the source")
        }
        // Rendering walks the source by those places.
        precondition(!error.description.isEmpty)
    }
    return 0
}
