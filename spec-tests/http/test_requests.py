"""What the gateway does with requests that are malformed, ambiguous or merely unusual (RFC 9112), byte by byte."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from requests import EITHER, FORWARDED, REFUSED, SMUGGLED, Case, Forwarded  # noqa: E402

from harness import configs  # noqa: E402
from harness.rawhttp import Raw  # noqa: E402
from harness.upstream import Upstream  # noqa: E402


@pytest.fixture(scope="module")
def upstream():
    server = Upstream()
    yield server
    server.close()
    assert not server.errors, server.errors


@pytest.fixture(scope="module")
def gateway(module_start, upstream):
    return module_start(configs.plain(upstream.port))


@pytest.fixture(autouse=True)
def fresh(upstream):
    upstream.reset()


def ids(case: Case | Forwarded) -> str:
    return case.name.replace(" ", "-")


def complete(upstream: Upstream) -> list[str]:
    """The requests that an upstream would have acted on."""
    return [f"{request.method} {request.target}" for request in upstream.requests if request.complete]


@pytest.mark.parametrize("case", REFUSED, ids=ids)
@pytest.mark.parametrize("split", [False, True], ids=["at-once", "in-pieces"])
def test_refused(gateway, upstream, case, split):
    with Raw(gateway.port) as raw:
        if split:
            # In pieces that end inside tokens, so that a decision taken on half a line shows.
            size = 7 if len(case.data) < 2000 else 4096
            for at in range(0, len(case.data), size):
                if not raw.send_if_open(case.data[at : at + size]):
                    break
        else:
            raw.send_if_open(case.data)
        raw.send_if_open(SMUGGLED)
        reply = raw.response()
        assert reply.status in case.statuses, (reply.status, reply.body)
        assert reply.complete
        assert raw.closes(), f"the connection stayed usable: {bytes(raw.buffer[:200])!r}"
    assert complete(upstream) == []
    assert upstream.malformed == [], "the upstream got what it should never see"
    if not case.head_may_pass:
        assert upstream.requests == []
    assert not any("smuggled" in request.target for request in upstream.requests)


@pytest.mark.parametrize("case", EITHER, ids=ids)
def test_refused_or_forwarded_as_one_harmless_request(gateway, upstream, case):
    with Raw(gateway.port) as raw:
        raw.send_if_open(case.data)
        reply = raw.response("POST")
        if reply.status == 200:
            assert reply.body == b"POST /case 5"
            # The connection is still in step: a second request is answered as itself.
            raw.send(b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n")
            assert raw.response().body == b"GET /after 0"
        else:
            assert reply.status in case.statuses, (reply.status, reply.body)
            assert raw.closes()
    assert upstream.malformed == []
    if reply.status == 200:
        request = upstream.requests[0]
        assert (request.method, request.target, request.body) == ("POST", "/case", b"hello")
        assert complete(upstream) == ["POST /case", "GET /after"]
        kept = {name.lower() for name, _ in request.trailers}
        assert not kept & {"content-length", "transfer-encoding", "authorization", "host"}, kept
        assert b";a=b" not in bytes(upstream.received[request.connection])
    else:
        assert complete(upstream) == []


@pytest.mark.parametrize("case", FORWARDED, ids=ids)
@pytest.mark.parametrize("split", [False, True], ids=["at-once", "byte-by-byte"])
def test_forwarded_in_normal_form(gateway, upstream, case, split):
    with Raw(gateway.port, 20) as raw:
        if split and len(case.data) < 1000:
            for at in range(len(case.data)):
                raw.send(case.data[at : at + 1])
        else:
            raw.send(case.data)
        reply = raw.response(case.method)
        assert reply.status == 200, (reply.status, reply.body)
        raw.send(b"GET /after HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.response().body == b"GET /after 0"
    assert upstream.malformed == []
    request = upstream.requests[0]
    assert (request.method, request.target, request.body) == (case.method, case.target, case.body)
    for name, values in case.headers.items():
        assert request.all(name) == values, name
    assert complete(upstream) == [f"{case.method} {case.target}", "GET /after"]
