// The standard definitions of the language (language definition, "List of Standard Definitions"), as signatures.

enum StandardDeclarations {
    static let signatures = Signatures(
        """
        _?_:_(bool, A, A) -> A
        _&&_(bool, bool) -> bool
        _||_(bool, bool) -> bool
        !_(bool) -> bool
        @not_strictly_false(bool) -> bool
        _==_(A, A) -> bool
        _!=_(A, A) -> bool
        _+_(int, int) -> int
        _+_(uint, uint) -> uint
        _+_(double, double) -> double
        _+_(string, string) -> string
        _+_(bytes, bytes) -> bytes
        _+_(list(A), list(A)) -> list(A)
        _+_(timestamp, duration) -> timestamp
        _+_(duration, timestamp) -> timestamp
        _+_(duration, duration) -> duration
        _-_(int, int) -> int
        _-_(uint, uint) -> uint
        _-_(double, double) -> double
        _-_(timestamp, timestamp) -> duration
        _-_(timestamp, duration) -> timestamp
        _-_(duration, duration) -> duration
        _*_(int, int) -> int
        _*_(uint, uint) -> uint
        _*_(double, double) -> double
        _/_(int, int) -> int
        _/_(uint, uint) -> uint
        _/_(double, double) -> double
        _%_(int, int) -> int
        _%_(uint, uint) -> uint
        -_(int) -> int
        -_(double) -> double
        _[_](list(A), int) -> A
        _[_](map(A, B), A) -> B
        @in(A, list(A)) -> bool
        @in(A, map(A, B)) -> bool
        size(string) -> int
        size(bytes) -> int
        size(list(A)) -> int
        size(map(A, B)) -> int
        <string>.size() -> int
        <bytes>.size() -> int
        <list(A)>.size() -> int
        <map(A, B)>.size() -> int
        type(A) -> type(A)
        dyn(A) -> dyn
        bool(bool) -> bool
        bool(string) -> bool
        int(int) -> int
        int(uint) -> int
        int(double) -> int
        int(string) -> int
        int(timestamp) -> int
        uint(uint) -> uint
        uint(int) -> uint
        uint(double) -> uint
        uint(string) -> uint
        double(double) -> double
        double(int) -> double
        double(uint) -> double
        double(string) -> double
        string(string) -> string
        string(bool) -> string
        string(int) -> string
        string(uint) -> string
        string(double) -> string
        string(bytes) -> string
        string(timestamp) -> string
        string(duration) -> string
        bytes(bytes) -> bytes
        bytes(string) -> bytes
        timestamp(timestamp) -> timestamp
        timestamp(string) -> timestamp
        timestamp(int) -> timestamp
        duration(duration) -> duration
        duration(string) -> duration
        <string>.contains(string) -> bool
        <string>.startsWith(string) -> bool
        <string>.endsWith(string) -> bool
        <string>.matches(string) -> bool
        matches(string, string) -> bool
        <timestamp>.getFullYear() -> int
        <timestamp>.getFullYear(string) -> int
        <timestamp>.getMonth() -> int
        <timestamp>.getMonth(string) -> int
        <timestamp>.getDayOfYear() -> int
        <timestamp>.getDayOfYear(string) -> int
        <timestamp>.getDayOfMonth() -> int
        <timestamp>.getDayOfMonth(string) -> int
        <timestamp>.getDate() -> int
        <timestamp>.getDate(string) -> int
        <timestamp>.getDayOfWeek() -> int
        <timestamp>.getDayOfWeek(string) -> int
        <timestamp>.getHours() -> int
        <timestamp>.getHours(string) -> int
        <timestamp>.getMinutes() -> int
        <timestamp>.getMinutes(string) -> int
        <timestamp>.getSeconds() -> int
        <timestamp>.getSeconds(string) -> int
        <timestamp>.getMilliseconds() -> int
        <timestamp>.getMilliseconds(string) -> int
        <duration>.getHours() -> int
        <duration>.getMinutes() -> int
        <duration>.getSeconds() -> int
        <duration>.getMilliseconds() -> int
        """ + "\n" + comparisons)

    /// Ordering: within the ordered types, and between the three kinds of numbers.
    private static let comparisons: String = {
        var lines: [String] = []
        for operation in ["_<_", "_<=_", "_>_", "_>=_"] {
            for type in ["bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration"] {
                lines.append("\(operation)(\(type), \(type)) -> bool")
            }
            for a in ["int", "uint", "double"] {
                for b in ["int", "uint", "double"] where a != b { lines.append("\(operation)(\(a), \(b)) -> bool") }
            }
        }
        return lines.joined(separator: "\n")
    }()
}
