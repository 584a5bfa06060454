"""WebSocket through the gateway: after authentication and rules, both ways, with the `websockets` package on both sides."""

import asyncio
import threading

import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve as websocket_server

from harness import configs
from harness.rawhttp import exchange
from harness.upstream import Exchange
from harness.waiting import deadline, until

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture(scope="module")
def echo():
    seen = []

    def handler(socket) -> None:
        seen.append(socket.request)
        for message in socket:
            socket.send(message)

    server = websocket_server(handler, "127.0.0.1", 0, max_size=None)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.socket.getsockname()[1], seen
    server.shutdown()


def test_messages_pass_both_ways_and_close_is_orderly(start, echo):
    port, seen = echo
    gateway = start(configs.plain(port))
    with connect(f"ws://127.0.0.1:{gateway.port}/ws?x=1", compression=None, max_size=None) as socket:
        for message in ("hello", b"\x00\xff", "ä" * 5000, b"z" * (4 << 20)):
            socket.send(message)
            assert socket.recv(deadline(20)) == message
    assert socket.close_code == 1000
    assert seen[-1].path == "/ws?x=1" and seen[-1].headers["X-Forwarded-For"] == "127.0.0.1"
    until(lambda: any(r.get("status") == 101 or r.get("http.status") == 101 for r in gateway.records()), "a record", 5)


def test_many_sockets_at_once(start, echo):
    gateway = start(configs.plain(echo[0]))

    async def one(number: int) -> None:
        async with connect_async(f"ws://127.0.0.1:{gateway.port}/") as socket:
            for turn in range(10):
                await socket.send(f"{number} {turn}")
                assert await socket.recv() == f"{number} {turn}"

    async def all_of_them() -> None:
        await asyncio.gather(*(one(n) for n in range(50)))

    asyncio.run(all_of_them())


def test_rules_and_credentials_come_first(start, echo):
    port, seen = echo
    gateway = start(configs.plain(port, {
        "apiKey": {"mode": "strict", "keys": [{"key": "sesame", "metadata": {"user": "ann"}}]},
        "authorization": {"rules": ["request.path != '/forbidden'"]},
    }))
    before = len(seen)
    for path, headers, status in [("/ws", {}, 401), ("/forbidden", {"Authorization": "Bearer sesame"}, 403)]:
        with pytest.raises(InvalidStatus) as refused:
            connect(f"ws://127.0.0.1:{gateway.port}{path}", additional_headers=headers)
        assert refused.value.response.status_code == status
    assert len(seen) == before
    with connect(f"ws://127.0.0.1:{gateway.port}/ws", additional_headers={"Authorization": "Bearer sesame"}) as socket:
        socket.send("in")
        assert socket.recv(deadline(5)) == "in"
    assert "Authorization" not in seen[-1].headers


def test_upstream_that_declines_is_answered_as_it_says(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    assert exchange(gateway.port, HANDSHAKE).status == 200
    assert upstream.requests[0].header("upgrade") == "websocket"


@pytest.mark.parametrize("head", [
    b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: other\r\nSec-WebSocket-Accept: x\r\n\r\n",
    b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
])
def test_switch_to_something_else_is_a_bad_gateway(start, serve, head):
    async def handler(exchange: Exchange) -> None:
        await exchange.send(head)
        exchange.keep_alive = False

    gateway = start(configs.plain(serve(handler).port))
    assert exchange(gateway.port, HANDSHAKE).status == 502


def test_switch_that_nobody_asked_for_is_a_bad_gateway(start, serve):
    async def handler(exchange: Exchange) -> None:
        await exchange.send(
            b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n")
        exchange.keep_alive = False

    gateway = start(configs.plain(serve(handler).port))
    assert exchange(gateway.port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 502


@pytest.mark.parametrize("change, status", [
    ((b"Version: 13", b"Version: 8"), 426),
    ((b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""), 400),
    ((b"GET", b"POST"), 400),
])
def test_bad_handshakes_are_refused(start, serve, change, status):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    assert exchange(gateway.port, HANDSHAKE.replace(*change)).status == status
    assert not upstream.requests


def test_other_upgrades_are_not_taken_up(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    assert exchange(gateway.port, HANDSHAKE.replace(b"Upgrade: websocket", b"Upgrade: h2c")).status == 200
    assert upstream.requests[0].header("upgrade") is None and upstream.requests[0].header("connection") is None


def test_client_that_vanishes_ends_the_upstream_side(start, serve):
    gone = threading.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.send(
            b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhello")
        assert await exchange.reader.read(5) == b"early"
        while await exchange.reader.read(100):
            pass
        gone.set()
        exchange.keep_alive = False

    import socket

    gateway = start(configs.plain(serve(handler).port))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=deadline(10)) as client:
        client.sendall(HANDSHAKE + b"early")
        data = b""
        while not data.endswith(b"hello"):
            data += client.recv(1000)
        assert data.startswith(b"HTTP/1.1 101 ")
    assert gone.wait(deadline(5))
