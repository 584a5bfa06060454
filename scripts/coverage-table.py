"""A table of line coverage by file from an lcov report on standard input; fails below a minimum.

Usage: coverage-table.py FOLDER MINIMUM [--lines]
"""

import os
import sys

folder, minimum, shows_lines = sys.argv[1], float(sys.argv[2]), "--lines" in sys.argv[3:]
files: dict[str, dict[int, int]] = {}
name = ""
for line in sys.stdin:
    tag, _, rest = line.strip().partition(":")
    if tag == "SF":
        name = os.path.relpath(rest)
    elif tag == "DA" and name.startswith(folder):
        number, count = rest.split(",")[:2]
        lines = files.setdefault(name, {})
        # A generic function, or a closure and what is around it, may report a line several times.
        lines[int(number)] = max(lines.get(int(number), 0), int(count))

if not files:
    sys.exit(f"coverage: no lines of {folder} in the report")
covered_sum = total_sum = 0
for name, lines in sorted(files.items()):
    missed = [number for number, count in sorted(lines.items()) if count == 0]
    covered_sum += len(lines) - len(missed)
    total_sum += len(lines)
    print(f"{100 * (1 - len(missed) / len(lines)):6.1f} %  {len(lines) - len(missed):5} of {len(lines):5}  {name}")
    if shows_lines and missed:
        print("          " + " ".join(map(str, missed)))
share = 100 * covered_sum / total_sum
print(f"{share:6.2f} %  {covered_sum:5} of {total_sum:5}  {folder}")
if share < minimum:
    sys.exit(f"coverage: below {minimum} %")
