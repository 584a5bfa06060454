"""Which backend: by weight, by key, without those that fail."""

import asyncio
import threading
from collections import Counter

import httpx

from harness import configs
from harness.gateway import free_port
from harness.upstream import Exchange
from harness.waiting import until


def several(ports: list[int], policies: dict | None = None, backend: dict | None = None) -> dict:
    config = configs.plain(ports[0], policies)
    route = config["binds"][0]["listeners"][0]["routes"][0]
    route["backends"] = [{"host": f"127.0.0.1:{port}", **({"policies": backend} if backend else {})} for port in ports]
    return {**config, "config": {"workerThreads": 1}}


def named(name: str, status: int = 200):
    async def handler(exchange_: Exchange) -> None:
        await exchange_.reply(status, name.encode())

    return handler


def test_the_same_key_leads_to_the_same_backend_and_keys_spread(start, serve):
    ports = [serve(named(name)).port for name in "abc"]
    policies = {"sessionAffinity": {"source": 'request.headers["x-session"]'}}
    gateway = start(several(ports, policies))
    with httpx.Client() as client:
        def ask(key: str) -> str:
            return client.get(gateway.url(), headers={"x-session": key}).text

        places = {str(key): ask(str(key)) for key in range(60)}
        assert set(places.values()) == {"a", "b", "c"}
        assert all(ask(key) == place for key, place in places.items())
        # Without a key nothing is pinned.
        assert len({client.get(gateway.url()).text for _ in range(60)}) == 3
    # Another process agrees, and without one backend only its keys move.
    again = start(several(ports, policies))
    fewer = start(several(ports[:2], policies))
    with httpx.Client() as client:
        for key, place in places.items():
            assert client.get(again.url(), headers={"x-session": key}).text == place
            if place != "c":
                assert client.get(fewer.url(), headers={"x-session": key}).text == place


def test_a_backend_that_fails_is_left_out_and_comes_back(start, serve):
    sick = {"is": True}

    async def handler(exchange_: Exchange) -> None:
        await exchange_.reply(500 if sick["is"] else 200, b"sick")

    ports = [serve(handler).port, serve(named("well")).port]
    health = {"health": {"eviction": {"duration": "1s", "consecutiveFailures": 2}}}
    stats = free_port()
    config = several(ports, backend=health)
    config["config"]["statsAddr"] = f"127.0.0.1:{stats}"
    gateway = start(config)
    with httpx.Client() as client:
        replies = Counter(client.get(gateway.url()).status_code for _ in range(100))
        # Two failures, and two more at each return.
        assert 2 <= replies[500] <= 10
        metrics = client.get(f"http://127.0.0.1:{stats}/metrics").text
        assert "agentgateway_backend_ejections_total" in metrics
        assert f'agentgateway_backend_ejected{{backend="127.0.0.1:{ports[0]}"}}' in metrics
        sick["is"] = False
        until(lambda: client.get(gateway.url()).text == "sick", "the backend is asked again", 30)


def test_when_all_fail_all_are_asked(start, serve):
    ports = [serve(named("a", 500)).port, serve(named("b", 500)).port]
    gateway = start(several(ports, backend={"health": {"eviction": {"duration": "60s"}}}))
    with httpx.Client() as client:
        replies = [client.get(gateway.url()) for _ in range(40)]
    assert all(reply.status_code == 500 for reply in replies) and {reply.text for reply in replies} == {"a", "b"}


def test_an_expression_says_what_failure_is(start, serve):
    async def handler(exchange_: Exchange) -> None:
        await exchange_.reply(200, b"odd", {"x-health": "bad"})

    ports = [serve(handler).port, serve(named("well", 500)).port]
    health = {"unhealthyExpression": '"x-health" in response.headers', "eviction": {"duration": "60s"}}
    gateway = start(several(ports, backend={"health": health}))
    with httpx.Client() as client:
        replies = Counter(client.get(gateway.url()).text for _ in range(40))
    assert replies["odd"] == 1 and replies["well"] == 39


def test_a_backend_that_cannot_be_reached_is_left_out(start, serve):
    ports = [free_port(), serve(named("well")).port]
    gateway = start(several(ports, backend={"health": {"eviction": {"duration": "60s"}}}))
    with httpx.Client() as client:
        replies = Counter(client.get(gateway.url()).status_code for _ in range(40))
    assert replies[503] == 1 and replies[200] == 39


def test_the_less_busy_of_two_is_chosen(start, serve):
    release = threading.Event()

    async def slow(exchange_: Exchange) -> None:
        while not release.is_set():
            await asyncio.sleep(0.005)
        await exchange_.reply(200, b"slow")

    stuck = serve(slow)
    gateway = start(several([stuck.port, serve(named("fast")).port], {"balancing": "leastRequest"}))
    waiting: list[str] = []

    def wait() -> None:
        while "slow" not in waiting:
            waiting.append(httpx.get(gateway.url(), timeout=60).text)

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: stuck.requests, "a request waits at the slow backend")
    with httpx.Client() as client:
        assert {client.get(gateway.url()).text for _ in range(30)} == {"fast"}
    release.set()
    thread.join()
    assert len(stuck.requests) == 1
