#!/usr/bin/env bash
# Keeps MCP sessions coming and going while children die, clients leave in the middle of calls and streams, and the
# configuration is reloaded; then compares what the gateway holds with what it held before.
# Usage: scripts/soak-mcp.sh      SOAK_SECONDS=600   AGENTGW_BIN names the binary (default .build/release/agentgw)
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/venv.sh .venv-e2e Tests/EndToEnd/requirements.txt
export AGENTGW_BIN=${AGENTGW_BIN:-$PWD/.build/release/agentgw}
exec .venv-e2e/bin/python Tests/EndToEnd/mcp_servers/soak.py "${SOAK_SECONDS:-600}"
