"""The official anthropic client, sync and async, through both of the users' configurations."""

import asyncio
import json

import anthropic
import pytest

from harness import configs
from harness.provider import ANSWER, PIECES
from harness.rawhttp import exchange
from harness.secrets import secret
from harness.waiting import deadline, until

MESSAGES = [{"role": "user", "content": "What is the capital of Österreich? 🎼"}]
ASK = {"max_tokens": 100, "messages": MESSAGES}


@pytest.fixture(scope="module", params=["step1-basic-routing.yaml", "step2-multi-provider.yaml"])
def gateway(request, module_start, provider):
    keys = {"OPENAI_API_KEY": provider.openai_key, "ANTHROPIC_API_KEY": provider.anthropic_key}
    gateway = module_start(configs.seed(request.param, provider.port, provider.port), keys)
    step1 = "step1" in request.param
    gateway.bind, gateway.prefix = (3001, "") if step1 else (3000, "/anthropic")
    gateway.default_model = "claude-haiku-4-5-20251001" if step1 else "claude-sonnet-4-5-20250929"
    return gateway


@pytest.fixture
def client_key():
    return secret("anthropic-client", "sk-ant-")


@pytest.fixture
def client(gateway, provider, client_key):
    provider.reset()
    options = {"base_url": gateway.url(gateway.prefix, gateway.bind), "api_key": client_key, "max_retries": 0}
    with anthropic.Anthropic(**options, timeout=deadline(10)) as client:
        yield client
    everything = b"".join(bytes(data) for data in provider.received.values())
    assert client_key.encode() not in everything, "the client's key reached the provider"


@pytest.fixture
def async_client(gateway, client_key):
    options = {"base_url": gateway.url(gateway.prefix, gateway.bind), "api_key": client_key, "max_retries": 0}
    return anthropic.AsyncAnthropic(**options, timeout=deadline(20))


def test_message_is_answered(client, provider):
    reply = client.messages.create(model="claude-haiku-4-5", **ASK)
    assert reply.content[0].text == ANSWER
    assert reply.usage.input_tokens == 19
    assert provider.last.target == "/v1/messages"
    assert provider.last_json["messages"] == MESSAGES


def test_the_backend_key_replaces_the_clients(client, provider):
    client.messages.create(model="claude-haiku-4-5", **ASK)
    assert provider.last.all("x-api-key") == [provider.anthropic_key]
    assert provider.last.all("authorization") == []
    assert provider.last.header("anthropic-version")


def test_a_bearer_token_of_the_client_does_not_reach_the_provider(gateway, provider, client_key):
    options = {"base_url": gateway.url(gateway.prefix, gateway.bind), "auth_token": client_key, "max_retries": 0}
    with anthropic.Anthropic(**options, api_key=None) as client:
        assert client.messages.create(model="claude-haiku-4-5", **ASK).content[0].text == ANSWER
    assert client_key.encode() not in provider.last.head


def test_a_request_without_a_model_gets_the_configured_one(client, provider, gateway):
    reply = client.post("/v1/messages", body=ASK, cast_to=object)
    assert reply["model"] == gateway.default_model
    assert provider.last_json == {**ASK, "model": gateway.default_model}


def test_stream_arrives_whole(client):
    with client.messages.stream(model="claude-haiku-4-5", **ASK) as stream:
        assert "".join(stream.text_stream) == ANSWER
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens == 7


@pytest.mark.parametrize("model", ["mock-split", "mock-joined"])
def test_stream_survives_any_cut(client, model):
    with client.messages.stream(model=model, **ASK) as stream:
        assert "".join(stream.text_stream) == ANSWER


def test_events_leave_as_they_come(client, provider):
    provider.allowed_events = 1
    seen = []
    for event in client.messages.create(model="mock-slow-events", stream=True, **ASK):
        seen.append(event.type)
        # The client swallows pings, so one more than the next is let go.
        provider.allowed_events = len(seen) + 2
    assert seen[0] == "message_start" and seen[-1] == "message_stop"
    assert seen.count("content_block_delta") == len(PIECES)


def test_tokens_are_counted(client, provider):
    counted = client.messages.count_tokens(model="claude-haiku-4-5", messages=MESSAGES)
    assert counted.input_tokens == 19
    assert provider.last.target == "/v1/messages/count_tokens"


def test_models_are_listed(client):
    assert [model.id for model in client.models.list()] == ["claude-haiku-4-5-20251001"]


@pytest.mark.parametrize(
    "model, error, status",
    [
        ("mock-rate-limited", anthropic.RateLimitError, 429),
        ("mock-overloaded", anthropic.InternalServerError, 529),
        ("mock-refused", anthropic.BadRequestError, 400),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_providers_errors_reach_the_client_unchanged(client, model, error, status, stream):
    with pytest.raises(error) as caught:
        client.messages.create(model=model, stream=stream, **ASK)
    assert caught.value.status_code == status
    assert caught.value.body["type"] == "error"


def test_provider_dying_in_the_stream_is_an_error_and_never_a_clean_end(client):
    seen = []
    with pytest.raises(Exception) as caught:
        for event in client.messages.create(model="mock-dies-stream", stream=True, **ASK):
            seen.append(event.type)
    assert not isinstance(caught.value, AssertionError)
    assert seen[0] == "message_start" and "message_stop" not in seen


def test_client_timeout_releases_the_provider(client, provider):
    with pytest.raises(anthropic.APITimeoutError):
        client.with_options(timeout=0.3).messages.create(model="mock-slow", **ASK)
    number = provider.last.connection
    until(lambda: number not in provider.open, "the gateway closes the connection to the provider")



def test_async_message_and_stream(async_client):
    async def main() -> None:
        async with async_client as client:
            reply = await client.messages.create(model="claude-haiku-4-5", **ASK)
            assert reply.content[0].text == ANSWER
            async with client.messages.stream(model="claude-haiku-4-5", **ASK) as stream:
                assert "".join([text async for text in stream.text_stream]) == ANSWER

    asyncio.run(main())


def test_fifty_in_parallel_get_their_own_answers(async_client, provider):
    async def ask(client: anthropic.AsyncAnthropic, number: int) -> None:
        model = f"model-{number}"
        if number % 2:
            reply = await client.messages.create(model=model, **ASK)
            assert (reply.model, reply.content[0].text) == (model, ANSWER)
        else:
            async with client.messages.stream(model=model, **ASK) as stream:
                message = await stream.get_final_message()
                assert (message.model, message.content[0].text) == (model, ANSWER)

    async def main() -> None:
        async with async_client as client:
            await asyncio.gather(*(ask(client, number) for number in range(50)))

    provider.reset()
    asyncio.run(main())
    assert len(provider.requests) == 50
