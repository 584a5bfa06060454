"""A client that sends exactly the bytes it is given and says exactly how the reply ended."""

import re
import socket
import time
from dataclasses import dataclass, field

from . import secrets
from .waiting import deadline


@dataclass
class Response:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    #: The framing said that the body is whole: false when the connection ended or broke before that.
    complete: bool = False
    interim: list[int] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None


class Raw:
    """One TCP connection to the gateway."""

    def __init__(self, port: int, seconds: float = 5.0):
        self.end = time.monotonic() + deadline(seconds)
        self.socket = socket.create_connection(("127.0.0.1", port), deadline(seconds))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        self.journal = bytearray()
        self.ended = False

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        secrets.received.append(("a reply of the gateway", bytes(self.journal[: 1 << 20])))
        self.journal.clear()
        self.socket.close()

    def extend(self, seconds: float) -> None:
        """Gives what follows this many seconds from now."""
        self.end = time.monotonic() + deadline(seconds)

    def send(self, data: bytes) -> "Raw":
        self.socket.settimeout(max(0.001, self.end - time.monotonic()))
        self.socket.sendall(data)
        return self

    def send_if_open(self, data: bytes) -> bool:
        """Sends unless the gateway has closed; a strict server may hang up while more is on its way."""
        try:
            self.send(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def half_close(self) -> "Raw":
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def fill(self) -> bool:
        """Reads once; false when the connection has ended."""
        if self.ended:
            return False
        left = self.end - time.monotonic()
        if left <= 0:
            raise AssertionError(f"no more bytes before the deadline; so far {bytes(self.buffer[:300])!r}")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 16)
        except socket.timeout:
            raise AssertionError(f"no more bytes before the deadline; so far {bytes(self.buffer[:300])!r}") from None
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            return False
        self.buffer += data
        if len(self.journal) < 1 << 20:
            self.journal += data
        return True

    def closes(self) -> bool:
        """Waits until the gateway ends the connection; false when bytes come instead or the deadline passes."""
        try:
            return not self.buffer and not self.fill()
        except AssertionError:
            return False

    def _until(self, mark: bytes) -> bytes:
        while (at := self.buffer.find(mark)) < 0:
            if not self.fill():
                raise EOFError(f"connection ended inside {bytes(self.buffer[:200])!r}")
        data = bytes(self.buffer[:at])
        del self.buffer[: at + len(mark)]
        return data

    def head(self) -> Response:
        """Reads one head, final or interim."""
        lines = self._until(b"\r\n\r\n").split(b"\r\n")
        match = re.fullmatch(rb"HTTP/1\.1 ([1-9][0-9][0-9]) (.*)", lines[0])
        assert match, f"status line {lines[0]!r}"
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            assert colon and re.fullmatch(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name), f"header line {line!r}"
            headers.append((name.decode(), value.strip().decode("latin-1")))
        return Response(int(match[1]), match[2].decode("latin-1"), headers)

    def response(self, method: str = "GET") -> Response:
        """Reads interim heads and the final reply with its body; `complete` says whether the body ended as framed."""
        interim = []
        response = self.head()
        while response.status < 200 and response.status != 101:
            interim.append(response.status)
            response = self.head()
        response.interim = interim
        lengths, encodings = response.all("content-length"), response.all("transfer-encoding")
        assert not (lengths and encodings), "a reply with both Content-Length and Transfer-Encoding"
        if method == "HEAD" or response.status in (204, 304):
            response.complete = True
        elif encodings:
            assert encodings == ["chunked"], encodings
            self._chunks(response)
        elif lengths:
            self._exactly(response, int(lengths[0]))
        else:
            while self.fill():
                pass
            response.body, self.buffer = bytes(self.buffer), bytearray()
            response.complete = True
        return response

    def _exactly(self, response: Response, count: int) -> None:
        while len(self.buffer) < count and self.fill():
            pass
        response.body = bytes(self.buffer[:count])
        del self.buffer[:count]
        response.complete = len(response.body) == count

    def _chunks(self, response: Response) -> None:
        parts = []
        try:
            while size := int(self._until(b"\r\n"), 16):
                while len(self.buffer) < size + 2:
                    if not self.fill():
                        raise EOFError
                assert self.buffer[size : size + 2] == b"\r\n", "no CRLF after a chunk"
                parts.append(bytes(self.buffer[:size]))
                del self.buffer[: size + 2]
            while self._until(b"\r\n"):
                pass
            response.complete = True
        except EOFError:
            parts.append(bytes(self.buffer))
        response.body = b"".join(parts)


def exchange(port: int, data: bytes, method: str = "GET", seconds: float = 5.0) -> Response:
    """Sends one request on a connection of its own and reads the reply."""
    with Raw(port, seconds) as raw:
        return raw.send(data).response(method)
