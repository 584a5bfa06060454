#!/bin/bash
# Prints nanoseconds and allocations per rule of our engine, then of the engines that Python packages bring, their binding
# taken out by the slope between one copy of a rule and several joined by &&.
set -euo pipefail
cd "$(dirname "$0")/../.."
echo "agentgw (ns, allocations)"
.build/release/cel-bench
python=${PYTHON:-python3}
"$python" bench/cel/peers.py || echo "peers: not measured (pip install cel-expr-python common-expression-language)"
