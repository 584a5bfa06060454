"""The harness itself: an upstream that misjudged a request, or a search that found nothing, would hide every bug."""

import pytest

from harness import secrets
from harness.rawhttp import Raw, exchange
from harness.waiting import until


def test_upstream_echoes(serve):
    upstream = serve()
    reply = exchange(upstream.port, b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "POST")
    assert (reply.status, reply.body, reply.complete) == (200, b"POST /a?b=c 3", True)
    assert upstream.requests[0].body == b"abc"
    assert upstream.requests[0].header("host") == "x"


def test_upstream_reads_chunks_and_trailers(serve):
    upstream = serve()
    body = b"3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"
    exchange(upstream.port, b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body, "POST")
    assert upstream.requests[0].body == b"abcde"
    assert upstream.requests[0].trailers == [("X-Sum", "5")]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
    ],
)
def test_upstream_notices_what_no_gateway_may_send(serve, data):
    upstream = serve()
    with Raw(upstream.port) as raw:
        raw.send(data).half_close()
        until(lambda: upstream.malformed, "the upstream notices")


def test_client_tells_truncated_from_complete(serve):
    async def truncated(exchange_):
        await exchange_.send(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        exchange_.keep_alive = False

    upstream = serve(truncated)
    reply = exchange(upstream.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (reply.body, reply.complete) == (b"abc", False)


def test_search_finds_a_secret_that_got_out(tmp_path, monkeypatch):
    monkeypatch.setattr(secrets, "marked", {})
    monkeypatch.setattr(secrets, "watched", [tmp_path / "log"])
    monkeypatch.setattr(secrets, "received", [])
    value = secrets.secret("test")
    (tmp_path / "log").write_text(f"Authorization: Bearer {value}")
    assert secrets.leaks() == [f"the secret for test is in {tmp_path / 'log'}"]
