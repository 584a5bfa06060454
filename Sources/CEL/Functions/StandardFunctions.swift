// The functions of the language definition that are no operators and no conversions.

extension FunctionLibrary {
    static let standard: [Function] = [
        Function("size", .either, 1) { a, _, scope in
            switch a[0].tag {
            case .string:
                return paid(a[0].run.count >> 4, scope) { .int(Text.count(a[0].run)) }
            case .bytes, .list, .map: return .int(Int(a[0].length))
            case .record: return .int(Int(a[0].asMap(scope).length))
            default: return noOverload
            }
        },
        Function("-_", .global, 1) { a, _, _ in Arithmetic.negate(a[0]) },
        Function("matches", .either, 2) { a, _, scope in
            guard a[0].tag == .string, a[1].tag == .string else { return noOverload }
            guard scope.spend(a[0].run.count >> 2 + a[1].run.count) else { return EvaluationScope.overBudget }
            return withRegex(a[1], scope) { .bool($0.matches(a[0].run)) }
        },
        Function("type", .global, 1) { a, _, _ in .type(a[0].typeName) },
        Function("dyn", .global, 1) { a, _, _ in a[0] },
    ]

    static func withRegex(_ pattern: Value, _ scope: EvaluationScope, _ body: (Regex) -> Value) -> Value {
        do throws(RegexError) {
            return body(try scope.state.pointee.regexes.takeUnretainedValue().regex(pattern.run))
        } catch {
            return scope.arena.error(.invalidArgument, error.message)
        }
    }

    static let timestampAccessors: [Function] =
        [
            accessor("getFullYear", duration: nil) { $0.date.year },
            accessor("getMonth", duration: nil) { $0.date.month - 1 },
            accessor("getDayOfYear", duration: nil) {
                $0.days - Calendar.days(year: $0.date.year, month: 1, day: 1)
            },
            accessor("getDayOfMonth", duration: nil) { $0.date.day - 1 },
            accessor("getDate", duration: nil) { $0.date.day },
            accessor("getDayOfWeek", duration: nil) { PosixTimeZone.weekdayOf($0.days) },
            accessor("getHours", duration: { $0 / 3_600_000_000_000 }) { $0.seconds / 3600 },
            accessor("getMinutes", duration: { $0 / 60_000_000_000 }) { $0.seconds / 60 % 60 },
            accessor("getSeconds", duration: { $0 / 1_000_000_000 }) { $0.seconds % 60 },
            accessor("getMilliseconds", duration: { $0 / 1_000_000 % 1000 }) { $0.nanoseconds / 1_000_000 },
        ]

    /// A timestamp on the clocks of a time zone.
    private struct Clock {
        let days: Int64
        /// Of the day.
        let seconds: Int64
        let nanoseconds: Int64
        var date: Calendar.Date { Calendar.date(days: days) }
    }

    private static func accessor(
        _ name: String, duration: (@Sendable (Int64) -> Int64)?, _ part: @escaping @Sendable (Clock) -> Int64
    ) -> Function {
        Function(name, .receiver, 1...2) { a, count, _ in
            if a[0].tag == .duration, count == 1, let duration { return .int(duration(a[0].asInt)) }
            guard a[0].tag == .timestamp else { return noOverload }
            var seconds = a[0].asInt
            if count == 2 {
                guard a[1].tag == .string else { return noOverload }
                switch TimeZones.offset(a[1].run, at: seconds) {
                case .offset(let offset): seconds += offset
                case .failure(let failure): return failure
                }
            }
            let days = Calendar.floorDivide(seconds, 86_400)
            return .int(part(Clock(days: days, seconds: seconds - days * 86_400, nanoseconds: Int64(a[0].length))))
        }
    }
}
