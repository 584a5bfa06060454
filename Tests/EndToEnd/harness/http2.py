"""A client of HTTP/2 that does as told: well-behaved by `h2`, or raw frames by `hyperframe` that no library would send."""

import socket
import ssl
import time
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
from hpack import Encoder
from hyperframe import frame as frames

from .waiting import deadline

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")]


@dataclass
class Answer:
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    trailers: list[tuple[str, str]] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        return int(dict(self.headers)[":status"])


class Client:
    """Streams over one connection; windows open as bytes come unless `stingy`."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None, name: str = "a.example", stingy: bool = False):
        raw = socket.create_connection(("127.0.0.1", port), timeout=deadline(15))
        self.socket = context.wrap_socket(raw, server_hostname=name) if context else raw
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False))
        self.h2.initiate_connection()
        self.stingy, self.answers, self.goaway = stingy, {}, None
        self.closed = False
        self.flush()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def request(self, headers: list[tuple[str, str]] = GET, body: bytes | None = None, end: bool = True) -> int:
        stream = self.h2.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.h2.send_headers(stream, headers, end_stream=end and body is None)
        if body is not None:
            self.send(stream, body, end)
        self.flush()
        return stream

    def send(self, stream: int, body: bytes, end: bool = False) -> None:
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(body))
            if room == 0:
                self.flush()
                self.step()
                continue
            self.h2.send_data(stream, body[:room])
            body = body[room:]
        if end:
            self.h2.end_stream(stream)
        self.flush()

    def step(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            self.closed = True
            return
        for event in self.h2.receive_data(data):
            answer = self.answers.get(getattr(event, "stream_id", None))
            if isinstance(event, h2.events.ResponseReceived):
                answer.headers = event.headers
            elif isinstance(event, h2.events.DataReceived):
                answer.body += event.data
                if not self.stingy:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.TrailersReceived):
                answer.trailers = event.headers
            elif isinstance(event, h2.events.StreamEnded):
                answer.ended = True
            elif isinstance(event, h2.events.StreamReset):
                answer.reset = event.error_code
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = event.error_code
        if not self.closed:
            self.flush()

    def wait(self, stream: int) -> Answer:
        answer = self.answers[stream]
        while not (answer.ended or answer.reset is not None or self.closed):
            self.step()
        return answer

    def ask(self, headers: list[tuple[str, str]] = GET, body: bytes | None = None) -> Answer:
        return self.wait(self.request(headers, body))


class Raw:
    """Frames as a test wants them."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=deadline(15))
        self.encoder = Encoder()
        self.socket.sendall(PREFACE)
        self.send(frames.SettingsFrame(0))

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def headers(self, stream: int, headers: list[tuple[str, str]] = GET, flags=("END_HEADERS", "END_STREAM")):
        frame = frames.HeadersFrame(stream, self.encoder.encode(headers))
        for flag in flags:
            frame.flags.add(flag)
        return frame

    def send(self, *many: frames.Frame) -> bool:
        """False: the peer has closed the connection."""
        try:
            self.socket.sendall(b"".join(frame.serialize() for frame in many))
            return True
        except OSError:
            return False

    def frames(self, seconds: float = 10):
        """What comes, until the connection ends."""
        data = b""
        end = time.monotonic() + deadline(seconds)
        while time.monotonic() < end:
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                return
            if not piece:
                return
            data += piece
            while len(data) >= 9:
                frame, length = frames.Frame.parse_frame_header(memoryview(data[:9]))
                if len(data) < 9 + length:
                    break
                frame.parse_body(memoryview(data[9:9 + length]))
                data = data[9 + length:]
                yield frame
        raise AssertionError("the connection did not end")

    def goaway(self) -> int | None:
        """Reads to the end of the connection; the code of its GOAWAY."""
        code = None
        for frame in self.frames():
            if isinstance(frame, frames.GoAwayFrame):
                code = frame.error_code
        return code
