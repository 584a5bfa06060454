"""Requests as bytes, and what RFC 9110 and 9112 let a strict gateway do with each.

Three tables: REFUSED must get an error and never reach the upstream; EITHER may be refused or forwarded, but only as
the one harmless request it says; FORWARDED must work, and reach the upstream in the normal form given.
"""

from dataclasses import dataclass, field

#: What follows every refused request on its connection. It must never be answered, let alone forwarded.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True)
class Case:
    name: str
    data: bytes
    #: The statuses that are right for it, the best first.
    statuses: tuple[int, ...] = (400,)
    #: The head was fine and may have gone upstream before the body turned out to be broken.
    head_may_pass: bool = False


def head(*lines: bytes, method: bytes = b"POST", target: bytes = b"/case", host: bytes | None = b"Host: x") -> bytes:
    first = [method + b" " + target + b" HTTP/1.1"] + ([host] if host is not None else [])
    return b"\r\n".join([*first, *lines]) + b"\r\n\r\n"


def refused(name: str, data: bytes, *statuses: int, head_may_pass: bool = False) -> Case:
    return Case(name, data, statuses or (400,), head_may_pass)


def chunked(body: bytes) -> bytes:
    return head(b"Transfer-Encoding: chunked") + body


CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"

FRAMING = [
    refused("length and encoding", head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + CHUNKS),
    refused("encoding and length", head(b"Transfer-Encoding: chunked", b"Content-Length: 15") + CHUNKS),
    refused("length zero and encoding", head(b"Content-Length: 0", b"Transfer-Encoding: chunked") + CHUNKS),
    refused("encoding not ending in chunked", head(b"Transfer-Encoding: chunked, identity") + CHUNKS, 400, 501),
    refused("encoding identity", head(b"Transfer-Encoding: identity") + CHUNKS, 400, 501),
    refused("encoding unknown", head(b"Transfer-Encoding: xchunked") + CHUNKS, 400, 501),
    refused("encoding truncated", head(b"Transfer-Encoding: chunke") + CHUNKS, 400, 501),
    refused("encoding gzip before chunked", head(b"Transfer-Encoding: gzip, chunked") + CHUNKS, 400, 501),
    refused("encoding chunked twice", head(b"Transfer-Encoding: chunked, chunked") + CHUNKS, 400, 501),
    refused("encoding in two lines", head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + CHUNKS, 400, 501),
    refused("encoding then garbage line", head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: x") + CHUNKS, 400, 501),
    refused("encoding quoted", head(b'Transfer-Encoding: "chunked"') + CHUNKS, 400, 501),
    refused("encoding with parameter", head(b"Transfer-Encoding: chunked;q=1") + CHUNKS, 400, 501),
    refused("encoding empty", head(b"Transfer-Encoding:") + CHUNKS, 400, 501),
    refused("encoding after vertical tab", head(b"Transfer-Encoding: \x0bchunked") + CHUNKS, 400, 501),
    refused("encoding with NUL", head(b"Transfer-Encoding: chunked\x00") + CHUNKS, 400, 501),
    refused("encoding with space before colon", head(b"Transfer-Encoding : chunked") + CHUNKS),
    refused("encoding with tab before colon", head(b"Transfer-Encoding\t: chunked") + CHUNKS),
    refused("encoding folded", head(b"Transfer-Encoding:\r\n chunked") + CHUNKS),
    refused("encoding hidden after bare CR", head(b"X: y\rTransfer-Encoding: chunked", b"Content-Length: 5") + CHUNKS),
    refused("encoding hidden after bare LF", head(b"X: y\nTransfer-Encoding: chunked", b"Content-Length: 5") + CHUNKS),
    refused(
        "encoding in HTTP/1.0",
        b"POST /case HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
        400,
        501,
        505,
    ),
    refused("lengths that differ", head(b"Content-Length: 5", b"Content-Length: 6") + b"hello!"),
    refused("length list that differs", head(b"Content-Length: 5, 6") + b"hello!"),
    refused("length with plus", head(b"Content-Length: +5") + b"hello"),
    refused("length negative", head(b"Content-Length: -1") + b"hello"),
    refused("length with inner space", head(b"Content-Length: 5 5") + b"hello"),
    refused("length hexadecimal", head(b"Content-Length: 0x5") + b"hello"),
    refused("length with letters", head(b"Content-Length: 5a") + b"hello"),
    refused("length decimal point", head(b"Content-Length: 5.0") + b"hello"),
    refused("length empty", head(b"Content-Length:") + b"hello"),
    refused("length of 2^64 + 5", head(b"Content-Length: 18446744073709551621") + b"hello", 400, 413),
    refused("length of 2^63", head(b"Content-Length: 9223372036854775808") + b"hello", 400, 413),
    refused("length of 40 digits", head(b"Content-Length: " + b"9" * 40) + b"hello", 400, 413),
    refused("length in full-width digits", head("Content-Length: ５".encode()) + b"hello"),
    refused("length with comma at end", head(b"Content-Length: 5,") + b"hello"),
]

CHUNKING = [
    refused("chunk size not hexadecimal", chunked(b"g\r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk size with 0x", chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk size with plus", chunked(b"+5\r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk size negative", chunked(b"-5\r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk size after space", chunked(b" 5\r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk size with underscore", chunked(b"0_5\r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk size missing", chunked(b"\r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk size of 2^64 + 5", chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), 400, 413, head_may_pass=True),
    refused("chunk size of 2^64 - 1", chunked(b"FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n"), 400, 413, head_may_pass=True),
    refused("chunk size in bare LF", chunked(b"5\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk size in bare CR", chunked(b"5\rhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk longer than its size", chunked(b"5\r\nhello!\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk shorter than its size", chunked(b"5\r\nhell\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk ending in bare LF", chunked(b"5\r\nhello\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk without an end", chunked(b"5\r\nhello0\r\n\r\n"), head_may_pass=True),
    refused("chunk extension with bare LF", chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk extension with NUL", chunked(b"5;a=\x00\r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    refused("chunk extension of 70 KiB", chunked(b"5;" + b"a" * 70_000 + b"\r\nhello\r\n0\r\n\r\n"), 400, 413, 431, head_may_pass=True),
    refused("last chunk in bare LF", chunked(b"5\r\nhello\r\n0\n\n"), head_may_pass=True),
    refused("trailer without colon", chunked(b"5\r\nhello\r\n0\r\nTrailer\r\n\r\n"), head_may_pass=True),
    refused("trailer with space before colon", chunked(b"5\r\nhello\r\n0\r\nX : y\r\n\r\n"), head_may_pass=True),
    refused("trailer folded", chunked(b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n"), head_may_pass=True),
    refused("trailers of 100 KiB", chunked(b"5\r\nhello\r\n0\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n"), 400, 413, 431, head_may_pass=True),
]

SYNTAX = [
    refused("bare LF everywhere", b"GET /case HTTP/1.1\nHost: x\n\n"),
    refused("bare LF after the request line", b"GET /case HTTP/1.1\nHost: x\r\n\r\n"),
    refused("bare LF after a header", b"GET /case HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"),
    refused("bare LF at the end of the head", b"GET /case HTTP/1.1\r\nHost: x\r\n\n"),
    refused("bare CR in a header value", head(b"A: b\rC: d", method=b"GET")),
    refused("bare CR in a header name", head(b"A\rB: d", method=b"GET")),
    refused("two CRs before LF", b"GET /case HTTP/1.1\r\nHost: x\r\r\n\r\n"),
    refused("bare CR in the target", b"GET /ca\rse HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("folded header", head(b"A: b\r\n c", method=b"GET")),
    refused("header folded with tab", head(b"A: b\r\n\tc", method=b"GET")),
    refused("first header line begins with a space", b"GET /case HTTP/1.1\r\n Host: x\r\nHost: x\r\n\r\n"),
    refused("NUL in a header value", head(b"A: b\x00c", method=b"GET")),
    refused("NUL in a header name", head(b"A\x00B: c", method=b"GET")),
    refused("NUL in the target", head(method=b"GET", target=b"/case\x00.js")),
    refused("control character in a header value", head(b"A: b\x01c", method=b"GET")),
    refused("DEL in a header value", head(b"A: b\x7fc", method=b"GET")),
    refused("space before colon", head(b"A : b", method=b"GET")),
    refused("tab before colon", head(b"A\t: b", method=b"GET")),
    refused("space in a header name", head(b"A B: c", method=b"GET")),
    refused("header without colon", head(b"Abc", method=b"GET")),
    refused("header without name", head(b": b", method=b"GET")),
    refused("header name with parenthesis", head(b"A(b): c", method=b"GET")),
    refused("header name with high bytes", head("Ä: c".encode(), method=b"GET")),
    refused("header name with a slash", head(b"A/b: c", method=b"GET")),
    refused("no method", b" /case HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("method with parenthesis", head(method=b"GE(T")),
    refused("method with colon", head(method=b"GET:")),
    refused("method with high bytes", head(method="GÉT".encode())),
    refused("method of 10 KiB", head(method=b"A" * 10_000), 400, 414, 431, 501),
    refused("two spaces in the request line", b"GET  /case HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("tab in the request line", b"GET\t/case\tHTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("space before the method", b" GET /case HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("space after the version", b"GET /case HTTP/1.1 \r\nHost: x\r\n\r\n"),
    refused("space in the target", b"GET /case /x HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("no version", b"GET /case\r\nHost: x\r\n\r\n", 400, 505),
    refused("version in lower case", b"GET /case http/1.1\r\nHost: x\r\n\r\n", 400, 505),
    refused("version 0.9", b"GET /case HTTP/0.9\r\nHost: x\r\n\r\n", 505, 400),
    refused("version 2.0", b"GET /case HTTP/2.0\r\nHost: x\r\n\r\n", 505, 400),
    refused("version of one digit", b"GET /case HTTP/1\r\nHost: x\r\n\r\n", 400, 505),
    refused("version of three digits", b"GET /case HTTP/1.10\r\nHost: x\r\n\r\n", 400, 505),
    refused("version followed by junk", b"GET /case HTTP/1.1x\r\nHost: x\r\n\r\n", 400, 505),
    refused("version of another protocol", b"GET /case ICAP/1.1\r\nHost: x\r\n\r\n", 400, 505),
    refused("binary garbage", bytes(range(1, 200)) + b"\r\n\r\n"),
]

TARGETS = [
    refused("no Host", head(method=b"GET", host=None)),
    refused("two Hosts", head(b"Host: y", method=b"GET")),
    refused("two equal Hosts", head(b"Host: x", method=b"GET")),
    refused("Host with a slash", head(method=b"GET", host=b"Host: x/y")),
    refused("Host with user", head(method=b"GET", host=b"Host: user@x")),
    refused("Host with two ports", head(method=b"GET", host=b"Host: x:1:2")),
    refused("Host with a port out of range", head(method=b"GET", host=b"Host: x:65536")),
    refused("Host with a port in letters", head(method=b"GET", host=b"Host: x:http")),
    refused("Host list", head(method=b"GET", host=b"Host: x, y")),
    refused("Host with space", head(method=b"GET", host=b"Host: x y")),
    refused("Host with open bracket", head(method=b"GET", host=b"Host: [::1")),
    refused("Host with a query", head(method=b"GET", host=b"Host: x?y")),
    refused("Host with high bytes", head(method=b"GET", host="Host: ä.example".encode())),
    refused("target without a slash", head(method=b"GET", target=b"case")),
    refused("target with fragment", head(method=b"GET", target=b"/case#x")),
    refused("target with control character", head(method=b"GET", target=b"/ca\x01se")),
    refused("target with high bytes", head(method=b"GET", target="/cäse".encode())),
    refused("target empty", b"GET  HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("target asterisk with GET", head(method=b"GET", target=b"*")),
    refused("target authority with GET", head(method=b"GET", target=b"x:80")),
    refused("target absolute without host", head(method=b"GET", target=b"http:///case")),
    # Legal, but the path that is judged would be one that nobody sent.
    refused("target absolute without a path", head(method=b"GET", target=b"http://x")),
    refused("target absolute with user", head(method=b"GET", target=b"http://user@x/case")),
    refused("target absolute of another scheme", head(method=b"GET", target=b"file:///etc/passwd")),
    refused("CONNECT", head(method=b"CONNECT", target=b"x:80"), 405, 400, 501),
    refused("CONNECT with a path", head(method=b"CONNECT", target=b"/case"), 405, 400, 501),
    refused("target of 70 KiB", head(method=b"GET", target=b"/" + b"a" * 70_000), 414, 431),
    refused("header of 70 KiB", head(b"A: " + b"b" * 70_000, method=b"GET"), 431),
    refused("header name of 70 KiB", head(b"A" * 70_000 + b": b", method=b"GET"), 431),
    refused("heads of 70 KiB in many lines", head(*[b"A%d: " % n + b"b" * 900 for n in range(78)], method=b"GET"), 431),
    refused("200 headers", head(*[b"A%d: b" % n for n in range(200)], method=b"GET"), 431),
    refused("unknown expectation", head(b"Expect: miracles", b"Content-Length: 0"), 417),
]

REFUSED = FRAMING + CHUNKING + SYNTAX + TARGETS

#: Legal or nearly so; whoever forwards them must forward this one request and nothing else.
EITHER = [
    Case("length twice the same", head(b"Content-Length: 5", b"Content-Length: 5") + b"hello"),
    Case("length list of the same", head(b"Content-Length: 5, 5") + b"hello"),
    Case("length with leading zeros", head(b"Content-Length: 0005") + b"hello"),
    Case("chunk size with leading zeros", chunked(b"0000000005\r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    Case("chunk extension", chunked(b"5;a=b\r\nhello\r\n0;c=\"d\"\r\n\r\n"), head_may_pass=True),
    Case("chunk size before space", chunked(b"5 \r\nhello\r\n0\r\n\r\n"), head_may_pass=True),
    Case("length in the trailers", chunked(b"5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n"), head_may_pass=True),
    Case("encoding in the trailers", chunked(b"5\r\nhello\r\n0\r\nTransfer-Encoding: x\r\n\r\n"), head_may_pass=True),
    Case("authorization in the trailers", chunked(b"5\r\nhello\r\n0\r\nAuthorization: x\r\n\r\n"), head_may_pass=True),
    Case("Host in the trailers", chunked(b"5\r\nhello\r\n0\r\nHost: y\r\n\r\n"), head_may_pass=True),
    Case("empty line before the request", b"\r\n" + head(b"Content-Length: 5") + b"hello"),
    Case("empty lines before the request", b"\r\n" * 5 + head(b"Content-Length: 5") + b"hello"),
    Case("version 1.2", b"POST /case HTTP/1.2\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", (400, 505)),
    Case("connection names Content-Length", head(b"Connection: content-length", b"Content-Length: 5") + b"hello"),
    Case("connection names Host", head(b"Connection: host", b"Content-Length: 5") + b"hello"),
    Case("high bytes in a header value", head("A: ä".encode(), b"Content-Length: 5") + b"hello"),
    Case("absolute target that disagrees with Host", head(b"Content-Length: 5", target=b"http://y/case") + b"hello"),
    Case("empty Host", head(b"Content-Length: 5", host=b"Host:") + b"hello"),
    Case("Transfer_Encoding beside a length", head(b"Transfer_Encoding: chunked", b"Content-Length: 5") + b"hello"),
]


@dataclass(frozen=True)
class Forwarded:
    name: str
    data: bytes
    method: str
    target: str
    body: bytes = b""
    #: Names and the values they must have upstream, in order; an empty list: must not be there.
    headers: dict[str, list[str]] = field(default_factory=dict)


FORWARDED = [
    Forwarded("plain GET", head(method=b"GET"), "GET", "/case"),
    Forwarded("query", head(method=b"GET", target=b"/case?a=b&c=%20"), "GET", "/case?a=b&c=%20"),
    Forwarded("empty query", head(method=b"GET", target=b"/case?"), "GET", "/case?"),
    Forwarded("body with length", head(b"Content-Length: 5") + b"hello", "POST", "/case", b"hello"),
    Forwarded("body in chunks", chunked(CHUNKS), "POST", "/case", b"hello"),
    Forwarded("chunk size in capitals", chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), "POST", "/case", b"0123456789"),
    Forwarded("encoding in capitals", head(b"TRANSFER-ENCODING: CHUNKED") + CHUNKS, "POST", "/case", b"hello"),
    Forwarded("encoding after tab", head(b"Transfer-Encoding:\tchunked\t") + CHUNKS, "POST", "/case", b"hello"),
    Forwarded("GET with a body", head(b"Content-Length: 5", method=b"GET") + b"hello", "GET", "/case", b"hello"),
    Forwarded("DELETE with a body", head(b"Content-Length: 5", method=b"DELETE") + b"hello", "DELETE", "/case", b"hello"),
    Forwarded("POST without a body", head(), "POST", "/case"),
    Forwarded("length zero", head(b"Content-Length: 0"), "POST", "/case", headers={"Content-Length": ["0"]}),
    Forwarded("method of its own", head(method=b"M-SEARCH"), "M-SEARCH", "/case"),
    Forwarded("method in lower case is another method", head(method=b"get"), "get", "/case"),
    Forwarded("OPTIONS on a path", head(method=b"OPTIONS"), "OPTIONS", "/case"),
    Forwarded("absolute target", head(method=b"GET", target=b"http://x/case?q"), "GET", "/case?q"),
    Forwarded("empty header value", head(b"A:", method=b"GET"), "GET", "/case", headers={"A": [""]}),
    Forwarded("spaces round a value", head(b"A: \t b c \t", method=b"GET"), "GET", "/case", headers={"A": ["b c"]}),
    Forwarded("repeated headers keep their order", head(b"A: 1", b"B: x", b"A: 2", method=b"GET"), "GET", "/case", headers={"A": ["1", "2"]}),
    Forwarded(
        "hop-by-hop headers stay behind",
        head(b"Connection: keep-alive, X-Hop, Upgrade, HTTP2-Settings", b"X-Hop: 1", b"Keep-Alive: timeout=5", b"Proxy-Connection: keep-alive",
             b"TE: trailers", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA", b"X-End: 1", method=b"GET"),
        "GET",
        "/case",
        headers={"X-Hop": [], "Keep-Alive": [], "Proxy-Connection": [], "Upgrade": [], "HTTP2-Settings": [], "X-End": ["1"]},
    ),
    Forwarded("proxy credentials stay behind", head(b"Proxy-Authorization: Basic eA==", method=b"GET"), "GET", "/case", headers={"Proxy-Authorization": []}),
    Forwarded("no Via is added", head(method=b"GET"), "GET", "/case", headers={"Via": []}),
    Forwarded("60 headers", head(*[b"A%d: b" % n for n in range(60)], method=b"GET"), "GET", "/case", headers={"A59": ["b"]}),
    Forwarded("a header of 30 KiB", head(b"A: " + b"b" * 30_000, method=b"GET"), "GET", "/case", headers={"A": ["b" * 30_000]}),
    Forwarded("percent-encoded letters", head(method=b"GET", target=b"/a%20b"), "GET", "/a%20b"),
]
