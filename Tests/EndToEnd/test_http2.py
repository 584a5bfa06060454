"""HTTP/2 towards clients: by ALPN and by prior knowledge, bodies and trailers both ways, limits, draining."""

import asyncio
import socket
import ssl
import subprocess
import threading

import httpx
import openai
import pytest
from hyperframe import frame as frames

from harness import configs
from harness.certificates import Authority
from harness.http2 import GET, Client, Raw
from harness.provider import ANSWER
from harness.upstream import Exchange
from harness.waiting import deadline, until


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def secure(upstream: int, authority) -> dict:
    document = configs.plain(upstream)
    document["binds"][0]["listeners"][0] |= {"protocol": "HTTPS", "tls": authority.issue("a.example", "localhost", "127.0.0.1").tls}
    return document


def request(method: str = "GET", path: str = "/", *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [(":method", method), (":scheme", "http"), (":authority", "a.example"), (":path", path), *more]


def test_alpn_chooses_http2_and_the_upstream_gets_http1(start, serve, authority):
    upstream = serve()
    gateway = start(secure(upstream.port, authority))
    context = ssl.create_default_context(cafile=authority.cert)
    with httpx.Client(http2=True, verify=context) as client:
        for number in range(20):
            reply = client.post(f"https://localhost:{gateway.port}/x?n={number}", content=b"b" * number * 1000)
            assert (reply.http_version, reply.status_code) == ("HTTP/2", 200)
    assert [r.target for r in upstream.requests] == [f"/x?n={n}" for n in range(20)]
    assert [len(r.body) for r in upstream.requests] == [n * 1000 for n in range(20)]
    assert upstream.requests[0].header("host") and upstream.requests[0].header("x-forwarded-proto") == "https"


@pytest.mark.parametrize("options", [["--http2-prior-knowledge"], ["--http2"]])
def test_curl_speaks_http2(start, serve, authority, options):
    clear = options == ["--http2-prior-knowledge"]
    gateway = start(configs.plain(serve().port) if clear else secure(serve().port, authority))
    done = subprocess.run(
        ["curl", "-sS", *options, "--cacert", str(authority.cert), "-o", "/dev/null", "-w", "%{http_version} %{http_code}",
         "--data-binary", "@-", f"{'http' if clear else 'https'}://127.0.0.1:{gateway.port}/"],
        input="x" * 300_000, capture_output=True, text=True, timeout=deadline(20))
    assert done.stdout == "2 200", done.stderr


def test_h2load_finishes_every_request(start, serve):
    gateway = start(configs.plain(serve().port))
    done = subprocess.run(
        ["h2load", "-n", "2000", "-c", "4", "-m", "32", f"http://127.0.0.1:{gateway.port}/"],
        capture_output=True, text=True, timeout=deadline(60))
    assert "2000 succeeded, 0 failed, 0 errored" in done.stdout, done.stdout


def test_streams_of_a_connection_do_not_wait_for_each_other(start, serve):
    release = threading.Event()

    async def handler(exchange: Exchange) -> None:
        while exchange.request.target == "/slow" and not release.is_set():
            await asyncio.sleep(0.005)
        await exchange.reply(200, exchange.request.target.encode())

    gateway = start(configs.plain(serve(handler).port))
    with Client(gateway.port) as client:
        slow = client.request(request("GET", "/slow"))
        for _ in range(5):
            assert client.ask(request("GET", "/fast")).body == b"/fast"
        assert not client.answers[slow].headers
        release.set()
        assert client.wait(slow).body == b"/slow"


def test_large_bodies_pass_both_ways(start, serve):
    body = bytes(range(256)) * 16384  # 4 MiB

    async def handler(exchange: Exchange) -> None:
        await exchange.reply(200, exchange.request.body)

    gateway = start(configs.plain(serve(handler).port))
    with Client(gateway.port) as client:
        answer = client.ask(request("POST"), body)
        assert answer.status == 200 and answer.body == body


def test_trailers_pass_both_ways(start, serve):
    async def handler(exchange: Exchange) -> None:
        await exchange.start(200, {"Trailer": "x-sum"})
        await exchange.chunk(b"body")
        await exchange.send(b"0\r\nX-Sum: 42\r\nContent-Length: 3\r\n\r\n")

    upstream = serve(handler)
    gateway = start(configs.plain(upstream.port))
    with Client(gateway.port) as client:
        stream = client.request(request("POST"), end=False)
        client.send(stream, b"abc")
        client.h2.send_headers(stream, [("x-in", "7")], end_stream=True)
        client.flush()
        answer = client.wait(stream)
    assert answer.body == b"body" and answer.trailers == [("x-sum", "42")]
    assert upstream.requests[0].body == b"abc"
    assert ("x-in", "7") in upstream.requests[0].trailers


def test_a_request_with_broken_trailers_is_not_forwarded_without_them(start, serve):
    whole = []

    async def handler(exchange: Exchange) -> None:
        whole.append(exchange.request.method)  # called when the body has been read to its end
        await exchange.reply(200, b"")

    gateway = start(configs.plain(serve(handler).port))
    with Client(gateway.port) as client:
        stream = client.request(request("POST"), end=False)
        client.send(stream, b"abc")
        client.h2.send_headers(stream, [(f"x-{n}", "1") for n in range(80)], end_stream=True)
        client.flush()
        assert client.wait(stream).status == 431
        assert client.ask(request("GET")).status == 200, "the connection lives on"
    assert whole == ["GET"]


def test_cookie_crumbs_are_one_field_and_names_are_kept(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    with Client(gateway.port) as client:
        client.ask(request("GET", "/", ("cookie", "a=1"), ("x-one", "1"), ("cookie", "b=2"), ("cookie", "c=3")))
    assert upstream.requests[0].header("cookie") == "a=1; b=2; c=3"
    assert upstream.requests[0].all("host") == [f"127.0.0.1:{upstream.port}"]
    assert upstream.requests[0].header("x-forwarded-host") == "a.example"


def test_head_and_statuses_without_a_body(start, serve):
    async def handler(exchange: Exchange) -> None:
        if exchange.request.method == "HEAD":
            await exchange.send(b"HTTP/1.1 200 X\r\nContent-Length: 1234\r\n\r\n")
        else:
            await exchange.send(b"HTTP/1.1 204 X\r\nX-Y: z\r\n\r\n")

    gateway = start(configs.plain(serve(handler).port))
    with Client(gateway.port) as client:
        answer = client.ask(request("HEAD"))
        assert dict(answer.headers)["content-length"] == "1234" and answer.body == b""
        answer = client.ask()
        assert answer.status == 204 and "content-length" not in dict(answer.headers)


@pytest.mark.parametrize("headers, status", [
    (request("GET", "/", ("connection", "close")), None),
    (request("GET", "/", ("transfer-encoding", "chunked")), None),
    (request("GET", "/", ("te", "gzip")), None),
    (request("GET", "/", ("X-Upper", "1")), None),
    (request("GET", "/", ("x-y", "a\nb")), None),
    (request("GET", "/", ("host", "b.example")), 400),
    (request("GET", "/", ("host", "A.example")), 200),
    (request("GET", "/", ("host", "a.example"), ("host", "a.example")), None),
    (request("GET", "/#fragment"), 400),
    (request("GET", "http://other.example/"), None),
    (request("GET", ""), None),
    (request("GET", "/", ("content-length", "1x")), None),
    (request("GET", "/", ("content-length", "5")), None),
    ([(":method", "GET"), (":scheme", "http"), (":path", "/")], None),
    ([(":method", "GET"), (":scheme", "ftp"), (":authority", "a.example"), (":path", "/")], 400),
    ([(":method", "GET"), (":scheme", "http"), (":authority", "u@a.example"), (":path", "/")], None),
    ([("x-first", "1"), *GET], None),
    ([*GET, (":path", "/two")], None),
    ([(":method", "CONNECT"), (":authority", "a.example:443")], 405),
    (request("GET", "/", *((f"x-{n}", "1") for n in range(101))), 431),
    (request("GET", "/", ("x-long", "y" * 70_000)), 431),
])
def test_strict_about_fields(start, serve, headers, status):
    """A message that RFC 9113 §8.1.1 calls malformed resets its stream, or is refused with a status."""
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    with Client(gateway.port) as client:
        answer = client.ask(headers)
        if status:
            assert answer.status == status
        else:
            assert answer.reset is not None or client.goaway or answer.status in (400, 431)
        if not client.closed and not client.goaway:
            assert client.ask().status == 200
    assert len([r for r in upstream.requests if r.all("x-first") or r.target != "/"]) == 0


def test_body_that_differs_from_its_length_is_no_request(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    with Client(gateway.port) as client:
        for body in (b"1234", b"123456"):
            answer = client.ask(request("POST", "/", ("content-length", "5")), body)
            assert answer.reset is not None or answer.status >= 400
        assert client.ask().status == 200
    assert not [r for r in upstream.requests if r.method == "POST" and r.complete]


def test_client_that_resets_a_stream_ends_the_upstreams_work(start, serve):
    left = threading.Event()

    async def handler(exchange: Exchange) -> None:
        if exchange.request.target == "/hang":
            await exchange.reader.read(1)
            left.set()
        else:
            await exchange.reply(200)

    gateway = start(configs.plain(serve(handler).port))
    with Client(gateway.port) as client:
        stream = client.request(request("GET", "/hang"))
        assert client.ask().status == 200
        client.h2.reset_stream(stream, 8)
        client.flush()
        assert left.wait(deadline(5))
        assert client.ask().status == 200


def test_reply_that_is_cut_off_resets_its_stream(start, serve):
    async def handler(exchange: Exchange) -> None:
        await exchange.start()
        await exchange.chunk(b"x" * 40000)
        exchange.abort()

    gateway = start(configs.plain(serve(handler).port))
    with Client(gateway.port) as client:
        answer = client.ask()
        assert answer.reset is not None and not answer.ended


def test_slow_reader_holds_back_the_upstream(start, serve):
    sent = 0

    async def handler(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.start()
        if exchange.request.target == "/big":
            for _ in range(4096):
                await exchange.chunk(b"x" * 16384)
                sent += 16384
        await exchange.end()

    gateway = start(configs.plain(serve(handler).port))
    with Client(gateway.port, stingy=True) as client, Client(gateway.port) as other:
        stream = client.request(request("GET", "/big"))
        while len(client.answers[stream].body) < 65535:
            client.step()
        for _ in range(5):
            assert other.ask(request("GET", "/small")).status == 200
        held = sent
        assert held < 24 << 20, "the upstream was read although the client took nothing"
        assert gateway.memory() < 120 << 20


def test_events_arrive_one_by_one(start, serve):
    taken = threading.Semaphore(0)

    async def handler(exchange: Exchange) -> None:
        await exchange.start(200, {"Content-Type": "text/event-stream"})
        for number in range(5):
            await exchange.chunk(b"data: %d\n\n" % number)
            while not taken.acquire(blocking=False):
                await asyncio.sleep(0.002)
        await exchange.end()

    gateway = start(configs.plain(serve(handler).port))
    with Client(gateway.port) as client:
        stream = client.request()
        for number in range(5):
            while b"data: %d" % number not in client.answers[stream].body:
                client.step()
            taken.release()
        assert client.wait(stream).ended


@pytest.mark.parametrize("protocol", ["http1", "http2"])
def test_connection_that_is_old_takes_no_further_request(start, serve, protocol):
    document = configs.plain(serve().port)
    document["frontendPolicies"] = {"http": {"maxConnectionDuration": "1s"}}
    gateway = start(document)
    if protocol == "http2":
        with Raw(gateway.port) as client:
            client.send(client.headers(1))
            assert client.goaway() == 0
    else:
        # The idle timeout is a minute: only its age ends a connection so soon.
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=deadline(20)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            data = b""
            while piece := client.recv(4096):
                data += piece
        assert data.startswith(b"HTTP/1.1 200 ") and data.count(b"HTTP/1.1") == 1


def test_another_listeners_host_is_misdirected_on_a_stream(start, serve, authority):
    listeners = []
    for name in ("a", "b"):
        listener = secure(serve().port, authority)["binds"][0]["listeners"][0]
        listener |= {"name": name, "hostname": f"{name}.example", "tls": authority.issue("a.example", "b.example").tls}
        listeners.append(listener)
    gateway = start({"binds": [{"port": 3000, "listeners": listeners}]})
    context = ssl.create_default_context(cafile=authority.cert)
    context.set_alpn_protocols(["h2"])
    with Client(gateway.port, context) as client:
        assert client.ask().status == 200
        assert client.ask([(":method", "GET"), (":scheme", "https"), (":authority", "b.example"), (":path", "/")]).status == 421


def test_draining_says_goaway_and_serves_what_is_under_way(start, serve):
    release = threading.Event()

    async def handler(exchange: Exchange) -> None:
        while not release.is_set():
            await asyncio.sleep(0.005)
        await exchange.reply(200, b"done")

    upstream = serve(handler)
    gateway = start(configs.plain(upstream.port))
    with Raw(gateway.port) as client, Raw(gateway.port) as idle:
        client.send(client.headers(1))
        until(lambda: upstream.requests, "the request is at the upstream", 5)
        gateway.terminate()
        goaways, body = [], b""
        for frame in client.frames():
            if isinstance(frame, frames.GoAwayFrame):
                goaways.append((frame.last_stream_id, frame.error_code))
                release.set()
            elif isinstance(frame, frames.DataFrame):
                body += frame.data
        assert body == b"done" and goaways == [((1 << 31) - 1, 0), (1, 0)]
        assert idle.goaway() == 0
    assert gateway.wait() == 0


def test_openai_client_streams_over_http2(start, provider):
    gateway = start(
        configs.seed("step1-basic-routing.yaml", provider.port, provider.port),
        {"OPENAI_API_KEY": provider.openai_key, "ANTHROPIC_API_KEY": provider.anthropic_key})
    transport = httpx.Client(http1=False, http2=True)
    with openai.OpenAI(base_url=gateway.url("/openai/v1", 3000), api_key="unused", max_retries=0, http_client=transport) as client:
        messages = [{"role": "user", "content": "hello"}]
        assert client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content == ANSWER
        with client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True) as stream:
            text = "".join(piece.choices[0].delta.content or "" for piece in stream if piece.choices)
        assert text == ANSWER
