"""Writes expressions, inputs and what cel-cpp (cel-expr-python, PyPI) makes of them, for the differential test.

Usage: corpus.py FILE [COUNT [SEED]]

A line is `ROW<TAB>RESULT<TAB>EXPRESSION`, the expression's newlines as \\n and backslashes doubled, or
`@ROW<TAB>NAME<TAB>LITERAL` for an input. RESULT is
    = VALUE      in the notation of `canonical` below
    refused …    the findings of its parser or checker, between ` ; `
    error …      what its evaluation said
    unreadable   a value that the wheel cannot give to Python (an optional, a string that is not UTF-8, a map with numbers as keys)
    crash        the wheel took the process with it
    -            an expression with functions that it does not have, not shown to it
COUNT is of what the wheel evaluates. The file appears under its name only when it is complete.
"""

import os
import re
import struct
import sys

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings

from generator import Generator
from rows import ROWS, TYPES

# What a worker evaluates before the next takes over. The wheel leaks.
BATCH = 4000
TYPE_NAMES = {"null": "null_type", "timestamp": "google.protobuf.Timestamp", "duration": "google.protobuf.Duration"}


BITS_OF_BYTES = re.compile(r"""math\.bit\w+\([^()]*\bb["']""")


def type_name(type):
    name = str(type).lower().split("<")[0]
    return TYPE_NAMES.get(name, name)


def microseconds(delta):
    return (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds


def canonical(value):
    """A value as text that is equal exactly when the values are of one type and equal."""
    if isinstance(value, cel.Value):
        kind, plain = value.type().name().lower(), value.value()
    else:
        # Keys of maps come as plain values: an int may have been a uint.
        plain = value
        kind = {bool: "bool", str: "string"}[type(value)]
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
    if kind == "timestamp":
        return f"t:{microseconds(plain - ROWS[0][8][2])}"
    if kind == "duration":
        return f"r:{microseconds(plain)}"
    if kind == "type":
        return "T:" + type_name(plain)
    if isinstance(plain, list):
        return "[" + ",".join(canonical(element) for element in plain) + "]"
    if isinstance(plain, dict):
        return "{" + ",".join(sorted(canonical(k) + "=" + canonical(v) for k, v in plain.items())) + "}"
    return f"?{kind}"


def one_line(text):
    return " ".join(str(text).split())


def findings(text):
    """The messages of a refusal, without places and excerpts."""
    found = re.findall(r"ERROR: <input>:\d+:\d+: (.*)", str(text))
    return " ; ".join(one_line(line.removesuffix("[INVALID_ARGUMENT]")) for line in found) or one_line(text)


def outcome(program, row):
    try:
        value = program.eval(data={name: plain for name, _, plain in ROWS[row]})
        if value.type() == cel.Type.ERROR:
            return f"error {one_line(value.value())}"
    except Exception as failure:  # the wheel raises whatever the failure's status maps to
        if "convert function return value to a Python type" in str(failure):
            return "unreadable"
        return f"error {one_line(failure)}"
    try:
        return "= " + canonical(value)
    except (KeyError, TypeError, UnicodeError, OverflowError, ValueError):
        return "unreadable"


def evaluate(cases, out):
    """The worker: writes a line for each row of each case, whole or not at all."""
    extensions = [ext_bindings.ExtBindings(), ext_encoders.ExtEncoders(), ext_math.ExtMath(), ext_optional.ExtOptional(),
                  ext_strings.ExtStrings()]
    env = cel.NewEnv(variables=TYPES, extensions=extensions)
    for text, rows in cases:
        try:
            program = env.compile(text)
            results = [outcome(program, row) for row in rows]
        except Exception as refusal:
            results = ["refused " + findings(refusal)] * len(rows)
        os.write(out, ("\t".join(results) + "\n").encode("utf-8", "backslashreplace"))


def results(cases):
    """What the wheel makes of the cases. It may die of one: a process of its own goes on behind it."""
    done = []
    while len(done) < len(cases):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            try:
                evaluate(cases[len(done):len(done) + BATCH], write)
                os._exit(0)
            except BaseException as failure:
                print(f"corpus: the worker failed: {failure!r}", file=sys.stderr)
                os._exit(1)
        os.close(write)
        with open(read, encoding="utf-8") as lines:
            text = lines.read()
        _, status = os.waitpid(child, 0)
        done += [line.split("\t") for line in text.split("\n")[:-1]]
        if os.WIFSIGNALED(status):
            done.append(["crash"] * len(cases[len(done)][1]))
        elif status != 0:
            sys.exit(1)
    return done


def main():
    path = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    generator = Generator(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    cases = []
    while count > 0:
        text, is_shared = generator.text()
        # Bits of bytes are an extension of ours that neither engine beside us knows; its vectors are in a table of their own.
        if BITS_OF_BYTES.search(text):
            continue
        if len(text) <= 2000:
            cases.append((text, generator.random.sample(range(len(ROWS)), 2), is_shared))
            count -= 2 if is_shared else 0
    shown = iter(results([(text, rows) for text, rows, is_shared in cases if is_shared]))
    with open(path + ".part", "w", encoding="utf-8") as out:
        for number, row in enumerate(ROWS):
            for name, literal, _ in row:
                out.write(f"@{number}\t{name}\t{literal}\n")
        for text, rows, is_shared in cases:
            line = text.replace("\\", "\\\\").replace("\n", "\\n")
            for row, result in zip(rows, next(shown) if is_shared else ["-"] * len(rows)):
                out.write(f"{row}\t{result}\t{line}\n")
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main()
