"""The rule sets of policies/: each runs in the gateway and decides as its comments say."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from harness.gateway import BINARY
from harness.rawhttp import exchange
from harness.tokens import Issuer

FOLDER = Path(__file__).resolve().parents[2] / "policies"

# (method, path, headers, claims or None, status)
TABLE = {
    "scopes": [
        ("GET", "/", [], {"scope": "api:read"}, 200),
        ("GET", "/", [], {"scope": "openid api:read"}, 200),
        ("GET", "/", [], {"scope": "api:readonly"}, 403),
        ("GET", "/", [], {"scope": "api:write"}, 403),
        ("POST", "/", [], {"scope": "api:read"}, 403),
        ("POST", "/", [], {"scope": ["api:read", "api:write"]}, 200),
        ("GET", "/", [], {}, 403),
        ("GET", "/", [], None, 401),
    ],
    "groups": [
        ("GET", "/teams/red/x", [], {"groups": ["red"]}, 200),
        ("GET", "/teams/reddish/x", [], {"groups": ["red"]}, 403),
        ("GET", "/teams/blue/x", [], {"groups": ["red"]}, 403),
        ("DELETE", "/teams/blue/x", [], {"groups": ["admins"]}, 200),
        ("DELETE", "/teams/red/x", [], {"groups": ["red", "contractors"]}, 403),
        ("GET", "/teams/red/x", [], {"groups": ["red", "contractors"]}, 200),
        ("GET", "/teams/red/x", [], {}, 403),
        ("GET", "/teams/red/x", [], {"groups": "red"}, 403),
    ],
    "tenant-header": [
        ("GET", "/", ["x-tenant: acme"], {"tenant": "acme"}, 200),
        ("GET", "/", ["x-tenant: other"], {"tenant": "acme"}, 403),
        ("GET", "/", ["x-tenant: acme", "x-tenant: other"], {"tenant": "acme"}, 403),
        ("GET", "/", [], {"tenant": "acme"}, 403),
        ("GET", "/", ["x-tenant: acme"], {}, 403),
    ],
    "office-hours": [("GET", "/", [], None, 200), ("HEAD", "/", [], None, 200)],
    "ip-ranges": [("GET", "/", [], None, 200), ("GET", "/admin/x", [], None, 403)],
}


def document(name: str) -> dict:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


def rules(name: str) -> list[dict]:
    return document(name)["binds"][0]["listeners"][0]["routes"][0]["policies"]["authorization"]["rules"]


def test_every_rule_set_has_a_table():
    assert sorted(path.stem for path in FOLDER.glob("*.yaml") if ".test" not in path.name) == sorted(TABLE)


def test_the_tables_beside_the_rule_sets_see_every_part_of_every_rule():
    command = [BINARY, "check-policy", FOLDER, "--require-tests", "--coverage", "--fail-under", "100"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", TABLE)
def test_the_tables_notice_nine_in_ten_changes_of_a_rule(name):
    command = [BINARY, "check-policy", "mutate", FOLDER / f"{name}.test.yaml", "--fail-under", "90"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", TABLE)
def test_rule_set_decides_as_it_says(name, start, serve):
    issuer = Issuer()
    configuration = document(name)
    route = configuration["binds"][0]["listeners"][0]["routes"][0]
    route["backends"] = [{"host": f"127.0.0.1:{serve().port}"}]
    if "jwtAuth" in route["policies"]:
        route["policies"]["jwtAuth"]["jwks"] = json.dumps(issuer.jwks)
    gateway = start(configuration)
    for method, path, headers, claims, status in TABLE[name]:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
        if claims is not None:
            lines.append(f"Authorization: Bearer {issuer.token(**claims)}")
        reply = exchange(gateway.port, "\r\n".join([*lines, "", ""]).encode(), method)
        assert reply.status == status, (method, path, headers, claims)


def evaluate(expression: str) -> str:
    done = subprocess.run([BINARY, "eval", expression], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("moment,value", [
    ("2026-07-01T06:00:00Z", "true"),  # Wednesday, 8:00 in summer
    ("2026-07-01T05:59:59Z", "false"),
    ("2026-12-02T06:59:59Z", "false"),  # Wednesday, 7:59 in winter
    ("2026-12-02T07:00:00Z", "true"),
    ("2026-12-02T17:00:00Z", "false"),  # 18:00
    ("2026-11-28T10:00:00Z", "false"),  # Saturday
    ("2026-11-29T23:30:00Z", "false"),  # Monday 0:30 there, Sunday in UTC
])
def test_office_hours_follow_the_clock_of_berlin(moment, value):
    expression = rules("office-hours")[1]["allow"].replace("request.startTime", f'timestamp("{moment}")')
    assert evaluate(expression) == value


@pytest.mark.parametrize("address,admitted,administers", [
    ("10.1.2.3", "true", "true"), ("10.2.0.1", "true", "false"), ("192.168.0.1", "false", "false"),
    ("fd12::1", "true", "false"), ("2001:db8::1", "false", "false"),
])
def test_networks_are_told_apart(address, admitted, administers):
    require, deny = (rules("ip-ranges")[0]["require"], rules("ip-ranges")[1]["deny"])
    assert evaluate(require.replace("source.address", f'"{address}"')) == admitted
    admin = deny.replace("request.path", '"/admin"').replace("source.address", f'"{address}"')
    assert evaluate(f"!({admin})") == administers
