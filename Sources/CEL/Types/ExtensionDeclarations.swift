// The extension libraries: those of the specification's conformance suite and cel-go, and the names that agentgateway's
// users write.

enum ExtensionDeclarations {
    static let all = [
        strings, math, encoders, lists, sets, regex, optionals, network, block, agentgateway,
    ]

    static let strings = Signatures(
        """
        <string>.charAt(int) -> string
        <string>.indexOf(string) -> int
        <string>.indexOf(string, int) -> int
        <string>.lastIndexOf(string) -> int
        <string>.lastIndexOf(string, int) -> int
        <list(string)>.join() -> string
        <list(string)>.join(string) -> string
        <string>.lowerAscii() -> string
        <string>.upperAscii() -> string
        <string>.replace(string, string) -> string
        <string>.replace(string, string, int) -> string
        <string>.split(string) -> list(string)
        <string>.split(string, int) -> list(string)
        <string>.substring(int) -> string
        <string>.substring(int, int) -> string
        <string>.trim() -> string
        <string>.reverse() -> string
        <string>.format(list(dyn)) -> string
        strings.quote(string) -> string
        """)

    static let math: Signatures = {
        var lines = [
            "math.@max(list(int)) -> int", "math.@max(list(uint)) -> uint", "math.@max(list(double)) -> double",
            "math.@min(list(int)) -> int", "math.@min(list(uint)) -> uint",
            "math.@min(list(double)) -> double",
        ]
        for function in ["math.@max", "math.@min"] {
            for a in ["int", "uint", "double"] {
                lines.append("\(function)(\(a)) -> \(a)")
                for b in ["int", "uint", "double"] {
                    lines.append("\(function)(\(a), \(b)) -> \(a == b ? a : "dyn")")
                }
            }
        }
        for name in ["ceil", "floor", "round", "trunc"] { lines.append("math.\(name)(double) -> double") }
        for name in ["isInf", "isNaN", "isFinite"] { lines.append("math.\(name)(double) -> bool") }
        for type in ["int", "uint", "double"] {
            lines.append("math.abs(\(type)) -> \(type)")
            lines.append("math.sign(\(type)) -> \(type)")
            lines.append("math.sqrt(\(type)) -> double")
        }
        for type in ["int", "uint"] {
            for name in ["bitAnd", "bitOr", "bitXor"] { lines.append("math.\(name)(\(type), \(type)) -> \(type)") }
            lines.append("math.bitNot(\(type)) -> \(type)")
            for name in ["bitShiftLeft", "bitShiftRight"] { lines.append("math.\(name)(\(type), int) -> \(type)") }
        }
        // agentgateway: bytes as large numbers, also beside a small one.
        for name in ["bitAnd", "bitOr", "bitXor"] {
            lines.append("math.\(name)(bytes, bytes) -> bytes")
            for type in ["int", "uint"] {
                lines.append("math.\(name)(bytes, \(type)) -> \(type)")
                lines.append("math.\(name)(\(type), bytes) -> \(type)")
            }
        }
        return Signatures(lines.joined(separator: "\n"))
    }()

    static let encoders = Signatures(
        """
        base64.encode(bytes) -> string
        base64.decode(string) -> bytes
        """)

    static let lists = Signatures(
        """
        <list(A)>.distinct() -> list(A)
        <list(A)>.flatten() -> list(dyn)
        <list(A)>.flatten(int) -> list(dyn)
        lists.range(int) -> list(int)
        <list(A)>.reverse() -> list(A)
        <list(A)>.slice(int, int) -> list(A)
        <list(A)>.sort() -> list(A)
        <list(A)>.@sortByAssociatedKeys(list(B)) -> list(A)
        <list(A)>.first() -> optional(A)
        <list(A)>.last() -> optional(A)
        """)

    static let sets = Signatures(
        """
        sets.contains(list(A), list(A)) -> bool
        sets.equivalent(list(A), list(A)) -> bool
        sets.intersects(list(A), list(A)) -> bool
        """)

    static let regex = Signatures(
        """
        regex.replace(string, string, string) -> string
        regex.replace(string, string, string, int) -> string
        regex.extract(string, string) -> optional(string)
        regex.extractAll(string, string) -> list(string)
        """)

    static let optionals = Signatures(
        """
        optional.of(A) -> optional(A)
        optional.ofNonZeroValue(A) -> optional(A)
        optional.none() -> optional(A)
        optional.unwrap(list(optional(A))) -> list(A)
        <list(optional(A))>.unwrapOpt() -> list(A)
        <optional(A)>.hasValue() -> bool
        <optional(A)>.value() -> A
        <optional(A)>.or(optional(A)) -> optional(A)
        <optional(A)>.orValue(A) -> A
        _[?_](list(A), int) -> optional(A)
        _[?_](map(A, B), A) -> optional(B)
        _[?_](optional(list(A)), int) -> optional(A)
        _[?_](optional(map(A, B)), A) -> optional(B)
        _[_](optional(list(A)), int) -> optional(A)
        _[_](optional(map(A, B)), A) -> optional(B)
        """)

    static let network = Signatures(
        """
        ip(string) -> ip
        isIP(string) -> bool
        ip.isCanonical(string) -> bool
        <ip>.family() -> int
        <ip>.isLoopback() -> bool
        <ip>.isGlobalUnicast() -> bool
        <ip>.isLinkLocalMulticast() -> bool
        <ip>.isLinkLocalUnicast() -> bool
        <ip>.isUnspecified() -> bool
        string(ip) -> string
        cidr(string) -> cidr
        isCIDR(string) -> bool
        <cidr>.containsIP(ip) -> bool
        <cidr>.containsIP(string) -> bool
        <cidr>.containsCIDR(cidr) -> bool
        <cidr>.containsCIDR(string) -> bool
        <cidr>.ip() -> ip
        <cidr>.isMask() -> bool
        <cidr>.masked() -> cidr
        <cidr>.prefixLength() -> int
        string(cidr) -> string
        """)

    static let block = Signatures(
        """
        cel.@mapInsert(map(A, B), A, B) -> map(A, B)
        cel.@mapInsert(map(A, B), map(A, B)) -> map(A, B)
        """)

    static let agentgateway = Signatures(
        """
        json(string) -> dyn
        json(bytes) -> dyn
        toJson(dyn) -> string
        to_json(dyn) -> string
        unvalidatedJwtPayload(string) -> map(string, dyn)
        <map(A, B)>.merge(map(A, B)) -> map(A, B)
        default(A, A) -> A
        flatten(A) -> A
        flattenRecursive(dyn) -> map(string, dyn)
        flatten_recursive(dyn) -> map(string, dyn)
        <map(string, dyn)>.raw() -> map(string, list(string))
        <map(string, dyn)>.split() -> map(string, list(string))
        <map(string, dyn)>.join() -> map(string, string)
        <map(string, A)>.redacted() -> map(string, A)
        <map(string, dyn)>.cookie(string) -> string
        <string>.query(string) -> list(string)
        <string>.addQuery(string, string) -> string
        <string>.setQuery(string, string) -> string
        <secret>.unredacted() -> string
        string(secret) -> string
        fail(string) -> A
        base64.encode(string) -> string
        base64.decode(bytes) -> bytes
        base64Encode(string) -> string
        base64Encode(bytes) -> string
        base64Decode(string) -> bytes
        url.encode(string) -> string
        url.decode(string) -> string
        form.encode(map(string, dyn)) -> string
        form.decode(string) -> map(string, dyn)
        form.decode(bytes) -> map(string, dyn)
        sha1.encode(string) -> string
        sha1.encode(bytes) -> string
        sha256.encode(string) -> string
        sha256.encode(bytes) -> string
        md5.encode(string) -> string
        md5.encode(bytes) -> string
        <string>.regexReplace(string, string) -> string
        <string>.stripPrefix(string) -> string
        <string>.stripSuffix(string) -> string
        <list(A)>.contains(A) -> bool
        <map(A, B)>.contains(A) -> bool
        <bytes>.contains(bytes) -> bool
        """)
}
