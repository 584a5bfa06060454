"""Makes expressions: most of them well-typed, some of a wrong type, a few that are no expressions at all.

A method for each type makes an expression of that type and of a depth; `make` gives another type now and then. Where the
two engines are known to differ, little is made by chance: `deviant` makes those expressions by themselves, so that
explained.tsv can tell exactly which difference it is.
"""

import random

# The inputs' names by type. rows.py has their values.
NAMES = {"int": "i", "uint": "u", "double": "d", "string": "s", "bool": "b", "ints": "l", "map": "m", "dyn": "y",
         "stamp": "t", "span": "r", "strings": "g", "tree": "n", "bytes": "z"}
KINDS = ("int", "uint", "double", "string", "bool", "bytes", "ints", "map", "dyn", "stamp", "span", "strings")
# Of a wrong type. No times: inside of string() they bring the differences that `deviant` makes by themselves.
MISTAKES = tuple(kind for kind in KINDS if kind not in ("stamp", "span"))
# What a slip of the finger puts into a text.
SLIPS = list("()[]{}.,?:\"'\\&|!<>=+-*/%019abuxrein_ \n`@#$;") + ["&&", "||", "==", "0x", "1e", ".?", "[?", "//", "in ",
                                                                   "null", "\"\"\"", "as", "r'", "b'"]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.locals = []
        self.mistakes = True

    def text(self):
        """An expression, and whether the other engine has its functions."""
        self.locals = []
        chance = self.random.random()
        depth = self.random.randint(1, 5)
        if chance < 0.05:
            return self.deviant(), True
        if chance < 0.15:
            return self.extension(min(depth, 3)), False
        kind = self.pick("bool", "bool", "bool", *KINDS)
        text = self.make(kind, depth)
        return (self.slip(text) if chance > 0.95 else text), True

    def slip(self, text):
        for _ in range(self.random.randint(1, 2)):
            at = self.random.randrange(len(text) + 1)
            match self.random.randrange(3):
                case 0:
                    text = text[:at] + text[at + 1:]
                case 1:
                    text = text[:at] + self.random.choice(SLIPS) + text[at:]
                case _:
                    text = text[:at] + self.random.choice(SLIPS) + text[at + 1:]
        return text.replace("\t", " ").replace("\r", " ")

    def pick(self, *choices):
        return self.random.choice(choices)

    def make(self, kind, depth):
        if depth > 0 and self.mistakes and self.random.random() < 0.015:
            kind = self.pick(*MISTAKES)
        return getattr(self, kind)(depth - 1)

    def right(self, kind, depth):
        """Without mistakes: where a text is made of a value, a double or a time would show its notation."""
        before, self.mistakes = self.mistakes, False
        text = self.make(kind, depth)
        self.mistakes = before
        return text

    def leaf(self, kind, *literals):
        return self.pick(NAMES[kind], *literals)

    def common(self, kind, d):
        m = self.make
        return self.pick(
            lambda: f"({m('bool', d)} ? {m(kind, d)} : {m(kind, d)})",
            lambda: f"cel.bind(v, {m('int', d)}, {m(kind, d)})",
            lambda: f"[{m(kind, d)}, {m(kind, d)}][{self.pick('0', '1', '2', 'i')}]",
            lambda: f"{{1: {m(kind, d)}}}[{self.pick('1', '2', 'i')}]",
            lambda: f"{{'a': {m(kind, d)}, 'b': {m(kind, d)}}}.{self.pick('a', 'b', 'c')}",
            lambda: f"optional.of({m(kind, d)}).orValue({m(kind, d)})",
            lambda: f"[{m(kind, d)}][?{m('int', d)}].orValue({m(kind, d)})",
            lambda: f"{{'a': {m(kind, d)}}}.?{self.pick('a', 'b')}.or(optional.of({m(kind, d)})).value()",
            lambda: f"optional.ofNonZeroValue({m('int', d)}).optMap(o, {m(kind, d)}).orValue({m(kind, d)})",
            lambda: f"[?optional.ofNonZeroValue({m(kind, d)}), {m(kind, d)}][0]",
        )()

    def int(self, d):
        if d <= 0:
            return self.leaf("int", "0", "1", "-1", "2", "3", "42", "0x1F", "9223372036854775807",
                             "-9223372036854775808", *self.locals)
        m = self.make
        part = self.pick("getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek",
                         "getHours", "getMinutes", "getSeconds", "getMilliseconds")
        return self.pick(
            lambda: self.common("int", d), lambda: self.infix("int", "+-*/%", d), lambda: self.infix("int", "+-*/%", d),
            lambda: f"-({m('int', d)} + 0)", lambda: f"size({m(self.pick('string', 'ints', 'map', 'bytes', 'strings'), d)})",
            lambda: f"{m(self.pick('string', 'ints', 'map', 'bytes'), d)}.size()",
            lambda: f"int({m(self.pick('uint', 'double', 'string', 'int', 'stamp'), d)})", lambda: f"l[{m('int', d)}]",
            lambda: f"m[{m('string', d)}]", lambda: f"l[dyn({m('double', d)})]",
            lambda: f"{m('string', d)}.{self.pick('indexOf', 'lastIndexOf')}({m('string', d)}{self.pick('', ', 0', ', 1', ', i')})",
            lambda: f"{m('stamp', d)}.{part}({self.zone()})",
            lambda: f"{m('span', d)}.{self.pick('getHours', 'getMinutes', 'getSeconds')}()",
            lambda: f"math.{self.pick('abs', 'sign', 'bitNot')}({m('int', d)})",
            lambda: f"math.{self.pick('greatest', 'least')}({m('int', d)}, {m('int', d)}, {m('int', d)})",
            lambda: f"math.{self.pick('greatest', 'least')}({m('ints', d)})",
            lambda: f"math.{self.pick('bitAnd', 'bitOr', 'bitXor', 'bitShiftLeft', 'bitShiftRight')}({m('int', d)}, {m('int', d)})",
            lambda: f"{m('ints', d)}.{self.pick('first', 'last')}().orValue({m('int', d)})",
        )()

    def infix(self, kind, operators, d):
        return f"({self.make(kind, d)} {self.pick(*operators)} {self.make(kind, d)})"

    def zone(self):
        return self.pick("", "", "'UTC'", "'+02:00'", "'-07:30'", "'America/New_York'", "'Europe/Berlin'", "'Asia/Kolkata'")

    def uint(self, d):
        if d <= 0:
            return self.leaf("uint", "0u", "1u", "3u", "0xFFu", "18446744073709551615u")
        m = self.make
        return self.pick(
            lambda: self.common("uint", d), lambda: self.infix("uint", "+-*/%", d),
            lambda: f"uint({m(self.pick('int', 'double', 'string', 'uint'), d)})",
            lambda: f"math.{self.pick('bitAnd', 'bitOr', 'bitXor')}({m('uint', d)}, {m('uint', d)})",
            lambda: f"math.{self.pick('bitShiftLeft', 'bitShiftRight')}({m('uint', d)}, {m('int', d)})")()

    def double(self, d):
        if d <= 0:
            return self.leaf("double", "0.0", "-0.0", "1.5", "-1.5", "0.1", "1e300", ".5", "9223372036854775807.0",
                             "5e-324", "2.5", "double('NaN')", "double('-Infinity')")
        m = self.make
        return self.pick(
            lambda: self.common("double", d), lambda: self.infix("double", "+-*/", d),
            lambda: f"double({m(self.pick('int', 'uint', 'string', 'double'), d)})", lambda: f"-({m('double', d)} + 0.0)",
            lambda: f"math.{self.pick('ceil', 'floor', 'round', 'trunc', 'abs', 'sign', 'sqrt')}({m('double', d)})",
            lambda: f"math.sqrt({m(self.pick('int', 'uint'), d)})")()

    def stamp(self, d):
        base = self.pick("t", "timestamp('2024-02-29T23:59:59.999Z')", "timestamp('1969-12-31T23:00:00-05:00')",
                         "timestamp(0)", "timestamp('2026-03-29T01:30:00Z')", "timestamp('9999-12-31T23:59:59Z')",
                         "timestamp('0001-01-01T00:00:00Z')", "timestamp('2025-02-29T00:00:00Z')",
                         f"timestamp({self.make('int', d)})")
        return self.pick(base, f"({base} {self.pick('+', '-')} {self.make('span', d)})")

    def span(self, d):
        base = self.pick("r", "duration('1h30m')", "duration('-1.5s')", "duration('1ms')", "duration('100000h')",
                         "duration('0')", "duration('3h2m1s')", "duration('1x')")
        if d <= 0:
            return base
        return self.pick(base, f"({self.make('span', d)} {self.pick('+', '-')} {base})",
                         f"({self.make('stamp', d)} - {self.make('stamp', d)})")

    def string(self, d):
        if d <= 0:
            return self.leaf("string", "''", "'a'", "'abc'", "'é😀'", "'-12'", "'1.5e3'", "'a-b-c'", "' x '", "'TRUE'",
                             r"r'\d+'", r'"\x41\u00e9\101\n"', "'''a'b'''")
        m = self.make
        whole = self.pick("1.5", "-0.25", "0.1", "-2.0")
        return self.pick(
            lambda: self.common("string", d), lambda: self.infix("string", "+", d),
            lambda: f"string({self.right(self.pick('int', 'uint', 'bool', 'bytes', 'string'), d)})", lambda: f"string({whole})",
            lambda: "string(" + self.pick("timestamp('2026-03-29T01:30:00Z') + duration('100000h')", "duration('90m')",
                                          "duration('-100000h')") + ")",
            lambda: f"{m('string', d)}.substring({m('int', d)}{self.pick('', ', 3', ', size(s)')})",
            lambda: f"{m('string', d)}.charAt({self.pick('0', '1', '2', 'i')})",
            lambda: f"{m('string', d)}.{self.pick('lowerAscii', 'upperAscii', 'trim', 'reverse')}()",
            lambda: f"{m('string', d)}.replace({m('string', d)}, {m('string', d)}{self.pick('', ', 1', ', 0', ', -1')})",
            lambda: f"{m('strings', d)}.join({self.pick('', m('string', d))})",
            lambda: f"strings.quote({m('string', d)})", lambda: f"base64.encode({m('bytes', d)})",
            lambda: f"'{self.pick('%s', '%d|%s', '%s %s')}'.format([{self.right('int', d)}, {self.right('string', d)}])",
            lambda: f"'{self.pick('%d', '%x', '%X', '%o', '%b', '%s')}'.format([{self.right(self.pick('int', 'uint'), d)}])",
            lambda: f"'{self.pick('%s', '%s%%')}'.format([{self.right(self.pick('string', 'bool', 'ints', 'strings', 'int'), d)}])",
            lambda: f"'{self.pick('%f', '%.2f', '%e', '%.3e')}'.format([{m('double', d)}])")()

    def bytes(self, d):
        if d <= 0:
            return self.leaf("bytes", "b''", "b'abc'", r"b'\xff\x00'", "b'é'", r"b'\377'")
        return self.pick(
            lambda: self.infix("bytes", "+", d), lambda: f"bytes({self.make('string', d)})",
            lambda: f"base64.decode({self.pick(repr('YQ'), repr('YWI='), repr('?'), 'base64.encode(' + self.make('bytes', d) + ')')})")()

    def bool(self, d):
        if d <= 0:
            return self.leaf("bool", "true", "false", "has(m.a)", "y == 1", "'a' in m", "1 in l", "has(n.a.b)")
        m = self.make
        kind = self.pick("int", "uint", "double", "string", "bytes", "bool", "ints", "map", "stamp", "span", "strings")
        ordered = self.pick("int", "uint", "double", "string", "bytes", "bool", "stamp", "span")
        number, other = self.pick("int", "uint", "double"), self.pick("int", "uint", "double")
        return self.pick(
            lambda: self.common("bool", d), lambda: self.infix("bool", ("&&", "||"), d),
            lambda: self.infix("bool", ("&&", "||"), d), lambda: self.infix("bool", ("&&", "||"), d),
            lambda: f"!({m('bool', d)} || false)",
            lambda: self.infix(kind, ("==", "!="), d),
            lambda: f"(dyn({m(kind, d)}) {self.pick('==', '!=')} {m('dyn', d)})",
            lambda: self.infix(ordered, ("<", "<=", ">", ">="), d),
            lambda: f"(dyn({m(number, d)}) {self.pick('<', '<=', '>', '>=')} {m(other, d)})",
            lambda: f"(dyn({self.right(self.pick('int', 'uint', 'string', 'bool'), d)}) in {self.pick('l', 'm', '[1, 2u, 3.0]', '{1: 2, 3: 4}')})",
            lambda: f"({m('int', d)} in {m('ints', d)})", lambda: f"({m('string', d)} in {m('map', d)})",
            lambda: f"({m('string', d)} in {m('strings', d)})",
            lambda: f"{m('string', d)}.{self.pick('contains', 'startsWith', 'endsWith')}({m('string', d)})",
            lambda: f"{m('string', d)}.matches({self.pick('r' + repr('^[a-c]+$'), 'r' + repr('.'), repr('b|é'), repr('(?i)ABC'))})",
            lambda: self.macro(self.pick("all", "exists", "exists_one"), "bool", "ints", d),
            lambda: self.macro(self.pick("all", "exists", "exists_one"), "bool", "ints", d),
            lambda: self.over_keys(d),
            lambda: f"bool({m('string', d)})", lambda: f"math.{self.pick('isNaN', 'isInf', 'isFinite')}({m('double', d)})",
            lambda: f"{m('map', d)}.?{self.pick('a', 'b', 'k')}.hasValue()",
            lambda: f"has({{'a': {m('int', d)}}}.{self.pick('a', 'b')})",
            lambda: f"(type({m(kind, d)}) == {self.pick('int', 'string', 'list', 'bytes', 'google.protobuf.Duration')})",
            lambda: f"({m('span', d)} {self.pick('+', '-', '<', '==')} {m(kind, d)}) == {m('stamp', d)}",
            lambda: f"(n.a.b[{self.pick('0', '1', '2', '3', '4')}] == {m('dyn', d)})",
            lambda: f"has(n.{self.pick('a', 'c', 'x')}.{self.pick('b', 'z')})")()

    def macro(self, name, body, source, d):
        # A local of its own name hides the input `i` now and then.
        variable = self.pick("x", "w", "i")
        range = self.make(source, d)
        self.locals.append(variable)
        inner = self.make(body, d)
        self.locals.pop()
        return f"{range}.{name}({variable}, {inner})"

    def over_keys(self, d):
        key = self.pick(f"k.contains({self.string(0)})", f"m[k] > {self.make('int', d)}", "k == 'a'")
        return f"m.{self.pick('all', 'exists', 'exists_one')}(k, {key})"

    def ints(self, d):
        if d <= 0:
            return self.leaf("ints", "[]", "[1]", "[3, 1, 2]", "[0, -1]", "[1, 2,]")
        m = self.make
        return self.pick(
            lambda: f"[{m('int', d)}, {m('int', d)}, {m('int', d)}]", lambda: self.infix("ints", "+", d),
            lambda: self.macro("map", "int", "ints", d), lambda: self.macro("filter", "bool", "ints", d),
            lambda: self.common("ints", d))()

    def strings(self, d):
        if d <= 0:
            return self.leaf("strings", "[]", "['a', 'b']", "['']")
        m = self.make
        return self.pick(
            lambda: f"('.' + {m('string', d)}).split({m('string', d)}{self.pick('', ', 2', ', 0', ', 1', ', -1')})",
            lambda: f"[{m('string', d)}, {m('string', d)}]", lambda: self.macro("map", "string", "ints", d))()

    def map(self, d):
        if d <= 0:
            return self.leaf("map", "{}", "{'a': 1}", "{'b': 2}")
        # Keys are strings: the wheel does not tell a uint key from an int when it gives a map to Python.
        return f"{{{self.make('string', d)}: {self.make('int', d)}, {self.pick(repr('q'), self.make('string', d))}: {self.make('int', d)}}}"

    def dyn(self, d):
        kind = self.pick("int", "uint", "double", "string", "bool", "ints", "strings", "map", "bytes")
        return self.pick("y", "null", "n.a", "n.a.b[0]", "[1, 'a', 2.5, null, [true]]", f"dyn({self.make(kind, d)})")

    def extension(self, d):
        """What the wheel does not have; planned programs and the reference are compared."""
        m = self.make
        two = self.pick("all", "exists", "existsOne")
        return self.pick(
            lambda: f"{m('ints', d)}.{two}(p, q, p < q || {m('bool', d)})",
            lambda: f"{m('map', d)}.{two}(p, q, p.size() < q)",
            lambda: f"{m('ints', d)}.transformList(p, q{self.pick('', ', q > 1')}, q * {m('int', d)} + p)",
            lambda: f"{m('map', d)}.transformMap(p, q{self.pick('', ', q > 1')}, q + size(p))",
            lambda: f"{m('strings', d)}.transformMapEntry(p, q, {{q: p}})",
            lambda: f"sets.{self.pick('contains', 'equivalent', 'intersects')}({m('ints', d)}, {m('ints', d)})",
            lambda: f"{m(self.pick('ints', 'strings'), d)}.{self.pick('distinct', 'sort', 'reverse')}()",
            lambda: f"{m('ints', d)}.slice({self.int(0)}, {self.int(0)})",
            lambda: f"[{m('ints', d)}, [{m('ints', d)}]].flatten({self.pick('', '1', '2', '0')})",
            lambda: f"{m('strings', d)}.sortBy(e, size(e))",
            lambda: f"lists.range({self.pick('0', '3', '-1', 'size(l)')}).map(e, e * {m('int', d)})",
            lambda: f"{m('int', d)}.with(w, w + w)",
            lambda: f"{m('map', d)}.mapValues(w, w - {m('int', d)})",
            lambda: f"{m('map', d)}.filterKeys(w, w.contains('a'))",
            lambda: f"cel.block([{m('int', d)}, {m('int', d)}], cel.index(0) {self.pick('+', '/')} cel.index(1))",
            lambda: f"optional.unwrap([optional.of({m('int', d)}), optional.none(), m.?a])",
        )()

    def deviant(self):
        """Where the engines differ: each row of explained.tsv has a line here."""
        d = self.random.randint(0, 2)
        m = self.make
        numbers = self.random.sample(["int", "uint", "double"], 2)
        return self.pick(
            lambda: f"{m(numbers[0], d)} {self.pick('<', '<=', '>', '>=')} {m(numbers[1], d)}",
            lambda: f"!!{self.pick('1', 's', 'l')}", lambda: f"--{self.pick('u', 's', 'b')}",
            lambda: f"string({self.pick('t', 'r', repr('x') + ' == s ? r : r')})",
            lambda: f"string({self.pick('d', '1e20', '9007199254740992.0', '123456789.0', '1e-5')})",
            lambda: f"base64.decode({self.pick(repr('0s'), repr('YR=='), repr('YWJ='))})",
            lambda: f"{self.pick('null', '[1]', '{}', 'b', '1.5')} in {self.pick('dyn(m)', '{1: 2}', 'dyn(l)')}",
            lambda: f"{self.pick('int', 'double', 'uint')}(dyn(b))",
            lambda: f"'%d'.format([{self.double(0)}])",
            lambda: f"base64.encode({self.string(0)})", lambda: f"{self.pick('m', 'l')}.contains({self.pick(repr('a'), '1')})",
            lambda: f"{{'a': {self.int(0)}, 'a': 2}} == m {self.pick('&&', '||')} {self.bool(0)}",
            lambda: f"{{'b': 1, 'a': 2, 'c': 3}}.map(e, e)",
            lambda: f"{m(self.pick('ints', 'strings'), d)}.reverse()",
            lambda: f"{self.pick('int', 'uint')}({self.pick(repr(' 1'), repr('1 '), repr('1') + ' + s')})",
            lambda: f"b && {{[i]: {self.int(0)}}}.size() == 1",
            lambda: f"1e{self.random.randint(309, 9999)} > {self.double(0)}",
            lambda: f"''.split(''{self.pick('', ', -1', ', 2')})",
            lambda: f"timestamp({self.pick(repr('202-03-29T01:30:00Z'), repr('2026-3-29T01:30:00Z'), repr('2026-03-29 01:30:00Z'))})",
        )()
