"""The same generated requests through check-policy and through the running gateway: every verdict, rule and status is the
same. AGENTGW_EQUALITY_CASES sets how many; `make policy-equality` takes 5,000."""

import base64
import collections
import functools
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
KEY_TERMS = TERMS[:10] + [
    'apiKey.team == "red"',
    "has(apiKey.level) && apiKey.level > 2",
    '"x" in apiKey.tags',
    "has(apiKey.team)",
]
USER_TERMS = TERMS[:10] + ['basicAuth.username == "ann"', "has(basicAuth.username)", 'basicAuth.username.startsWith("b")']
BACKEND_TERMS = TERMS[:8] + ['backend.type == "http"', 'backend.name.startsWith("127.")', 'backend.name == "named"']
MODEL_TERMS = TERMS[10:16] + [
    'llm.model == "gpt-4o-mini"',
    'llm.requestModel.startsWith("gpt")',
    "has(llm.requestModel)",
    "has(llm.params.max_tokens) && llm.params.max_tokens < 100",
    "llm.params.temperature <= 0.5",
    "llm.streaming",
    'llm.provider == "openai"',
    'backend.type == "ai"',
]
AGENT_TERMS = TERMS[10:16] + [
    'a2a.method == "message/send"',
    'a2a.method.startsWith("tasks/")',
    'has(a2a.skill) && a2a.skill == "book"',
    'a2a.skill in ["book", "search"]',
    'a2a.taskId == "t1"',
    'a2a.message.parts.exists(p, p.text.contains("x"))',
    "has(a2a.contextId)",
    'a2a.params.message.role == "user"',
]
PASSWORDS = {"ann": "right", "bob": "also right"}


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


def shaded(draw: random.Random, made: dict) -> dict:
    """With some rules in shadow, now and then all of them: on record, and of no consequence."""
    for rule in made["rules"]:
        if draw.random() < 0.15:
            rule["mode"] = "shadow"
    return {**made, **({"mode": "shadow"} if draw.random() < 0.08 else {})}


def hashed(password: str) -> str:
    arguments = ["openssl", "passwd", "-6", "-salt", "saltsalt", password]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()


@functools.cache
def users() -> str:
    return "\n".join(f"{user}:{hashed(password)}" for user, password in PASSWORDS.items()).replace("$", "$$")


def wider(draw: random.Random, issuer: Issuer) -> dict:
    """As `configuration`, with every other way to say who is asking, every kind of backend, and rules at every level."""
    document = configuration(draw, issuer)
    (listener,) = document["binds"][0]["listeners"]
    auth = {"mode": "optional", "issuer": ISSUER, "audiences": [AUDIENCE], "jwks": json.dumps(issuer.jwks)}
    keys = [
        {"key": "key-red", "metadata": {"team": "red", "level": 3, "tags": ["x", "y"]}},
        {"key": "key-bare"},
        {"key": "key-old", "metadata": {"team": "red"}, "expires": "2020-01-01T00:00:00Z"},
    ]
    for route in listener["routes"]:
        for kind in ("authorization", "mcpAuthorization"):
            if kind in route["policies"]:
                route["policies"][kind] = shaded(draw, route["policies"][kind])
    mcp = listener["routes"][-1]["backends"][0]
    mcp["policies"] = {"mcpAuthorization": shaded(draw, rules(draw, MCP_TERMS, "mb")), "authorization": {"rules": ["true"]}}
    mcp["mcp"]["targets"][0]["policies"] = {"mcpAuthorization": shaded(draw, rules(draw, MCP_TERMS, "mt"))}
    document["backends"] = [
        {"name": "named", "host": "127.0.0.1:9", "policies": {"authorization": shaded(draw, rules(draw, BACKEND_TERMS, "n"))}}
    ]
    provider = {"name": "p", "provider": {"openAI": {"model": "gpt-4o-mini"}}, "hostOverride": "127.0.0.1:9"}
    provider["routes"] = {"/v1/chat/completions": "completions"}
    listener["routes"] += [
        {
            "name": "key",
            "matches": [{"path": {"pathPrefix": "/key"}}],
            "policies": {
                "apiKey": {"mode": draw.choice(["strict", "optional"]), "location": {"header": {"name": "x-key"}}, "keys": keys},
                "authorization": shaded(draw, rules(draw, KEY_TERMS, "k")),
            },
            "backends": [{"backend": "named"}],
        },
        {
            "name": "user",
            "matches": [{"path": {"pathPrefix": "/user"}}],
            "policies": {
                "basicAuth": {"mode": draw.choice(["strict", "optional"]), "htpasswd": users()},
                "authorization": shaded(draw, rules(draw, USER_TERMS, "u")),
                "directResponse": {"status": 200, "body": "ok"},
            },
        },
        {
            "name": "ai",
            "matches": [{"path": {"pathPrefix": "/ai"}}],
            "policies": {"jwtAuth": auth, "authorization": shaded(draw, rules(draw, TERMS, "ar"))},
            "backends": [{"ai": provider, "policies": {"authorization": shaded(draw, rules(draw, MODEL_TERMS, "ab"))}}],
        },
        {
            "name": "agent",
            "matches": [{"path": {"pathPrefix": "/agent"}}],
            "policies": {"jwtAuth": auth, "a2a": {}, "a2aAuthorization": shaded(draw, rules(draw, AGENT_TERMS, "g"))},
            "backends": [
                {"host": "127.0.0.1:9", "policies": {"a2aAuthorization": shaded(draw, rules(draw, AGENT_TERMS, "gb"))}}
            ],
        },
    ]
    return document


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


def any_case(draw: random.Random, number: int, now: int) -> dict:
    """As `case`, to everything that `wider` has."""
    kind = draw.random()
    if kind < 0.6:
        return case(draw, number, now)
    made: dict = {"name": f"case {number}", "source": "127.0.0.1"}
    request = {"method": "POST", "host": "gateway.test", "headers": {}}
    if draw.random() < 0.4:
        request["headers"]["x-team"] = draw.choice(TEAMS)
    token = claims(draw, now)
    if kind >= 0.76 and token is not None:
        made["jwt"] = {**({"exp": None} if "exp" not in token else {}), **token}
    if kind < 0.7:
        request |= {"method": draw.choice(["GET", "PUT"]), "path": draw.choice(["/key", "/key/x", "/key/admin?a=1"])}
        if draw.random() < 0.9:
            made["apiKey"] = draw.choice(["key-red", "key-red", "key-bare", "key-old", "key-no"])
    elif kind < 0.76:
        request |= {"method": draw.choice(["GET", "PUT"]), "path": draw.choice(["/user", "/user/x"])}
        if draw.random() < 0.9:
            user = draw.choice([*PASSWORDS, "eve"])
            made["basicAuth"] = {"user": user, "password": draw.choice([PASSWORDS.get(user, "x"), "wrong"])}
    elif kind < 0.84:
        request["path"] = "/mcp"
        made["mcp"] = {"method": "tools/list"}
    elif kind < 0.92:
        request["path"] = "/ai/v1/chat/completions"
        llm = {"model": draw.choice(["gpt-4o-mini", "gpt-4o", "o3", None]), "stream": draw.choice([True, False])}
        params = {"max_tokens": draw.choice([1, 99, 100, "many"]), "temperature": draw.choice([0, 0.5, 1])}
        llm["params"] = {name: value for name, value in params.items() if draw.random() < 0.5}
        made["llm"] = {name: value for name, value in llm.items() if value is not None and value is not False}
    else:
        request["path"] = "/agent"
        method = draw.choice(["message/send", "message/stream", "SendMessage", "tasks/get", "CancelTask"])
        made["a2a"] = {"method": method}
        optional = {"skill": ["book", "search", "fly"], "contextId": ["c1"], "message": ["x and y", "hello"]}
        for name, choices in optional.items() if "essage" in method else []:
            if draw.random() < 0.6:
                made["a2a"][name] = draw.choice(choices)
        if "ask" in method or draw.random() < 0.3:
            made["a2a"]["taskId"] = draw.choice(["t1", "t2"])
    made["request"] = request
    return made


def agent_params(a2a: dict) -> dict:
    """What a client sends for a case."""
    if "ask" in a2a["method"]:
        return {"taskId" if a2a["method"] == "DeleteTaskPushNotificationConfig" else "id": a2a["taskId"]}
    modern = a2a["method"][0] == "S"
    said = a2a.get("message", "hello")
    part = {} if modern else {"kind": "text"}
    message = {"messageId": "m", "role": "ROLE_USER" if modern else "user", "parts": [{**part, "text": said}]}
    message |= said if isinstance(said, dict) else {}
    message |= {name: a2a[name] for name in ("taskId", "contextId") if name in a2a}
    if "skill" in a2a:
        message["metadata"] = {"skillId": a2a["skill"]}
    return {"message": message}


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
    if "apiKey" in made:
        lines.append(f"x-key: {made['apiKey']}")
    if "basicAuth" in made:
        pair = f"{made['basicAuth']['user']}:{made['basicAuth']['password']}"
        lines.append("authorization: Basic " + base64.b64encode(pair.encode()).decode())
    if "mcp" in made:
        method = made["mcp"].get("method", "tools/call")
        params: dict = {"_meta": META}
        lines += [
            "content-type: application/json", "accept: application/json, text/event-stream",
            "mcp-protocol-version: 2026-07-28", f"mcp-method: {method}",
        ]
        if method == "tools/call":
            params |= {"name": made["mcp"]["tool"], "arguments": made["mcp"]["arguments"]}
            lines.append(f"mcp-name: {made['mcp']['tool']}")
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    if "llm" in made:
        llm = made["llm"]
        content = {"messages": [{"role": "user", "content": "hi"}], **llm.get("params", {})}
        content |= {name: llm[name] for name in ("model", "stream") if name in llm}
        body = json.dumps(content).encode()
        lines.append("content-type: application/json")
    if "a2a" in made:
        message = {"jsonrpc": "2.0", "id": 1, "method": made["a2a"]["method"], "params": agent_params(made["a2a"])}
        body = json.dumps(message).encode()
        lines.append("content-type: application/json")
    if request["method"] in ("PUT", "POST"):
        lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def sign(payload: dict, issuer: Issuer) -> str:
    # PyJWT checks `iss` and others; what a gateway meets is what anybody signs.
    return jwt.api_jws.encode(json.dumps(payload).encode(), issuer.ec, algorithm="ES256", headers={"kid": issuer.ec_id})


def offline(document: dict, cases: list[dict], directory, now: int, tools: list | None = None) -> list[dict]:
    (directory / "p.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    # JSON is YAML, and much faster to write.
    table: dict = {"now": moment, "tests": [{**made, "expect": "allow"} for made in cases]}
    if tools is not None:
        table["tools"] = tools
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
    return [(status, decisions) for status, decisions, _ in answered_live(gateway, cases, issuer)]


def answered_live(gateway, cases: list[dict], issuer: Issuer) -> list[tuple[int, list[dict], bytes]]:
    raw = Raw(gateway.port, 30)
    bodies: list[bytes] = []
    for made in cases:
        raw.extend(30)
        raw.send(request_bytes(made, issuer, gateway.port))
        response = raw.response(made["request"]["method"])
        bodies.append(response.body)
        if (response.header("connection") or "").lower() == "close":
            raw.close()
            raw = Raw(gateway.port, 30)
    raw.close()

    def answered() -> list[dict]:
        return [record for record in gateway.records() if record.get("log") == "access"]

    until(lambda: len(answered()) >= len(cases), "every request is on record", 30)
    result: list[tuple[int, list[dict], bytes]] = []
    decisions: list[dict] = []
    for record in gateway.records():
        if record.get("log") == "decision":
            decisions.append(record)
        elif record.get("log") == "access":
            result.append((record["status"], decisions, bodies[len(result)]))
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


def listed(body: bytes) -> list[dict]:
    """The tools of a reply, as one object or as a stream of one event."""
    text = body.decode()
    if not text.startswith("{"):
        text = next(line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:"))
    return json.loads(text)["result"]["tools"]


def all_tools(start, issuer: Issuer) -> list[dict]:
    """What the servers offer when nobody stands before them."""
    targets = [{"name": name, "builtin": "everything"} for name in ("one", "two")]
    backend = {"mcp": {"targets": targets, "dnsRebindingProtection": False}}
    routes = [{"matches": [{"path": {"exact": "/mcp"}}], "backends": [backend]}]
    gateway = start({"binds": [{"port": 3000, "listeners": [{"routes": routes}]}], "config": {"workerThreads": 1}})
    request = {"method": "POST", "path": "/mcp", "host": "gateway.test", "headers": {}}
    ((_, _, body),) = answered_live(gateway, [{"request": request, "mcp": {"method": "tools/list"}}], issuer)
    gateway.stop()
    return listed(body)


def test_check_policy_and_the_gateway_decide_alike(start, tmp_path):
    draw = random.Random(SEED)
    issuer = Issuer()
    now = int(time.time())
    tools = all_tools(start, issuer)
    assert len(tools) > 4
    seen: set[str] = set()
    kinds: collections.Counter[str] = collections.Counter()
    remaining = CASES
    while remaining > 0:
        count = min(remaining, 250)
        remaining -= count
        document = wider(draw, issuer)
        cases = [any_case(draw, number, now) for number in range(count)]
        expected = offline(document, cases, tmp_path, now, tools)
        gateway = start({**document, "config": {"workerThreads": 1}})
        actual = answered_live(gateway, cases, issuer)
        for made, decision, (status, decisions, body) in zip(cases, expected, actual, strict=True):
            offline_says = (decision["verdict"], decision.get("rule"))
            kind = next(name for name in ("mcp", "llm", "a2a", "apiKey", "basicAuth", "jwt", "request") if name in made)
            kinds[f"{kind} {decision['verdict']}"] += 1
            if made.get("mcp", {}).get("method") == "tools/list" and status == 200:
                shown = sorted(tool["name"] for tool in listed(body))
                assert ("allow", sorted(decision.get("visible", []))) == (decision["verdict"], shown), (SEED, made, decision)
                kinds["list of some"] += 0 < len(shown) < len(tools)
                continue
            # A refusal names the refusing level's decision; an MCP answer may carry both phases.
            assert offline_says == verdict(status, decisions), (SEED, made, decision, status, decisions)
            if decision["verdict"] in ("deny", "unrouted", "malformed"):
                assert decision["status"] == status, (SEED, made, decision, status)
            seen.add(decision["verdict"] + ":" + decision["reason"].split(".")[0])
        gateway.stop()
    # The draw meets what matters.
    assert {"allow:matched", "deny:matched", "deny:nothing_granted", "deny:error", "deny:expired"} <= seen, seen
    assert {"unrouted:no_route", "malformed:invalid_path", "deny:invalid_api_key", "deny:basic"} <= seen, seen
    for kind in ("mcp", "llm", "a2a", "apiKey", "basicAuth", "jwt"):
        assert kinds[f"{kind} allow"] > 0 and kinds[f"{kind} deny"] > 0, kinds


def test_a_table_that_is_wrong_about_the_gateway_would_be_noticed():
    record = {"verdict": "deny", "rule": {"id": "x"}}
    assert verdict(403, [record]) == ("deny", "x")
    assert verdict(200, [{"verdict": "allow", "rule": {"id": "y"}}]) == ("allow", "y")
    assert verdict(401, []) == ("deny", None)
    with pytest.raises(AssertionError):
        assert verdict(200, []) == ("deny", None)
