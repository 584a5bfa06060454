"""A2A as an attacker and an operator see it: what is judged is what the agent gets, and nothing goes past the rules."""

import gzip
import json
import os

import httpx
import pytest

from harness import configs
from harness.gateway import free_port
from harness.tokens import Issuer
from harness.waiting import until

# Its handlers for fork() abort the children that the harness starts, now and then.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
import grpc  # noqa: E402

CARD = {
    "name": "agent",
    "url": "http://127.0.0.1:1/rpc",
    "preferredTransport": "JSONRPC",
    "signatures": [{"protected": "p", "signature": "s"}],
    "documentationUrl": "http://10.1.2.3:8080/docs",
    "additionalInterfaces": [{"url": "http://10.1.2.3:8080/rest", "transport": "HTTP+JSON"}],
}


async def agent(exchange):
    """Answers every message with what it got, and cards with one that names other places."""
    request = exchange.request
    if request.target.endswith(("agent-card.json", "agent.json")):
        return await exchange.reply(
            200, json.dumps(CARD).encode(), {"Content-Type": "application/json", "ETag": '"x"', "Cache-Control": "max-age=1"}
        )
    body = {"jsonrpc": "2.0", "id": 1, "result": {"kind": "message", "target": request.target}}
    await exchange.reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def config(port: int, a2a=None, rules=None, **policies):
    more = {"a2aAuthorization": {"rules": rules}} if rules else {}
    return configs.plain(port, {"a2a": a2a or {}, **more, **policies})


def rpc(method: str, params, id=1) -> dict:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def message(text="hi", **more) -> dict:
    return {"message": {"messageId": "m", "role": "user", "parts": [{"kind": "text", "text": text}], **more}}


def methods(upstream) -> list[str]:
    return [json.loads(r.body)["method"] for r in upstream.requests if r.body]


# Rules


RULES = [
    {"deny": 'a2a.method == "tasks/cancel"'},
    {"deny": 'has(a2a.skill) && a2a.skill == "transfer"'},
    {"deny": 'has(a2a.taskId) && a2a.taskId == "secret"'},
    {"deny": 'has(a2a.message) && a2a.message.parts.exists(p, has(p.text) && p.text.contains("DROP TABLE"))'},
    "true",
]


def test_one_rule_holds_in_both_versions_and_both_bindings(start, serve):
    upstream = serve(agent)
    gateway = start(config(upstream.port, rules=RULES))
    url = gateway.url
    denied = [
        httpx.post(url("/"), json=rpc("tasks/cancel", {"id": "t"})),
        httpx.post(url("/"), json=rpc("CancelTask", {"id": "t"})),
        httpx.post(url("/v1/tasks/t:cancel"), json={}),
        httpx.post(url("/tasks/t:cancel"), json={"id": "t"}),
        httpx.post(url("/"), json=rpc("message/send", message(metadata={"skillId": "transfer"}))),
        httpx.post(url("/"), json=rpc("SendStreamingMessage", {**message(), "metadata": {"skill": "transfer"}})),
        httpx.post(url("/message:send"), json=message(metadata={"skill_id": "transfer"})),
        httpx.post(url("/"), json=rpc("GetTask", {"id": "secret"})),
        httpx.get(url("/tasks/secret")),
        httpx.get(url("/v1/tasks/secret/pushNotificationConfigs/p")),
        httpx.post(url("/"), json=rpc("tasks/pushNotificationConfig/get", {"id": "secret"})),
        httpx.post(url("/"), json=rpc("message/send", message(taskId="secret"))),
        httpx.post(url("/v1/message:stream"), json=message("x; DROP TABLE users")),
    ]
    assert [r.status_code for r in denied] == [403] * len(denied)
    assert upstream.requests == []
    # Lines are written behind the replies.
    until(lambda: sum(r["log"] == "decision" for r in gateway.records()) == len(denied), "all decisions are on record")
    decisions = {r["id"]: r for r in gateway.records() if r["log"] == "decision"}
    for reply in denied:
        text = reply.text
        assert any(id in text for id in decisions), text
        assert "rule" not in text
    assert denied[0].json()["error"]["data"]["decision"] in decisions
    info = denied[1].json()["error"]["data"][0]
    assert info["reason"] == "FORBIDDEN" and info["metadata"]["decision"] in decisions
    assert denied[3].json()["error"]["status"] == "PERMISSION_DENIED"
    assert denied[2].json()["message"] == "Forbidden by policy"
    assert all(d["phase"] == "a2a" and d["verdict"] == "deny" for d in decisions.values())

    allowed = httpx.post(url("/"), json=rpc("message/send", message()))
    assert allowed.status_code == 200 and methods(upstream) == ["message/send"]


def test_rule_errors_deny(start, serve):
    upstream = serve(agent)
    gateway = start(config(upstream.port, rules=[{"deny": 'a2a.message.metadata.level > 3'}, "true"]))
    assert httpx.post(gateway.url("/"), json=rpc("message/send", message())).status_code == 403
    assert upstream.requests == []


def test_credentials_and_http_rules_come_first(start, serve):
    issuer, upstream = Issuer(), serve(agent)
    gateway = start(
        config(
            upstream.port, rules=['jwt.role == "ops" || a2a.method == "tasks/get"'], jwtAuth=configs.jwt_auth(issuer.jwks)
        )
    )
    body = rpc("message/send", message())
    assert httpx.post(gateway.url("/"), json=body).status_code == 401
    # The card is behind the route's authentication as everything else is.
    assert httpx.get(gateway.url("/.well-known/agent-card.json")).status_code == 401
    assert upstream.requests == []
    headers = {"authorization": f"Bearer {issuer.token(role='dev')}"}
    assert httpx.post(gateway.url("/"), json=body, headers=headers).status_code == 403
    assert httpx.post(gateway.url("/"), json=rpc("GetTask", {"id": "t"}), headers=headers).status_code == 200
    assert httpx.get(gateway.url("/.well-known/agent-card.json"), headers=headers).status_code == 200
    assert all(r.header("authorization") is None for r in upstream.requests)


# What is refused


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "status, method, path, content, headers",
    [
        (400, "POST", "/", b"[]", JSON),
        (400, "POST", "/", json.dumps([rpc("tasks/get", {"id": "t"})]).encode(), JSON),
        (400, "POST", "/", b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","method":"message/send","params":{"id":"t"}}', JSON),
        (400, "POST", "/", b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t","id":"u"}}', JSON),
        (400, "POST", "/", b'{"jsonrpc":"2.0","method":"tasks/get","params":{"id":"t"}}', JSON),
        (400, "POST", "/", b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t"}}', JSON),
        (400, "POST", "/", b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t"}} {}', JSON),
        (400, "POST", "/", b'{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"id":"t","task_id":"u"}}', JSON),
        (404, "POST", "/", json.dumps(rpc("tasks/delete", {"id": "t"})).encode(), JSON),
        (404, "POST", "/", json.dumps(rpc("message/Send", message())).encode(), JSON),
        (415, "POST", "/", json.dumps(rpc("tasks/get", {"id": "t"})).encode(), {"content-type": "text/plain"}),
        (415, "POST", "/", json.dumps(rpc("tasks/get", {"id": "t"})).encode(), {}),
        (415, "POST", "/", json.dumps(rpc("tasks/get", {"id": "t"})).encode("utf-16"), {"content-type": "application/json; charset=utf-16"}),
        (415, "POST", "/", gzip.compress(b"{}"), {**JSON, "content-encoding": "gzip"}),
        (404, "POST", "/tasks/t:cancel/", json.dumps(rpc("tasks/get", {"id": "t"})).encode(), JSON),
        (404, "POST", "/Tasks/t:cancel", json.dumps(rpc("tasks/get", {"id": "t"})).encode(), JSON),
        (404, "POST", "/message%3Asend", b'{"message":{}}', JSON),
        (405, "GET", "/", b"", {}),
        (405, "DELETE", "/tasks/t", b"", {}),
        (405, "PUT", "/message:send", b"{}", JSON),
        (404, "POST", "/tasks/t:pause", b"{}", JSON),
        (400, "GET", "/tasks/t?id=u", b"", {}),
        (400, "POST", "/tasks/t:cancel", b'{"id":"u"}', JSON),
        (400, "POST", "/v1/message:send", b'{"request":{"messageId":"m"}}', JSON),
        (400, "GET", "/.well-known/agent-card.json", b"{}", JSON),
    ],
)
def test_what_an_agent_could_read_differently_never_reaches_it(shared, status, method, path, content, headers):
    gateway, upstream = shared
    before = len(upstream.requests)
    reply = httpx.request(method, gateway.url(path), content=content, headers=headers)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/json"
    assert "error" in reply.json() or "message" in reply.json()
    assert len(upstream.requests) == before


@pytest.fixture(scope="module")
def shared(module_start):
    from harness.upstream import Upstream

    upstream = Upstream(agent)
    yield module_start(config(upstream.port)), upstream
    upstream.close()
    assert not upstream.errors, upstream.errors


def test_two_versions_in_one_request_are_refused(shared):
    gateway, upstream = shared
    headers = [("content-type", "application/json"), ("A2A-Version", "1.0"), ("a2a-version", "0.3")]
    reply = httpx.post(gateway.url("/"), content=json.dumps(rpc("tasks/get", {"id": "t"})), headers=headers)
    assert reply.status_code == 400


def test_too_large_a_message_is_refused(shared):
    gateway, _ = shared
    reply = httpx.post(gateway.url("/"), json=rpc("message/send", message("x" * (3 << 20))))
    assert reply.status_code == 413 and reply.json()["error"]["message"] == "Message too large"


def test_methods_of_extensions_pass_by_name_and_are_judged(start, serve):
    upstream = serve(agent)
    gateway = start(config(upstream.port, {"extensionMethods": ["x/ping", "x/stop"]}, ['a2a.method == "x/ping"']))
    assert httpx.post(gateway.url("/"), json=rpc("x/ping", {"a": 1})).status_code == 200
    assert httpx.post(gateway.url("/"), json=rpc("x/stop", {})).status_code == 403
    assert httpx.post(gateway.url("/"), json=rpc("x/other", {})).status_code == 404
    assert methods(upstream) == ["x/ping"]


def test_what_is_forwarded_is_written_anew(start, serve):
    upstream = serve(agent)
    gateway = start(config(upstream.port))
    body = b'  {"params" : {"message" : {"n" : 1.50, "text":"\\u00fc"}},\n "method":"SendMessage","id":"a","jsonrpc":"2.0" }'
    httpx.post(gateway.url("/rpc?agent=1"), content=body, headers=JSON).raise_for_status()
    [request] = upstream.requests
    assert request.body.decode() == '{"jsonrpc":"2.0","id":"a","method":"SendMessage","params":{"message":{"n":1.50,"text":"ü"}}}'
    assert request.target == "/rpc?agent=1"


@pytest.mark.parametrize("url", ["http://169.254.169.254/", "https://hooks.example.evil.example/", "https://hooks.example@evil.example/"])
def test_push_notifications_go_only_where_the_list_says(start, serve, url):
    upstream = serve(agent)
    gateway = start(config(upstream.port, {"pushNotificationUrls": ["https://hooks.example", "https://*.corp.example/a2a"]}))
    for body in (
        rpc("tasks/pushNotificationConfig/set", {"taskId": "t", "pushNotificationConfig": {"url": url}}),
        rpc("CreateTaskPushNotificationConfig", {"taskId": "t", "url": url}),
        rpc("message/send", {**message(), "configuration": {"pushNotificationConfig": {"url": url}}}),
        rpc("SendMessage", {**message(), "configuration": {"taskPushNotificationConfig": {"url": url}}}),
    ):
        reply = httpx.post(gateway.url("/"), json=body)
        assert reply.status_code == 403 and "push notifications" in reply.text
    assert upstream.requests == []
    good = rpc("CreateTaskPushNotificationConfig", {"taskId": "t", "url": "https://x.corp.example/a2a/1"})
    assert httpx.post(gateway.url("/"), json=good).status_code == 200


def test_grpc_is_refused_in_grpc(shared):
    gateway, upstream = shared
    before = len(upstream.requests)
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        call = channel.unary_unary("/lf.a2a.v1.A2AService/SendMessage")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"", timeout=10)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "HTTP+JSON" in caught.value.details()
    assert len(upstream.requests) == before


# Cards


def test_card_names_the_gateway_whatever_the_client_claims(start, serve):
    upstream = serve(agent)
    gateway = start(config(upstream.port))
    for path in ("/.well-known/agent-card.json", "/.well-known/agent.json"):
        reply = httpx.get(
            gateway.url(path),
            headers={"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "forwarded": "host=evil.example",
                     "if-none-match": '"x"', "accept-encoding": "gzip", "range": "bytes=0-10"},
        )
        card = reply.json()
        base = gateway.url("")
        assert card["url"] == f"{base}/rpc"
        assert card["additionalInterfaces"][0]["url"] == f"{base}/rest"
        assert card["documentationUrl"] == f"{base}/docs"
        assert "signatures" not in card and "etag" not in reply.headers
        assert "evil" not in reply.text and "10.1.2.3" not in reply.text
        assert reply.headers["cache-control"] == "max-age=1"
        sent = upstream.requests[-1]
        assert sent.header("if-none-match") is None and sent.header("range") is None
        assert sent.header("accept-encoding") is None


def test_public_url_stands_in_cards(start, serve):
    upstream = serve(agent)
    gateway = start(config(upstream.port, {"publicUrl": "https://agents.example.com"}))
    assert httpx.get(gateway.url("/.well-known/agent-card.json")).json()["url"] == "https://agents.example.com/rpc"


def test_card_may_be_public_on_a_route_of_its_own(start, serve):
    issuer, upstream = Issuer(), serve(agent)
    backends = [{"host": f"127.0.0.1:{upstream.port}"}]
    card = {
        "matches": [{"path": {"exact": "/agents/one/.well-known/agent-card.json"}}],
        "policies": {"a2a": {}, "urlRewrite": {"path": {"full": "/.well-known/agent-card.json"}}},
        "backends": backends,
    }
    rest = {
        "match": {"path": "/agents/one"},
        "policies": {"a2a": {}, "urlRewrite": {"path": {"prefix": "/"}}, "jwtAuth": configs.jwt_auth(issuer.jwks)},
        "backends": backends,
    }
    gateway = start({"binds": [{"port": 3000, "listeners": [{"routes": [card, rest]}]}]})
    reply = httpx.get(gateway.url("/agents/one/.well-known/agent-card.json"))
    assert reply.json()["url"] == gateway.url("/agents/one/rpc")
    assert httpx.post(gateway.url("/agents/one/rpc"), json=rpc("tasks/get", {"id": "t"})).status_code == 401
    assert [r.target for r in upstream.requests] == ["/.well-known/agent-card.json"]


@pytest.mark.parametrize(
    "body, headers",
    [
        (b"<html>", {}),
        (b'{"url":"http://10.1.2.3/","url":"http://10.1.2.4/"}', {}),
        (gzip.compress(json.dumps(CARD).encode()), {"Content-Encoding": "gzip"}),
        (json.dumps({"url": "http://10.1.2.3:50051", "preferredTransport": "GRPC"}).encode(), {}),
    ],
    ids=["html", "duplicate", "compressed", "grpc"],
)
def test_card_that_cannot_be_rewritten_is_not_passed_on(start, serve, body, headers):
    async def answer(exchange):
        await exchange.reply(200, body, {"Content-Type": "application/json", **headers})

    gateway = start(config(serve(answer).port))
    reply = httpx.get(gateway.url("/.well-known/agent-card.json"))
    assert reply.status_code == 502 and "10.1.2.3" not in reply.text
    # The access line is written when the reply has been sent.
    until(lambda: any(r.get("reason") == "upstream" for r in gateway.records()), "the request is on record")


def test_card_without_end_is_cut_off(start, serve):
    async def answer(exchange):
        await exchange.reply(200, json.dumps({**CARD, "description": "x" * (2 << 20)}).encode())

    gateway = start(config(serve(answer).port))
    try:
        reply = httpx.get(gateway.url("/.well-known/agent-card.json"))
    except httpx.RemoteProtocolError:
        return
    assert reply.status_code == 502


# Records


def test_requests_are_counted_by_method_and_never_by_what_a_client_invents(start, serve):
    upstream, port = serve(agent), free_port()
    gateway = start({**config(upstream.port), "config": {"statsAddr": f"127.0.0.1:{port}"}})
    httpx.post(gateway.url("/"), json=rpc("SendMessage", message()))
    httpx.post(gateway.url("/"), json=rpc("message/send", message()))
    httpx.post(gateway.url("/"), json=rpc("evil/method", {}))
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("agentgateway_a2a_requests_total")]
    assert any('method="message/send",error="false"} 2' in line for line in lines), lines
    assert "evil" not in text


def test_load_refuses_what_could_never_hold(tmp_path):
    from harness.gateway import run

    def check(policies: str, backend="{host: 127.0.0.1:1}") -> str:
        file = tmp_path / "a2a.yaml"
        file.write_text(f"binds: [{{port: 3000, listeners: [{{routes: [{{policies: {policies}, backends: [{backend}]}}]}}]}}]")
        code, out, err = run(["-f", str(file), "--validate-only"], tmp_path)
        return "" if code == 0 else out + err

    assert check("{a2a: {}}") == ""
    assert "never run" in check("{a2aAuthorization: {rules: ['true']}}")
    modern = check("""{a2a: {}, a2aAuthorization: {rules: [{deny: 'a2a.method == "SendMessage"'}]}}""")
    assert 'a2a.method is "message/send"' in modern
    assert "kind host" in check("{a2a: {}}", "{mcp: {targets: [{name: t, mcp: {host: 'http://127.0.0.1:1/mcp'}}]}}")
    assert "is a method of the protocol" in check("{a2a: {extensionMethods: [tasks/get]}}")
    assert "a2a.pushNotificationUrls[0]" in check("{a2a: {pushNotificationUrls: [hooks.example]}}")
    assert "no origin" in check("{a2a: {publicUrl: 'https://a.example/path'}}")
    assert "unknown field" in check("{a2a: {allow: []}}")
