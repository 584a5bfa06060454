"""What a client sees when an upstream answers badly, oddly or not at all (RFC 9112)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from responses import BROKEN, FINE  # noqa: E402

from harness import configs  # noqa: E402
from harness.rawhttp import Raw  # noqa: E402
from harness.upstream import Exchange, Upstream, echo  # noqa: E402


class Scripted(Upstream):
    """Answers `/case` with the bytes of the case at hand and anything else with an echo."""

    def __init__(self) -> None:
        self.data, self.close_after = b"", False
        super().__init__(self.answer)

    async def answer(self, exchange: Exchange) -> None:
        if exchange.request.target != "/case":
            return await echo(exchange)
        await exchange.send(self.data)
        if self.close_after:
            exchange.keep_alive = False


@pytest.fixture(scope="module")
def upstream():
    server = Scripted()
    yield server
    server.close()
    assert not server.errors, server.errors


@pytest.fixture(scope="module")
def gateway(module_start, upstream):
    return module_start(configs.plain(upstream.port))


@pytest.fixture(autouse=True)
def fresh(upstream):
    upstream.reset()


def ids(case) -> str:
    return case.name.replace(" ", "-")


def ask(raw: Raw, method: str = "GET", target: str = "/case") -> Raw:
    return raw.send(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


@pytest.mark.parametrize("case", BROKEN, ids=ids)
def test_broken_reply_is_never_passed_off_as_whole(gateway, upstream, case):
    upstream.data, upstream.close_after = case.data, not case.stays_open
    with Raw(gateway.port) as raw:
        reply = ask(raw).response()
        if reply.status == 502:
            assert reply.complete
        else:
            assert case.head_may_pass, (reply.status, reply.body)
            assert not reply.complete, "the client believes that the body is whole"
            assert raw.closes()
    # Whatever was left on that connection must not become somebody else's reply.
    with Raw(gateway.port) as raw:
        assert ask(raw, target="/after").response().body == b"GET /after 0"


@pytest.mark.parametrize("case", FINE, ids=ids)
def test_fine_reply_arrives_whole_and_leaves_the_connection_usable(gateway, upstream, case):
    upstream.data, upstream.close_after = case.data, case.closes
    with Raw(gateway.port) as raw:
        reply = ask(raw, case.method).response(case.method)
        assert (reply.status, reply.body, reply.complete) == (case.status, case.body, True)
        for name, values in case.headers.items():
            assert reply.all(name) == values, name
        assert ask(raw, target="/after").response().body == b"GET /after 0"
    assert upstream.malformed == []


def test_bytes_after_a_reply_are_not_given_to_the_next_request(gateway, upstream):
    # A poisoned pool: the upstream sends a second reply that nobody asked for.
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    upstream.data, upstream.close_after = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" + poison, False
    with Raw(gateway.port) as raw:
        assert ask(raw).response().body == b"hello"
        for number in range(20):
            assert ask(raw, target=f"/after-{number}").response().body == f"GET /after-{number} 0".encode()


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_a_body_where_none_may_be_is_not_given_to_the_next_request(gateway, upstream, status):
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    upstream.data, upstream.close_after = b"HTTP/1.1 " + status + b"\r\n\r\n" + poison, False
    with Raw(gateway.port) as raw:
        assert ask(raw).response().body == b""
        assert ask(raw, target="/after").response().body == b"GET /after 0"


def test_trailers_of_a_reply_cannot_become_headers(gateway, upstream):
    upstream.close_after = False
    upstream.data = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Set-Cookie\r\n\r\n"
        b"2\r\nok\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\n\r\n"
    )
    with Raw(gateway.port) as raw:
        reply = ask(raw).response()
        assert (reply.status, reply.body) == (200, b"ok") or reply.status == 502 or not reply.complete
        if reply.complete and reply.status == 200:
            assert b"Content-Length: 9" not in bytes(raw.journal)
