"""The inputs: each row gives every name a value, once as the language writes it and once for Python.

No bytes with a NUL: the wheel cuts them there.
"""

from datetime import datetime, timedelta, timezone

from cel_expr_python import cel

TYPES = {
    "i": cel.Type.INT, "u": cel.Type.UINT, "d": cel.Type.DOUBLE, "s": cel.Type.STRING, "b": cel.Type.BOOL,
    "l": cel.Type.List(cel.Type.INT), "m": cel.Type.Map(cel.Type.STRING, cel.Type.INT), "y": cel.Type.DYN,
    "t": cel.Type.TIMESTAMP, "r": cel.Type.DURATION, "g": cel.Type.List(cel.Type.STRING),
    "n": cel.Type.Map(cel.Type.STRING, cel.Type.DYN), "z": cel.Type.BYTES,
}


def at(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


ROWS = [
    [("i", "0", 0), ("u", "0u", 0), ("d", "0.0", 0.0), ("s", "''", ""), ("b", "false", False), ("l", "[]", []),
     ("m", "{}", {}), ("y", "null", None), ("t", "timestamp(0)", at(1970, 1, 1)), ("r", "duration('0')", timedelta()),
     ("g", "[]", []), ("n", "{}", {}), ("z", "b''", b"")],
    [("i", "-7", -7), ("u", "7u", 7), ("d", "-2.5", -2.5), ("s", "'héllo wörld'", "héllo wörld"), ("b", "true", True),
     ("l", "[1, 2, 3]", [1, 2, 3]), ("m", "{'a': 1, 'b': 2}", {"a": 1, "b": 2}), ("y", "'a'", "a"),
     ("t", "timestamp('2026-07-01T12:34:56.789Z')", at(2026, 7, 1, 12, 34, 56, 789000)),
     ("r", "duration('90m')", timedelta(minutes=90)), ("g", "['x', 'yy', '']", ["x", "yy", ""]),
     ("n", "{'a': {'b': [1, 'x', null, 2.5]}, 'c': true}", {"a": {"b": [1, "x", None, 2.5]}, "c": True}),
     ("z", "b'\\xff\\x01a'", b"\xff\x01a")],
    [("i", "9223372036854775807", 2**63 - 1), ("u", "18446744073709551615u", 2**64 - 1), ("d", "1e308", 1e308),
     ("s", "'a,b,,c'", "a,b,,c"), ("b", "true", True), ("l", "[5, -5, 0, 5]", [5, -5, 0, 5]), ("m", "{'': 0}", {"": 0}),
     ("y", "[1, 'x']", [1, "x"]), ("t", "timestamp('9999-12-31T23:59:59Z')", at(9999, 12, 31, 23, 59, 59)),
     ("r", "duration('-1.5s')", timedelta(seconds=-1.5)), ("g", "['a,b', 'c']", ["a,b", "c"]),
     ("n", "{'a': 'flat', 'c': 1}", {"a": "flat", "c": 1}), ("z", "b'abc'", b"abc")],
    [("i", "-9223372036854775807", -2**63 + 1), ("u", "1u", 1), ("d", "9007199254740993.0", 9007199254740993.0),
     ("s", "'😀 ABC xyz\\t'", "😀 ABC xyz\t"), ("b", "false", False), ("l", "[9]", [9]),
     ("m", "{'k': -1, 'é': 3}", {"k": -1, "é": 3}), ("y", "2.0", 2.0),
     ("t", "timestamp('1900-02-28T23:59:59.5Z')", at(1900, 2, 28, 23, 59, 59, 500000)),
     ("r", "duration('100000h')", timedelta(hours=100000)), ("g", "['é']", ["é"]),
     ("n", "{'a': {'z': {}}, 'c': null}", {"a": {"z": {}}, "c": None}), ("z", "b'\\xc3\\xa9'", b"\xc3\xa9")],
]
