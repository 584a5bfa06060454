"""The same generated requests through check-policy and through the running gateway: every verdict, rule and status is the
same. AGENTGW_EQUALITY_CASES sets how many; `make policy-equality` takes 5,000."""

import json
import os
import random
import subprocess
import time

import jwt
import pytest
import yaml

from harness.gateway import BINARY
from harness.rawhttp import Raw
from harness.tokens import AUDIENCE, ISSUER, Issuer
from harness.waiting import until
from test_mcp import META

CASES = int(os.environ.get("AGENTGW_EQUALITY_CASES", "400"))
SEED = int(os.environ.get("AGENTGW_EQUALITY_SEED", "5"))
ROUTES = 8
TEAMS = ["red", "blue", "green", "red-ops", ""]
GROUPS = ["eng", "fin-ops", "admins"]
TOOLS = ["one_echo", "one_get-sum", "one_print-secrets", "two_echo", "two_get-sum"]

TERMS = [
    'request.method == "GET"',
    'request.method in ["GET", "HEAD", "POST"]',
    'request.path.endsWith("/x")',
    'request.path.contains("admin")',
    'request.path.matches("^/r[0-9]+/[a-z]+$")',
    'request.query == ""',
    'request.headers["x-team"] == "red"',
    'request.headers["X-Team"].startsWith("red")',
    '"x-team" in request.headers',
    'request.host == "gateway.test"',
    'jwt.sub == "ann"',
    '"eng" in jwt.groups',
    "has(jwt.groups) && jwt.groups.size() > 1",
    'jwt.groups.exists(g, g.startsWith("fin-"))',
    'jwt.groups.all(g, g != "admins")',
    "jwt.level > 2",
    "jwt.level <= 7.5",
    'has(jwt.realm) && jwt.realm.team == "red"',
    'jwt.realm.team == request.headers["x-team"]',
    'hasScope("api:read")',
    'hasScope("api:write")',
    'cidr("127.0.0.0/8").containsIP(ip(source.address))',
    "jwt.exp > jwt.iat",
    'request.startTime.getFullYear() > 2020',
    'jwt[request.headers["x-team"]] == "ann"',
    "true",
]
MCP_TERMS = TERMS[10:21] + [
    'mcp.tool.name == "echo"',
    'mcp.tool.name.startsWith("get")',
    'mcp.tool.target == "one"',
    'mcp.tool.arguments.amount < 100',
    'has(mcp.tool.arguments.note) && mcp.tool.arguments.note == "ok"',
    'mcp.method == "tools/call"',
    'mcp.tool.arguments.tags.exists(t, t == "a")',
]


def expression(draw: random.Random, terms: list[str], depth: int = 0) -> str:
    kind = draw.random()
    if depth > 2 or kind < 0.45:
        return f"({draw.choice(terms)})"
    if kind < 0.55:
        return f"!{expression(draw, terms, depth + 1)}"
    if kind < 0.6:
        parts = [expression(draw, terms, depth + 1) for _ in range(3)]
        return f"({parts[0]} ? {parts[1]} : {parts[2]})"
    operator = draw.choice([" && ", " || "])
    return f"({expression(draw, terms, depth + 1)}{operator}{expression(draw, terms, depth + 1)})"


def rules(draw: random.Random, terms: list[str], name: str) -> dict:
    actions = draw.choices(["allow", "deny", "require"], [5, 2, 1], k=draw.randint(1, 5))
    made = [{"id": f"{name}-{index}", action: expression(draw, terms)} for index, action in enumerate(actions)]
    return {"rules": made, **draw.choice([{}, {}, {"defaultAction": "deny"}])}


def configuration(draw: random.Random, issuer: Issuer) -> dict:
    auth = {"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": json.dumps(issuer.jwks)}
    routes = []
    for number in range(ROUTES):
        mode = draw.choice(["strict", "strict", "optional", "permissive"])
        route = {
            "name": f"r{number}",
            "matches": [{"path": {"pathPrefix": f"/r{number}"}}],
            "policies": {"jwtAuth": {"mode": mode, **auth}, "authorization": rules(draw, TERMS, f"r{number}")},
        }
        if number % 3 == 0:
            backend = {"authorization": rules(draw, TERMS, f"b{number}")}
            route["backends"] = [{"host": "127.0.0.1:9", "policies": backend}]
        else:
            route["policies"]["directResponse"] = {"status": 200, "body": "ok"}
        routes.append(route)
    targets = [{"name": name, "builtin": "everything"} for name in ("one", "two")]
    routes.append(
        {
            "name": "mcp",
            "matches": [{"path": {"exact": "/mcp"}}],
            "policies": {"jwtAuth": {"mode": "optional", **auth}, "mcpAuthorization": rules(draw, MCP_TERMS, "m")},
            "backends": [{"mcp": {"targets": targets, "dnsRebindingProtection": False}}],
        }
    )
    listener = {"id": "outer", "deny": 'request.headers["x-outer"] == "no"'}
    guard = {"id": "outer-default", "allow": "true"}
    # A deny that errs refuses; the header is not always there.
    listener["deny"] = f'"x-outer" in request.headers && {listener["deny"]}'
    return {
        "binds": [
            {
                "port": 3000,
                "listeners": [{"name": "l", "policies": {"authorization": {"rules": [listener, guard]}}, "routes": routes}],
            }
        ]
    }


def claims(draw: random.Random, now: int) -> dict | None:
    if draw.random() < 0.1:
        return None
    made = {"iss": ISSUER, "aud": AUDIENCE, "exp": now + 3600, "iat": now - 10, "sub": draw.choice(["ann", "bob"])}
    for name, choices in {
        "groups": [[], ["eng"], ["eng", "fin-ops"], GROUPS, "eng", [1, "eng"], None],
        "level": [0, 3, 7.5, "3", None, 8],
        "realm": [{"team": "red"}, {"team": "blue"}, {}, "red"],
        "scope": ["api:read", "api:read api:write", "", ["api:write"], "api:readonly"],
        "red": ["ann", "bob"],
    }.items():
        if draw.random() < 0.7:
            made[name] = draw.choice(choices)
    flaw = draw.random()
    if flaw < 0.03:
        made["exp"] = now - 3600
    elif flaw < 0.05:
        made["aud"] = "other"
    elif flaw < 0.06:
        made["iss"] = "https://other.example"
    elif flaw < 0.07:
        del made["exp"]
    elif flaw < 0.08:
        made["nbf"] = now + 3600
    return made


def case(draw: random.Random, number: int, now: int) -> dict:
    made: dict = {"name": f"case {number}", "source": "127.0.0.1"}
    token = claims(draw, now)
    if token is not None:
        # A claim that must stay away is written as null, or check-policy fills it in.
        made["jwt"] = {**({"exp": None} if "exp" not in token else {}), **token}
    headers = {}
    if draw.random() < 0.6:
        team = draw.choice(TEAMS + ["sub"])
        headers["x-team"] = [team, "blue"] if draw.random() < 0.05 else team
    if draw.random() < 0.05:
        headers["x-outer"] = draw.choice(["no", "yes"])
    if draw.random() < 0.25:
        arguments = {"amount": draw.choice([1, 99, 100, 99.5, "5"]), "note": draw.choice(["ok", "no"]), "tags": draw.choice([[], ["a"], ["b", "a"]])}
        kept = {name: value for name, value in arguments.items() if draw.random() < 0.6}
        made["mcp"] = {"tool": draw.choice(TOOLS), "arguments": kept}
        made["request"] = {"method": "POST", "path": "/mcp", "host": "gateway.test", "headers": headers}
        return made
    tail = draw.choice(["", "/x", "/admin", "/plan", "//x", "/%61dmin", "/a%2fb", "/../x", "/x?a=1", "/X", "/;x"])
    path = f"/r{draw.randrange(ROUTES + 1)}{tail}"
    made["request"] = {"method": draw.choice(["GET", "PUT", "HEAD", "POST"]), "path": path, "host": "gateway.test", "headers": headers}
    return made


def request_bytes(made: dict, issuer: Issuer, port: int) -> bytes:
    request = made["request"]
    body = b""
    lines = [f"{request['method']} {request['path']} HTTP/1.1", f"host: {request['host']}"]
    for name, values in request["headers"].items():
        lines += [f"{name}: {value}" for value in (values if isinstance(values, list) else [values])]
    if made.get("jwt") is not None:
        # In a table, a claim that is null is left out.
        payload = {name: value for name, value in made["jwt"].items() if value is not None}
        lines.append("authorization: Bearer " + sign(payload, issuer))
    if "mcp" in made:
        params = {"name": made["mcp"]["tool"], "arguments": made["mcp"]["arguments"], "_meta": META}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()
        lines += [
            "content-type: application/json", "accept: application/json, text/event-stream",
            "mcp-protocol-version: 2026-07-28", "mcp-method: tools/call", f"mcp-name: {made['mcp']['tool']}",
        ]
    if request["method"] in ("PUT", "POST"):
        lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def sign(payload: dict, issuer: Issuer) -> str:
    # PyJWT checks `iss` and others; what a gateway meets is what anybody signs.
    return jwt.api_jws.encode(json.dumps(payload).encode(), issuer.ec, algorithm="ES256", headers={"kid": issuer.ec_id})


def offline(document: dict, cases: list[dict], directory, now: int) -> list[dict]:
    (directory / "p.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    # JSON is YAML, and much faster to write.
    table = {"now": moment, "tests": [{**made, "expect": "allow"} for made in cases]}
    (directory / "p.test.yaml").write_text(json.dumps(table).replace("$", "$$"))
    answer = subprocess.run(
        [BINARY, "check-policy", "--no-lint", "--format", "json", "p.yaml", "p.test.yaml"],
        cwd=directory, capture_output=True, text=True, timeout=300,
    )
    report = json.loads(answer.stdout)
    assert not [finding for finding in report["findings"] if finding["severity"] == "error"], report["findings"][:3]
    broken = [test for test in report["tests"] if "decision" not in test]
    assert not broken, broken[:3]
    return [test["decision"] for test in report["tests"]]


def live(gateway, cases: list[dict], issuer: Issuer) -> list[tuple[int, list[dict]]]:
    """For each case the status and its decision records: one connection, so one after the other in the log."""
    raw = Raw(gateway.port, 30)
    for made in cases:
        raw.extend(30)
        raw.send(request_bytes(made, issuer, gateway.port))
        response = raw.response(made["request"]["method"])
        if (response.header("connection") or "").lower() == "close":
            raw.close()
            raw = Raw(gateway.port, 30)
    raw.close()

    def answered() -> list[dict]:
        return [record for record in gateway.records() if record.get("log") == "access"]

    until(lambda: len(answered()) >= len(cases), "every request is on record", 30)
    result: list[tuple[int, list[dict]]] = []
    decisions: list[dict] = []
    for record in gateway.records():
        if record.get("log") == "decision":
            decisions.append(record)
        elif record.get("log") == "access":
            result.append((record["status"], decisions))
            decisions = []
    return result


def verdict(status: int, decisions: list[dict]) -> tuple[str, str | None]:
    denied = [record for record in decisions if record["verdict"] == "deny"]
    if denied:
        return "deny", denied[-1].get("rule", {}).get("id")
    if status == 401 or (status == 503 and not decisions):
        return "deny", None
    if status == 404:
        return "unrouted", None
    if status == 400:
        return "malformed", None
    granted = [record["rule"]["id"] for record in decisions if "rule" in record]
    return "allow", granted[-1] if granted else None


def test_check_policy_and_the_gateway_decide_alike(start, tmp_path):
    draw = random.Random(SEED)
    issuer = Issuer()
    now = int(time.time())
    seen: set[str] = set()
    remaining = CASES
    while remaining > 0:
        count = min(remaining, 500)
        remaining -= count
        document = configuration(draw, issuer)
        cases = [case(draw, number, now) for number in range(count)]
        expected = offline(document, cases, tmp_path, now)
        gateway = start({**document, "config": {"workerThreads": 1}})
        actual = live(gateway, cases, issuer)
        for made, decision, (status, decisions) in zip(cases, expected, actual, strict=True):
            offline_says = (decision["verdict"], decision.get("rule"))
            # A refusal names the refusing level's decision; an MCP answer may carry both phases.
            assert offline_says == verdict(status, decisions), (SEED, made, decision, status, decisions)
            if decision["verdict"] in ("deny", "unrouted", "malformed"):
                assert decision["status"] == status, (SEED, made, decision, status)
            seen.add(decision["verdict"] + ":" + decision["reason"].split(".")[0])
        gateway.stop()
    # The draw meets what matters.
    assert {"allow:matched", "deny:matched", "deny:nothing_granted", "deny:error", "deny:expired"} <= seen, seen
    assert {"unrouted:no_route", "malformed:invalid_path"} <= seen, seen


def test_a_table_that_is_wrong_about_the_gateway_would_be_noticed():
    record = {"verdict": "deny", "rule": {"id": "x"}}
    assert verdict(403, [record]) == ("deny", "x")
    assert verdict(200, [{"verdict": "allow", "rule": {"id": "y"}}]) == ("allow", "y")
    assert verdict(401, []) == ("deny", None)
    with pytest.raises(AssertionError):
        assert verdict(200, []) == ("deny", None)
