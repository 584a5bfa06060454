"""Where the official MCP and A2A SDKs are: versions that cannot be installed side by side have an environment each."""

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


def a2a_python(version: str) -> Path:
    """The interpreter of the environment with the official A2A SDK: "1" for its 1.x, "03" for its last 0.3."""
    directory = ROOT / f".venv-a2a{version}"
    requirements = ROOT / "Tests" / "EndToEnd" / f"requirements-a2a{'' if version == '1' else version}.txt"
    subprocess.run([ROOT / "scripts" / "venv.sh", directory, requirements], cwd=ROOT, check=True, timeout=deadline(110))
    return directory / "bin" / "python"
