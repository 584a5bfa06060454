"""extAuthz over HTTP: a service is asked, and its silence is a no."""

import httpx
import pytest
import yaml

from harness import configs
from harness.gateway import free_port, run
from harness.upstream import Exchange


def asking(upstream: int, service: int, http: dict | None = None, policies: dict | None = None, **more) -> dict:
    ext = {"host": f"127.0.0.1:{service}", "protocol": {"http": http or {}}, **more}
    return configs.plain(upstream, {"extAuthz": ext, **(policies or {})})


def answering(status: int, body: bytes = b"", headers: dict | None = None):
    async def handler(exchange_: Exchange) -> None:
        await exchange_.reply(status, body, headers)

    return handler


def test_a_2xx_lets_the_request_pass(start, serve):
    upstream, service = serve(), serve(answering(204))
    gateway = start(asking(upstream.port, service.port))
    reply = httpx.post(gateway.url("/a?b=c"), content=b"body", headers={"authorization": "Bearer t", "x-o": "1"}, timeout=10)
    assert reply.text == "POST /a?b=c 4"
    (question,) = service.requests
    assert (question.method, question.target, question.body_length) == ("POST", "/a?b=c", 0)
    # What nobody said the service is to see, it does not see.
    assert question.header("authorization") == "Bearer t" and question.header("x-o") is None


@pytest.mark.parametrize("status", [401, 403, 429, 302, 404])
def test_every_other_answer_is_the_clients(start, serve, status):
    headers = {"content-type": "application/json", "www-authenticate": "X", "location": "/login", "x-internal": "1"}
    upstream, service = serve(), serve(answering(status, b'{"no": 1}', headers))
    gateway = start(asking(upstream.port, service.port))
    reply = httpx.get(gateway.url("/a"), timeout=10)
    assert (reply.status_code, reply.text, reply.headers["content-type"]) == (status, '{"no": 1}', "application/json")
    assert reply.headers["www-authenticate"] == "X" and "x-internal" not in reply.headers
    assert not upstream.requests


async def hang(exchange_: Exchange) -> None:
    await exchange_.peer_left()


async def garbage(exchange_: Exchange) -> None:
    await exchange_.send(b"SMTP ready\r\n\r\n")
    exchange_.abort()


@pytest.mark.parametrize("handler", [None, hang, garbage, answering(500), answering(503)])
@pytest.mark.parametrize("mode, status", [(None, 403), ("deny", 403), ({"denyWithStatus": 503}, 503), ("allow", 200)])
def test_a_service_that_says_nothing_refuses_unless_told_otherwise(start, serve, handler, mode, status):
    port = serve(handler).port if handler else free_port()
    upstream = serve()
    options = {"timeout": "300ms", **({"failureMode": mode} if mode else {})}
    gateway = start(asking(upstream.port, port, {"includeResponseHeaders": ["x-user"]}, **options))
    reply = httpx.get(gateway.url("/a"), headers={"x-user": "root"}, timeout=10)
    assert reply.status_code == status
    if status == 200:
        # Not even then does a client speak for the service.
        assert upstream.requests[0].header("x-user") is None
    else:
        assert not upstream.requests and str(port) not in reply.text


def test_fields_of_the_service_replace_the_clients(start, serve):
    upstream = serve()
    service = serve(answering(200, b"", {"x-user": "ann", "x-other": "1"}))
    rules = {"rules": [{"allow": 'request.headers["x-user"] == "ann"'}]}
    gateway = start(
        asking(upstream.port, service.port, {"includeResponseHeaders": ["X-User", "x-role"]}, {"authorization": rules})
    )
    headers = [("X-User", "root"), ("x-user", "toor"), ("x-role", "admin")]
    assert httpx.get(gateway.url("/a"), headers=headers, timeout=10).status_code == 200
    (request,) = upstream.requests
    assert request.all("x-user") == ["ann"] and request.all("x-role") == [] and request.all("x-other") == []


def test_path_fields_and_redirect_are_computed(start, serve):
    service = serve(answering(401))
    http = {
        "path": '"/check" + request.path', "addRequestHeaders": {"x-source": "source.address"},
        "redirect": '"https://login.example/?to=" + request.path',
    }
    gateway = start(asking(serve().port, service.port, http, includeRequestHeaders=["x-a"]))
    reply = httpx.get(gateway.url("/a"), headers={"x-a": "1", "authorization": "Bearer t"}, timeout=10)
    assert (reply.status_code, reply.headers["location"]) == (302, "https://login.example/?to=/a")
    (question,) = service.requests
    assert (question.target, question.header("x-source"), question.header("x-a")) == ("/check/a", "127.0.0.1", "1")
    assert question.header("authorization") is None


@pytest.mark.parametrize("path", ['"no slash"', '"/a b"', '"/a\\r\\nx: y"', "jwt.missing", "1"])
def test_a_path_that_is_none_refuses_even_where_a_silent_service_would_allow(start, serve, path):
    upstream, service = serve(), serve(answering(200))
    gateway = start(asking(upstream.port, service.port, {"path": path}, failureMode="allow"))
    assert httpx.get(gateway.url("/a"), timeout=10).status_code == 403
    assert not upstream.requests and not service.requests


def test_a_body_is_judged_and_then_forwarded_as_it_was(start, serve):
    async def judge(exchange_: Exchange) -> None:
        await exchange_.reply(200 if b"good" in exchange_.request.body else 403)

    upstream, service = serve(), serve(judge)
    gateway = start(asking(upstream.port, service.port, includeRequestBody={"maxRequestBytes": 1000}))
    assert httpx.post(gateway.url("/a"), content=b"good" * 100, timeout=10).text == "POST /a 400"
    assert httpx.post(gateway.url("/a"), content=iter([b"go", b"od"]), timeout=10).text == "POST /a 4"
    assert httpx.post(gateway.url("/a"), content=b"evil", timeout=10).status_code == 403
    assert httpx.post(gateway.url("/a"), content=b"good" * 300, timeout=10).status_code == 413
    assert httpx.post(gateway.url("/a"), content=iter([b"good" * 300]), timeout=10).status_code == 413
    assert [request.body for request in upstream.requests] == [b"good" * 100, b"good"]


def test_a_listeners_service_is_asked_for_every_path(start, serve):
    upstream, service = serve(), serve(answering(403))
    config = configs.plain(upstream.port)
    listener = config["binds"][0]["listeners"][0]
    listener["policies"] = {"extAuthz": {"host": f"127.0.0.1:{service.port}", "protocol": {"http": {}}}}
    gateway = start(config)
    assert httpx.get(gateway.url("/a"), timeout=10).status_code == 403 and not upstream.requests


@pytest.mark.parametrize(
    "policy, message",
    [
        ({"host": "a:1"}, 'missing field "protocol"'),
        ({"host": "a:1", "protocol": {"grpc": {}}}, "not supported yet"),
        ({"protocol": {"http": {}}}, 'missing field "host"'),
        ({"host": "a:1", "protocol": {"http": {}}, "failureMode": "open"}, "not one of deny, allow"),
        ({"host": "a:1", "protocol": {"http": {"includeResponseHeaders": ["Host"]}}}, "belongs to the gateway"),
        ({"host": "a:1", "protocol": {"http": {"path": "response.code"}}}, "once there is a reply"),
        # A second Content-Length would end the question elsewhere than the gateway does.
        ({"host": "a:1", "protocol": {"http": {}}, "includeRequestHeaders": ["Content-Length"]}, "belongs to the gateway"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path, policy, message):
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(configs.plain(1, {"extAuthz": policy})))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 1 and message in err
