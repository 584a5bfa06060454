"""The official SDKs at providers that speak the other API: chat completions at Anthropic, messages at OpenAI."""

import json

import anthropic
import httpx
import openai
import pytest

from harness.waiting import deadline, until

WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": WEATHER}}]
ANTHROPIC_TOOLS = [{"name": "weather", "description": "The weather", "input_schema": WEATHER}]
ASK = [{"role": "user", "content": "Wie ist das Wetter in Österreich? 🎼"}]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TEXT = "Grüße aus Wien 🎼"


def sse(events, named=True):
    out = b""
    for event in events:
        if isinstance(event, bytes):
            out += event
            continue
        name = f"event: {event['type']}\n" if named else ""
        out += f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
    return out


def message(content, stop="end_turn"):
    usage = {"input_tokens": 10, "output_tokens": 7, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 0}
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
        "stop_reason": stop, "stop_sequence": None, "usage": usage,
    }


TOOL_BLOCKS = [
    {"type": "text", "text": "Moment."},
    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Wien"}},
    {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {"city": "Graz"}},
]


def message_events(content, stop="end_turn"):
    start = {**message([], None), "usage": {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 5}}
    events = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(content):
        if block["type"] == "text":
            opening, deltas = {"type": "text", "text": ""}, [{"type": "text_delta", "text": c} for c in block["text"]]
        else:
            opening = {**block, "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": c} for c in ["", *json.dumps(block["input"])]]
        events.append({"type": "content_block_start", "index": index, "content_block": opening})
        events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": 7}})
    return [*events, {"type": "message_stop"}]


def chat(message, finish="stop"):
    usage = {"prompt_tokens": 15, "completion_tokens": 7, "total_tokens": 22, "prompt_tokens_details": {"cached_tokens": 5}}
    choice = {"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-x", "choices": [choice], "usage": usage}


CALLS = [
    {"id": f"call_{i}", "type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": city})}}
    for i, city in enumerate(["Wien", "Graz"])
]


def chat_events(text=None, calls=(), finish="stop"):
    def chunk(delta, reason=None, **more):
        choices = [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]
        base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x", "usage": None}
        return {**base, "choices": choices, **more}

    events = [chunk({"role": "assistant", "content": ""})]
    events += [chunk({"content": c}) for c in text or ""]
    for index, call in enumerate(calls):
        function = call["function"]
        events.append(chunk({"tool_calls": [{"index": index, **call, "function": {**function, "arguments": ""}}]}))
        events += [chunk({"tool_calls": [{"index": index, "function": {"arguments": c}}]}) for c in function["arguments"]]
    events.append(chunk({}, finish))
    events.append(chunk({}, choices=[], usage=chat({})["usage"]))
    return [*events, b"data: [DONE]\n\n"]


class Script:
    """A provider that answers with what the test has put there."""

    def __init__(self):
        self.reply, self.status, self.headers, self.events, self.ending, self.step = None, 200, {}, None, "whole", 0

    async def __call__(self, exchange):
        if self.events is None:
            headers = {"Content-Type": "application/json", **self.headers}
            body = self.reply if isinstance(self.reply, bytes) else json.dumps(self.reply, ensure_ascii=False).encode()
            return await exchange.reply(self.status, body, headers)
        await exchange.start(200, {"Content-Type": "text/event-stream", **self.headers})
        data = self.events
        step = self.step or len(data) or 1
        for start in range(0, len(data), step):
            await exchange.chunk(data[start : start + step])
        if self.ending == "abort":
            return exchange.abort()
        await exchange.end()


@pytest.fixture
def script():
    return Script()


def route(kind, port, key, prefix="/", **more):
    ai = {"name": kind, "provider": {kind: {"model": "default-model"}}, "hostOverride": f"127.0.0.1:{port}", **more}
    policies = {"backendAuth": {"key": key}}
    return {"match": {"path": prefix}, "backends": [{"ai": ai}], "policies": policies}


@pytest.fixture
def upstream(serve, script):
    return serve(script)


@pytest.fixture
def gateway(start, upstream):
    routes = [
        route("anthropic", upstream.port, "sk-ant-provider-key", "/a"),
        route("openAI", upstream.port, "sk-provider-key", "/o"),
        route("anthropic", upstream.port, "sk-ant-provider-key", "/lossy", policies={"ai": {"lossy": "allow"}}),
    ]
    return start({"binds": [{"port": 3000, "listeners": [{"routes": routes}]}]})


@pytest.fixture
def chat_client(gateway):
    with openai.OpenAI(base_url=gateway.url("/a/v1", 3000), api_key="sk-client", max_retries=0, timeout=deadline(20)) as client:
        yield client


@pytest.fixture
def message_client(gateway):
    options = {"base_url": gateway.url("/o", 3000), "api_key": "sk-client", "max_retries": 0, "timeout": deadline(20)}
    with anthropic.Anthropic(**options) as client:
        yield client


def sent(upstream):
    return json.loads(upstream.requests[-1].body)


def test_a_chat_becomes_a_message_and_back(chat_client, script, upstream):
    script.reply = message([{"type": "text", "text": TEXT}])
    script.headers = {"Request-Id": "req_7"}
    system = {"role": "system", "content": "Kurz."}
    reply = chat_client.chat.completions.create(model="claude-x", messages=[system, *ASK], temperature=0.5, stop=["END"])
    assert reply.choices[0].message.content == TEXT and reply.choices[0].finish_reason == "stop"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (15, 7, 22)
    assert reply.usage.prompt_tokens_details.cached_tokens == 5 and reply._request_id == "req_7"
    request = upstream.requests[-1]
    assert request.target == "/v1/messages" and request.all("x-api-key") == ["sk-ant-provider-key"]
    assert request.all("anthropic-version") and not request.all("authorization")
    assert sent(upstream) == {
        "model": "claude-x", "max_tokens": 4096, "temperature": 0.5, "stop_sequences": ["END"],
        "system": [{"type": "text", "text": "Kurz."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": ASK[0]["content"]}]}],
    }


def test_tools_and_their_results_travel_both_ways(chat_client, script, upstream):
    script.reply = message(TOOL_BLOCKS, "tool_use")
    reply = chat_client.chat.completions.create(
        model="claude-x", messages=ASK, tools=OPENAI_TOOLS, tool_choice="required", parallel_tool_calls=False, max_tokens=9
    )
    calls = reply.choices[0].message.tool_calls
    assert reply.choices[0].finish_reason == "tool_calls"
    assert [(c.id, json.loads(c.function.arguments)["city"]) for c in calls] == [("toolu_1", "Wien"), ("toolu_2", "Graz")]
    assert sent(upstream)["tools"] == ANTHROPIC_TOOLS
    assert sent(upstream)["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    answered = [{"role": "tool", "tool_call_id": c.id, "content": "sonnig"} for c in calls]
    history = [*ASK, reply.choices[0].message.model_dump(exclude_none=True), *answered, {"role": "user", "content": "Danke"}]
    chat_client.chat.completions.create(model="claude-x", messages=history, tools=OPENAI_TOOLS)
    roles = sent(upstream)["messages"]
    assert [m["role"] for m in roles] == ["user", "assistant", "user"]
    assert roles[1]["content"] == TOOL_BLOCKS
    assert [b["type"] for b in roles[2]["content"]] == ["tool_result", "tool_result", "text"]


def test_images_are_translated(chat_client, script, upstream):
    script.reply = message([{"type": "text", "text": "x"}])
    parts = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    chat_client.chat.completions.create(model="claude-x", messages=[{"role": "user", "content": parts}])
    assert [b["source"] for b in sent(upstream)["messages"][0]["content"]] == [
        {"type": "base64", "media_type": "image/png", "data": PNG},
        {"type": "url", "url": "https://example.com/a.png"},
    ]


@pytest.mark.parametrize("step", [0, 1, 7])
def test_a_stream_of_messages_becomes_chunks(chat_client, script, step):
    script.events, script.step = sse(message_events(TOOL_BLOCKS, "tool_use")), step
    with chat_client.chat.completions.stream(
        model="claude-x", messages=ASK, tools=OPENAI_TOOLS, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert final.choices[0].message.content == "Moment." and final.choices[0].finish_reason == "tool_calls"
    assert [json.loads(c.function.arguments)["city"] for c in calls] == ["Wien", "Graz"]
    assert final.usage.prompt_tokens == 15 and final.usage.completion_tokens == 7


def test_an_answer_by_schema_is_parsed(chat_client, script, upstream):
    import pydantic

    class Weather(pydantic.BaseModel):
        city: str

    script.reply = message([{"type": "tool_use", "id": "t", "name": "json_answer", "input": {"city": "Wien"}}], "tool_use")
    reply = chat_client.chat.completions.parse(model="claude-x", messages=ASK, response_format=Weather)
    assert reply.choices[0].message.parsed == Weather(city="Wien") and reply.choices[0].finish_reason == "stop"
    assert sent(upstream)["tool_choice"]["name"] == "json_answer"


@pytest.mark.parametrize(
    "asked, field",
    [
        ({"n": 2}, "'n'"), ({"logprobs": True}, "'logprobs'"), ({"seed": 1}, "'seed'"), ({"temperature": 1.5}, "'temperature'"),
        ({"functions": [{"name": "x"}]}, "'functions'"), ({"response_format": {"type": "json_object"}}, "'response_format'"),
        ({"extra_body": {"made_up": 1}}, "'made_up'"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(chat_client, upstream, asked, field):
    with pytest.raises(openai.BadRequestError) as refused:
        chat_client.chat.completions.create(model="claude-x", messages=ASK, **asked)
    assert field in refused.value.message
    assert upstream.requests == []


def test_losses_are_allowed_and_named(gateway, script, upstream):
    script.reply = message([{"type": "text", "text": "x"}])
    body = {"model": "c", "messages": ASK, "seed": 1, "temperature": 1.5, "made_up": {"a": 1}}
    reply = httpx.post(gateway.url("/lossy/v1/chat/completions", 3000), json=body)
    assert reply.status_code == 200
    assert set(reply.headers["x-agentgw-dropped"].split(", ")) == {"seed", "temperature", "made_up"}
    assert sent(upstream)["temperature"] == 1 and "seed" not in sent(upstream)


@pytest.mark.parametrize("arguments", ["[1]", "{", "null", '{"a":1,"a":2}'])
def test_arguments_that_are_no_object_are_refused(chat_client, upstream, arguments):
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    history = [*ASK, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "x"}]
    with pytest.raises(openai.BadRequestError, match="arguments"):
        chat_client.chat.completions.create(model="claude-x", messages=history)
    assert upstream.requests == []


@pytest.mark.parametrize("status, error, kind", [
    (400, "invalid_request_error", openai.BadRequestError), (401, "authentication_error", openai.AuthenticationError),
    (429, "rate_limit_error", openai.RateLimitError), (529, "overloaded_error", openai.InternalServerError),
])
def test_errors_have_the_clients_shape_and_no_key(chat_client, script, status, error, kind):
    script.status, script.headers = status, {"Retry-After": "7"}
    script.reply = {"type": "error", "error": {"type": error, "message": "no: sk-ant-provider-key"}}
    with pytest.raises(kind) as raised:
        chat_client.chat.completions.create(model="claude-x", messages=ASK)
    assert raised.value.type == error and "no: ***" in raised.value.message
    assert "provider-key" not in raised.value.response.text and raised.value.response.headers["retry-after"] == "7"


EVENTS = sse(message_events([{"type": "text", "text": TEXT}]))


@pytest.mark.parametrize("events, ending", [
    (EVENTS[: len(EVENTS) // 2], "abort"), (EVENTS[: len(EVENTS) // 2], "whole"), (EVENTS[:900] + b"\n\ndata: {no\n\n", "whole"),
    (sse(message_events([])[:2] + [{"type": "error", "error": {"type": "overloaded_error", "message": "x"}}]), "whole"),
])
def test_a_stream_that_breaks_never_looks_whole(gateway, script, events, ending):
    script.events, script.ending, script.step = events, ending, 50
    got = b""
    body = {"model": "c", "messages": ASK, "stream": True}
    with httpx.stream("POST", gateway.url("/a/v1/chat/completions", 3000), json=body, timeout=deadline(20)) as reply:
        try:
            for piece in reply.iter_raw():
                got += piece
        except httpx.RemoteProtocolError:
            pass
        else:
            assert reply.status_code == 502, "a clean end"
    assert b"[DONE]" not in got
    assert b'"error"' in got


# Messages at OpenAI


def test_a_message_becomes_a_chat_and_back(message_client, script, upstream):
    script.reply = chat({"content": TEXT})
    reply = message_client.messages.create(
        model="gpt-x", max_tokens=50, system="Kurz.", messages=ASK, stop_sequences=["END"], metadata={"user_id": "u"}
    )
    assert reply.content[0].text == TEXT and reply.stop_reason == "end_turn"
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cache_read_input_tokens) == (10, 7, 5)
    request = upstream.requests[-1]
    assert request.target == "/v1/chat/completions" and request.all("authorization") == ["Bearer sk-provider-key"]
    assert not request.all("x-api-key") and not request.all("anthropic-version")
    assert sent(upstream) == {
        "model": "gpt-x", "max_completion_tokens": 50, "stop": ["END"], "user": "u",
        "messages": [{"role": "system", "content": "Kurz."}, *ASK],
    }


def test_anthropics_tools_travel_both_ways(message_client, script, upstream):
    script.reply = chat({"content": "Moment.", "tool_calls": CALLS}, "tool_calls")
    reply = message_client.messages.create(
        model="gpt-x", max_tokens=50, messages=ASK, tools=ANTHROPIC_TOOLS, tool_choice={"type": "any"}
    )
    assert reply.stop_reason == "tool_use" and [b.type for b in reply.content] == ["text", "tool_use", "tool_use"]
    assert [b.input for b in reply.content[1:]] == [{"city": "Wien"}, {"city": "Graz"}]
    assert sent(upstream)["tools"] == OPENAI_TOOLS and sent(upstream)["tool_choice"] == "required"
    results = [{"type": "tool_result", "tool_use_id": b.id, "content": "sonnig"} for b in reply.content[1:]]
    history = [*ASK, {"role": "assistant", "content": reply.content}, {"role": "user", "content": [*results, {"type": "text", "text": "Danke"}]}]
    message_client.messages.create(model="gpt-x", max_tokens=50, messages=history, tools=ANTHROPIC_TOOLS)
    roles = sent(upstream)["messages"]
    assert [m["role"] for m in roles] == ["user", "assistant", "tool", "tool", "user"]
    assert [(c["id"], json.loads(c["function"]["arguments"])) for c in roles[1]["tool_calls"]] == [
        ("call_0", {"city": "Wien"}), ("call_1", {"city": "Graz"}),
    ]


@pytest.mark.parametrize("step", [0, 1, 7])
def test_chunks_become_a_stream_of_messages(message_client, script, step):
    script.events, script.step = sse(chat_events(TEXT, CALLS, "tool_calls"), named=False), step
    with message_client.messages.stream(model="gpt-x", max_tokens=50, messages=ASK, tools=ANTHROPIC_TOOLS) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == TEXT and final.stop_reason == "tool_use"
    assert [b.input for b in final.content[1:]] == [{"city": "Wien"}, {"city": "Graz"}]
    assert final.usage.output_tokens == 7


def test_openais_errors_have_anthropics_shape(message_client, script):
    script.status = 429
    script.reply = {"error": {"message": "slow: sk-provider-key", "type": "requests", "code": "rate_limit_exceeded"}}
    with pytest.raises(anthropic.RateLimitError) as raised:
        message_client.messages.create(model="gpt-x", max_tokens=5, messages=ASK)
    assert raised.value.body["error"] == {"type": "rate_limit_error", "message": "slow: ***"}


def test_a_broken_stream_of_chunks_is_an_error_to_the_client(message_client, script):
    whole = sse(chat_events(TEXT), named=False)
    script.events, script.ending, script.step = whole[: len(whole) // 2], "abort", 50
    with pytest.raises((anthropic.APIError, httpx.RemoteProtocolError)):
        with message_client.messages.stream(model="gpt-x", max_tokens=5, messages=ASK) as stream:
            for _ in stream:
                pass


def test_arguments_of_the_model_that_are_no_json_are_a_bad_gateway(message_client, script):
    call = {**CALLS[0], "function": {"name": "weather", "arguments": "{no"}}
    script.reply = chat({"content": None, "tool_calls": [call]}, "tool_calls")
    with pytest.raises(anthropic.InternalServerError) as raised:
        message_client.messages.create(model="gpt-x", max_tokens=5, messages=ASK)
    assert raised.value.status_code == 502


# Failover


def test_the_next_group_answers_in_its_own_format(start, serve):
    first, second = Script(), Script()
    first.status, first.headers, first.reply = 429, {"Retry-After": "60"}, {"error": {"message": "slow"}}
    second.reply = message([{"type": "text", "text": TEXT}])
    one, two = serve(first), serve(second)

    def member(name, kind, port, key):
        policies = {"backendAuth": {"key": {"value": key, "location": {"header": {"name": f"x-{name}"}}}}}
        return {"name": name, "provider": {kind: {"model": f"{name}-model"}}, "hostOverride": f"127.0.0.1:{port}", "policies": policies}

    groups = [
        {"providers": [member("one", "openAI", one.port, "sk-key-one")]},
        {"providers": [member("two", "anthropic", two.port, "sk-key-two")]},
    ]
    routes = [{"backends": [{"ai": {"groups": groups}}]}]
    gateway = start({"binds": [{"port": 3000, "listeners": [{"routes": routes}]}]})
    # Each event loop learns for itself, so the calls go over one connection.
    with httpx.Client(timeout=deadline(20)) as client:
        for _ in range(2):
            reply = client.post(gateway.url("/v1/chat/completions", 3000), json={"messages": ASK})
            assert reply.status_code == 200, reply.text
            assert reply.json()["choices"][0]["message"]["content"] == TEXT
    assert len(one.requests) == 1, "a provider that asked to be left alone was asked again"
    assert len(two.requests) == 2 and json.loads(two.requests[0].body)["model"] == "two-model"
    assert two.requests[0].all("x-two") == ["sk-key-two"] and not two.requests[0].all("x-one")
    assert len(two.requests[0].all("x-forwarded-for")) == 1

    def lines():
        return [r for r in gateway.records() if r.get("log") == "access"]

    until(lambda: len(lines()) == 2, "no access line")
    assert {line["upstream"] for line in lines()} == {"two"}


def test_the_last_providers_refusal_reaches_the_client(start, serve):
    scripts = [Script(), Script()]
    for script, status in zip(scripts, [500, 429]):
        script.status, script.reply = status, {"error": {"message": f"status {status}", "type": "x"}}
    ports = [serve(script).port for script in scripts]
    groups = [
        {"providers": [{"name": f"p{i}", "provider": {"openAI": {"model": "m"}}, "hostOverride": f"127.0.0.1:{port}"}]}
        for i, port in enumerate(ports)
    ]
    gateway = start({"binds": [{"port": 3000, "listeners": [{"routes": [{"backends": [{"ai": {"groups": groups}}]}]}]}]})
    reply = httpx.post(gateway.url("/v1/chat/completions", 3000), json={"messages": ASK}, timeout=deadline(20))
    assert (reply.status_code, reply.json()["error"]["message"]) == (429, "status 429")
