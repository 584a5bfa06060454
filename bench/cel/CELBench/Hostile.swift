// Inputs that are made to hurt: each must end in a value or a clean error within the bars of time and memory. One case a
// process, so that its peak of memory is its own.

import CEL
import Glibc

enum HostileInput {
    struct Case {
        let name: String
        let expression: String
        /// `s` and `t`: equal texts of a megabyte; `a`: a megabyte of one letter; `l`: ten thousand times `s`.
        var readsInput = false
    }

    static let milliseconds = 50.0
    static let mebibytes = 64.0

    private static func repeated(_ text: String, _ count: Int, _ separator: String = "") -> String {
        Array(repeating: text, count: count).joined(separator: separator)
    }

    static var cases: [Case] {
        var cases = [
            Case(name: "100,000 parentheses", expression: repeated("(", 100_000) + "1" + repeated(")", 100_000)),
            Case(name: "100,000 open parentheses", expression: repeated("(", 100_000)),
            Case(name: "100,000 brackets", expression: repeated("[", 100_000)),
            Case(name: "100,000 negations", expression: repeated("!", 100_000) + "true"),
            Case(name: "100,000 signs", expression: repeated("-", 100_000) + "1"),
            Case(name: "100,000 selections", expression: "s" + repeated(".a", 100_000)),
            Case(name: "100,000 conditionals", expression: repeated("true ? 1 : ", 20_000) + "1"),
            Case(name: "1 MB of text", expression: "'" + repeated("x", 1_000_000) + "' == s"),
            Case(name: "1 MB of terms", expression: repeated("s == 'x'", 100_000, " || ")),
            Case(name: "10,000 terms", expression: repeated("s == 'x'", 10_000, " || ")),
            Case(name: "10,000 mixed terms", expression: repeated("s == 'x' || t == 'y' && s == t", 5_000, " || ")),
            Case(name: "256 kB list", expression: "[" + repeated("1", 130_000, ",") + "]"),
            Case(name: "256 kB list of lists", expression: "[" + repeated("[]", 85_000, ",") + "]"),
            Case(name: "256 kB list of texts", expression: "s in [" + repeated("'x'", 65_000, ",") + "]"),
            Case(
                name: "256 kB map", expression: "{" + (0..<25_000).map { "\($0):1" }.joined(separator: ",") + "}"),
            Case(name: "256 kB sum", expression: repeated("1", 130_000, "+")),
            Case(name: "256 kB of arguments", expression: "f(" + repeated("1", 125_000, ",") + ")"),
            Case(name: "256 kB of commas", expression: repeated(",", 250_000)),
            Case(name: "256 kB of unknown names", expression: repeated("x1", 80_000, "||")),
            Case(name: "nested macros", expression: repeated("[1,2].map(x, ", 100) + "x" + repeated(")", 100)),
            Case(
                name: "quadratic macros",
                expression: "lists.range(3000).all(x, lists.range(3000).all(y, x + y >= 0))"),
            Case(
                name: "cubic macros",
                expression:
                    "[1,2,3].map(x, lists.range(9999)).all(x, x.all(y, x.exists(z, y * z < 0) || x.size() > 0))"),
            Case(name: "doubling texts", expression: doubling("'ab'", "v + v", 40, "size(v)")),
            Case(name: "doubling lists", expression: doubling("[1]", "v + v", 40, "size(v)")),
            Case(name: "shared parts, formatted", expression: doubling("dyn(1)", "[v, v]", 40, "'%s'.format([v])")),
            Case(name: "shared parts, as JSON", expression: doubling("dyn(1)", "[v, v]", 40, "toJson(v)")),
            Case(name: "shared parts, compared", expression: doubling("dyn(1)", "[v, v]", 40, "v == [v]")),
            Case(name: "shared parts, flattened", expression: doubling("dyn(1)", "[v, v]", 40, "flattenRecursive(v)")),
            Case(name: "shared parts, as the value", expression: doubling("dyn(1)", "[v, v]", 19, "v")),
            Case(name: "a million numbers", expression: "lists.range(999000)"),
            Case(name: "(a+)+$", expression: #"(a + "b").matches("(a+)+$")"#, readsInput: true),
            Case(name: "(a|a)*$", expression: #"(a + "b").matches("(a|a)*$")"#, readsInput: true),
            Case(name: "((a{0,9}){0,9}){0,9}b", expression: #"a.matches("((a{0,9}){0,9}){0,9}b")"#, readsInput: true),
            Case(name: "JSON brackets", expression: "json('\(repeated("[", 100_000))')"),
        ]
        // Every function that reads a text, in a loop that goes on for as long as the budget.
        let uses = [
            "s == t", "s != t", "s < t", "s in [t]", "s.startsWith(t)", "s.endsWith(t)", "s.contains(t)",
            "a.contains(a.substring(1) + 'b')", "a.indexOf(a.substring(0, 40000) + 'b' + a.substring(0, 40000)) < 0",
            "a.lastIndexOf(a.substring(0, 40000) + 'b' + a.substring(0, 40000)) < 0", "s.charAt(900000) != ''",
            "s.replace('x', 'yy') != ''", "a.replace('', 'b') != ''", "s.split('x').size() > 0",
            "s.split('').size() > 0",
            "s.trim() != ''", "s.lowerAscii() != ''", "s.reverse() != ''", "strings.quote(s) != ''",
            "'%s'.format([s]) != ''", "size(s) > 0", "bytes(s) != b''", "string(bytes(s)) != ''",
            "s.matches('^[a-z]+$')", "regex.extractAll(s, 'x').size() > 0", "regex.replace(s, 'x', 'yy') != ''",
            "s.regexReplace('x', 'y') != ''", "base64.encode(s) != ''", "url.encode(s) != ''", "url.decode(s) != ''",
            "form.decode(s).size() > 0", "sha256.encode(s) != ''", "sha1.encode(s) != ''", "md5.encode(s) != ''",
            "{s: 1}[t] == 1", "t in {s: 1}", "l.distinct().size() > 0", "l.sort().size() > 0", "t in l",
            "sets.contains(l, l)", "sets.intersects(l, [t])", "sets.equivalent(l, l)", "l == l.map(x, x)",
            "l.join(',') != ''", "l.map(x, x + x).size() > 0", "{'cookie': s}.cookie('q') != ''",
            "{'x': s}.split().x.size() > 0", "{'x': l}.join().x != ''", "s.query('q').size() > 0",
            "s.addQuery('q', t) != ''", "toJson(l) != ''", "default(json(s), 1) == 1", "isIP(s)", "isCIDR(s)",
            "default(timestamp(s), timestamp(0)) != timestamp(0)", "coalesce(duration(s), int(s), double(s), 1) == 1",
            "l.exists(x, x == t)", "l.transformMap(i, x, x + t).size() > 0", "flattenRecursive({s: {t: l}}).size() > 0",
        ]
        for use in uses {
            cases.append(Case(name: use, expression: "lists.range(200000).all(i, \(use))", readsInput: true))
        }
        return cases
    }

    /// `last` of a value that was doubled `count` times.
    private static func doubling(_ first: String, _ step: String, _ count: Int, _ last: String) -> String {
        "cel.bind(v, \(first), " + repeated("cel.bind(v, \(step), ", count) + last + repeated(")", count + 1)
    }

    private static func peakMebibytes() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(0), &usage)  // RUSAGE_SELF
        return Double(usage.ru_maxrss) / 1024
    }

    /// Prints what came out, milliseconds, and by how much the case raised the process's peak of memory.
    /// - Returns: whether both bars are met.
    static func run(_ index: Int) -> Bool {
        let test = cases[index]
        var inputs: [String: CELValue] = [:]
        if test.readsInput {
            let text = String(repeating: "x y,z&w=1 ", count: 100_000)
            inputs = [
                "s": .string(text), "t": .string(text + ""), "a": .string(String(repeating: "a", count: 1_000_000)),
            ]
        } else {
            inputs = ["s": "s", "t": "t", "a": "a"]
        }
        let environment = Environment(variables: ["s": .string, "t": .string, "a": .string, "l": .list(.string)])
        let context = EvaluationContext(environment)
        var trees: [ValueTree] = []
        for (name, value) in inputs {
            guard let tree = ValueTree(value), let slot = environment.slots[name] else { continue }
            trees.append(tree)
            context.bind(slot, tree.root)
            // The same text ten thousand times, as one that is sent once may be.
            if name == "s", let slot = environment.slots["l"] {
                context.bind(slot, context.arena.list(Array(repeating: tree.root, count: test.readsInput ? 10_000 : 1)))
            }
        }
        let (memory, start) = (peakMebibytes(), CELBench.now())
        var outcome: String
        do {
            let program = try environment.compile(test.expression)
            if test.readsInput {
                let value = program.run(in: context)
                outcome = value.isKnown ? "a value" : "\(program.error(value).kind)"
            } else {
                _ = try program.evaluate(inputs)
                outcome = "a value"
            }
        } catch let error as CompileError {
            outcome = "refused: \(error.diagnostics.first?.text.prefix(60) ?? "")"
        } catch let error as EvaluationError {
            outcome = "\(error.kind)"
        } catch {
            outcome = "\(error)"
        }
        let milliseconds = (CELBench.now() - start) / 1e6
        let mebibytes = peakMebibytes() - memory
        let isMet = milliseconds <= HostileInput.milliseconds && mebibytes <= HostileInput.mebibytes
        let shown = "\(rounded(milliseconds)) ms\t\(rounded(mebibytes)) MiB\t\(test.name.prefix(72))\t\(outcome)"
        print(isMet ? shown : "\(shown)\tMISSED")
        withExtendedLifetime(trees) {}
        return isMet
    }

    private static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
