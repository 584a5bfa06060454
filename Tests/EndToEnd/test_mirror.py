"""requestMirror: a copy without credentials, which no client ever notices."""

import httpx
import yaml

from harness import configs
from harness.gateway import free_port, run
from harness.rawhttp import exchange
from harness.upstream import Exchange
from harness.waiting import until


def mirrored(upstream: int, mirror: int, percentage: float = 1, **policies) -> dict:
    mirror_policy = {"backend": {"host": f"127.0.0.1:{mirror}"}, "percentage": percentage}
    return configs.plain(upstream, {"requestMirror": mirror_policy, **policies})


def test_the_copy_has_method_path_body_and_no_credentials(start, serve):
    upstream, mirror = serve(), serve()
    gateway = start(
        mirrored(upstream.port, mirror.port, backendAuth={"key": "upstream-secret"}, urlRewrite={"path": {"full": "/new"}})
    )
    secrets = {
        "authorization": "Bearer client-secret", "cookie": "session=client-secret", "x-api-key": "client-secret",
        "proxy-authorization": "Basic client-secret",
    }
    reply = httpx.post(gateway.url("/old?q=1"), content=b"body", headers={**secrets, "x-kept": "1"}, timeout=10)
    assert reply.status_code == 200
    (copy,) = until(lambda: mirror.requests, "the copy has arrived")
    assert (copy.method, copy.target, copy.body, copy.header("x-kept")) == ("POST", "/new?q=1", b"body", "1")
    assert b"secret" not in copy.head
    (request,) = upstream.requests
    assert request.header("authorization") == "Bearer upstream-secret"


def test_a_credential_that_is_passed_through_goes_to_the_backend_alone(start, serve):
    upstream, mirror = serve(), serve()

    def config(location: dict) -> dict:
        keys = {"keys": [{"key": "team-secret", "metadata": {}}], "location": location}
        return mirrored(upstream.port, mirror.port, apiKey=keys, backendAuth="passthrough")

    gateway = start(config({"header": {"name": "x-team-key", "prefix": ""}}))
    assert httpx.get(gateway.url("/a"), headers={"x-team-key": "team-secret"}, timeout=10).status_code == 200
    (copy,) = until(lambda: mirror.requests, "the copy has arrived")
    assert upstream.requests[0].header("x-team-key") == "team-secret" and b"secret" not in copy.head
    gateway = start(config({"queryParameter": {"name": "key"}}))
    raw = b"GET /q?key=team-secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert exchange(gateway.port, raw).status == 200
    assert httpx.get(gateway.url("/refused"), timeout=10).status_code == 401
    assert [request.target for request in mirror.requests] == ["/a"]


def test_a_mirror_that_is_away_or_hangs_is_not_noticed(start, serve):
    async def hang(exchange_: Exchange) -> None:
        await exchange_.peer_left()

    for port in (free_port(), serve(hang).port):
        gateway = start(mirrored(serve().port, port))
        with httpx.Client(timeout=5) as client:
            for _ in range(20):
                assert client.post(gateway.url("/x"), content=b"body").status_code == 200


def test_what_the_mirror_says_goes_nowhere(start, serve):
    async def loud(exchange_: Exchange) -> None:
        await exchange_.reply(500, b"m" * 200_000, {"x-mirror": "1"})

    mirror = serve(loud)
    gateway = start(mirrored(serve().port, mirror.port))
    for _ in range(5):
        reply = httpx.get(gateway.url("/x"), timeout=10)
        assert reply.status_code == 200 and "x-mirror" not in reply.headers
    until(lambda: len(mirror.requests) == 5, "all copies have arrived")


def test_long_bodies_and_streams_are_not_copied_and_arrive_whole(start, serve):
    upstream, mirror = serve(), serve()
    stats = free_port()
    gateway = start({**mirrored(upstream.port, mirror.port), "config": {"statsAddr": f"127.0.0.1:{stats}"}})
    assert httpx.post(gateway.url("/long"), content=b"b" * 300_000, timeout=10).text == "POST /long 300000"
    chunked = b"POST /s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    assert exchange(gateway.port, chunked).body == b"POST /s 3"
    metrics = httpx.get(f"http://127.0.0.1:{stats}/metrics", timeout=10).text
    assert 'agentgateway_mirrored_requests_total{outcome="dropped"} 2' in metrics and not mirror.requests


def test_a_share_is_copied(start, serve):
    mirror = serve()
    gateway = start(mirrored(serve().port, mirror.port, 0.5))
    with httpx.Client() as client:
        for _ in range(300):
            client.get(gateway.url("/x"))
    until(lambda: len(mirror.requests) > 80, "a share of the copies has arrived")
    assert len(mirror.requests) < 220


def test_what_rules_deny_is_not_copied(start, serve):
    mirror = serve()
    rules = {"rules": [{"deny": 'request.path == "/no"'}]}
    gateway = start(mirrored(serve().port, mirror.port, authorization=rules))
    assert httpx.get(gateway.url("/no"), timeout=10).status_code == 403
    assert httpx.get(gateway.url("/yes"), timeout=10).status_code == 200
    until(lambda: mirror.requests, "the copy has arrived")
    assert [request.target for request in mirror.requests] == ["/yes"]


def test_a_mirror_that_would_copy_nothing_is_refused(tmp_path):
    document = configs.plain(1)
    route = document["binds"][0]["listeners"][0]["routes"][0]
    route["policies"] = {"requestMirror": {"backend": {"host": "127.0.0.1:2"}}}
    route["backends"] = [{"mcp": {"targets": [{"name": "t", "stdio": {"cmd": "true"}}]}}]
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(document))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 1 and "requestMirror would do nothing" in err
