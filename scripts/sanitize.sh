#!/usr/bin/env bash
# Unit tests under ThreadSanitizer and AddressSanitizer, then one end-to-end pass against a binary built with each.
# Usage: scripts/sanitize.sh [thread|address]...   (default: both)
set -euo pipefail
cd "$(dirname "$0")/.."
status=0
for sanitizer in "${@:-thread address}"; do
    for one in $sanitizer; do
        scratch=.build-$one
        echo "===== $one sanitizer"
        export TSAN_OPTIONS="halt_on_error=1 exitcode=66 suppressions=$PWD/scripts/thread-sanitizer.supp"
        export ASAN_OPTIONS="halt_on_error=1 detect_leaks=0 exitcode=66"
        swift build --build-tests --scratch-path "$scratch" --sanitize="$one" || { status=1; continue; }
        swift test --skip-build --scratch-path "$scratch" --sanitize="$one" || status=1
        # A sanitizer makes everything several times slower; the large and the timing-bound cases gain nothing from it.
        AGENTGW_BIN=$PWD/$scratch/debug/agentgw AGENTGW_SLOW_FACTOR=6 scripts/e2e.sh -m 'not heavy' || status=1
    done
done
exit "$status"
