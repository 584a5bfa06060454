// `+ - * / %` and the unary minus: no implicit conversions, overflow is an error (language definition, "Arithmetic").

enum Arithmetic {
    private static var overflow: Value { .error(.overflow, "integer overflow") }
    private static func noOverload(_ what: StaticString) -> Value { .error(.noSuchOverload, what) }

    static func add(_ a: Value, _ b: Value, _ scope: EvaluationScope) -> Value {
        switch (a.tag, b.tag) {
        case (.int, .int):
            let (sum, over) = a.asInt.addingReportingOverflow(b.asInt)
            return over ? overflow : .int(sum)
        case (.uint, .uint):
            let (sum, over) = a.asUInt.addingReportingOverflow(b.asUInt)
            return over ? overflow : .uint(sum)
        case (.double, .double): return .double(a.asDouble + b.asDouble)
        case (.string, .string), (.bytes, .bytes): return concatenate(a, b, scope)
        case (.list, .list):
            if a.length == 0 { return b }
            if b.length == 0 { return a }
            let count = Int(a.length) + Int(b.length)
            if !scope.spend(count) { return EvaluationScope.overBudget }
            let values = scope.arena.values(count)
            for (i, value) in a.elements.enumerated() { values[i] = value }
            for (i, value) in b.elements.enumerated() { values[Int(a.length) + i] = value }
            return .list(UnsafeBufferPointer(start: values, count: count))
        case (.duration, .duration):
            let (sum, over) = a.asInt.addingReportingOverflow(b.asInt)
            return over ? .error(.overflow, "duration out of range") : .duration(sum)
        case (.timestamp, .duration): return Timestamps.add(a, b.asInt)
        case (.duration, .timestamp): return Timestamps.add(b, a.asInt)
        default: return noOverload("'+' is not defined for these types")
        }
    }

    private static func concatenate(_ a: Value, _ b: Value, _ scope: EvaluationScope) -> Value {
        if a.length == 0 { return b }
        if b.length == 0 { return a }
        let (x, y) = (a.run, b.run)
        let count = x.count + y.count
        if !scope.spend(1 + count >> 3) { return EvaluationScope.overBudget }
        guard count <= Int(UInt32.max), let from = x.baseAddress, let then = y.baseAddress else { return overflow }
        let bytes = scope.arena.bytes(count)
        bytes.update(from: from, count: x.count)
        (bytes + x.count).update(from: then, count: y.count)
        let run = Bytes(start: bytes, count: count)
        return a.tag == .string ? .string(run) : .bytes(run)
    }

    static func subtract(_ a: Value, _ b: Value) -> Value {
        switch (a.tag, b.tag) {
        case (.int, .int):
            let (difference, over) = a.asInt.subtractingReportingOverflow(b.asInt)
            return over ? overflow : .int(difference)
        case (.uint, .uint):
            let (difference, over) = a.asUInt.subtractingReportingOverflow(b.asUInt)
            return over ? overflow : .uint(difference)
        case (.double, .double): return .double(a.asDouble - b.asDouble)
        case (.duration, .duration):
            let (difference, over) = a.asInt.subtractingReportingOverflow(b.asInt)
            return over ? .error(.overflow, "duration out of range") : .duration(difference)
        case (.timestamp, .duration):
            let (negated, over) = Int64(0).subtractingReportingOverflow(b.asInt)
            return over ? .error(.overflow, "timestamp out of range") : Timestamps.add(a, negated)
        case (.timestamp, .timestamp): return Timestamps.difference(a, b)
        default: return noOverload("'-' is not defined for these types")
        }
    }

    static func multiply(_ a: Value, _ b: Value) -> Value {
        switch (a.tag, b.tag) {
        case (.int, .int):
            let (product, over) = a.asInt.multipliedReportingOverflow(by: b.asInt)
            return over ? overflow : .int(product)
        case (.uint, .uint):
            let (product, over) = a.asUInt.multipliedReportingOverflow(by: b.asUInt)
            return over ? overflow : .uint(product)
        case (.double, .double): return .double(a.asDouble * b.asDouble)
        default: return noOverload("'*' is not defined for these types")
        }
    }

    static func divide(_ a: Value, _ b: Value) -> Value {
        switch (a.tag, b.tag) {
        case (.int, .int):
            if b.asInt == 0 { return .error(.divideByZero, "division by zero") }
            let (quotient, over) = a.asInt.dividedReportingOverflow(by: b.asInt)
            return over ? overflow : .int(quotient)
        case (.uint, .uint):
            return b.asUInt == 0 ? .error(.divideByZero, "division by zero") : .uint(a.asUInt / b.asUInt)
        case (.double, .double): return .double(a.asDouble / b.asDouble)
        default: return noOverload("'/' is not defined for these types")
        }
    }

    static func modulo(_ a: Value, _ b: Value) -> Value {
        switch (a.tag, b.tag) {
        case (.int, .int):
            if b.asInt == 0 { return .error(.divideByZero, "modulus by zero") }
            let (remainder, over) = a.asInt.remainderReportingOverflow(dividingBy: b.asInt)
            return over ? overflow : .int(remainder)
        case (.uint, .uint):
            return b.asUInt == 0 ? .error(.divideByZero, "modulus by zero") : .uint(a.asUInt % b.asUInt)
        default: return noOverload("'%' is not defined for these types")
        }
    }

    static func negate(_ a: Value) -> Value {
        switch a.tag {
        case .int: return a.asInt == .min ? overflow : .int(-a.asInt)
        case .double: return .double(-a.asDouble)
        default: return noOverload("'-' is not defined for this type")
        }
    }
}
