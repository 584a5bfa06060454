#!/usr/bin/env bash
# Runs every conformance runner: an executable spec-tests/AREA/run. (The HTTP cases run with the end-to-end tests,
# whose gateway they share.) A runner that finds no outside data says so itself.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
for runner in spec-tests/*/run; do
    [ -x "$runner" ] || continue
    echo "== $runner"
    "$runner" || { echo "conformance: $runner failed" >&2; failed=1; }
done
exit "$failed"
