"""frontendPolicies.http: every bound holds where it is set, and counts when it is hit."""

import socket

import httpx
import pytest

from harness import configs
from harness.gateway import free_port
from harness.rawhttp import Raw, exchange
from harness.waiting import until

PLAIN = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def bounded(start, serve):
    def begin(**http):
        stats = free_port()
        config = {**configs.plain(serve().port), "frontendPolicies": {"http": http}}
        gateway = start({**config, "config": {"statsAddr": f"127.0.0.1:{stats}"}})

        def hits(limit: str) -> int:
            text = httpx.get(f"http://127.0.0.1:{stats}/metrics", timeout=10).text
            (line,) = [line for line in text.splitlines() if line.startswith(f'agentgateway_limit_hits_total{{limit="{limit}"}}')]
            return int(line.split()[-1])

        gateway.hits = hits
        return gateway

    return begin


def test_header_bytes_count_and_time(bounded):
    gateway = bounded(maxHeaderBytes="2KiB", http1MaxHeaders=10, headerTimeout="300ms")
    large = b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 3000 + b"\r\n\r\n"
    many = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20 + b"\r\n"
    assert exchange(gateway.port, large).status == 431 and gateway.hits("header_bytes") == 1
    assert exchange(gateway.port, many).status == 431 and gateway.hits("header_count") == 1
    with Raw(gateway.port, 10) as raw:
        raw.send(b"GET / HT")
        assert raw.response().status == 408
    assert gateway.hits("header_timeout") == 1


def test_connections_beyond_the_bound_are_closed_and_there_is_room_again(bounded):
    gateway = bounded(maxConnections=3)
    held = [Raw(gateway.port, 10) for _ in range(3)]
    for raw in held:
        raw.send(PLAIN)
        assert raw.response().status == 200
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as extra:
        extra.settimeout(10)
        try:
            assert extra.recv(1) == b""
        except ConnectionResetError:
            pass
    assert gateway.hits("connections") == 1
    for raw in held:
        raw.close()

    def again() -> bool:
        try:
            return httpx.get(gateway.url(), timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    until(again, "there is room again")


def test_requests_of_a_connection_are_counted(bounded):
    gateway = bounded(maxRequestsPerConnection=3)
    with Raw(gateway.port, 10) as raw:
        closes = []
        for _ in range(3):
            raw.send(PLAIN)
            closes.append(raw.response().header("connection"))
        assert closes == [None, None, "close"]
    assert gateway.hits("requests_per_connection") == 1


def test_requests_of_an_http2_connection_are_counted(bounded):
    gateway = bounded(maxRequestsPerConnection=3)
    with httpx.Client(http1=False, http2=True, timeout=10) as client:
        assert [client.get(gateway.url()).status_code for _ in range(8)] == [200] * 8
    assert gateway.hits("requests_per_connection") >= 2


def test_http2_streams_and_windows_are_announced_as_set(bounded):
    import h2.config
    import h2.connection
    import h2.events
    import h2.settings

    gateway = bounded(http2MaxConcurrentStreams=7, http2WindowSize="128KiB", http2ConnectionWindowSize="512KiB")
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as client:
        client.settimeout(10)
        client.sendall(connection.data_to_send())
        while connection.remote_settings.max_concurrent_streams != 7 or connection.outbound_flow_control_window < 1 << 19:
            connection.receive_data(client.recv(4096))
        assert connection.remote_settings[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] == 128 << 10
