#!/usr/bin/env bash
# What CI runs: lint, a build in which a warning is an error, unit tests, conformance, the comparison with another engine
# of the expression language, end-to-end tests, a short fuzz.
# Every step runs even when an earlier one failed, so that one run shows everything; any failure fails the whole.
set -uo pipefail
cd "$(dirname "$0")/.."
export AGENTGW_STRICT=1
summary=""
status=0

step() { # step NAME SECONDS COMMAND...
    local name=$1 limit=$2 started=$SECONDS code
    shift 2
    printf '\n===== %s: %s\n' "$name" "$*"
    timeout --kill-after 30 "$limit" "$@"
    code=$?
    if [ "$code" = 0 ]; then
        summary+="  ok      $name ($((SECONDS - started)) s)"$'\n'
    else
        status=1
        [ "$code" = 124 ] && code="124: ran out of its $limit seconds"
        summary+="  FAILED  $name ($((SECONDS - started)) s, exit $code)"$'\n'
    fi
    [ "$status" = 0 ]
}

step setup 600 scripts/setup.sh build test || { printf '%s' "$summary"; exit 1; }
step lint 300 scripts/lint.sh
step build 1200 swift build --build-tests
step unit-tests 900 swift test --skip-build
step release-build 1500 swift build -c release --product agentgw
step conformance 600 scripts/conformance.sh
step differential 300 spec-tests/cel/differential/run 30000
step end-to-end 900 scripts/e2e.sh
[ -d fuzz ] && step fuzz 600 scripts/fuzz.sh

printf '\n===== check\n%s' "$summary"
exit "$status"
