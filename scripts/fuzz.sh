#!/usr/bin/env bash
# Runs every fuzz target (libFuzzer) on its seeds in Tests/Corpus and on what earlier runs found, for FUZZ_SECONDS in all.
# Usage: scripts/fuzz.sh [TARGET]...     FUZZ_SECONDS=60   FUZZ_MERGE=1 takes new finds over into Tests/Corpus
set -euo pipefail
cd "$(dirname "$0")/.."
export AGENTGW_FUZZ=1
scratch=$PWD/.build-fuzz
targets=("$@")
[ ${#targets[@]} -gt 0 ] || for folder in fuzz/*/; do targets+=("$(basename "$folder")"); done
each=$((${FUZZ_SECONDS:-60} / ${#targets[@]}))
[ "$each" -gt 0 ] || each=1
failed=0
for target in "${targets[@]}"; do
    swift build -c debug --scratch-path "$scratch" --sanitize=fuzzer --product "$target" 2>&1 | grep -E 'error|warning: var|complete' || true
    binary=$scratch/debug/$target
    found=$scratch/corpus/$target
    seeds=Tests/Corpus/$target
    mkdir -p "$found" "$scratch/finds" "$seeds"
    [ -x "$binary" ] || { echo "fuzz: $target did not build" >&2; failed=1; continue; }
    if [ -n "${FUZZ_MERGE:-}" ]; then
        "$binary" -merge=1 -max_len=512 "$seeds" "$found" 2>&1 | tail -n 1
        continue
    fi
    echo "== $target for $each s"
    # A second per input is an eternity for a parser, even in a debug build.
    if ! "$binary" -max_total_time="$each" -timeout=5 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix="$scratch/finds/$target-" "$found" "$seeds" >"$scratch/$target.log" 2>&1; then
        grep -E '^(Fatal|.*(Fatal error|ERROR: libFuzzer|precondition|Precondition))|Test unit written' "$scratch/$target.log" >&2 || tail -n 30 "$scratch/$target.log" >&2
        echo "fuzz: $target failed; run it again with $binary FILE" >&2
        failed=1
    fi
    grep -E 'stat::(number_of_executed_units|new_units_added|slowest_unit_time_sec)' "$scratch/$target.log" || true
done
exit "$failed"
