"""A provider that speaks OpenAI's and Anthropic's wire formats, streaming and not, and misbehaves on demand.

It demands what the real ones demand: its own key in the header where the real API wants it, and nothing else that
looks like a credential. The model's name chooses the behaviour (`BEHAVIOURS`); any other model gets a plain answer.
"""

import asyncio
import base64
import json
import struct
from typing import Any

from .secrets import secret
from .upstream import Exchange, Request, Upstream

#: The answer to every question, in the pieces in which a stream sends it. The umlaut and the emoji make sure that
#: nobody cuts a character in two.
PIECES = ["The ", "capital ", "of ", "Österreich ", "is ", "Wien ", "🎼."]
ANSWER = "".join(PIECES)

BEHAVIOURS = {
    "mock-rate-limited": "429 with Retry-After",
    "mock-overloaded": "500 (OpenAI), 529 (Anthropic)",
    "mock-refused": "400 in the API's own form",
    "mock-slow": "answers after the gateway or the client has given up",
    "mock-slow-events": "each event waits until the one before has been seen",
    "mock-split": "a stream cut into single bytes",
    "mock-joined": "a stream whose events all come in one piece",
    "mock-malformed": "200 with a body that is not JSON",
    "mock-malformed-stream": "a stream with an event that is not JSON",
    "mock-dies": "the connection breaks in the middle of the body",
    "mock-dies-stream": "the connection breaks in the middle of a stream",
    "mock-huge": "a reply of several megabytes",
}


def openai_error(message: str, kind: str, code: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


def anthropic_error(message: str, kind: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()


def event(data: Any, name: str | None = None) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


class Provider(Upstream):
    def __init__(self) -> None:
        self.openai_key = secret("openai-backend")
        self.anthropic_key = secret("anthropic-backend", "sk-ant-")
        #: How many events of a "mock-slow-events" stream may be sent; a test raises it as it sees them.
        self.allowed_events = 0
        self.answered_paths: list[str] = []
        super().__init__(self.answer)

    @property
    def last(self) -> Request:
        assert self.requests, "nothing reached the provider"
        return self.requests[-1]

    @property
    def last_json(self) -> Any:
        return json.loads(self.last.body)

    async def answer(self, exchange: Exchange) -> None:
        request = exchange.request
        path = request.target.split("?")[0]
        # The real APIs tell themselves apart by host; here Anthropic's header does it.
        if path.startswith("/v1/messages") or request.all("anthropic-version") or request.all("x-api-key"):
            await self._anthropic(exchange, path)
        else:
            await self._openai(exchange, path)

    # OpenAI

    async def _openai(self, exchange: Exchange, path: str) -> None:
        request = exchange.request
        if request.all("authorization") != [f"Bearer {self.openai_key}"]:
            body = openai_error("Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
            return await self._json(exchange, body, 401)
        if request.method == "GET":
            return await self._models(exchange, path)
        if request.method != "POST":
            return await self._json(exchange, openai_error("method", "invalid_request_error"), 405)
        if (request.header("content-type") or "").split(";")[0] != "application/json":
            # Uploads and the like: what a passthrough must carry unharmed.
            body = json.dumps({"object": "file", "bytes": request.body_length, "id": "file-1"}).encode()
            return await self._json(exchange, body)
        try:
            asked = json.loads(request.body)
        except ValueError:
            message = "We could not parse the JSON body of your request."
            return await self._json(exchange, openai_error(message, "invalid_request_error"), 400)
        if path.endswith("/chat/completions"):
            await self._chat(exchange, asked)
        elif path.endswith("/responses"):
            await self._responses(exchange, asked)
        elif path.endswith("/embeddings"):
            await self._embeddings(exchange, asked)
        else:
            message = f"Invalid URL (POST {path})"
            await self._json(exchange, openai_error(message, "invalid_request_error"), 404)

    async def _models(self, exchange: Exchange, path: str) -> None:
        model = {"id": "gpt-4o-mini", "object": "model", "created": 1721172741, "owned_by": "system"}
        if path == "/v1/models":
            await self._json(exchange, json.dumps({"object": "list", "data": [model, {**model, "id": "gpt-4o"}]}).encode())
        elif path == "/v1/models/gpt-4o-mini":
            await self._json(exchange, json.dumps(model).encode())
        else:
            await self._json(exchange, openai_error("The model does not exist", "invalid_request_error", "model_not_found"), 404)

    async def _chat(self, exchange: Exchange, asked: dict[str, Any]) -> None:
        if "model" not in asked:
            body = openai_error("you must provide a model parameter", "invalid_request_error")
            return await self._json(exchange, body, 400)
        model = asked["model"]
        if await self._misbehave(exchange, model, anthropic=False):
            return
        usage = {"prompt_tokens": 19, "completion_tokens": len(PIECES), "total_tokens": 19 + len(PIECES)}
        if not asked.get("stream"):
            content = ANSWER * 200_000 if model == "mock-huge" else ANSWER
            body = {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1741569952,
                "model": model,
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": content, "refusal": None},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": usage,
                "x_unknown_member": {"kept": True},
            }
            return await self._json(exchange, json.dumps(body, ensure_ascii=False).encode())

        def part(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
            choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
            base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1741569952, "model": model}
            return event({**base, "choices": choices, **more})

        events = [part({"role": "assistant", "content": ""})]
        events += [part({"content": piece}) for piece in PIECES]
        events.append(part({}, "stop"))
        if (asked.get("stream_options") or {}).get("include_usage"):
            base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1741569952, "model": model}
            events.append(event({**base, "choices": [], "usage": usage}))
        await self._stream(exchange, model, [*events, event("[DONE]")])

    async def _responses(self, exchange: Exchange, asked: dict[str, Any]) -> None:
        model = asked.get("model", "")
        message = {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": ANSWER, "annotations": []}],
        }
        response = {
            "id": "resp_1",
            "object": "response",
            "created_at": 1741476542,
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "model": model,
            "output": [message],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "metadata": {},
            "usage": {
                "input_tokens": 19,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 7,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 26,
            },
        }
        if not asked.get("stream"):
            return await self._json(exchange, json.dumps(response, ensure_ascii=False).encode())
        progress = {**response, "status": "in_progress", "output": []}
        steps: list[tuple[str, dict[str, Any]]] = [("response.created", {"response": progress})]
        for piece in PIECES:
            place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
            steps.append(("response.output_text.delta", {**place, "delta": piece, "logprobs": []}))
        steps.append(("response.completed", {"response": response}))
        events = [event({"type": n, "sequence_number": i, **d}, n) for i, (n, d) in enumerate(steps)]
        await self._stream(exchange, model, events)

    async def _embeddings(self, exchange: Exchange, asked: dict[str, Any]) -> None:
        vector: Any = [0.25, -0.5, 0.125]
        if asked.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack("<3f", *vector)).decode()
        inputs = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
        data = [{"object": "embedding", "index": i, "embedding": vector} for i in range(len(inputs))]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        body = {"object": "list", "data": data, "model": asked.get("model"), "usage": usage}
        await self._json(exchange, json.dumps(body).encode())

    # Anthropic

    async def _anthropic(self, exchange: Exchange, path: str) -> None:
        request = exchange.request
        if request.all("x-api-key") != [self.anthropic_key] or request.all("authorization"):
            return await self._json(exchange, anthropic_error("invalid x-api-key", "authentication_error"), 401)
        if not request.all("anthropic-version"):
            message = "anthropic-version: header is required"
            return await self._json(exchange, anthropic_error(message, "invalid_request_error"), 400)
        if request.method == "GET" and path == "/v1/models":
            model = {"type": "model", "id": "claude-haiku-4-5-20251001", "display_name": "H", "created_at": "2025-10-01T00:00:00Z"}
            body = {"data": [model], "has_more": False, "first_id": model["id"], "last_id": model["id"]}
            return await self._json(exchange, json.dumps(body).encode())
        if path == "/v1/messages/count_tokens":
            return await self._json(exchange, json.dumps({"input_tokens": 19}).encode())
        if path != "/v1/messages" or request.method != "POST":
            return await self._json(exchange, anthropic_error("Not found", "not_found_error"), 404)
        try:
            asked = json.loads(request.body)
        except ValueError:
            message = "The request body is not valid JSON"
            return await self._json(exchange, anthropic_error(message, "invalid_request_error"), 400)
        for needed in ("model", "max_tokens", "messages"):
            if needed not in asked:
                message = f"{needed}: Field required"
                return await self._json(exchange, anthropic_error(message, "invalid_request_error"), 400)
        await self._messages(exchange, asked)

    async def _messages(self, exchange: Exchange, asked: dict[str, Any]) -> None:
        model = asked["model"]
        if await self._misbehave(exchange, model, anthropic=True):
            return
        usage = {"input_tokens": 19, "output_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        message: dict[str, Any] = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": ANSWER}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }
        if not asked.get("stream"):
            return await self._json(exchange, json.dumps(message, ensure_ascii=False).encode())
        opening = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        block = {"index": 0, "content_block": {"type": "text", "text": ""}}
        steps: list[tuple[str, dict[str, Any]]] = [
            ("message_start", {"message": opening}),
            ("content_block_start", block),
            ("ping", {}),
        ]
        for piece in PIECES:
            steps.append(("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": piece}}))
        steps.append(("content_block_stop", {"index": 0}))
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        steps.append(("message_delta", {"delta": delta, "usage": {"output_tokens": 7}}))
        steps.append(("message_stop", {}))
        await self._stream(exchange, model, [event({"type": n, **d}, n) for n, d in steps])

    # Both

    async def _json(self, exchange: Exchange, body: bytes, status: int = 200, **headers: str) -> None:
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        await exchange.reply(status, body, {"Content-Type": "application/json", "X-Request-Id": "req_1", **extra})

    async def _stream(self, exchange: Exchange, model: str, events: list[bytes]) -> None:
        await exchange.start(200, {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"})
        if model == "mock-split":
            for byte in b"".join(events):
                await exchange.chunk(bytes([byte]))
        elif model == "mock-joined":
            await exchange.chunk(b"".join(events))
        elif model == "mock-malformed-stream":
            await exchange.chunk(events[0] + b"data: {not json\n\n")
        elif model == "mock-dies-stream":
            await exchange.chunk(b"".join(events[:4]))
            return exchange.abort()
        elif model == "mock-slow-events":
            for number, data in enumerate(events):
                while self.allowed_events <= number:
                    if exchange.reader.at_eof() or exchange.writer.is_closing():
                        raise ConnectionResetError
                    await asyncio.sleep(0.002)
                await exchange.chunk(data)
        else:
            for data in events:
                await exchange.chunk(data)
        await exchange.end()

    async def _misbehave(self, exchange: Exchange, model: str, anthropic: bool) -> bool:
        """Answers in the model's odd way; false when the model is not an odd one."""

        def error(message: str, openai: str, anthropic_kind: str) -> bytes:
            return anthropic_error(message, anthropic_kind) if anthropic else openai_error(message, openai)

        if model == "mock-rate-limited":
            body = error("Rate limit reached", "rate_limit_error", "rate_limit_error")
            await self._json(exchange, body, 429, retry_after="7", x_ratelimit_remaining_requests="0")
        elif model == "mock-overloaded":
            body = error("Overloaded", "server_error", "overloaded_error")
            await self._json(exchange, body, 529 if anthropic else 500)
        elif model == "mock-refused":
            body = error("max_tokens is too large", "invalid_request_error", "invalid_request_error")
            await self._json(exchange, body, 400)
        elif model == "mock-slow":
            await exchange.peer_left(60)
            exchange.keep_alive = False
        elif model == "mock-malformed":
            await self._json(exchange, b'{"id": "chatcmpl-1", "choices": [')
        elif model == "mock-dies":
            await exchange.send(b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n" + b'{"id": "')
            exchange.abort()
        else:
            return False
        return True
