"""The official openai client, sync and async, through both of the users' configurations."""

import asyncio
import json

import openai
import pytest

from harness import configs
from harness.provider import ANSWER, PIECES
from harness.secrets import secret
from harness.waiting import deadline, until

MESSAGES = [{"role": "user", "content": "What is the capital of Österreich? 🎼"}]


@pytest.fixture(scope="module", params=["step1-basic-routing.yaml", "step2-multi-provider.yaml"])
def gateway(request, module_start, provider):
    keys = {"OPENAI_API_KEY": provider.openai_key, "ANTHROPIC_API_KEY": provider.anthropic_key}
    gateway = module_start(configs.seed(request.param, provider.port, provider.port), keys)
    gateway.default_model = "gpt-4o-mini" if "step1" in request.param else "gpt-4o"
    return gateway


@pytest.fixture
def client_key():
    return secret("openai-client")


@pytest.fixture
def client(gateway, provider, client_key):
    provider.reset()
    options = {"base_url": gateway.url("/openai/v1", 3000), "api_key": client_key, "max_retries": 0}
    with openai.OpenAI(**options, timeout=deadline(10)) as client:
        yield client
    everything = b"".join(bytes(data) for data in provider.received.values())
    assert client_key.encode() not in everything, "the client's key reached the provider"


@pytest.fixture
def async_client(gateway, client_key):
    options = {"base_url": gateway.url("/openai/v1", 3000), "api_key": client_key, "max_retries": 0}
    return openai.AsyncOpenAI(**options, timeout=deadline(20))


def test_chat_is_answered(client, provider):
    reply = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert reply.choices[0].message.content == ANSWER
    assert reply.usage.total_tokens == 19 + len(PIECES)
    assert provider.last.target == "/v1/chat/completions"
    assert provider.last_json["messages"] == MESSAGES


def test_unknown_members_survive_both_ways(client, provider):
    more = {"x_new_parameter": {"nested": [1, 2.5, None, "ü"]}}
    reply = client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, extra_body=more)
    assert provider.last_json["x_new_parameter"] == more["x_new_parameter"]
    assert reply.model_extra["x_unknown_member"] == {"kept": True}


def test_the_backend_key_replaces_the_clients(client, provider, client_key):
    client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert provider.last.all("authorization") == [f"Bearer {provider.openai_key}"]
    assert provider.last.header("host") == f"127.0.0.1:{provider.port}"
    assert client_key.encode() not in provider.last.head


def test_requested_model_is_kept(client, provider):
    assert client.chat.completions.create(model="gpt-4.1", messages=MESSAGES).model == "gpt-4.1"


def test_a_request_without_a_model_gets_the_configured_one(client, provider, gateway):
    # The client insists on a model, so this goes one layer below it.
    body = {"messages": MESSAGES, "temperature": 0.2}
    reply = client.post("/chat/completions", body=body, cast_to=dict)
    assert reply["model"] == gateway.default_model
    assert provider.last_json == {**body, "model": gateway.default_model}


def test_stream_arrives_whole(client, provider):
    stream = client.chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == ANSWER
    assert chunks[-1].usage.total_tokens == 19 + len(PIECES)
    assert provider.last_json["stream"] is True


@pytest.mark.parametrize("model", ["mock-split", "mock-joined"])
def test_stream_survives_any_cut(client, model):
    stream = client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices) == ANSWER


def test_events_leave_as_they_come(client, provider):
    # The provider sends an event only after this client has seen the one before: a proxy that waits for more stalls.
    provider.allowed_events = 1
    seen = 0
    asked = {"messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    for _ in client.chat.completions.create(model="mock-slow-events", **asked):
        seen += 1
        provider.allowed_events = seen + 1
    assert seen == len(PIECES) + 3


def test_models_are_listed(client, provider):
    assert [model.id for model in client.models.list()] == ["gpt-4o-mini", "gpt-4o"]
    assert provider.last.target == "/v1/models"


def test_a_model_is_retrieved_by_passthrough(client, provider):
    assert client.models.retrieve("gpt-4o-mini").owned_by == "system"
    assert provider.last.target == "/v1/models/gpt-4o-mini"


def test_responses_api(client, provider):
    reply = client.responses.create(model="gpt-4o-mini", input="What is the capital?")
    assert reply.output_text == ANSWER
    assert provider.last.target == "/v1/responses"


def test_responses_api_streams(client):
    events = list(client.responses.create(model="gpt-4o-mini", input="?", stream=True))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == ANSWER
    assert events[-1].type == "response.completed"


def test_embeddings(client):
    reply = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
    assert [list(item.embedding) for item in reply.data] == [[0.25, -0.5, 0.125]] * 2


def test_file_upload_passes_through(client, provider):
    uploaded = client.files.create(file=("data.jsonl", b'{"a": 1}\n' * 1000), purpose="batch")
    assert uploaded.id == "file-1"
    assert provider.last.header("content-type").startswith("multipart/form-data; boundary=")
    assert b'{"a": 1}\n' * 1000 in provider.last.body


def test_query_is_kept(client, provider):
    client.get("/models", cast_to=dict, options={"params": {"after": "a b", "limit": "2"}})
    assert provider.last.target == "/v1/models?after=a+b&limit=2"


@pytest.mark.parametrize(
    "model, error, status",
    [
        ("mock-rate-limited", openai.RateLimitError, 429),
        ("mock-overloaded", openai.InternalServerError, 500),
        ("mock-refused", openai.BadRequestError, 400),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_providers_errors_reach_the_client_unchanged(client, model, error, status, stream):
    with pytest.raises(error) as caught:
        client.chat.completions.create(model=model, messages=MESSAGES, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.request_id == "req_1"
    assert caught.value.body["message"]


def test_retry_after_reaches_the_client(client):
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="mock-rate-limited", messages=MESSAGES)
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"


def test_unknown_model_is_the_providers_404(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-0")
    assert caught.value.code == "model_not_found"


def test_malformed_json_from_the_provider_is_not_mended(client):
    with pytest.raises((openai.APIError, json.JSONDecodeError)):
        client.chat.completions.create(model="mock-malformed", messages=MESSAGES)


def test_malformed_event_from_the_provider_is_not_mended(client):
    with pytest.raises((openai.APIError, json.JSONDecodeError)):
        list(client.chat.completions.create(model="mock-malformed-stream", messages=MESSAGES, stream=True))


def test_provider_dying_in_the_body_is_an_error(client):
    with pytest.raises(openai.APIError):
        client.chat.completions.create(model="mock-dies", messages=MESSAGES)


def test_provider_dying_in_the_stream_is_an_error_and_never_a_clean_end(client):
    seen = []
    with pytest.raises(Exception) as caught:
        for chunk in client.chat.completions.create(model="mock-dies-stream", messages=MESSAGES, stream=True):
            seen.append(chunk.choices[0].delta.content)
    assert not isinstance(caught.value, AssertionError)
    assert seen == ["", *PIECES[:3]], "what came before the break must arrive"


def test_client_timeout_releases_the_provider(client, provider):
    before = set(provider.open)
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.3).chat.completions.create(model="mock-slow", messages=MESSAGES)
    number = provider.last.connection
    until(lambda: number not in provider.open, "the gateway closes the connection to the provider")
    assert before - {number} <= set(provider.open) | before


def test_client_that_leaves_a_stream_releases_the_provider(client, provider):
    provider.allowed_events = 2
    stream = client.chat.completions.create(model="mock-slow-events", messages=MESSAGES, stream=True)
    next(iter(stream))
    number = provider.last.connection
    stream.close()
    until(lambda: number not in provider.open, "the gateway closes the connection to the provider")


def test_large_reply(client):
    reply = client.chat.completions.create(model="mock-huge", messages=MESSAGES)
    assert reply.choices[0].message.content == ANSWER * 200_000


def test_image_sized_request(client, provider):
    content = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_500_000}}]
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": content}])
    assert provider.last.body_length > 1_500_000


def test_async_chat_and_stream(async_client, provider):
    async def main() -> None:
        async with async_client as client:
            reply = await client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
            assert reply.choices[0].message.content == ANSWER
            stream = await client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, stream=True)
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            assert "".join(parts) == ANSWER

    asyncio.run(main())


def test_fifty_in_parallel_get_their_own_answers(async_client, provider):
    async def ask(client: openai.AsyncOpenAI, number: int) -> None:
        model = f"model-{number}"
        if number % 2:
            reply = await client.chat.completions.create(model=model, messages=MESSAGES)
            assert (reply.model, reply.choices[0].message.content) == (model, ANSWER)
        else:
            stream = await client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
            chunks = [chunk async for chunk in stream]
            assert {chunk.model for chunk in chunks} == {model}
            assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER

    async def main() -> None:
        async with async_client as client:
            await asyncio.gather(*(ask(client, number) for number in range(50)))

    provider.reset()
    asyncio.run(main())
    assert len(provider.requests) == 50


def test_requests_reuse_connections_to_the_provider(client, provider):
    for _ in range(3):
        client.models.list()
    opened = provider.opened
    for _ in range(10):
        client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    # One client connection stays on one event loop, whose pool has a connection by now.
    assert provider.opened == opened
