"""Start and stop: readiness, draining, ports that are taken."""

import signal
import socket
import threading

import pytest

from harness import configs
from harness import gateway as gateways
from harness.rawhttp import Raw, exchange
from harness.upstream import Exchange
from harness.waiting import deadline, until


def test_readiness_and_liveness(start, serve):
    gateway = start(configs.plain(serve().port))
    for path in ("/healthz/ready", "/healthz/live"):
        assert exchange(gateway.readiness_port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).status == 200
    assert exchange(gateway.readiness_port, b"GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 404


def test_sigterm_finishes_what_is_in_flight(start, serve):
    release = threading.Event()

    async def slow(exchange_: Exchange) -> None:
        import asyncio

        await exchange_.start()
        await exchange_.chunk(b"first ")
        while not release.is_set():
            await asyncio.sleep(0.005)
        await exchange_.chunk(b"last")
        await exchange_.end()

    gateway = start(configs.plain(serve(slow).port))
    with Raw(gateway.port, 10) as busy, Raw(gateway.port, 10) as idle:
        busy.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = busy.head()
        assert head.status == 200
        gateway.terminate()
        assert idle.closes(), "an idle connection is closed at once"
        until(lambda: gateway.readiness() != 200, "readiness says no")
        release.set()
        busy._until(b"last")
        assert busy._until(b"0\r\n\r\n").endswith(b"\r\n")
        assert gateway.wait() == 0


def test_request_that_outlives_the_deadline_is_cut_and_never_ended_cleanly(start, serve):
    async def forever(exchange_: Exchange) -> None:
        await exchange_.start()
        await exchange_.chunk(b"first")
        await exchange_.peer_left(30)
        exchange_.keep_alive = False

    config = {**configs.plain(serve(forever).port), "config": {"connectionTerminationDeadline": "300ms"}}
    gateway = start(config)
    with Raw(gateway.port, 10) as raw:
        raw.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        raw._until(b"first")
        gateway.terminate()
        raw.extend(10)
        while raw.fill():
            pass
        assert b"0\r\n\r\n" not in raw.buffer
    assert gateway.wait() == 0


def test_second_signal_stops_at_once(start, serve):
    async def forever(exchange_: Exchange) -> None:
        await exchange_.peer_left(30)
        exchange_.keep_alive = False

    upstream = serve(forever)
    gateway = start({**configs.plain(upstream.port), "config": {"connectionTerminationDeadline": "30s"}})
    with Raw(gateway.port) as raw:
        raw.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: upstream.requests, "the request is upstream")
        gateway.terminate()
        until(lambda: gateway.readiness() != 200, "it drains")
        gateway.process.send_signal(signal.SIGTERM)
        gateway.wait(5)


def test_port_in_use_is_a_clear_error(tmp_path, serve):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = tmp_path / "gateway.yaml"
        file.write_text(
            f"config: {{adminAddr: 'off', statsAddr: 'off', readinessAddr: 'off'}}\nbinds:\n  - port: {port}\n"
            "    listeners: [{routes: [{backends: [{host: '127.0.0.1:1'}]}]}]\n"
        )
        code, _, err = gateways.run(["-f", str(file)], tmp_path)
        assert code == 1
        assert str(port) in err


@pytest.mark.heavy
def test_starts_quickly_and_small(start, serve):
    gateway = start(configs.plain(serve().port))
    # The bar is 15 MiB when stripped of debugging; a loose bound here only catches a change of kind.
    assert gateway.memory() < 40 << 20


def test_restart_on_the_same_port(start, serve):
    upstream = serve()
    for _ in range(3):
        gateway = start(configs.plain(upstream.port))
        assert exchange(gateway.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", seconds=deadline(5)).status == 200
        gateway.stop()
