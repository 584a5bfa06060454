"""retry and timeout: what may be repeated is tried again, nothing else, and not without end."""

import asyncio

import httpx
import pytest

from harness import configs
from harness.gateway import free_port
from harness.rawhttp import exchange
from harness.upstream import Exchange


def failing(times: int, status: int = 503):
    """Answers `times` requests of each path with an error, then well."""
    seen: dict[str, int] = {}

    async def handler(exchange_: Exchange) -> None:
        target = exchange_.request.target
        seen[target] = seen.get(target, 0) + 1
        if seen[target] <= times:
            return await exchange_.reply(status, b"failed")
        await exchange_.reply(200, exchange_.request.body)

    return handler


def retrying(port: int, **retry) -> dict:
    return configs.plain(port, {"retry": {"attempts": 2, "codes": [429, 500, 503], **retry}})


def test_a_status_of_the_list_is_tried_again_and_says_so(start, serve):
    upstream = serve(failing(2))
    gateway = start(retrying(upstream.port))
    assert httpx.get(gateway.url("/x"), timeout=10).status_code == 200
    assert [request.header("x-retry-attempt") for request in upstream.requests] == [None, "1", "2"]


def test_the_last_reply_is_passed_on(start, serve):
    upstream = serve(failing(9))
    gateway = start(retrying(upstream.port))
    reply = httpx.get(gateway.url("/x"), timeout=10)
    assert (reply.status_code, reply.text) == (503, "failed") and len(upstream.requests) == 3


def test_other_statuses_are_not_tried_again(start, serve):
    upstream = serve(failing(1, 502))
    gateway = start(retrying(upstream.port))
    assert httpx.get(gateway.url("/x"), timeout=10).status_code == 502 and len(upstream.requests) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_body_is_sent_again(start, serve, method):
    upstream = serve(failing(1))
    gateway = start(retrying(upstream.port))
    reply = httpx.request(method, gateway.url("/x"), content=b"b" * 40_000, timeout=10)
    assert reply.status_code == 200 and reply.content == b"b" * 40_000


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_what_is_not_idempotent_is_done_once(start, serve, method):
    upstream = serve(failing(1, 500))
    gateway = start(retrying(upstream.port))
    assert httpx.request(method, gateway.url("/x"), content=b"pay", timeout=10).status_code == 500
    assert len(upstream.requests) == 1


def test_a_post_that_was_not_served_is_tried_again(start, serve):
    upstream = serve(failing(1, 429))
    gateway = start(retrying(upstream.port))
    assert httpx.post(gateway.url("/x"), content=b"pay", timeout=10).text == "pay"
    assert len(upstream.requests) == 2


def test_a_precondition_makes_a_post_repeatable_or_a_get_not(start, serve):
    upstream = serve(failing(1, 500))
    gateway = start(retrying(upstream.port, precondition='request.headers["idempotency-key"] != ""'))
    key = {"idempotency-key": "1"}
    assert httpx.post(gateway.url("/a"), content=b"pay", headers=key, timeout=10).status_code == 200
    assert httpx.get(gateway.url("/b"), timeout=10).status_code == 500


def test_a_condition_reads_the_reply(start, serve):
    async def handler(exchange_: Exchange) -> None:
        await exchange_.reply(503, b"", {"x-try-again": "no" if exchange_.request.target == "/no" else "yes"})

    upstream = serve(handler)
    gateway = start(retrying(upstream.port, condition='response.code == 503 && response.headers["x-try-again"] == "yes"'))
    assert httpx.get(gateway.url("/no"), timeout=10).status_code == 503 and len(upstream.requests) == 1
    assert httpx.get(gateway.url("/yes"), timeout=10).status_code == 503 and len(upstream.requests) == 4


def test_a_body_too_long_to_be_held_is_sent_once_and_whole(start, serve):
    upstream = serve(failing(1))
    gateway = start(retrying(upstream.port))
    reply = httpx.put(gateway.url("/x"), content=b"b" * (1 << 20), timeout=10)
    assert reply.status_code == 503
    assert [request.body_length for request in upstream.requests] == [1 << 20]


def test_a_stream_is_sent_once(start, serve):
    upstream = serve(failing(1))
    gateway = start(retrying(upstream.port))
    chunked = b"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    assert exchange(gateway.port, chunked).status == 503 and len(upstream.requests) == 1


def test_a_failing_upstream_gets_a_fifth_more_at_most(start, serve):
    upstream = serve(failing(10_000))
    stats = free_port()
    config = retrying(upstream.port)
    gateway = start({**config, "config": {"workerThreads": 1, "statsAddr": f"127.0.0.1:{stats}"}})
    with httpx.Client() as client:
        for number in range(200):
            assert client.get(gateway.url(f"/{number}")).status_code == 503
        metrics = client.get(f"http://127.0.0.1:{stats}/metrics").text
    # What is saved at first, and a share of a try for each request, tries included.
    assert 200 < len(upstream.requests) <= 10 + 200 * 1.26
    assert "agentgateway_retries_total" in metrics and "agentgateway_retries_refused_total" in metrics


def test_another_backend_is_tried_when_one_cannot_be_reached(start, serve):
    upstream = serve()
    dead = free_port()
    config = configs.plain(upstream.port, {"retry": {"attempts": 4}, "timeout": {"requestTimeout": "10s"}})
    config["binds"][0]["listeners"][0]["routes"][0]["backends"].append({"host": f"127.0.0.1:{dead}"})
    gateway = start({**config, "config": {"workerThreads": 1}})
    # No request goes to the dead one twice, so that these cannot use up the ten tries that a budget begins with.
    assert {httpx.get(gateway.url("/x"), timeout=20).status_code for _ in range(10)} == {200}


def test_an_attempt_has_a_time_of_its_own(start, serve):
    async def handler(exchange_: Exchange) -> None:
        if not exchange_.request.header("x-retry-attempt"):
            await exchange_.peer_left()
            return
        await exchange_.reply(200, b"second")

    upstream = serve(handler)
    policies = {"retry": {"attempts": 1}, "timeout": {"requestTimeout": "20s", "backendRequestTimeout": "300ms"}}
    gateway = start(configs.plain(upstream.port, policies))
    assert httpx.get(gateway.url("/x"), timeout=20).text == "second"


def test_without_retry_an_attempts_time_is_a_504(start, serve):
    async def handler(exchange_: Exchange) -> None:
        await exchange_.peer_left()

    gateway = start(configs.plain(serve(handler).port, {"timeout": {"backendRequestTimeout": "200ms"}}))
    assert httpx.get(gateway.url("/x"), timeout=20).status_code == 504


def test_the_whole_time_bounds_all_tries(start, serve):
    async def handler(exchange_: Exchange) -> None:
        await asyncio.sleep(0)
        await exchange_.peer_left()

    upstream = serve(handler)
    policies = {"retry": {"attempts": 10}, "timeout": {"requestTimeout": "600ms", "backendRequestTimeout": "250ms"}}
    gateway = start(configs.plain(upstream.port, policies))
    assert httpx.get(gateway.url("/x"), timeout=20).status_code == 504
    assert 1 < len(upstream.requests) <= 4
