"""Plain HTTP through the gateway: connections, streaming, headers, and everything that can go wrong in the middle."""

import json
import os
import subprocess
import threading

import pytest

from harness import configs
from harness.gateway import free_port
from harness.rawhttp import Raw, exchange
from harness.upstream import Exchange
from harness.waiting import deadline, until

MIB = 1 << 20


def get(target: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def post(target: str, body: bytes, *lines: str) -> bytes:
    return get(target, f"Content-Length: {len(body)}", *lines, method="POST") + body


# Connections


def test_pipelined_requests_are_answered_in_order(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    with Raw(gateway.port, 10) as raw:
        raw.send(b"".join(post(f"/{number}", b"x" * number) for number in range(50)))
        for number in range(50):
            assert raw.response().body == f"POST /{number} {number}".encode()
    assert [request.target for request in upstream.requests] == [f"/{number}" for number in range(50)]


def test_pipelined_requests_wait_for_a_slow_first_one(start, serve):
    release = threading.Event()

    async def slow(exchange_: Exchange) -> None:
        import asyncio

        while exchange_.request.target == "/slow" and not release.is_set():
            await asyncio.sleep(0.005)
        await exchange_.reply(200, exchange_.request.target.encode())

    upstream = serve(slow)
    gateway = start(configs.plain(upstream.port))
    with Raw(gateway.port, 10) as raw:
        raw.send(get("/slow") + get("/fast"))
        until(lambda: upstream.requests, "the first request is upstream")
        release.set()
        assert [raw.response().body, raw.response().body] == [b"/slow", b"/fast"]


def test_connection_close_is_honoured(start, serve):
    gateway = start(configs.plain(serve().port))
    with Raw(gateway.port) as raw:
        raw.send(get("/a", "Connection: close") + get("/b"))
        reply = raw.response()
        assert (reply.status, reply.header("connection")) == (200, "close")
        assert raw.closes()


def test_http_1_0_is_answered_and_closed(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    with Raw(gateway.port) as raw:
        raw.send(b"GET /old HTTP/1.0\r\nHost: x\r\n\r\n")
        reply = raw.response()
        assert (reply.status, reply.body) == (200, b"GET /old 0")
        assert raw.closes()
    assert upstream.requests[0].version == "HTTP/1.1"


def test_http_1_0_gets_no_chunks(start, serve):
    async def chunks(exchange_: Exchange) -> None:
        await exchange_.start()
        await exchange_.chunk(b"hello")
        await exchange_.end()

    gateway = start(configs.plain(serve(chunks).port))
    with Raw(gateway.port) as raw:
        reply = raw.send(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n").response()
        assert (reply.all("transfer-encoding"), reply.body) == ([], b"hello")


def test_head_has_no_body_and_leaves_the_connection_in_step(start, serve):
    gateway = start(configs.plain(serve().port))
    with Raw(gateway.port) as raw:
        raw.send(get("/a", method="HEAD") + get("/b"))
        reply = raw.response("HEAD")
        assert (reply.status, reply.body, reply.header("content-length")) == (200, b"", "9")
        assert raw.response().body == b"GET /b 0"


def test_half_closed_client_still_gets_its_answer(start, serve):
    gateway = start(configs.plain(serve().port))
    with Raw(gateway.port) as raw:
        raw.send(post("/a", b"hello")).half_close()
        assert raw.response().body == b"POST /a 5"
        assert raw.closes()


def test_client_that_leaves_inside_a_head_reaches_nobody(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    with Raw(gateway.port) as raw:
        raw.send(b"GET /a HTTP/1.1\r\nHost: x\r\n").half_close()
        raw.fill()
    assert exchange(gateway.port, get("/b")).status == 200
    assert [request.target for request in upstream.requests] == ["/b"]


def test_client_that_leaves_inside_a_body_never_looks_complete(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    for body in (get("/a", "Content-Length: 10", method="POST") + b"hello",
                 get("/a", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n"):
        with Raw(gateway.port) as raw:
            raw.send(body)
            until(lambda: upstream.requests or True, "it is on its way")
        until(lambda: not any(r.connection in upstream.open for r in upstream.requests), "the upstream is released")
    assert not any(request.complete for request in upstream.requests)


def test_upstream_connections_are_reused(start, serve):
    upstream = serve()
    gateway = start({**configs.plain(upstream.port), "config": {"workerThreads": 1}})
    for number in range(20):
        assert exchange(gateway.port, post(f"/{number}", b"x")).status == 200
    assert upstream.opened == 1


def test_idempotent_request_is_retried_on_a_stale_connection(start, serve):
    upstream = serve()
    gateway = start({**configs.plain(upstream.port), "config": {"workerThreads": 1}})
    for number in range(10):
        assert exchange(gateway.port, get("/a")).status == 200
        upstream.close_idle()
        assert exchange(gateway.port, get("/b")).status == 200, "a stale connection must not show"


def test_request_that_is_not_idempotent_is_never_sent_twice(start, serve):
    async def swallow(exchange_: Exchange) -> None:
        # The request has been acted upon, then the connection breaks: nobody may send it again.
        if exchange_.request.method == "POST":
            exchange_.abort()
        else:
            await exchange_.reply(200, b"ok")

    upstream = serve(swallow)
    gateway = start({**configs.plain(upstream.port), "config": {"workerThreads": 1}})
    assert exchange(gateway.port, get("/warm")).status == 200
    assert exchange(gateway.port, post("/pay", b"100")).status == 502
    assert [request.target for request in upstream.requests].count("/pay") == 1


def test_refused_upstream_is_a_clear_error(start):
    gateway = start(configs.plain(free_port()))
    reply = exchange(gateway.port, get("/a"))
    assert reply.status in (502, 503)
    assert reply.body and b"127.0.0.1" not in reply.body, "the topology is nobody's business"


def test_unresolvable_upstream_is_a_clear_error(start, serve):
    config = configs.plain(1)
    config["binds"][0]["listeners"][0]["routes"][0]["backends"] = [{"host": "does-not-exist.invalid:80"}]
    reply = exchange(start(config).port, get("/a"), seconds=20)
    assert reply.status in (502, 503)
    assert b"does-not-exist" not in reply.body


# Bodies and streams


def test_expect_continue_is_answered_before_the_body(start, serve):
    gateway = start(configs.plain(serve().port))
    with Raw(gateway.port) as raw:
        raw.send(get("/a", "Content-Length: 5", "Expect: 100-continue", method="POST"))
        assert raw.head().status == 100
        raw.send(b"hello")
        assert raw.response().body == b"POST /a 5"


def test_body_that_comes_without_waiting_for_continue(start, serve):
    gateway = start(configs.plain(serve().port))
    with Raw(gateway.port) as raw:
        reply = raw.send(post("/a", b"hello", "Expect: 100-continue")).response()
        assert (reply.status, reply.body) == (200, b"POST /a 5")


def test_pieces_of_a_reply_leave_as_they_come(start, serve):
    seen = [0]

    async def paced(exchange_: Exchange) -> None:
        import asyncio

        await exchange_.start(200, {"Content-Type": "text/event-stream"})
        for number in range(20):
            while seen[0] < number:
                await asyncio.sleep(0.002)
            await exchange_.chunk(f"data: {number}\n\n".encode())
        await exchange_.end()

    gateway = start(configs.plain(serve(paced).port))
    with Raw(gateway.port, 10) as raw:
        assert raw.send(get("/")).head().status == 200
        for number in range(20):
            raw._until(f"data: {number}\n\n".encode())
            seen[0] = number + 1


def test_pieces_of_a_request_leave_as_they_come(start, serve):
    total = [0]

    async def count(exchange_: Exchange) -> None:
        async def piece(data: bytes) -> None:
            total[0] += len(data)

        await exchange_.upstream.read_body(exchange_, piece)
        await exchange_.reply(200, b"done")

    count.reads_body = True
    gateway = start(configs.plain(serve(count).port))
    with Raw(gateway.port, 10) as raw:
        raw.send(get("/", "Transfer-Encoding: chunked", method="POST"))
        for number in range(1, 11):
            raw.send(b"5\r\nhello\r\n")
            until(lambda: total[0] == 5 * number, "the piece has arrived upstream")
        assert raw.send(b"0\r\n\r\n").response().body == b"done"


def test_answer_before_the_request_is_whole(start, serve):
    async def impatient(exchange_: Exchange) -> None:
        await exchange_.reply(413, b"too large", {"Connection": "close"})
        exchange_.keep_alive = False

    impatient.reads_body = True
    gateway = start(configs.plain(serve(impatient).port))
    with Raw(gateway.port) as raw:
        raw.send(get("/", "Content-Length: 1000000", method="POST") + b"x" * 1000)
        reply = raw.response()
        assert (reply.status, reply.body) == (413, b"too large")
        # The rest of the body can't be told from a next request, so the connection must go.
        raw.send_if_open(b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.closes()


@pytest.mark.heavy
def test_large_request_streams_in_bounded_memory(start, serve):
    upstream = serve(keep_bodies=False)
    gateway = start(configs.plain(upstream.port))
    size, block = 100 * MIB, b"x" * MIB
    with Raw(gateway.port, 60) as raw:
        raw.send(get("/", f"Content-Length: {size}", method="POST"))
        for _ in range(size // MIB):
            raw.send(block)
        assert raw.response().body == f"POST / {size}".encode()
    assert gateway.peak_memory() < 64 * MIB


@pytest.mark.heavy
def test_large_reply_to_a_slow_reader_streams_in_bounded_memory(start, serve):
    size, sent = 100 * MIB, [0]

    async def large(exchange_: Exchange) -> None:
        await exchange_.send(f"HTTP/1.1 200 X\r\nContent-Length: {size}\r\n\r\n".encode())
        block = b"x" * (64 << 10)
        for _ in range(size // len(block)):
            await exchange_.send(block)
            sent[0] += len(block)

    gateway = start(configs.plain(serve(large).port))
    with Raw(gateway.port, 60) as raw:
        raw.send(get("/")).head()
        # Nobody reads: the upstream must be held back once the buffers between are full.
        before = -1
        while sent[0] != before:
            before = sent[0]
            try:
                until(lambda: sent[0] > before, "it stalls", 0.5)
            except AssertionError:
                break
        assert sent[0] < 40 * MIB, "the gateway swallows what the client does not read"
        received = len(raw.buffer)
        raw.buffer.clear()
        while received < size and raw.fill():
            received += len(raw.buffer)
            raw.buffer.clear()
        assert received == size
    assert gateway.peak_memory() < 64 * MIB


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("how", ["reset", "close"])
def test_upstream_that_dies_in_the_body_never_looks_like_an_end(start, serve, framing, how):
    async def dies(exchange_: Exchange) -> None:
        if framing == "length":
            await exchange_.send(b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhello")
        else:
            await exchange_.start()
            await exchange_.chunk(b"hello")
        exchange_.abort() if how == "reset" else None
        exchange_.keep_alive = False

    gateway = start(configs.plain(serve(dies).port))
    with Raw(gateway.port) as raw:
        reply = raw.send(get("/")).response()
        assert reply.status == 502 or (not reply.complete and raw.closes())


def test_client_that_leaves_releases_the_upstream(start, serve):
    left = threading.Event()

    async def forever(exchange_: Exchange) -> None:
        await exchange_.start()
        await exchange_.chunk(b"first")
        if await exchange_.peer_left():
            left.set()
        exchange_.keep_alive = False

    gateway = start(configs.plain(serve(forever).port))
    with Raw(gateway.port) as raw:
        raw.send(get("/")).head()
    assert left.wait(deadline(5)), "the upstream works on for nobody"


def test_client_that_leaves_before_the_answer_releases_the_upstream(start, serve):
    left = threading.Event()

    async def silent(exchange_: Exchange) -> None:
        if await exchange_.peer_left():
            left.set()
        exchange_.keep_alive = False

    upstream = serve(silent)
    gateway = start(configs.plain(upstream.port))
    with Raw(gateway.port) as raw:
        raw.send(get("/"))
        until(lambda: upstream.requests, "the request is upstream")
    assert left.wait(deadline(5))


def test_upstream_timeout_is_a_504(start, serve):
    async def silent(exchange_: Exchange) -> None:
        await exchange_.peer_left(20)
        exchange_.keep_alive = False

    gateway = start(configs.plain(serve(silent).port, {"timeout": {"requestTimeout": "200ms"}}))
    assert exchange(gateway.port, get("/")).status == 504


def test_client_that_dawdles_over_its_head_is_cut_off(start, serve):
    upstream = serve()
    limits = {"frontendPolicies": {"http": {"headerTimeout": "300ms"}}}
    gateway = start({**configs.plain(upstream.port), **limits})
    with Raw(gateway.port) as raw:
        raw.send(b"GET / HTTP/1.1\r\nHost: x\r\nA: ")
        # Trickling bytes must not buy more time: the deadline is of the whole head.
        ended = threading.Event()

        def trickle() -> None:
            while not ended.wait(0.05) and raw.send_if_open(b"b"):
                pass

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        try:
            if raw.fill():
                assert raw.response().status == 408
                assert raw.closes()
        finally:
            ended.set()
            thread.join()
    assert upstream.requests == []


def test_idle_connection_is_closed(start, serve):
    gateway = start({**configs.plain(serve().port), "frontendPolicies": {"http": {"http1IdleTimeout": "300ms"}}})
    with Raw(gateway.port) as raw:
        assert raw.send(get("/")).response().status == 200
        assert raw.closes()


def test_five_hundred_idle_connections_do_not_stop_the_next(start, serve):
    gateway = start(configs.plain(serve().port))
    idle = [Raw(gateway.port, 30) for _ in range(500)]
    try:
        assert exchange(gateway.port, get("/")).status == 200
        for raw in idle[::50]:
            assert raw.send(get("/later")).response().status == 200
    finally:
        for raw in idle:
            raw.close()
    until(lambda: gateway.sockets() < 100, "the connections are gone")


# Headers


def test_forwarded_headers_are_set(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    exchange(gateway.port, b"GET / HTTP/1.1\r\nHost: api.example:8080\r\n\r\n")
    request = upstream.requests[0]
    assert request.header("x-forwarded-for") == "127.0.0.1"
    assert request.header("x-forwarded-proto") == "http"
    assert request.header("x-forwarded-host") == "api.example:8080"
    assert request.all("via") == []


def test_forwarded_headers_of_a_stranger_are_not_believed(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    lies = ["X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "Forwarded: for=10.0.0.1"]
    exchange(gateway.port, get("/", *lies))
    request = upstream.requests[0]
    assert (request.header("x-forwarded-for") or "").split(",")[-1].strip() == "127.0.0.1"
    assert request.header("x-forwarded-proto") == "http"
    assert request.header("x-forwarded-host") == "x"
    assert "10.0.0.1" not in (request.header("forwarded") or "")


def test_reply_tells_nothing_about_the_gateway(start, serve):
    gateway = start(configs.plain(serve().port))
    reply = exchange(gateway.port, get("/"))
    assert reply.all("via") == []
    assert not any("agentgw" in value.lower() for _, value in reply.headers)


# Routing


def test_routes_by_host_path_method_header_and_query(start, serve):
    names = ["exact", "prefix", "method", "header", "query", "host", "rest"]
    servers = {name: serve() for name in names}

    def route(name: str, hostnames: list[str] | None = None, **match) -> dict:
        chosen = {"backends": [{"host": f"127.0.0.1:{servers[name].port}"}], "matches": [match]} if match else {
            "backends": [{"host": f"127.0.0.1:{servers[name].port}"}]}
        return {**chosen, **({"hostnames": hostnames} if hostnames else {})}

    routes = [
        route("rest"),
        route("prefix", path={"pathPrefix": "/a"}),
        route("exact", path={"exact": "/a/b"}),
        route("method", path={"pathPrefix": "/a"}, method="DELETE"),
        route("header", path={"pathPrefix": "/a"}, headers=[{"name": "x-kind", "value": {"exact": "special"}}]),
        route("query", path={"pathPrefix": "/q"}, query=[{"name": "v", "value": {"exact": "2"}}]),
        route("host", hostnames=["*.example.com"]),
    ]
    gateway = start({"binds": [{"port": 3000, "listeners": [{"routes": routes}]}]})

    def chosen(data: bytes) -> str:
        for server in servers.values():
            server.reset()
        assert exchange(gateway.port, data).status == 200
        return next(name for name, server in servers.items() if server.requests)

    assert chosen(get("/a/b")) == "exact"
    assert chosen(get("/a/b/c")) == "prefix"
    assert chosen(get("/a")) == "prefix"
    assert chosen(get("/ab")) == "rest"
    assert chosen(get("/a/x", method="DELETE")) == "method"
    assert chosen(get("/a/x", "X-Kind: special")) == "header"
    assert chosen(get("/q?v=2")) == "query"
    assert chosen(get("/q?v=3")) == "rest"
    assert chosen(b"GET /a HTTP/1.1\r\nHost: api.example.com\r\n\r\n") == "host"


def test_no_route_is_a_404(start, serve):
    upstream = serve()
    gateway = start(configs.plain(upstream.port, matches=[{"path": {"exact": "/only"}}]))
    assert exchange(gateway.port, get("/other")).status == 404
    assert upstream.requests == []


@pytest.mark.parametrize("target", ["/a%2Fb", "/a%2fb", "/a%5Cb", "/a%00b", "/%zz", "/%", "/a%0d%0ab"])
def test_path_that_two_readers_could_take_differently_is_refused(start, serve, target):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    assert exchange(gateway.port, get(target)).status == 400
    assert upstream.requests == []


def test_curl_gets_what_it_asks_for(start, serve, tmp_path):
    upstream = serve()
    gateway = start(configs.plain(upstream.port))
    command = ["curl", "-sS", "--max-time", "10", "-w", "%{http_code} %{http_version}"]
    for more, expected in [
        ([], "GET /c 0"),
        (["-d", "hello"], "POST /c 5"),
        (["-H", "Transfer-Encoding: chunked", "-d", "hello"], "POST /c 5"),
        (["--http2", "-d", "hello"], "POST /c 5"),
        (["-X", "PUT", "-d", "x" * 100_000], "PUT /c 100000"),
    ]:
        done = subprocess.run([*command, *more, gateway.url("/c")], capture_output=True, text=True, timeout=20)
        assert (done.returncode, done.stdout) == (0, f"{expected}200 1.1"), done.stderr
    assert upstream.malformed == []


def test_log_lines_are_json_and_count_every_request(start, serve):
    gateway = start(configs.plain(serve().port))
    for number in range(5):
        exchange(gateway.port, get(f"/{number}"))
    gateway.stop()
    assert json.dumps(gateway.records())  # every line that looks like JSON is JSON
    assert sum(1 for record in gateway.records() if record.get("path") or record.get("target")) >= 5, gateway.log()


def test_file_descriptors_do_not_leak(start, serve):
    async def dies(exchange_: Exchange) -> None:
        exchange_.abort()

    gateway = start(configs.plain(serve(dies).port))

    def descriptors() -> int:
        return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))

    exchange(gateway.port, get("/"))
    before = descriptors()
    for _ in range(100):
        assert exchange(gateway.port, get("/")).status == 502
    until(lambda: descriptors() <= before + 4, "descriptors are given back")
