#!/usr/bin/env bash
# Runs the end-to-end tests (real clients against the built binary) and the HTTP conformance cases.
# Usage: scripts/e2e.sh [pytest arguments]      AGENTGW_BIN names the binary (default .build/release/agentgw)
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/venv.sh .venv-e2e Tests/EndToEnd/requirements.txt
# The two major versions of the MCP SDK cannot be installed side by side.
scripts/venv.sh .venv-mcp1 Tests/EndToEnd/requirements-mcp.txt
scripts/venv.sh .venv-mcp2 Tests/EndToEnd/requirements-mcp2.txt
# Nor can the two of the A2A SDK.
scripts/venv.sh .venv-a2a1 Tests/EndToEnd/requirements-a2a.txt
scripts/venv.sh .venv-a2a03 Tests/EndToEnd/requirements-a2a03.txt
export AGENTGW_MCP_PYTHON=${AGENTGW_MCP_PYTHON:-$PWD/.venv-mcp1/bin/python}
export AGENTGW_MCP2_PYTHON=${AGENTGW_MCP2_PYTHON:-$PWD/.venv-mcp2/bin/python}
export AGENTGW_BIN=${AGENTGW_BIN:-$PWD/.build/release/agentgw}
if [ ! -x "$AGENTGW_BIN" ]; then
    echo "e2e: no binary at $AGENTGW_BIN; run 'make build' first" >&2
    exit 1
fi
paths=(Tests/EndToEnd spec-tests/http)
# Paths given by the caller replace the default ones; options alone do not.
for argument in "$@"; do
    if [ -e "${argument%%::*}" ]; then paths=(); fi
done
exec .venv-e2e/bin/python -m pytest -c Tests/EndToEnd/pytest.ini --rootdir . "$@" "${paths[@]}"
