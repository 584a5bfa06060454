"""Floods and malformed frames over HTTP/2: the connection that sends them ends, the others do not notice."""

import asyncio
import threading

import pytest
from hyperframe import frame as frames

from harness import configs
from harness.http2 import GET, Client, Raw
from harness.upstream import Exchange
from harness.waiting import deadline

CALM = 11


@pytest.fixture
def gateway(start, serve):
    return start(configs.plain(serve().port))


def served(gateway) -> None:
    with Client(gateway.port) as other:
        assert other.ask().status == 200


def flood(gateway, make, count: int = 20_000, batch: int = 100) -> int | None:
    """Sends what `make` makes until the connection ends; the code of its GOAWAY, if that could still be read."""
    with Raw(gateway.port) as client:
        for start in range(0, count, batch):
            if not client.send(*(f for n in range(start, start + batch) for f in make(client, n))):
                break
        else:
            client.socket.shutdown(1)
        served(gateway)
        return client.goaway()


def reset(client: Raw, number: int):
    stream = 2 * number + 1
    return client.headers(stream), frames.RstStreamFrame(stream, 8)


def test_rapid_reset_ends_the_connection_and_spares_the_upstream(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    flood(gateway, reset)
    assert len(upstream.requests) < 1500, "resetting streams got more work done than the limits allow"


def test_resets_that_the_gateway_is_made_to_send_count_as_well(gateway):
    def make(client, number):
        stream = 2 * number + 1
        return client.headers(stream), frames.WindowUpdateFrame(stream, 0)

    with Raw(gateway.port) as client:
        sent = 0
        while client.send(*make(client, sent)):
            sent += 1
            assert sent < 20_000, "the resets were sent without end"
    served(gateway)


@pytest.mark.parametrize("name", ["ping", "settings", "priority", "empty-data", "window-update", "unknown"])
def test_flood_of_cheap_frames_ends_the_connection(gateway, name):
    def make(client, number):
        if name == "ping":
            return (frames.PingFrame(0, b"12345678"),)
        if name == "settings":
            return (frames.SettingsFrame(0),)
        if name == "priority":
            return (frames.PriorityFrame(2 * number + 1, depends_on=0, stream_weight=1),)
        if name == "empty-data":
            head = [client.headers(1, [(":method", "POST"), *GET[1:]], flags=("END_HEADERS",))] if number == 0 else []
            return (*head, frames.DataFrame(1, b""))
        if name == "window-update":
            return (frames.WindowUpdateFrame(0, 1),)
        return (frames.ExtensionFrame(0x42, 0, 0, b"x"),)

    with Raw(gateway.port) as client:
        sent = 0
        while client.send(*(f for n in range(sent, sent + 100) for f in make(client, n))):
            sent += 100
            assert sent < 400_000, "the flood was taken without end"
    served(gateway)


def test_continuation_flood_ends_the_connection(gateway):
    with Raw(gateway.port) as client:
        client.send(client.headers(1, flags=()))
        sent = 0
        while client.send(*(frames.ContinuationFrame(1, b"") for _ in range(100))):
            sent += 100
            assert sent < 100_000, "CONTINUATION frames were taken without end"
    served(gateway)
    assert gateway.memory() < 150 << 20


def test_header_bomb_is_refused(gateway):
    """One indexed field of 4,000 bytes, referred to thousands of times: little to send, much to keep."""
    with Raw(gateway.port) as client:
        block = client.encoder.encode(GET + [("x-bomb", "y" * 3900)])
        again = client.encoder.encode([("x-bomb", "y" * 3900)])
        assert len(again) == 1
        frame = frames.HeadersFrame(1, block + again * 12_000)
        frame.flags.add("END_HEADERS")
        frame.flags.add("END_STREAM")
        client.send(frame)
        for answer in client.frames():
            if isinstance(answer, (frames.HeadersFrame, frames.RstStreamFrame, frames.GoAwayFrame)) and answer.stream_id in (0, 1):
                break
    served(gateway)
    assert gateway.memory() < 150 << 20


def test_streams_beyond_the_limit_are_refused_and_the_rest_is_served(start, serve):
    release = threading.Event()

    async def handler(exchange: Exchange) -> None:
        while not release.is_set():
            await asyncio.sleep(0.01)
        await exchange.reply(200)

    upstream = serve(handler)
    gateway = start(configs.plain(upstream.port))
    with Raw(gateway.port) as client:
        # As long as the client has not confirmed the limit, a stream too many is no error of the connection.
        client.send(*(client.headers(2 * n + 1) for n in range(200)))
        refused, answered = 0, 0
        for frame in client.frames():
            if isinstance(frame, frames.RstStreamFrame):
                refused += 1
                if refused == 72:
                    release.set()
            elif isinstance(frame, frames.HeadersFrame):
                answered += 1
                if answered == 128:
                    break
            elif isinstance(frame, frames.GoAwayFrame):
                release.set()
                raise AssertionError(f"GOAWAY {frame.error_code} after {refused} refusals")
    assert refused == 72


@pytest.mark.parametrize("payload", [
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x01",  # DATA on an idle stream
    b"\x00\x00\x04\x03\x00\x00\x00\x00\x05\x00\x00\x00\x08",  # RST_STREAM of an idle stream
    b"\x00\x00\x05\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",  # PING of five bytes
    b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",  # a frame of 16 MiB
    b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7f\xff\xff\xff",  # a window beyond its maximum
    b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\xff\xff\xff\xff",  # INITIAL_WINDOW_SIZE too large
    b"\x00\x00\x02\x01\x05\x00\x00\x00\x02\x82\x84",  # a client's even stream
    b"\x00\x00\x01\x01\x05\x00\x00\x00\x01\xff",  # a broken field block
    b"\x00\x00\x00\x05\x04\x00\x00\x00\x01",  # PUSH_PROMISE from a client
])
def test_connection_errors_end_the_connection_with_a_reason(gateway, payload):
    with Raw(gateway.port) as client:
        client.socket.sendall(payload)
        assert client.goaway() in (1, 3, 5, 6, 9)
    served(gateway)


def test_head_that_never_ends_is_given_up(start, serve):
    document = configs.plain(serve().port)
    document["frontendPolicies"] = {"http": {"headerTimeout": "1s"}}
    gateway = start(document)
    with Raw(gateway.port) as client:
        client.send(client.headers(1, flags=()))
        assert client.goaway() == CALM


def test_silent_connection_after_the_preface_is_closed(start, serve):
    document = configs.plain(serve().port)
    document["frontendPolicies"] = {"http": {"http1IdleTimeout": "1s"}}
    gateway = start(document)
    with Raw(gateway.port) as client:
        assert client.goaway() == 0


def test_zero_window_reader_holds_little_and_others_are_served(start, serve):
    async def handler(exchange: Exchange) -> None:
        await exchange.reply(200, b"z" * (8 << 20))

    gateway = start(configs.plain(serve(handler).port))
    before = gateway.memory()
    clients = [Client(gateway.port, stingy=True) for _ in range(10)]
    try:
        for client in clients:
            client.h2.update_settings({4: 0})
            for _ in range(8):
                client.request()
        with Client(gateway.port) as other:
            assert len(other.ask().body) == 8 << 20
        assert gateway.memory() - before < 160 << 20
    finally:
        for client in clients:
            client.socket.close()
