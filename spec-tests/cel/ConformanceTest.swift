// One test of the specification's conformance suite (simple.proto, SimpleTest), read from its text form.

@testable import CEL

#if canImport(Glibc)
import Glibc
#endif

struct ConformanceTest {
    enum Expectation {
        case value(TextProto)
        case anyError
        /// Only the type, or the type and the value.
        case type(TextProto, value: TextProto?)
    }

    var file: String
    var section: String
    var name: String
    var expression: String
    var disableCheck: Bool
    var checkOnly: Bool
    var container: String
    var declarations: [TextProto]
    var bindings: [(name: String, value: TextProto)]
    var expectation: Expectation
    /// The test is about values of protobuf messages or enums, which need their descriptors.
    var needsMessages: Bool

    var title: String { "\(file)/\(section)/\(name)" }

    init(_ test: TextProto, file: String, section: String) {
        self.file = file
        self.section = section
        name = test.string("name") ?? ""
        expression = test.string("expr") ?? ""
        disableCheck = test.bool("disable_check")
        checkOnly = test.bool("check_only")
        container = test.string("container") ?? ""
        declarations = test.messages("type_env")
        bindings = test.messages("bindings").map { binding in
            (binding.string("key") ?? "", binding.message("value")?.message("value") ?? TextProto())
        }
        if let typed = test.message("typed_result") {
            expectation = .type(typed.message("deduced_type") ?? TextProto(), value: typed.message("result"))
        } else if test.message("eval_error") != nil {
            expectation = .anyError
        } else if let value = test.message("value") {
            expectation = .value(value)
        } else {
            // simple.proto: a test that names no result expects true.
            var yes = TextProto()
            yes.fields.append(("bool_value", .scalar("true")))
            expectation = .value(yes)
        }
        needsMessages = ConformanceTest.needsMessages(test)
    }

    /// By what a test says, never by its name: types and enums of the suite's own packages, message values, and
    /// google.protobuf messages but for the timestamps and durations that are types of the language.
    private static func needsMessages(_ test: TextProto) -> Bool {
        test.contains { field, value in
            if field == "object_value" { return true }
            guard case .quoted(let bytes) = value, field != "description" else { return false }
            let text = String(decoding: bytes, as: UTF8.self)
            if field == "container", text == "google.protobuf" { return true }
            let marks = ["TestAllTypes", "cel.expr.conformance", "NestedEnum", "GlobalEnum", "TestRequired"]
            return marks.contains { text.contains($0) } || mentionsMessage(text)
        }
    }

    private static func mentionsMessage(_ text: String) -> Bool {
        let prefix = "google.protobuf."
        var rest = text[...]
        while let at = rest.firstRange(of: prefix) {
            rest = rest[at.upperBound...]
            let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
            let isConstructed = rest.dropFirst(name.count).first == "{"
            if name != "Timestamp" && name != "Duration" || isConstructed { return true }
        }
        return false
    }
}

/// The files of the suite.
enum ConformanceSuite {
    /// `CEL_SPEC_DIR`, or `../shared/cel-spec` beside the checkout.
    static let directory: String = {
        if let path = getenv("CEL_SPEC_DIR") { return String(cString: path) }
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(root)/../shared/cel-spec"
    }()

    static let files = [
        "basic", "bindings_ext", "block_ext", "comparisons", "conversions", "dynamic", "encoders_ext", "enums",
        "fields", "fp_math", "integer_math", "lists", "logic", "macros", "macros2", "math_ext", "namespace",
        "network_ext", "optionals", "parse", "plumbing", "proto2", "proto2_ext", "proto3", "string", "string_ext",
        "timestamps", "type_deduction", "unknowns", "wrappers",
    ]

    static var isPresent: Bool { access(directory + "/basic.textproto", R_OK) == 0 }

    struct Unreadable: Error { var file: String }

    static func tests(in file: String) throws -> [ConformanceTest] {
        let root = try TextProto(parsing: try read("\(directory)/\(file).textproto"))
        return root.messages("section").flatMap { section in
            section.messages("test").map {
                ConformanceTest($0, file: file, section: section.string("name") ?? "")
            }
        }
    }

    static func read(_ path: String) throws -> [UInt8] {
        guard let stream = fopen(path, "r") else { throw Unreadable(file: path) }
        defer { fclose(stream) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, stream)
            if count == 0 { return result }
            result.append(contentsOf: buffer[..<count])
        }
    }
}
