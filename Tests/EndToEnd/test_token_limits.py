"""localRateLimit by tokens of the model: what calls took is charged when they have ended, streamed or not."""

import httpx
import openai
import pytest

from harness.waiting import deadline, until

CHAT = {"model": "mock-plain", "messages": [{"role": "user", "content": "What is the capital of Österreich?"}]}


def limited(provider, kind: str, key: str, tokens: int) -> dict:
    backend = {"ai": {"name": kind, "provider": {kind: {}}, "hostOverride": f"127.0.0.1:{provider.port}"}}
    limit = {
        "maxTokens": tokens, "tokensPerFill": tokens, "fillInterval": "1h", "type": "tokens",
        "key": 'request.headers["x-team"]',
    }
    policies = {"backendAuth": {"key": key}, "localRateLimit": [limit]}
    return {"binds": [{"port": 3000, "listeners": [{"routes": [{"backends": [backend], "policies": policies}]}]}]}


def post(gateway, path: str, body: dict, team: str) -> httpx.Response:
    return httpx.post(gateway.url(path), json=body, headers={"x-team": team}, timeout=deadline(20))


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_is_charged_for_what_it_took(start, provider, stream):
    gateway = start(limited(provider, "openAI", provider.openai_key, 1))
    body = {**CHAT, "stream": stream}
    first = post(gateway, "/v1/chat/completions", body, "red")
    assert first.status_code == 200 and first.headers["x-ratelimit-remaining"] == "1"
    refused = until(
        lambda: (reply := post(gateway, "/v1/chat/completions", body, "red")).status_code == 429 and reply, "it is charged"
    )
    assert refused.json()["error"]["code"] == "rate_limit_exceeded" and int(refused.headers["retry-after"]) > 0
    assert post(gateway, "/v1/chat/completions", body, "blue").status_code == 200


def test_the_official_client_knows_the_refusal(start, provider):
    gateway = start(limited(provider, "openAI", provider.openai_key, 1))
    client = openai.OpenAI(base_url=gateway.url("/v1"), api_key="any", max_retries=0, default_headers={"x-team": "red"})
    client.chat.completions.create(**CHAT)
    with pytest.raises(openai.RateLimitError):
        for _ in range(20):
            client.chat.completions.create(**CHAT)


def test_anthropics_shape(start, provider):
    gateway = start(limited(provider, "anthropic", provider.anthropic_key, 1))
    body = {**CHAT, "max_tokens": 100}
    assert post(gateway, "/v1/messages", body, "red").status_code == 200
    refused = until(lambda: (reply := post(gateway, "/v1/messages", body, "red")).status_code == 429 and reply, "it is charged")
    assert refused.json()["type"] == "error" and refused.json()["error"]["type"] == "rate_limit_error"


def test_a_call_that_fails_costs_nothing(start, provider):
    gateway = start(limited(provider, "openAI", provider.openai_key, 1))
    for _ in range(5):
        assert post(gateway, "/v1/chat/completions", {"model": 1}, "red").status_code == 400
    assert post(gateway, "/v1/chat/completions", CHAT, "red").status_code == 200
