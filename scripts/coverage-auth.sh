#!/usr/bin/env bash
# Coverage of the three tables that decide who passes: the truth table of rules, the table of keys and their algorithms, the
# builder of challenges. Every region (each side of a branch is one) must have been run by the auth layer's unit tests; what was
# not is printed and fails.
set -euo pipefail
cd "$(dirname "$0")/.."
files=(
    Sources/Auth/Authorization/TruthTable.swift Sources/Auth/JOSE/VerificationKey.swift
    Sources/Auth/MCPAuthorization/Challenge.swift
)
build=.build-coverage
mkdir -p "$build"
swift test --enable-code-coverage --scratch-path "$build" --filter '^AuthTests\.' >"$build/auth.log" 2>&1 || {
    grep -E 'error:|✘|Fatal' "$build/auth.log" | head -30 >&2
    echo "coverage-auth: the tests failed; all of it is in $build/auth.log" >&2
    exit 1
}
tools=$(dirname "$(readlink -f "$(command -v swift)")")
profile=$(find "$build/debug/codecov" -name default.profdata)
binary=$(find -L "$build/debug" -maxdepth 1 -name '*.xctest' -type f)
"$tools/llvm-cov" export -instr-profile "$profile" "$binary" "${files[@]}" | python3 -c '
import json, sys
data = json.load(sys.stdin)["data"][0]
failed = False
ran = {}
for function in data["functions"]:
    for line, column, _, _, count, file, _, kind in function["regions"]:
        if kind == 0:
            place = (function["filenames"][file], line, column)
            ran[place] = max(ran.get(place, 0), count)
for file in data["files"]:
    name = file["filename"]
    regions = {place: count for place, count in ran.items() if place[0] == name}
    open_ = sorted(place for place, count in regions.items() if count == 0)
    print(f"{len(regions) - len(open_):4} of {len(regions):4} regions  {name}")
    for place in open_:
        print(f"     not run: {place[0]}:{place[1]}:{place[2]}")
        failed = True
sys.exit(1 if failed else 0)'
