"""Where the official MCP SDK is: 1.x and 2.x cannot be installed side by side, so each has an environment of its own."""

import os
import subprocess
from pathlib import Path

from .gateway import ROOT
from .waiting import deadline


def sdk_python(major: int) -> Path:
    """The interpreter of the environment with the official SDK of this major version."""
    if given := os.environ.get("AGENTGW_MCP_PYTHON" if major == 1 else "AGENTGW_MCP2_PYTHON"):
        return Path(given)
    directory = ROOT / f".venv-mcp{major}"
    requirements = ROOT / "Tests" / "EndToEnd" / f"requirements-mcp{'' if major == 1 else major}.txt"
    subprocess.run([ROOT / "scripts" / "venv.sh", directory, requirements], cwd=ROOT, check=True, timeout=deadline(110))
    return directory / "bin" / "python"
