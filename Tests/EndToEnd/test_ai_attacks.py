"""What odd clients and odd providers try with AI routes."""

import gzip
import json

import httpx
import pytest

from harness.waiting import deadline
from test_ai_translation import ASK, TEXT, Script, chat, chat_events, message, message_events, route, sse

CHAT = {"model": "m", "messages": ASK}


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def upstream(serve, script):
    return serve(script)


@pytest.fixture
def gateway(start, upstream):
    routes = [route("anthropic", upstream.port, "sk-ant-provider-key", "/a"), route("openAI", upstream.port, "sk-provider-key", "/o")]
    return start({"binds": [{"port": 3000, "listeners": [{"routes": routes}]}]})


def post(gateway, path, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(gateway.url(path, 3000), content=data, headers={"content-type": "application/json", **headers}, timeout=deadline(20))


@pytest.mark.parametrize("body", [
    b'{"model":"a","model":"b","messages":[{"role":"user","content":"x"}]}',
    b'{"model":"a","mod\\u0065l":"b","messages":[]}',
    b'{"model":"a","messages":[{"role":"user","role":"system","content":"x"}]}',
    b'{"model":"\\ud800","messages":[]}',
    b'{"model":"\xff","messages":[]}',
    b"[" * 5000 + b"]" * 5000,
    b'{"model":1,"messages":[]}',
    b"\xef\xbb\xbf{}",
    b"",
])
@pytest.mark.parametrize("path", ["/a/v1/chat/completions", "/o/v1/messages", "/o/v1/chat/completions"])
def test_a_body_that_readers_disagree_about_reaches_nobody(gateway, upstream, path, body):
    reply = post(gateway, path, body)
    assert reply.status_code == 400 and reply.json()["error"]["message"]
    assert ("type" in reply.json()) == path.endswith("messages"), "the shape of the client's API"
    assert upstream.requests == []


def test_a_compressed_body_is_refused(gateway, upstream):
    reply = post(gateway, "/a/v1/chat/completions", gzip.compress(json.dumps(CHAT).encode()), **{"content-encoding": "gzip"})
    assert reply.status_code == 415 and upstream.requests == []


def test_a_huge_body_is_refused_in_the_clients_shape(gateway, upstream):
    body = {**CHAT, "messages": [{"role": "user", "content": "x" * (3 << 20)}], "max_tokens": 5}
    assert post(gateway, "/a/v1/chat/completions", body).status_code == 413
    assert post(gateway, "/o/v1/messages", body).json()["error"]["type"] == "request_too_large"
    assert upstream.requests == []


def test_a_compressed_reply_that_nobody_asked_for_is_a_bad_gateway(gateway, script):
    script.reply, script.headers = gzip.compress(json.dumps(message([])).encode()), {"Content-Encoding": "gzip"}
    reply = post(gateway, "/a/v1/chat/completions", CHAT, **{"accept-encoding": "gzip"})
    assert reply.status_code == 502 and reply.json()["error"]["message"]


@pytest.mark.parametrize("reply", [b"", b"{}", b"[]", b"null", b'{"type":"message"}', b'{"type":"message","content":[{"type":"tool_use"}]}', b"<html>"])
def test_a_reply_that_is_no_message_is_a_bad_gateway(gateway, script, reply):
    script.reply = reply
    assert post(gateway, "/a/v1/chat/completions", CHAT).status_code == 502


@pytest.mark.parametrize("reply", [b"{}", b'{"choices":[]}', b'{"choices":[{}]}', b'{"choices":[{"message":{"tool_calls":[{}]}}]}', b"<html>"])
def test_a_reply_that_is_no_completion_is_a_bad_gateway(gateway, script, reply):
    script.reply = reply
    reply = post(gateway, "/o/v1/messages", {**CHAT, "max_tokens": 5})
    assert reply.status_code == 502 and reply.json()["type"] == "error"


def texts(stream: str) -> str:
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    return "".join(e["choices"][0]["delta"].get("content") or "" for e in events if e["choices"])


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_way_of_writing_events_is_understood(gateway, script, end, step):
    lines = [": a comment", "retry: 5", ""]
    for event in message_events([{"type": "text", "text": TEXT}]):
        # Data over several lines: they are joined by a line feed, which JSON takes between its tokens.
        data = json.dumps(event, ensure_ascii=False).replace(", ", ",\n", 1)
        lines += [f"event: {event['type']}", *(f"data:{' ' if i else ''}{part}" for i, part in enumerate(data.split("\n"))), "id: 1", ""]
    script.events, script.step = (end.join(lines) + end).encode(), step
    reply = post(gateway, "/a/v1/chat/completions", {**CHAT, "stream": True})
    assert reply.status_code == 200 and texts(reply.text) == TEXT and reply.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("path, events", [
    ("/o/v1/messages", [{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "x"}}]}}]}]),
    ("/o/v1/messages", [b"data: [DONE]\n\n"]),
    ("/o/v1/messages", [{"error": {"message": "sk-provider-key"}}]),
    ("/a/v1/chat/completions", [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}]),
    ("/a/v1/chat/completions", [{"type": "message_stop"}]),
    ("/a/v1/chat/completions", [b"data: \xff\n\n"]),
    ("/a/v1/chat/completions", [b"data: " + b"[" * 9000 + b"\n\n"]),
])
def test_events_out_of_order_are_an_error(gateway, script, path, events):
    script.events = sse(events, named=False)
    body = {**CHAT, "max_tokens": 5, "stream": True}
    got, cut = b"", False
    with httpx.stream("POST", gateway.url(path, 3000), json=body, timeout=deadline(20)) as reply:
        try:
            for piece in reply.iter_raw():
                got += piece
        except httpx.RemoteProtocolError:
            cut = True
    # Until the head has left the error can still take its place.
    assert cut or reply.status_code == 502
    assert b'"error"' in got and b"sk-provider-key" not in got
    assert b"[DONE]" not in got and b"message_stop" not in got


def test_a_usage_that_is_missing_is_none(gateway, script):
    script.reply = {k: v for k, v in message([{"type": "text", "text": TEXT}]).items() if k != "usage"}
    assert post(gateway, "/a/v1/chat/completions", CHAT).json()["usage"]["total_tokens"] == 0


def test_no_query_and_no_field_of_one_api_reaches_the_other(gateway, script, upstream):
    script.reply = chat({"content": TEXT})
    fields = {"anthropic-beta": "x", "anthropic-version": "2023-06-01", "x-api-key": "sk-client", "authorization": "Bearer sk-client"}
    assert post(gateway, "/o/v1/messages?beta=true&key=sk-client", {**CHAT, "max_tokens": 5}, **fields).status_code == 200
    request = upstream.requests[-1]
    assert request.target == "/v1/chat/completions"
    assert not request.all("anthropic-beta") and not request.all("anthropic-version")
    assert b"sk-client" not in request.head + request.body


def test_a_native_error_shows_no_key(gateway, script):
    script.status, script.reply = 401, {"error": {"message": "Incorrect API key provided: sk-provider-key.", "kept": 1}}
    reply = post(gateway, "/o/v1/chat/completions", CHAT)
    assert reply.status_code == 401 and reply.json() == {"error": {"message": "Incorrect API key provided: ***.", "kept": 1}}


def test_a_stream_without_its_last_event_is_whole_when_it_says_why_it_ended(gateway, script):
    script.events = sse(chat_events(TEXT)[:-1], named=False)
    reply = post(gateway, "/o/v1/messages", {**CHAT, "max_tokens": 5, "stream": True})
    assert reply.text.rstrip().endswith('data: {"type":"message_stop"}')


def test_header_changes_beside_the_provider_and_within_it_both_hold(start, script, upstream):
    inner = {"requestHeaderModifier": {"set": {"x-inner": "1"}}, "backendAuth": {"key": "sk-provider-key"}}
    one = route("openAI", upstream.port, "sk-provider-key", policies=inner)
    one["backends"][0]["policies"] = {
        "requestHeaderModifier": {"set": {"x-outer": "1"}}, "responseHeaderModifier": {"set": {"x-answer": "1"}},
    }
    script.reply = chat({"content": TEXT})
    gateway = start({"binds": [{"port": 3000, "listeners": [{"routes": [one]}]}]})
    reply = post(gateway, "/v1/chat/completions", CHAT)
    assert reply.headers["x-answer"] == "1"
    assert upstream.requests[-1].all("x-outer") == ["1"] and upstream.requests[-1].all("x-inner") == ["1"]
