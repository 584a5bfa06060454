"""Writes expressions, inputs and what cel-cpp (cel-expr-python, PyPI) makes of them, for the differential test.

Usage: corpus.py FILE [COUNT] [SEED]

A line is `ROW<TAB>RESULT<TAB>EXPRESSION`, or `@ROW<TAB>NAME<TAB>LITERAL` for an input. RESULT is `error` or the value in
the notation of `canonical` below. The file appears under its name only when it is complete.

Where the two engines are known to differ. Little of it is generated, by expressions of a wrong type:
- `2u > 1`: the wheel's checker has no comparisons between kinds of numbers, but for dyn. The language definition lists
  them ("Ordering": across int, uint and double).
- `!!1`, `--b`: the wheel drops pairs of operators without looking at the operand. "Logical Operators": `!` takes a bool.
- `string(duration('1.5s'))`, `string(timestamp('…:01.5Z'))`: the wheel fills to 3, 6 or 9 digits, we write the fewest, as
  cel-go. RFC 3339, section 5.6, allows both.
- `string(9007199254740992.0)`: the wheel changes to exponents earlier. "Type Conversions" leaves the notation open.
- `base64.decode('0s')`: the wheel ignores bits behind the last octet. We refuse them (RFC 4648, section 3.5).
- `null in m`, `[1] in m`: an error there, false here: no key equals such a value.
- `int(dyn(true))`, `'%d'.format([1.5])`: values there, errors here: the definitions list no such conversion.
- `base64.encode('a')`, `m.contains('a')`: a string, and a map, are extensions of ours.
- `{'a': 1, 'a': 2} == m && false`: the wheel refuses the whole expression for its constant keys. A map's keys are judged
  when it is evaluated ("Aggregate Values"), and `error && false` is false ("Logical Operators").
- `{'b': 1, 'a': 2}.map(k, k)`: the order of a map's keys is open; ours is that of insertion.
- `'ab'.substring(0, 2)`: the wheel refuses an end that is the size; the extension's definition allows it.
"""

import os
import random
import struct
import sys

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings

TYPES = {"i": cel.Type.INT, "u": cel.Type.UINT, "d": cel.Type.DOUBLE, "s": cel.Type.STRING, "b": cel.Type.BOOL,
         "l": cel.Type.List(cel.Type.INT), "m": cel.Type.Map(cel.Type.STRING, cel.Type.INT), "y": cel.Type.DYN}

# The same values as CEL literals and for Python.
ROWS = [
    [("i", "0", 0), ("u", "0u", 0), ("d", "0.0", 0.0), ("s", "''", ""), ("b", "false", False), ("l", "[]", []),
     ("m", "{}", {}), ("y", "null", None)],
    [("i", "-7", -7), ("u", "7u", 7), ("d", "-2.5", -2.5), ("s", "'héllo wörld'", "héllo wörld"), ("b", "true", True),
     ("l", "[1, 2, 3]", [1, 2, 3]), ("m", "{'a': 1, 'b': 2}", {"a": 1, "b": 2}), ("y", "'a'", "a")],
    [("i", "9223372036854775807", 2**63 - 1), ("u", "18446744073709551615u", 2**64 - 1), ("d", "1e308", 1e308),
     ("s", "'a,b,,c'", "a,b,,c"), ("b", "true", True), ("l", "[5, -5, 0, 5]", [5, -5, 0, 5]), ("m", "{'': 0}", {"": 0}),
     ("y", "[1, 'x']", [1, "x"])],
    [("i", "-9223372036854775807", -2**63 + 1), ("u", "1u", 1), ("d", "9007199254740993.0", 9007199254740993.0),
     ("s", "'😀 ABC xyz\\t'", "😀 ABC xyz\t"), ("b", "false", False), ("l", "[9]", [9]),
     ("m", "{'k': -1, 'é': 3}", {"k": -1, "é": 3}), ("y", "2.0", 2.0)],
]


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.locals = []

    def pick(self, *choices):
        return self.random.choice(choices)

    def make(self, kind, depth):
        if depth > 0 and self.random.random() < 0.02:
            kind = self.pick("int", "uint", "double", "string", "bool", "bytes", "ints", "map", "dyn")
        return getattr(self, kind)(depth - 1)

    def leaf(self, variable, *literals):
        return self.pick(variable, *literals)

    def common(self, kind, d):
        return self.pick(
            lambda: f"({self.make('bool', d)} ? {self.make(kind, d)} : {self.make(kind, d)})",
            lambda: f"cel.bind(v, {self.make('int', d)}, {self.make(kind, d)})",
            lambda: f"[{self.make(kind, d)}, {self.make(kind, d)}][{self.pick('0', '1', '2', 'i')}]",
            lambda: f"{{1: {self.make(kind, d)}}}[{self.pick('1', '1u', '1.0', '2', 'i')}]",
            lambda: f"optional.of({self.make(kind, d)}).orValue({self.make(kind, d)})",
        )()

    def int(self, d):
        if d <= 0:
            return self.leaf("i", "0", "1", "-1", "2", "3", "42", "9223372036854775807", "-9223372036854775808", *self.locals)
        m = self.make
        return self.pick(
            lambda: self.common("int", d), lambda: f"({m('int', d)} {self.pick('+', '-', '*', '/', '%')} {m('int', d)})",
            lambda: f"({m('int', d)} {self.pick('+', '-', '*', '/', '%')} {m('int', d)})",
            lambda: f"-({m('int', d)})", lambda: f"size({m(self.pick('string', 'ints', 'map', 'bytes'), d)})",
            lambda: f"int({m(self.pick('uint', 'double', 'string', 'int'), d)})", lambda: f"l[{m('int', d)}]",
            lambda: f"m[{m('string', d)}]", lambda: f"{m('string', d)}.{self.pick('indexOf', 'lastIndexOf')}({m('string', d)})",
            lambda: f"{self.stamp(d)}.{self.pick('getFullYear', 'getMonth', 'getDayOfYear', 'getDayOfMonth', 'getDate', 'getDayOfWeek', 'getHours', 'getMinutes', 'getSeconds')}({self.zone()})",
            lambda: f"int({self.stamp(d)})", lambda: f"math.{self.pick('abs', 'sign')}({m('int', d)})",
            lambda: f"math.{self.pick('greatest', 'least')}({m('int', d)}, {m('int', d)}, {m('int', d)})",
            lambda: f"math.{self.pick('bitAnd', 'bitOr', 'bitXor', 'bitShiftLeft', 'bitShiftRight')}({m('int', d)}, {m('int', d)})",
        )()

    def zone(self):
        return self.pick("", "", "'UTC'", "'+02:00'", "'-07:30'", "'America/New_York'", "'Europe/Berlin'")

    def uint(self, d):
        if d <= 0:
            return self.leaf("u", "0u", "1u", "3u", "18446744073709551615u")
        m = self.make
        return self.pick(
            lambda: self.common("uint", d), lambda: f"({m('uint', d)} {self.pick('+', '-', '*', '/', '%')} {m('uint', d)})",
            lambda: f"uint({m(self.pick('int', 'double', 'string', 'uint'), d)})",
            lambda: f"math.{self.pick('bitAnd', 'bitOr', 'bitXor')}({m('uint', d)}, {m('uint', d)})")()

    def double(self, d):
        if d <= 0:
            return self.leaf("d", "0.0", "-0.0", "1.5", "-1.5", "0.1", "1e300", "9223372036854775807.0", "5e-324", "2.5")
        m = self.make
        return self.pick(
            lambda: self.common("double", d), lambda: f"({m('double', d)} {self.pick('+', '-', '*', '/')} {m('double', d)})",
            lambda: f"double({m(self.pick('int', 'uint', 'string', 'double'), d)})", lambda: f"-({m('double', d)})",
            lambda: f"math.{self.pick('ceil', 'floor', 'round', 'trunc', 'abs', 'sign', 'sqrt')}({m('double', d)})")()

    def stamp(self, d):
        base = self.pick("timestamp('2024-02-29T23:59:59.999Z')", "timestamp('1969-12-31T23:00:00-05:00')", "timestamp(0)",
                         "timestamp('2026-03-29T01:30:00Z')", "timestamp('9999-12-31T23:59:59Z')",
                         f"timestamp({self.make('int', d)})")
        return self.pick(base, f"({base} {self.pick('+', '-')} {self.span(d)})")

    def span(self, d):
        return self.pick("duration('1h30m')", "duration('-1.5s')", "duration('1ms')", "duration('100000h')", "duration('0')")

    def string(self, d):
        if d <= 0:
            return self.leaf("s", "''", "'a'", "'abc'", "'é😀'", "'-12'", "'1.5e3'", "'a-b-c'", "' x '", "'TRUE'", r"r'\d+'")
        m = self.make
        return self.pick(
            lambda: self.common("string", d), lambda: f"({m('string', d)} + {m('string', d)})",
            lambda: f"string({m(self.pick('int', 'uint', 'bool', 'bytes', 'string'), d)})", lambda: f"string({self.pick('1.5', '-0.25', '0.1', '-2.0')})",
            lambda: "string(timestamp('2026-03-29T01:30:00Z') + duration('100000h'))", lambda: "string(" + self.pick("duration('90m')", "duration('-100000h')") + ")",
            lambda: f"{m('string', d)}.substring({m('int', d)})",
            lambda: f"{m('string', d)}.charAt({self.pick('0', '1', '2', 'i')})",
            lambda: f"{m('string', d)}.{self.pick('lowerAscii', 'upperAscii', 'trim', 'reverse')}()",
            lambda: f"{m('string', d)}.replace({m('string', d)}, {m('string', d)}{self.pick('', ', 1', ', 0', ', -1')})",
            lambda: f"{m('string', d)}.split({m('string', d)}{self.pick('', ', 2', ', 0', ', 1', ', -1')}).join({m('string', d)})",
            lambda: f"strings.quote({m('string', d)})", lambda: f"base64.encode({m('bytes', d)})",
            lambda: f"'{self.pick('%s', '%d|%s', '%s %s')}'.format([{m('int', d)}, {m('string', d)}][0] == 0 ? [1] : [{m('int', d)}, {m('string', d)}])",
            lambda: f"'{self.pick('%d', '%x', '%X', '%o', '%b', '%s')}'.format([{m('int', d)}])",
            lambda: f"'{self.pick('%f', '%.2f', '%e', '%.3e')}'.format([{m('double', d)}])")()

    def bytes(self, d):
        if d <= 0:
            return self.leaf("b''", "b'abc'", r"b'\xff\x00'", "b'é'")
        return self.pick(
            lambda: f"({self.make('bytes', d)} + {self.make('bytes', d)})", lambda: f"bytes({self.make('string', d)})",
            lambda: f"base64.decode({self.pick(repr('YQ'), repr('YWI='), repr('?'), 'base64.encode(' + self.make('bytes', d) + ')')})")()

    def bool(self, d):
        if d <= 0:
            return self.leaf("b", "true", "false", "has(m.a)", "y == 1", "'a' in m", "1 in l")
        m = self.make
        kind = self.pick("int", "uint", "double", "string", "bytes", "bool", "ints", "map")
        ordered = self.pick("int", "uint", "double", "string", "bytes", "bool")
        number, other = self.pick("int", "uint", "double"), self.pick("int", "uint", "double")
        return self.pick(
            lambda: self.common("bool", d), lambda: f"({m('bool', d)} {self.pick('&&', '||')} {m('bool', d)})",
            lambda: f"({m('bool', d)} {self.pick('&&', '||')} {m('bool', d)})", lambda: f"!({m('bool', d)})",
            lambda: f"({m(kind, d)} {self.pick('==', '!=')} {m(kind, d)})",
            lambda: f"(dyn({m(kind, d)}) {self.pick('==', '!=')} {m('dyn', d)})",
            lambda: f"({m(ordered, d)} {self.pick('<', '<=', '>', '>=')} {m(ordered, d)})",
            lambda: f"(dyn({m(number, d)}) {self.pick('<', '<=', '>', '>=')} {m(other, d)})",
            lambda: f"(dyn({getattr(self, self.pick('int', 'uint', 'string', 'bool'))(d)}) in {self.pick('l', 'm', '[1, 2u, 3.0]', '{1: 2, 3u: 4}')})",
            lambda: f"({m('int', d)} in {m('ints', d)})", lambda: f"({m('string', d)} in {m('map', d)})",
            lambda: f"{m('string', d)}.{self.pick('contains', 'startsWith', 'endsWith')}({m('string', d)})",
            lambda: f"{m('string', d)}.matches({self.pick('r' + repr('^[a-c]+$'), 'r' + repr('.'), repr('b|é'), repr('(?i)ABC'))})",
            lambda: self.macro(self.pick("all", "exists", "exists_one"), "bool", d),
            lambda: f"bool({m('string', d)})", lambda: f"math.{self.pick('isNaN', 'isInf', 'isFinite')}({m('double', d)})")()

    def macro(self, name, body, d):
        # A local of its own name hides the input `i` now and then.
        variable = self.pick("x", "z", "i")
        source = self.make("ints", d)
        self.locals.append(variable)
        inner = self.make(body, d)
        self.locals.pop()
        return f"{source}.{name}({variable}, {inner})"

    def ints(self, d):
        if d <= 0:
            return self.leaf("l", "[]", "[1]", "[3, 1, 2]", "[0, -1]")
        m = self.make
        return self.pick(
            lambda: f"[{m('int', d)}, {m('int', d)}, {m('int', d)}]", lambda: f"({m('ints', d)} + {m('ints', d)})",
            lambda: self.macro("map", "int", d), lambda: self.macro("filter", "bool", d), lambda: self.common("ints", d))()

    def map(self, d):
        if d <= 0:
            return self.leaf("m", "{}", "{'a': 1}", "{'b': 2, 'a': 1}")
        m = self.make
        # Keys are strings without fail: the wheel does not tell a uint key from an int.
        return f"{{{self.string(d)}: {m('int', d)}, {self.string(d)}: {m('int', d)}}}"

    def dyn(self, d):
        return self.pick("y", f"dyn({self.make(self.pick('int', 'uint', 'double', 'string', 'bool', 'ints'), d)})")


def canonical(value):
    """A value as text that is equal exactly when the values are of one type and equal."""
    if isinstance(value, cel.Value):
        kind, plain = value.type().name().lower(), value.value()
    else:
        # Keys of maps come as plain values; the corpus has none of type uint.
        plain = value
        kind = {bool: "bool", int: "int", str: "string", float: "double"}.get(type(value), "?")
    if plain is None:
        return "null"
    if kind == "bool":
        return "true" if plain else "false"
    if kind == "int":
        return str(plain)
    if kind == "uint":
        return f"{plain}u"
    if kind == "double":
        return "d:nan" if plain != plain else "d:" + struct.pack(">d", plain).hex()
    if kind == "string":
        return "s:" + plain.encode().hex()
    if kind == "bytes":
        return "b:" + plain.hex()
    if isinstance(plain, list):
        return "[" + ",".join(canonical(element) for element in plain) + "]"
    if isinstance(plain, dict):
        return "{" + ",".join(sorted(canonical(k) + "=" + canonical(v) for k, v in plain.items())) + "}"
    return f"?{kind}"


def main():
    path = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    extensions = [ext_bindings.ExtBindings(), ext_encoders.ExtEncoders(), ext_math.ExtMath(), ext_optional.ExtOptional(),
                  ext_strings.ExtStrings()]
    env = cel.NewEnv(variables=TYPES, extensions=extensions)
    generator = Generator(seed)
    kinds = ("int", "uint", "double", "string", "bool", "bool", "bytes", "ints", "map")
    with open(path + ".part", "w", encoding="utf-8") as out:
        for number, row in enumerate(ROWS):
            for name, literal, _ in row:
                out.write(f"@{number}\t{name}\t{literal}\n")
        written = 0
        while written < count:
            text = generator.make(generator.pick(*kinds), generator.random.randint(1, 5))
            if len(text) > 2000:
                continue
            try:
                program = env.compile(text)
            except Exception:  # the wheel raises whatever the failure's status maps to
                program = None
            for number in generator.random.sample(range(len(ROWS)), 2):
                result = "error"
                if program is not None:
                    try:
                        value = program.eval(data={name: plain for name, _, plain in ROWS[number]})
                        result = "error" if value.type() == cel.Type.ERROR else canonical(value)
                    except Exception:
                        pass
                out.write(f"{number}\t{result}\t{text}\n")
                written += 1
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main()
    # The wheel miscounts references to None, and the interpreter would abort while it winds up.
    os._exit(0)
