"""README.md: its configurations load, its commands are the ones that exist."""

import re
import shlex
import subprocess

import jwt

from harness import gateway as gateways
from harness.gateway import ROOT

TEXT = (ROOT / "README.md").read_text()


def test_configurations_load(tmp_path):
    whole, policies = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
    # The second continues the first one's `policies`.
    code, out, _ = gateways.run(["token", "jwks"], tmp_path)
    assert code == 0
    (tmp_path / "keys.json").write_text(out)
    for text in (whole, whole + policies):
        (tmp_path / "gateway.yaml").write_text(text)
        arguments = ["-f", "gateway.yaml", "--validate-only"]
        code, out, err = gateways.run(arguments, tmp_path, {"OPENAI_API_KEY": "x"})
        assert code == 0, err


def test_token_command_makes_the_token_it_promises(tmp_path):
    line = next(line.strip() for line in TEXT.splitlines() if line.strip().startswith("agentgw token --issuer"))
    code, token, err = gateways.run(shlex.split(line)[1:], tmp_path)
    assert code == 0, err
    assert jwt.decode(token.strip(), options={"verify_signature": False})["role"] == "dev"


def test_make_targets_exist():
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", TEXT, re.M)):
        assert re.search(rf"^  make {target}\b", listed, re.M), target


def test_links_lead_somewhere():
    for path in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / path).exists(), path
