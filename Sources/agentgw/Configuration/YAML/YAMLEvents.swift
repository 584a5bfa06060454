// The door to libyaml: its event stream as Swift values. Nothing of the C library leaves this file.

import CYAML

/// One step of the document's syntax.
struct YAMLEvent {
    enum Kind {
        case streamEnd
        case documentStart, documentEnd
        case alias(String)
        case scalar(text: String, style: YAMLScalar.Style)
        case sequenceStart, sequenceEnd
        case mappingStart, mappingEnd
    }

    var kind: Kind
    var anchor: String?
    /// As resolved: `tag:yaml.org,2002:str`, `!`, …; nil: none written.
    var tag: String?
    /// Bytes of the source.
    var range: Range<Int>
}

/// What libyaml could not read.
struct YAMLSyntaxError: Error {
    var message: String
    var offset: Int
}

/// Owns a libyaml parser over a text.
///
/// Invariant: `input` is a copy that lives as long as the parser, which borrows it from `init` to `deinit`; the parser is
/// not copied or moved after `yaml_parser_initialize` (it is on the heap).
struct YAMLEvents: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>
    private let source: YAMLSource

    /// nil: no memory.
    init?(_ source: YAMLSource) {
        self.source = source
        parser = .allocate(capacity: 1)
        input = .allocate(capacity: source.bytes.count)
        _ = input.initialize(from: source.bytes)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            input.deallocate()
            return nil
        }
        // Stated, not detected: a UTF-16 file is an error, not a surprise.
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        input.deallocate()
    }

    mutating func next() throws(YAMLSyntaxError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
        defer { yaml_event_delete(&event) }
        let range = offset(event.start_mark)..<max(offset(event.start_mark), offset(event.end_mark))
        switch event.type {
        case YAML_STREAM_START_EVENT: return try next()
        case YAML_DOCUMENT_START_EVENT: return YAMLEvent(kind: .documentStart, range: range)
        case YAML_DOCUMENT_END_EVENT: return YAMLEvent(kind: .documentEnd, range: range)
        case YAML_ALIAS_EVENT:
            return YAMLEvent(kind: .alias(string(event.data.alias.anchor) ?? ""), range: range)
        case YAML_SCALAR_EVENT:
            let data = event.data.scalar
            let text = String(decoding: UnsafeBufferPointer(start: data.value, count: data.length), as: UTF8.self)
            return YAMLEvent(
                kind: .scalar(text: text, style: style(data.style)), anchor: string(data.anchor), tag: string(data.tag),
                range: range)
        case YAML_SEQUENCE_START_EVENT:
            let data = event.data.sequence_start
            return YAMLEvent(
                kind: .sequenceStart, anchor: string(data.anchor), tag: string(data.tag), range: range)
        case YAML_SEQUENCE_END_EVENT: return YAMLEvent(kind: .sequenceEnd, range: range)
        case YAML_MAPPING_START_EVENT:
            let data = event.data.mapping_start
            return YAMLEvent(kind: .mappingStart, anchor: string(data.anchor), tag: string(data.tag), range: range)
        case YAML_MAPPING_END_EVENT: return YAMLEvent(kind: .mappingEnd, range: range)
        // YAML_STREAM_END_EVENT, and YAML_NO_EVENT, which libyaml gives after it.
        default: return YAMLEvent(kind: .streamEnd, range: range)
        }
    }

    private func style(_ style: yaml_scalar_style_t) -> YAMLScalar.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: .literal
        case YAML_FOLDED_SCALAR_STYLE: .folded
        default: .plain
        }
    }

    private func string(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        text.map { String(cString: $0) }
    }

    private func offset(_ mark: yaml_mark_t) -> Int {
        source.offset(ofCodePoint: Int(mark.index))
    }

    private func syntaxError() -> YAMLSyntaxError {
        let pointee = parser.pointee
        let problem = pointee.problem.map { String(cString: $0) } ?? "not enough memory"
        let context = pointee.context.map { " (\(String(cString: $0)))" } ?? ""
        switch pointee.error {
        case YAML_READER_ERROR:
            // The reader knows a byte offset, and no mark.
            return YAMLSyntaxError(message: "not UTF-8 text: \(problem)", offset: Int(pointee.problem_offset))
        default:
            return YAMLSyntaxError(message: "YAML: \(problem)\(context)", offset: offset(pointee.problem_mark))
        }
    }
}
