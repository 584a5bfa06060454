"""Replies as an upstream sends them, and what a client may see of each."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Broken:
    """A reply that must not reach the client as if it were whole: 502, or a body that is visibly cut off."""

    name: str
    data: bytes
    #: The head was fine and may have been passed on before the body turned out to be broken.
    head_may_pass: bool = False
    #: The upstream leaves the connection open, as one that believes all is well does.
    stays_open: bool = True


@dataclass(frozen=True)
class Fine:
    name: str
    data: bytes
    status: int
    body: bytes
    method: str = "GET"
    closes: bool = False
    headers: dict[str, list[str]] = field(default_factory=dict)


def head(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join([status, *lines]) + b"\r\n\r\n"


def chunked(body: bytes) -> bytes:
    return head(b"Transfer-Encoding: chunked") + body


BROKEN = [
    Broken("nothing at all", b"", stays_open=False),
    Broken("half a status line", b"HTTP/1.1 20", stays_open=False),
    Broken("half a head", b"HTTP/1.1 200 OK\r\nContent-Le", stays_open=False),
    Broken("no HTTP", b"220 mail.example ESMTP\r\n\r\n"),
    Broken("status line of HTTP/2", head(b"Content-Length: 0", status=b"HTTP/2 200")),
    Broken("status of two digits", head(b"Content-Length: 0", status=b"HTTP/1.1 99 X")),
    Broken("status of four digits", head(b"Content-Length: 0", status=b"HTTP/1.1 2000 X")),
    Broken("status in letters", head(b"Content-Length: 0", status=b"HTTP/1.1 abc X")),
    Broken("status zero", head(b"Content-Length: 0", status=b"HTTP/1.1 000 X")),
    Broken("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
    Broken("folded header", head(b"A: b\r\n c", b"Content-Length: 0")),
    Broken("NUL in a header", head(b"A: b\x00", b"Content-Length: 0")),
    Broken("bare CR in a header", head(b"A: b\rC: d", b"Content-Length: 0")),
    Broken("space before colon", head(b"Content-Length : 5") + b"hello"),
    Broken("header without colon", head(b"Abc", b"Content-Length: 0")),
    Broken("length and encoding", head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n"),
    Broken("lengths that differ", head(b"Content-Length: 5", b"Content-Length: 6") + b"hello!"),
    Broken("length negative", head(b"Content-Length: -1")),
    Broken("length of 2^64 + 5", head(b"Content-Length: 18446744073709551621") + b"hello"),
    Broken("encoding unknown", head(b"Transfer-Encoding: gzip") + b"hello", stays_open=False),
    Broken("encoding chunked twice", head(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n"),
    Broken("head of 200 KiB", head(b"A: " + b"b" * 200_000, b"Content-Length: 0")),
    Broken("1,000 headers", head(*[b"A%d: b" % n for n in range(1000)], b"Content-Length: 0")),
    Broken("endless interim replies", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5000),
    Broken("switching protocols unasked", head(b"Upgrade: x", b"Connection: upgrade", status=b"HTTP/1.1 101 X")),
    Broken("body shorter than its length", head(b"Content-Length: 10") + b"hello", True, stays_open=False),
    Broken("chunk size not hexadecimal", chunked(b"5\r\nhello\r\nzz\r\n"), True),
    Broken("chunk size of 2^64 + 5", chunked(b"5\r\nhello\r\n10000000000000005\r\nhello"), True),
    Broken("chunk longer than its size", chunked(b"5\r\nhello!!!!\r\n0\r\n\r\n"), True),
    Broken("chunks without an end", chunked(b"5\r\nhello\r\n"), True, stays_open=False),
    Broken("chunks cut in a chunk", chunked(b"5\r\nhel"), True, stays_open=False),
    Broken("chunks cut in the last line", chunked(b"5\r\nhello\r\n0\r\n"), True, stays_open=False),
    Broken("trailer without colon", chunked(b"5\r\nhello\r\n0\r\nabc\r\n\r\n"), True),
]

FINE = [
    Fine("length", head(b"Content-Length: 5") + b"hello", 200, b"hello"),
    Fine("length zero", head(b"Content-Length: 0"), 200, b""),
    Fine("chunks", chunked(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), 200, b"hello!"),
    Fine("chunks with extensions", chunked(b"5;a=b\r\nhello\r\n0\r\n\r\n"), 200, b"hello"),
    Fine("chunks with trailers", chunked(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"), 200, b"hello"),
    Fine("until close", head(b"Content-Type: text/plain") + b"hello", 200, b"hello", closes=True),
    Fine("until close from HTTP/1.0", head(status=b"HTTP/1.0 200 OK") + b"hello", 200, b"hello", closes=True),
    Fine("no content", head(status=b"HTTP/1.1 204 No Content"), 204, b""),
    Fine("not modified with a length", head(b"Content-Length: 5", status=b"HTTP/1.1 304 X"), 304, b""),
    Fine("HEAD with a length", head(b"Content-Length: 5"), 200, b"", method="HEAD", headers={"Content-Length": ["5"]}),
    Fine("HEAD with an encoding", head(b"Transfer-Encoding: chunked"), 200, b"", method="HEAD"),
    Fine("interim before final", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + head(b"Content-Length: 2") + b"ok", 200, b"ok"),
    Fine("100 unasked", b"HTTP/1.1 100 Continue\r\n\r\n" + head(b"Content-Length: 2") + b"ok", 200, b"ok"),
    Fine("no reason", head(b"Content-Length: 2", status=b"HTTP/1.1 200 ") + b"ok", 200, b"ok"),
    Fine("status without a meaning", head(b"Content-Length: 2", status=b"HTTP/1.1 599 Odd") + b"ok", 599, b"ok"),
    Fine("error with a body", head(b"Content-Length: 2", status=b"HTTP/1.1 500 X") + b"no", 500, b"no"),
    Fine(
        "repeated headers",
        head(b"Set-Cookie: a=1", b"Content-Length: 0", b"Set-Cookie: b=2"),
        200,
        b"",
        headers={"Set-Cookie": ["a=1", "b=2"]},
    ),
    Fine(
        "hop-by-hop headers stay behind",
        head(b"Connection: X-Hop", b"X-Hop: 1", b"Keep-Alive: timeout=5", b"X-End: 1", b"Content-Length: 0"),
        200,
        b"",
        headers={"X-Hop": [], "Keep-Alive": [], "X-End": ["1"], "Via": []},
    ),
]
