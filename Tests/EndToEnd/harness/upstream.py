"""An HTTP/1.1 server that records exactly what reached it and answers as a test wants, well-formed or not.

It parses strictly and apart from any library, so that a request the gateway re-serialised wrongly shows up in
`malformed` and never passes as a slightly odd request.
"""

import asyncio
import re
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Awaitable, Callable

from .waiting import deadline

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
#: Bytes kept of what a connection received; large bodies are counted, not kept.
KEPT = 4 << 20


@dataclass
class Request:
    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    head: bytes
    connection: int
    body: bytes = b""
    body_length: int = 0
    complete: bool = False
    trailers: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None


class Malformed(Exception):
    pass


class Exchange:
    """One request at the upstream, and the means to answer it."""

    def __init__(self, upstream: "Upstream", request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.upstream, self.request, self.reader, self.writer = upstream, request, reader, writer
        self.keep_alive = request.version == "HTTP/1.1" and (request.header("connection") or "").lower() != "close"

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, reason: str = "X") -> None:
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
        lines.append(f"Content-Length: {len(body)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        await self.send(head + (b"" if self.request.method == "HEAD" else body))

    async def start(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {status} X", *(f"{k}: {v}" for k, v in (headers or {}).items()), "Transfer-Encoding: chunked"]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def chunk(self, data: bytes) -> None:
        await self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    def abort(self) -> None:
        """Resets the connection: the peer gets ECONNRESET, not an orderly end."""
        sock = self.writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        self.keep_alive = False

    async def peer_left(self, seconds: float = 10.0) -> bool:
        """Waits until the gateway closes this connection."""
        try:
            return await asyncio.wait_for(self.reader.read(1), deadline(seconds)) == b""
        except ConnectionError:
            return True
        except asyncio.TimeoutError:
            return False


Handler = Callable[[Exchange], Awaitable[None]]


async def echo(exchange: Exchange) -> None:
    """The default answer: what arrived, in short."""
    request = exchange.request
    line = f"{request.method} {request.target} {request.body_length}".encode("latin-1")
    await exchange.reply(200, line, {"Content-Type": "text/plain"})


class Upstream:
    """A recording server on a port of its own, run by a thread of its own."""

    def __init__(self, handler: Handler = echo, keep_bodies: bool = True):
        self.handler = handler
        self.keep_bodies = keep_bodies
        self.requests: list[Request] = []
        self.malformed: list[str] = []
        self.received: dict[int, bytearray] = {}
        self.opened = 0
        self.open: set[int] = set()
        #: Cleared by a handler to make the server stop reading a body (backpressure tests).
        self.errors: list[BaseException] = []
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10), "the upstream did not start"

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)

        async def listen() -> None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 17, backlog=512)
            self.port = self._server.sockets[0].getsockname()[1]

        self._loop.run_until_complete(listen())
        started.set()
        self._loop.run_forever()

    def close(self) -> None:
        async def shut() -> None:
            self._server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for writer in list(self._writers.values()):
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(shut(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def stop_listening(self) -> None:
        """New connections are refused; open ones stay."""
        self._loop.call_soon_threadsafe(self._server.close)

    def close_idle(self) -> None:
        """Closes every open connection at once, as a server does with idle ones."""

        def close() -> None:
            for writer in list(self._writers.values()):
                writer.close()

        self._loop.call_soon_threadsafe(close)

    def reset(self) -> None:
        self.requests.clear()
        self.malformed.clear()
        self.errors.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        number = self.opened
        self.open.add(number)
        self._writers[number] = writer
        kept = self.received[number] = bytearray()
        try:
            while True:
                request = await self._head(reader, number, kept)
                if request is None:
                    break
                self.requests.append(request)
                exchange = Exchange(self, request, reader, writer)
                if not getattr(self.handler, "reads_body", False):
                    await self.read_body(exchange)
                await self.handler(exchange)
                if not exchange.keep_alive:
                    break
        except Malformed as error:
            self.malformed.append(str(error))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except BaseException as error:  # shown by the fixture: a test must not pass over a broken upstream
            self.errors.append(error)
        finally:
            self.open.discard(number)
            self._writers.pop(number, None)
            writer.close()

    async def _line(self, reader: asyncio.StreamReader, kept: bytearray) -> bytes:
        line = await reader.readuntil(b"\n")
        if len(kept) < KEPT:
            kept += line
        if not line.endswith(b"\r\n"):
            raise Malformed(f"bare LF after {line[:60]!r}")
        return line[:-2]

    async def _head(self, reader: asyncio.StreamReader, number: int, kept: bytearray) -> Request | None:
        begin = len(kept)
        try:
            line = await self._line(reader, kept)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise Malformed(f"connection ended inside a request line: {error.partial[:80]!r}")
            return None
        parts = line.split(b" ")
        if len(parts) != 3 or not TOKEN.match(parts[0]) or parts[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise Malformed(f"request line {line[:120]!r}")
        headers = await self._fields(reader, kept)
        request = Request(
            parts[0].decode(), parts[1].decode("latin-1"), parts[2].decode(), headers, bytes(kept[begin:]), number
        )
        if request.version == "HTTP/1.1" and len(request.all("host")) != 1:
            raise Malformed(f"{len(request.all('host'))} Host headers in {request.head[:200]!r}")
        if request.all("transfer-encoding") and request.all("content-length"):
            raise Malformed("both Transfer-Encoding and Content-Length")
        if request.all("transfer-encoding") not in ([], ["chunked"]):
            raise Malformed(f"Transfer-Encoding {request.all('transfer-encoding')}")
        lengths = request.all("content-length")
        if len(lengths) > 1 or (lengths and not re.fullmatch(r"[0-9]+", lengths[0])):
            raise Malformed(f"Content-Length {lengths}")
        return request

    async def _fields(self, reader: asyncio.StreamReader, kept: bytearray) -> list[tuple[str, str]]:
        fields = []
        while line := await self._line(reader, kept):
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.match(name) or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
                raise Malformed(f"header line {line[:120]!r}")
            fields.append((name.decode(), value.strip(b" \t").decode("latin-1")))
        return fields

    async def read_body(self, exchange: Exchange, piece: Callable[[bytes], Awaitable[None]] | None = None) -> None:
        """Reads the whole body by its framing; `piece` sees the parts as they come."""
        request, reader = exchange.request, exchange.reader
        kept = self.received[request.connection]

        async def take(count: int) -> None:
            while count:
                data = await reader.read(min(count, 1 << 16))
                if not data:
                    raise asyncio.IncompleteReadError(b"", count)
                count -= len(data)
                request.body_length += len(data)
                if self.keep_bodies and request.body_length <= KEPT:
                    request.body += data
                    kept.extend(data)
                if piece:
                    await piece(data)

        if request.header("transfer-encoding"):
            while True:
                line = await self._line(reader, kept)
                if not re.fullmatch(rb"[0-9A-Fa-f]+", line):
                    raise Malformed(f"chunk size line {line[:60]!r}")
                size = int(line, 16)
                if size == 0:
                    break
                await take(size)
                if await self._line(reader, kept) != b"":
                    raise Malformed("no CRLF after a chunk")
            request.trailers = await self._fields(reader, kept)
        else:
            await take(int(request.header("content-length") or 0))
        request.complete = True
