"""docs/auth.md: its configurations load, and the walkthroughs lead a client in."""

import json
import re
import subprocess

import pytest
import yaml

from harness import gateway as gateways
from harness.gateway import ROOT, free_port
from harness.identity import auth0, keycloak
from test_identity import identity, run_sdk, target  # noqa: F401  (identity is a fixture)

TEXT = (ROOT / "docs" / "auth.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
ENVIRONMENT = {"CRM_KEY": "k-1", "ENTRA_CLIENT_SECRET": "s-1"}


def whole(text: str) -> dict:
    """The example as a file of its own."""
    document = yaml.safe_load(text)
    if "binds" in document:
        return document
    backend = {"mcp": {"targets": [target()]}} if "mcpAuthentication" in document else {"host": "127.0.0.1:9"}
    return {"binds": [{"port": 3000, "listeners": [{"routes": [{"policies": document, "backends": [backend]}]}]}]}


@pytest.mark.parametrize("text", BLOCKS, ids=[str(index) for index in range(len(BLOCKS))])
def test_examples_load(tmp_path, text):
    openssl = ["openssl", "passwd", "-6", "secret"]
    (tmp_path / "users.htpasswd").write_text("alice:" + subprocess.run(openssl, capture_output=True, text=True, check=True).stdout)
    key = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    (tmp_path / "signing-key.pem").write_text(subprocess.run(key, capture_output=True, text=True, check=True).stdout)
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(whole(text), sort_keys=False))
    code, out, err = gateways.run(["-f", "gateway.yaml", "--validate-only"], tmp_path, ENVIRONMENT)
    assert code == 0, out + err


@pytest.mark.parametrize("make, written", [(keycloak, "https://keycloak.example"), (auth0, "https://tenant.eu.auth0.example")], ids=["keycloak", "auth0"])
def test_the_walkthrough_of_a_product_leads_a_client_in(start, identity, make, written):  # noqa: F811
    provider = identity(make())
    port = free_port()
    resource = provider.default_audience = f"http://127.0.0.1:{port}/mcp"
    text = next(block for block in BLOCKS if written in block)
    document = whole(text.replace(written, provider.origin).replace("https://mcp.example.com/mcp", resource))
    document["binds"][0]["port"] = port
    document["binds"][0]["listeners"][0]["routes"][0]["backends"][0]["mcp"]["targets"] = [target()]
    report = run_sdk(2, start(document, keep_ports=True).url("/mcp"), "echo")
    assert report["results"][0]["error"] is False and report["scope"] == "mcp:read"


def test_the_record_that_is_shown_is_one():
    shown = json.loads(re.search(r"```json\n(.*?)\n```", TEXT, re.S)[1])
    assert set(shown) == {"log", "time", "route", "id", "verdict", "reason", "phase", "rule", "policy", "cost", "duration_ns", "reads"}


def test_links_lead_somewhere():
    for path in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / "docs" / path).exists(), path
