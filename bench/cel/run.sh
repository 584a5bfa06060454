#!/bin/bash
# Prints nanoseconds and allocations per rule of our engine, then of the engines that Python packages bring, their binding
# taken out by the slope between one copy of a rule and several joined by &&.
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
python=${PYTHON:-python3}
"$python" bench/cel/peers.py || echo "peers: not measured (pip install cel-expr-python common-expression-language)"
