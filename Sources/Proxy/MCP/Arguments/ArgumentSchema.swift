// Checks arguments of `tools/call` against the tool's input schema (`validateArguments`). A subset of JSON Schema 2020-12:
// what is not checked is refused, so that a call that passes is known to fit the schema.
//
// Checked: type, enum, const, properties, required, additionalProperties, patternProperties, propertyNames,
// min/maxProperties, dependentRequired, items, prefixItems, contains with min/maxContains, min/maxItems, uniqueItems,
// min/maxLength, pattern (RE2's syntax), minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, allOf, anyOf,
// oneOf, not, if/then/else, dependentSchemas, and $ref into the same schema. `format` and the other annotations say
// nothing, as in the specification. Refused: $dynamicRef, unevaluatedItems, unevaluatedProperties, $ref elsewhere.

import CEL
import JSON

struct ArgumentSchema {
    /// Why arguments do not fit, or why that cannot be told.
    struct Finding: Error, CustomStringConvertible {
        /// JSON Pointer into the arguments.
        var place: String
        var reason: String

        var description: String { "\(place.isEmpty ? "arguments" : place) \(reason)" }
    }

    /// Visits of a schema for one call: combinations of `anyOf` and `$ref` must not keep the loop busy.
    static let maximumSteps = 20_000
    private static let maximumDepth = 128

    private static let refused: [StaticString] = [
        "$dynamicRef", "$recursiveRef", "unevaluatedItems", "unevaluatedProperties",
    ]

    private let root: JSONValue
    private var steps = 0
    private var depth = 0
    private var patterns: [String: TextPattern] = [:]

    private init(_ root: JSONValue) { self.root = root }

    /// - Parameter arguments: nil: none were sent, which is an empty object.
    static func check(_ arguments: JSONValue?, against schema: JSONValue) throws(Finding) {
        var checker = ArgumentSchema(schema)
        let value: JSONValue
        if let arguments {
            value = arguments
        } else {
            guard let empty = try? JSONDocument(parsing: Array("{}".utf8)).root else { return }
            value = empty
        }
        try checker.check(value, schema, "")
    }

    private func fits(_ value: JSONValue, _ schema: JSONValue, _ steps: inout Int) throws(Finding) -> Bool {
        var inner = self
        inner.steps = steps
        defer { steps = inner.steps }
        do throws(Finding) {
            try inner.check(value, schema, "")
            return true
        } catch {
            // What cannot be told is no mismatch: `not` and `oneOf` would turn it into a match.
            if error.place == ArgumentSchema.unknown { throw error }
            return false
        }
    }

    /// The place of a finding about the schema itself.
    private static let unknown = "the tool's input schema"

    private func cannotTell(_ reason: String) -> Finding { Finding(place: ArgumentSchema.unknown, reason: reason) }

    private mutating func check(_ value: JSONValue, _ schema: JSONValue, _ place: String) throws(Finding) {
        steps += 1
        guard steps <= ArgumentSchema.maximumSteps else { throw cannotTell("takes too long to check") }
        depth += 1
        defer { depth -= 1 }
        guard depth <= ArgumentSchema.maximumDepth else { throw cannotTell("is nested too deeply") }
        if let always = schema.bool {
            if !always { throw Finding(place: place, reason: "is not allowed") }
            return
        }
        guard schema.kind == .object else { throw cannotTell("has a part that is neither an object nor a boolean") }
        for keyword in ArgumentSchema.refused where schema[keyword] != nil {
            throw cannotTell("uses '\(keyword)', which is not checked")
        }
        if let reference = schema["$ref" as StaticString] {
            try check(value, try resolve(reference), place)
        }
        try checkType(value, schema, place)
        if let allowed = schema["enum" as StaticString],
            !allowed.elements.contains(where: { JSONEquality.equal($0, value) })
        {
            throw Finding(place: place, reason: "is not one of the allowed values")
        }
        if let only = schema["const" as StaticString], !JSONEquality.equal(only, value) {
            throw Finding(place: place, reason: "is not the allowed value")
        }
        switch value.kind {
        case .object: try checkObject(value, schema, place)
        case .array: try checkArray(value, schema, place)
        case .string: try checkString(value, schema, place)
        case .number: try checkNumber(value, schema, place)
        default: break
        }
        try checkCombinations(value, schema, place)
    }

    /// `#`, `#/$defs/name`, or another JSON Pointer into the schema.
    private func resolve(_ reference: JSONValue) throws(Finding) -> JSONValue {
        guard let text = reference.string, text.hasPrefix("#") else {
            throw cannotTell("refers to another document, which is not read")
        }
        var place = root
        for part in text.dropFirst().split(separator: "/", omittingEmptySubsequences: true) {
            let name = String(part).replacing("~1", with: "/").replacing("~0", with: "~")
            if let member = place[name] {
                place = member
            } else if let index = Int(name), place.kind == .array, index >= 0, index < place.count {
                guard let element = place.elements.dropFirst(index).first(where: { _ in true }) else { break }
                place = element
            } else {
                throw cannotTell("refers to a part that is not there")
            }
        }
        return place
    }

    private func checkType(_ value: JSONValue, _ schema: JSONValue, _ place: String) throws(Finding) {
        guard let type = schema["type" as StaticString] else { return }
        let names = type.kind == .array ? type.elements.compactMap(\.string) : [type.string].compactMap { $0 }
        guard !names.isEmpty else { throw cannotTell("has a 'type' that is no type") }
        for name in names {
            let fits: Bool
            switch name {
            case "object": fits = value.kind == .object
            case "array": fits = value.kind == .array
            case "string": fits = value.kind == .string
            case "number": fits = value.kind == .number
            case "integer": fits = JSONEquality.isInteger(value)
            case "boolean": fits = value.bool != nil
            case "null": fits = value.isNull
            default: throw cannotTell("has the unknown type '\(name.prefix(32))'")
            }
            if fits { return }
        }
        throw Finding(place: place, reason: "must be of type \(names.joined(separator: " or "))")
    }

    // MARK: Objects

    private mutating func checkObject(_ value: JSONValue, _ schema: JSONValue, _ place: String) throws(Finding) {
        for name in schema["required" as StaticString]?.elements.map({ $0 }) ?? [] {
            guard let text = name.string else { throw cannotTell("requires something that is no name") }
            if value[text] == nil { throw Finding(place: place, reason: "must have '\(text.prefix(64))'") }
        }
        try checkCount(value.count, schema, "minProperties", "maxProperties", place, "members")
        let properties = schema["properties" as StaticString]
        let byPattern = schema["patternProperties" as StaticString]
        let others = schema["additionalProperties" as StaticString]
        let names = schema["propertyNames" as StaticString]
        for (name, member) in value.members {
            guard let text = name.string else { continue }
            let inner = "\(place)/\(text.prefix(64).replacing("~", with: "~0").replacing("/", with: "~1"))"
            if let names { try check(name, names, inner) }
            var isKnown = false
            if let property = properties?[text] {
                isKnown = true
                try check(member, property, inner)
            }
            if let byPattern {
                for (pattern, property) in byPattern.members where try matches(name, pattern) {
                    isKnown = true
                    try check(member, property, inner)
                }
            }
            if !isKnown, let others { try check(member, others, inner) }
        }
        for (name, needed) in schema["dependentRequired" as StaticString]?.members.map({ $0 }) ?? [] {
            guard let name = name.string, value[name] != nil else { continue }
            for other in needed.elements.compactMap(\.string) where value[other] == nil {
                throw Finding(place: place, reason: "must have '\(other.prefix(64))' beside '\(name.prefix(64))'")
            }
        }
        for (name, inner) in schema["dependentSchemas" as StaticString]?.members.map({ $0 }) ?? [] {
            if let name = name.string, value[name] != nil { try check(value, inner, place) }
        }
    }

    // MARK: Arrays

    private mutating func checkArray(_ value: JSONValue, _ schema: JSONValue, _ place: String) throws(Finding) {
        try checkCount(value.count, schema, "minItems", "maxItems", place, "elements")
        let first = schema["prefixItems" as StaticString]?.elements.map { $0 } ?? []
        let rest = schema["items" as StaticString]
        guard rest?.kind != .array else { throw cannotTell("uses a list of 'items', which is not checked") }
        let contained = schema["contains" as StaticString]
        var found = 0
        var seen: [JSONValue] = []
        let isSet = schema["uniqueItems" as StaticString]?.bool == true
        for (index, element) in value.elements.enumerated() {
            if index < first.count {
                try check(element, first[index], "\(place)/\(index)")
            } else if let rest {
                try check(element, rest, "\(place)/\(index)")
            }
            if let contained, try fits(element, contained, &steps) { found += 1 }
            if isSet {
                steps += seen.count
                guard steps <= ArgumentSchema.maximumSteps else { throw cannotTell("takes too long to check") }
                if seen.contains(where: { JSONEquality.equal($0, element) }) {
                    throw Finding(place: place, reason: "must not have the same element twice")
                }
                seen.append(element)
            }
        }
        guard contained != nil else { return }
        let least = schema["minContains" as StaticString]?.int64 ?? 1
        if Int64(found) < least || Int64(found) > schema["maxContains" as StaticString]?.int64 ?? .max {
            throw Finding(place: place, reason: "does not have the elements that it must contain")
        }
    }

    // MARK: Strings and numbers

    private mutating func checkString(_ value: JSONValue, _ schema: JSONValue, _ place: String) throws(Finding) {
        if schema["minLength" as StaticString] != nil || schema["maxLength" as StaticString] != nil {
            let length = value.withUTF8 { $0.count { $0 & 0xc0 != 0x80 } } ?? 0
            try checkCount(length, schema, "minLength", "maxLength", place, "characters")
        }
        if let pattern = schema["pattern" as StaticString], try !matches(value, pattern) {
            throw Finding(place: place, reason: "does not match the pattern")
        }
    }

    private mutating func matches(_ text: JSONValue, _ pattern: JSONValue) throws(Finding) -> Bool {
        guard let source = pattern.string else { throw cannotTell("has a pattern that is no text") }
        if patterns[source] == nil { patterns[source] = TextPattern(source) }
        guard let compiled = patterns[source] else { throw cannotTell("has a pattern that cannot be compiled") }
        return text.withUTF8 { compiled.occurs(in: $0) } ?? false
    }

    private func checkNumber(_ value: JSONValue, _ schema: JSONValue, _ place: String) throws(Finding) {
        func bound(_ name: StaticString) throws(Finding) -> JSONValue? {
            guard let bound = schema[name] else { return nil }
            guard bound.kind == .number else { throw cannotTell("has a '\(name)' that is no number") }
            return bound
        }
        if let least = try bound("minimum"), JSONEquality.isLess(value, least) {
            throw Finding(place: place, reason: "is too small")
        }
        if let most = try bound("maximum"), JSONEquality.isLess(most, value) {
            throw Finding(place: place, reason: "is too large")
        }
        if let least = try bound("exclusiveMinimum"), !JSONEquality.isLess(least, value) {
            throw Finding(place: place, reason: "is too small")
        }
        if let most = try bound("exclusiveMaximum"), !JSONEquality.isLess(value, most) {
            throw Finding(place: place, reason: "is too large")
        }
        if let step = try bound("multipleOf") {
            let fits: Bool
            if let value = value.int64, let step = step.int64, step > 0 {
                fits = value % step == 0
            } else if let value = value.double, let step = step.double, step > 0 {
                fits = (value / step).rounded() == value / step
            } else {
                throw cannotTell("has a 'multipleOf' that is not above 0")
            }
            if !fits { throw Finding(place: place, reason: "is not a multiple of the step") }
        }
    }

    private func checkCount(
        _ count: Int, _ schema: JSONValue, _ least: StaticString, _ most: StaticString, _ place: String, _ what: String
    ) throws(Finding) {
        for (name, isLeast) in [(least, true), (most, false)] {
            guard let bound = schema[name] else { continue }
            guard let limit = bound.double else { throw cannotTell("has a '\(name)' that is no number") }
            if isLeast ? Double(count) < limit : Double(count) > limit {
                throw Finding(place: place, reason: "has too \(isLeast ? "few" : "many") \(what)")
            }
        }
    }

    // MARK: Combinations

    private mutating func checkCombinations(_ value: JSONValue, _ schema: JSONValue, _ place: String) throws(Finding) {
        for part in schema["allOf" as StaticString]?.elements.map({ $0 }) ?? [] { try check(value, part, place) }
        if let parts = schema["anyOf" as StaticString] {
            var fitting = false
            for part in parts.elements where try fits(value, part, &steps) {
                fitting = true
                break
            }
            if !fitting { throw Finding(place: place, reason: "fits none of the alternatives") }
        }
        if let parts = schema["oneOf" as StaticString] {
            var count = 0
            for part in parts.elements where try fits(value, part, &steps) { count += 1 }
            if count != 1 {
                throw Finding(
                    place: place, reason: count == 0 ? "fits none of the alternatives" : "fits several alternatives")
            }
        }
        if let part = schema["not" as StaticString], try fits(value, part, &steps) {
            throw Finding(place: place, reason: "is what it must not be")
        }
        if let condition = schema["if" as StaticString] {
            let holds = try fits(value, condition, &steps)
            if let part = holds ? schema["then" as StaticString] : schema["else" as StaticString] {
                try check(value, part, place)
            }
        }
    }
}

/// JSON values compared as JSON Schema does: numbers by value, objects without order.
enum JSONEquality {
    static func equal(_ a: JSONValue, _ b: JSONValue) -> Bool {
        guard a.kind == b.kind else { return false }
        switch a.kind {
        case .null: return true
        case .string: return a.rawBytes.elementsEqual(b.rawBytes)
        case .number:
            if let a = a.int64, let b = b.int64 { return a == b }
            if let a = a.uint64, let b = b.uint64 { return a == b }
            return a.double == b.double
        case .array:
            return a.count == b.count && zip(a.elements, b.elements).allSatisfy { equal($0, $1) }
        case .object:
            guard a.count == b.count else { return false }
            for (name, value) in a.members {
                guard let other = b.member(named: name.rawBytes), equal(value, other) else { return false }
            }
            return true
        default: return a.bool != nil && a.bool == b.bool
        }
    }

    /// Integral by value: 1.0 is an integer (2020-12, §4.2.3 of the validation vocabulary's types).
    static func isInteger(_ value: JSONValue) -> Bool {
        guard value.kind == .number else { return false }
        if value.isIntegral { return true }
        guard let number = value.double else { return false }
        return number.isFinite && number.rounded() == number
    }

    static func isLess(_ a: JSONValue, _ b: JSONValue) -> Bool {
        if let a = a.int64, let b = b.int64 { return a < b }
        guard let a = a.double, let b = b.double else { return false }
        return a < b
    }
}
