"""The rule sets of policies/: each runs in the gateway and decides as its comments say."""

import itertools
import json
import re
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from harness import gateway as gateways
from harness.gateway import BINARY
from harness.rawhttp import exchange
from harness.tokens import Issuer
from harness.waiting import until
from test_mcp import META
from test_policy_equality import agent_params, sign, verdict

FOLDER = Path(__file__).resolve().parents[2] / "policies"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml") if ".test" not in path.name)

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


def test_every_rule_set_has_a_table_and_is_in_the_index():
    index = (FOLDER / "README.md").read_text()
    assert len(NAMES) >= 10
    for name in NAMES:
        assert (FOLDER / f"{name}.test.yaml").exists(), name
        assert f"]({name}.yaml)" in index, name
        # Words before YAML: what it is for.
        assert (FOLDER / f"{name}.yaml").read_text().startswith("# "), name


@pytest.mark.parametrize("name", NAMES)
def test_a_rule_set_loads_in_the_gateway_without_any_variable(name, tmp_path):
    code, _, err = gateways.run(["-f", str(FOLDER / f"{name}.yaml"), "--validate-only"], tmp_path)
    assert code == 0, err


def test_the_tables_beside_the_rule_sets_see_every_part_of_every_rule():
    command = [BINARY, "check-policy", FOLDER, "--require-tests", "--coverage", "--fail-under", "100"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
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


def filled(value, row: dict):
    """A value of a table with the values of a row of its matrix."""
    if isinstance(value, dict):
        return {name: filled(inner, row) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, row) for inner in value]
    if isinstance(value, str):
        whole = re.fullmatch(r"\$\{(\w+)\}", value)
        return row[whole[1]] if whole else re.sub(r"\$\{(\w+)\}", lambda name: str(row[name[1]]), value)
    return value


def merged(base, over):
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return {**base, **{name: merged(base.get(name), value) for name, value in over.items()}}


def cases(name: str) -> list[dict]:
    """The cases of a table one by one: what check-policy makes of defaults and matrices, made once more."""
    table = yaml.safe_load((FOLDER / f"{name}.test.yaml").read_text())
    result = []
    for written in table["tests"]:
        matrix = written.get("matrix", [{}])
        if isinstance(matrix, dict):
            matrix = [dict(zip(matrix, values)) for values in itertools.product(*matrix.values())]
        rest = {field: value for field, value in written.items() if field != "matrix"}
        result += [merged(table.get("defaults", {}), filled(rest, row)) for row in matrix]
    return result


def issuers(configuration: dict) -> list[dict]:
    """Everything in a configuration that trusts an issuer."""
    found, work = [], [configuration]
    while work:
        value = work.pop()
        if isinstance(value, dict):
            work += value.values()
            found += [value] if "issuer" in value and "jwks" in value else []
        elif isinstance(value, list):
            work += value
    return found[::-1]


def runnable(name: str, issuer: Issuer, port: int) -> dict:
    """A rule set as it is, with keys that are here and servers that answer."""
    configuration = document(name)
    for trusted in issuers(configuration):
        trusted["jwks"] = json.dumps(issuer.jwks)
    for listener in configuration["binds"][0]["listeners"]:
        for route in listener["routes"]:
            for backend in route["backends"]:
                if "mcp" in backend:
                    targets = backend["mcp"]["targets"]
                    backend["mcp"]["targets"] = [{"name": one["name"], "builtin": "everything"} for one in targets]
                    backend["mcp"]["dnsRebindingProtection"] = False
                elif "ai" in backend:
                    backend["ai"]["hostOverride"] = f"127.0.0.1:{port}"
                else:
                    backend["host"] = f"127.0.0.1:{port}"
    return {**configuration, "config": {"workerThreads": 1}}


def sent(case: dict, trusted: list[dict], issuer: Issuer) -> bytes:
    request = case.get("request") or {}
    method, path, body = request.get("method", "GET"), request.get("path", "/"), b""
    lines = ["host: gateway.test"]
    for field, values in (request.get("headers") or {}).items():
        lines += [f"{field}: {value}" for value in (values if isinstance(values, list) else [values])]
    if "apiKey" in case:
        lines.append(f"x-api-key: {case['apiKey']}")
    if case.get("jwt") is not None:
        claims = dict(case["jwt"])
        claims.setdefault("iss", trusted[0]["issuer"])
        audiences = [one["audiences"] for one in trusted if one["issuer"] == claims["iss"]]
        if audiences:
            claims.setdefault("aud", audiences[0][0])
        claims.setdefault("exp", int(time.time()) + 3600)
        payload = {claim: value for claim, value in claims.items() if value is not None}
        lines.append("authorization: Bearer " + sign(payload, issuer))
    if "mcp" in case:
        mcp, method, path = case["mcp"], "POST", "/mcp"
        kind = next(kind for kind in ("tool", "prompt", "resource") if kind in mcp)
        call = {"tool": "tools/call", "prompt": "prompts/get", "resource": "resources/read"}[kind]
        params = {"uri" if kind == "resource" else "name": mcp[kind], "arguments": mcp.get("arguments", {}), "_meta": META}
        if kind == "resource":
            del params["arguments"]
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": call, "params": params}).encode()
        lines += ["accept: application/json, text/event-stream", "mcp-protocol-version: 2026-07-28"]
        lines += [f"mcp-method: {call}", f"mcp-name: {mcp[kind]}"]
    if "a2a" in case:
        method, path = "POST", "/agents/travel"
        call = {"jsonrpc": "2.0", "id": 1, "method": case["a2a"].get("method", "message/send")}
        asked = {"method": call["method"], **case["a2a"]}
        body = json.dumps({**call, "params": asked["params"] if "params" in asked else agent_params(asked)}).encode()
    if "llm" in case:
        llm = case["llm"]
        content = {"model": llm.get("model"), "messages": [{"role": "user", "content": "hi"}], **llm.get("params", {})}
        body = json.dumps({member: value for member, value in content.items() if value is not None}).encode()
    if body:
        lines.append("content-type: application/json")
    if method in ("POST", "PUT"):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode() + body


def ask(gateway, message: bytes, case: dict) -> tuple[int, list[dict]]:
    """The status, and what went into the log meanwhile."""

    def answered() -> list[dict]:
        return [record for record in gateway.records() if record.get("log") == "access"]

    before = len(gateway.records())
    done = len(answered())
    reply = exchange(gateway.port, message, "POST" if "mcp" in case or "a2a" in case else (case.get("request") or {}).get("method", "GET"))
    until(lambda: len(answered()) > done, "the request is on record", 20)
    return reply.status, [record for record in gateway.records()[before:] if record.get("log") == "decision"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("office-hours", "break-glass", "ip-ranges")])
def test_every_case_of_a_table_is_decided_so_by_the_running_gateway(name, start, serve):
    """But those that depend on the time, the network, or on what a server offers."""
    issuer = Issuer()
    configuration = runnable(name, issuer, serve().port)
    trusted = issuers(configuration)
    gateway = start(configuration)
    tried = 0
    for case in cases(name):
        mcp = case.get("mcp", {})
        if mcp.get("method") == "tools/list" or "annotations" in mcp or not ("source" not in case or name == "api-keys"):
            continue
        expected = case["expect"] if isinstance(case["expect"], dict) else {"verdict": case["expect"]}
        if name == "api-keys":
            # The keys' own networks: this machine is in none of them.
            expected = expected if expected.get("status") else {"verdict": "deny", "rule": "at-home"}
        status, decisions = ask(gateway, sent(case, trusted, issuer), case)
        if expected.get("verdict") == "malformed":
            # No rule was asked, so there is nothing on record but the reply.
            assert (status, decisions) == (expected["status"], []), (case, status, decisions)
            continue
        was, rule = verdict(status, decisions)
        assert was == expected.get("verdict", was), (case, status, decisions)
        assert expected.get("rule", rule or "none") == (rule or "none"), (case, status, decisions)
        assert expected.get("status", status) == status, (case, status)
        tried += 1
    assert tried >= 5


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
