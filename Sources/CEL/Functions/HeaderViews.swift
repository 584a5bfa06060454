// `headers.raw()`, `.join()`, `.split()`, `.redacted()` and `.cookie("…")`, as agentgateway's users write them: a header block
// whose fields are shown in another form. A view is a record over the block, so that a field is looked up when a rule asks
// for it, by its name in any letter case.
// Invariant: the block's value lives in the evaluation's arena, or where the host keeps it, for as long as the view.

package enum HeaderViews {
    /// How a field is shown.
    enum Form: Int, CaseIterable {
        /// A text, or a list of texts for a field that occurs several times.
        case plain
        /// One text, what occurs several times joined by commas (RFC 9110 §5.3).
        case joined
        /// A list of texts, one for each time.
        case raw
        /// A list of texts, cut at commas, without the blanks around them.
        case split
    }

    /// Header fields whose values are credentials.
    package static let credentials: Set<String> = [
        "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "api-key", "x-goog-api-key",
    ]

    static let placeholder: StaticString = "<redacted>"

    private static let layouts: [RecordLayout] = [false, true].flatMap { isRedacted in
        Form.allCases.map { form in
            RecordLayout(
                open: "headers", token: { _ in nil }, read: { _, _, _ in .absent },
                find: { name, object, scope in shown(field(name, block(object), scope), name, form, isRedacted, scope)
                },
                materialize: { object, scope in
                    var builder = MapBuilder(arena: scope.arena, capacity: 16)
                    let all = block(object).asMap(scope)
                    guard scope.spend(Int(all.length)) else { return EvaluationScope.overBudget }
                    for entry in all.entries where entry.key.tag == .string {
                        builder.append(entry.key, shown(entry.value, entry.key.run, form, isRedacted, scope))
                    }
                    return builder.finish()
                })
        }
    }

    private static func block(_ object: UnsafeRawPointer) -> Value { object.load(as: Value.self) }

    /// `value` seen in another form, or redacted as well as it is already; nil for what is no header block.
    static func view(of value: Value, form: Form?, redacting: Bool, _ scope: EvaluationScope) -> Value? {
        guard value.tag == .map || value.tag == .record else { return nil }
        var object = UnsafeRawPointer(scope.arena.box(value))
        var (shownForm, isRedacted) = (Form.plain, false)
        if value.tag == .record, let box = value.recordBox,
            let index = layouts.firstIndex(where: { $0 === box.pointee.type.takeUnretainedValue() })
        {
            object = box.pointee.object
            shownForm = Form(rawValue: index % Form.allCases.count) ?? .plain
            isRedacted = index >= Form.allCases.count
        }
        let index = (form ?? shownForm).rawValue + (redacting || isRedacted ? Form.allCases.count : 0)
        return scope.record(layouts[index], object)
    }

    // MARK: Fields

    /// The field of that name: the host's header block knows letter case; in a map the exact name comes first.
    private static func field(_ name: Bytes, _ block: Value, _ scope: EvaluationScope) -> Value {
        if block.tag == .record { return block.recordField(.string(name), scope) }
        let exact = block.member(.string(name))
        guard exact.tag == .absent else { return exact }
        guard scope.spend(Int(block.length)) else { return EvaluationScope.overBudget }
        for entry in block.entries where entry.key.tag == .string && Text.isSameIgnoringCase(entry.key.run, name) {
            return entry.value
        }
        return .absent
    }

    private static func shown(
        _ value: Value, _ name: Bytes, _ form: Form, _ isRedacted: Bool, _ scope: EvaluationScope
    ) -> Value {
        guard value.isKnown, value.tag != .absent else { return value }
        guard value.tag == .string || value.tag == .list, scope.spend(1 + value.weight) else {
            return value.tag == .string || value.tag == .list
                ? EvaluationScope.overBudget : .error(.noSuchOverload, "a header field is a text or a list of texts")
        }
        var parts = value.tag == .list ? Array(value.elements) : [value]
        for part in parts where part.tag != .string {
            return part.isKnown ? .error(.noSuchOverload, "a header field is a text or a list of texts") : part
        }
        if isRedacted, credentials.contains(where: { Text.isSameIgnoringCase($0.utf8, name) }) {
            parts = parts.map { _ in .string(placeholder) }
        }
        switch form {
        case .plain: return parts.count == 1 ? parts[0] : scope.arena.list(parts)
        case .raw: return scope.arena.list(parts)
        case .joined:
            guard parts.count != 1 else { return parts[0] }
            var out: [UInt8] = []
            for (position, part) in parts.enumerated() {
                if position > 0 { out.append(UInt8(ascii: ",")) }
                out.append(contentsOf: part.run)
                guard scope.spend(1 + part.weight) else { return EvaluationScope.overBudget }
            }
            return scope.arena.string(utf8: out)
        case .split:
            var out = ListBuilder(arena: scope.arena)
            for part in parts {
                guard scope.spend(1 + part.run.count) else { return EvaluationScope.overBudget }
                for piece in part.run.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                    out.append(.string(trimmed(piece)))
                }
            }
            return out.finish()
        }
    }

    /// Without optional white space (RFC 9110 §5.6.3).
    private static func trimmed(_ piece: Slice<Bytes>) -> Bytes {
        var piece = piece
        while let first = piece.first, first == 0x20 || first == 0x09 { piece = piece.dropFirst() }
        while let last = piece.last, last == 0x20 || last == 0x09 { piece = piece.dropLast() }
        return Bytes(rebasing: piece)
    }

    // MARK: Cookies

    /// The value of the first cookie of that name (RFC 6265 §5.4: HTTP/2 clients send several fields). A pair without a
    /// name or an equals sign is none.
    static func cookie(_ name: Value, in headers: Value, _ scope: EvaluationScope) -> Value {
        let field = StaticString("cookie").withUTF8Buffer { Self.field($0, headers, scope) }
        guard field.isKnown else { return field }
        let texts = field.tag == .absent ? [] : field.tag == .list ? Array(field.elements) : [field]
        for text in texts {
            guard text.tag == .string else {
                return text.isKnown ? .error(.noSuchOverload, "a header field is a text or a list of texts") : text
            }
            guard scope.spend(1 + text.run.count) else { return EvaluationScope.overBudget }
            for pair in text.run.split(separator: UInt8(ascii: ";")) {
                guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
                let found = trimmed(pair[..<equals])
                guard found.count > 0, found.elementsEqual(name.run) else { continue }
                return .string(trimmed(pair[(equals + 1)...]))
            }
        }
        return scope.arena.noSuchKey(name)
    }
}

extension FunctionLibrary {
    static let headerViews: [Function] = [
        view("raw", .raw), view("split", .split), view("redacted", nil),
        Function("cookie", .receiver, 2) { a, _, scope in
            guard a[0].tag == .map || a[0].tag == .record, a[1].tag == .string else { return noOverload }
            guard let plain = HeaderViews.view(of: a[0], form: .plain, redacting: false, scope) else {
                return noOverload
            }
            return HeaderViews.cookie(a[1], in: plain, scope)
        },
    ]

    private static func view(_ name: String, _ form: HeaderViews.Form?) -> Function {
        Function(name, .receiver, 1) { a, _, scope in
            HeaderViews.view(of: a[0], form: form, redacting: form == nil, scope) ?? noOverload
        }
    }
}
