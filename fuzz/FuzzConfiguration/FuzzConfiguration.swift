// Fuzzes the reading of configurations: YAML events, tree, expansion of variables, decoder. Whatever bytes come, they end
// in a configuration or in errors with a place inside the file.

import Auth
import Proxy

private let loader = ConfigurationLoader(
    environment: Environment(["KEY": "value", "PORT": "3000", "EMPTY": "", "TEXT": "a: b\n- c"]),
    // A configuration under test reads no file of this machine.
    files: FileReader { _, _ in .failure(FileReader.Failure(message: "no files here")) })

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    do throws(ConfigurationError) {
        _ = try loader.load(file: "fuzz.yaml", bytes: bytes)
    } catch {
        precondition(!error.diagnostics.isEmpty, "refused without a reason")
        let lines = bytes.count { $0 == 0x0a || $0 == 0x0d } + 1
        for finding in error.diagnostics {
            // U+0085 and the separators U+2028/9 end lines too, in two and three bytes.
            precondition((1...max(lines, bytes.count + 1)).contains(finding.position.line), "a place outside the file")
            precondition(finding.position.column >= 1)
        }
        precondition(!"\(error)".isEmpty)
    }
    return 0
}
