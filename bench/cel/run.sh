#!/bin/bash
# Prints nanoseconds and allocations per rule of our engine, the hostile inputs that miss a bar, then the times of the engines
# that Python packages bring, their binding taken out by the slope between one copy of a rule and several joined by &&.
set -euo pipefail
cd "$(dirname "$0")/../.."
echo "agentgw (ns, allocations)"
.build/release/cel-bench
echo "hostile inputs (bars: 50 ms and 64 MiB each; only those that miss, and their number)"
missed=0
cases=$(.build/release/cel-bench --hostile)
for case in $cases; do
    line=$(timeout 60 .build/release/cel-bench --hostile "$case") || {
        missed=$((missed + 1))
        echo "${line:-case $case: did not end}"
    }
done
echo "$(wc -w <<<"$cases") cases, $missed missed"
scripts/venv.sh "$PWD/.venv-cel-bench" bench/cel/requirements.txt
.venv-cel-bench/bin/python bench/cel/peers.py
