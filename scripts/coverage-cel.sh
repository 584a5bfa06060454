#!/usr/bin/env bash
# Line coverage of the CEL engine (Sources/CEL) by its unit tests, the conformance suite and the vectors: a table by file,
# the lines that nothing ran with --lines, and a failure below the minimum.
# Usage: coverage-cel.sh [--lines]
set -euo pipefail
cd "$(dirname "$0")/.."
minimum=95
build=.build-coverage
swift test --enable-code-coverage --scratch-path "$build" --filter '^(CELTests|CELConformanceTests)\.' >"$build.log" 2>&1 || {
    grep -E 'error:|✘|Fatal' "$build.log" | head -30 >&2
    echo "coverage-cel: the tests failed; all of it is in $build.log" >&2
    exit 1
}
tools=$(dirname "$(readlink -f "$(command -v swift)")")
profile=$(find "$build/debug/codecov" -name default.profdata)
binary=$(find -L "$build/debug" -maxdepth 1 -name '*.xctest' -type f)
"$tools/llvm-cov" export -instr-profile "$profile" "$binary" -format=lcov Sources/CEL |
    python3 scripts/coverage-table.py Sources/CEL "$minimum" "${1:-}"
