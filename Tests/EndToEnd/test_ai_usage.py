"""Token usage: read from every kind of reply while it passes by, shown in the access log and the metrics."""

import json

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.gateway import free_port
from harness.provider import ANSWER, PIECES
from harness.waiting import deadline, until


def config(provider) -> dict:
    def ai(name: str, kind: str, key: str, prefix: str) -> dict:
        backend = {"ai": {"name": name, "provider": {kind: {"model": "mock-plain"}}, "hostOverride": f"127.0.0.1:{provider.port}"}}
        policies = {"backendAuth": {"key": key}}
        return {"name": name, "match": {"path": prefix}, "backends": [backend], "policies": policies}

    routes = [
        ai("openai", "openAI", provider.openai_key, "/openai"),
        ai("anthropic", "anthropic", provider.anthropic_key, "/anthropic"),
    ]
    return {"binds": [{"port": 3000, "listeners": [{"routes": routes}]}]}


@pytest.fixture(scope="module")
def gateway(module_start, provider):
    port = free_port()
    gateway = module_start({**config(provider), "config": {"statsAddr": f"127.0.0.1:{port}"}})
    gateway.stats = f"http://127.0.0.1:{port}/metrics"
    return gateway


CHAT = {"messages": [{"role": "user", "content": "What is the capital of Österreich?"}]}
MESSAGES = {**CHAT, "max_tokens": 100}
ASKED = {
    "/openai/v1/chat/completions": CHAT,
    "/openai/v1/responses": {"input": "What?"},
    "/openai/v1/embeddings": {"input": ["a"]},
    "/anthropic/v1/messages": MESSAGES,
}


def post(gateway, path, body, **headers):
    return httpx.post(gateway.url(path, 3000), json=body, headers=headers, timeout=deadline(20))


def last_line(gateway, path, count):
    def lines():
        return [r for r in gateway.records() if r.get("log") == "access" and r["path"] == path]

    until(lambda: len(lines()) >= count, "the access line was not written")
    return lines()[-1]


def lines_now(gateway, path):
    return len([r for r in gateway.records() if r.get("log") == "access" and r["path"] == path])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", list(ASKED))
def test_usage_is_in_the_access_line(gateway, path, stream):
    if stream and path.endswith("embeddings"):
        stream = False
    before = lines_now(gateway, path)
    reply = post(gateway, path, {**ASKED[path], "stream": stream})
    assert reply.status_code == 200
    line = last_line(gateway, path, before + 1)
    assert line["input_tokens"] == (5 if path.endswith("embeddings") else 19)
    if not path.endswith("embeddings"):
        assert line["output_tokens"] == 7
    assert line["model"] == "mock-plain"
    assert "tokens_estimated" not in line


def events(text: str) -> list:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


@pytest.mark.parametrize("model", ["mock-plain", "mock-split", "mock-joined"])
@pytest.mark.parametrize("options", [None, {"include_usage": False}, {"include_obfuscation": False}])
def test_usage_of_a_stream_is_asked_for_and_not_shown(gateway, provider, model, options):
    path = "/openai/v1/chat/completions"
    before = lines_now(gateway, path)
    asked = {**CHAT, "model": model, "stream": True, **({"stream_options": options} if options else {})}
    reply = post(gateway, path, asked)
    assert provider.last_json["stream_options"] == {**(options or {}), "include_usage": True}
    assert {k: v for k, v in provider.last_json.items() if k != "stream_options"} == {
        k: v for k, v in asked.items() if k != "stream_options"
    }
    seen = events(reply.text)
    assert "".join(e["choices"][0]["delta"].get("content") or "" for e in seen) == ANSWER
    assert all(e["choices"] for e in seen), "an event that the client did not ask for"
    assert reply.text.endswith("data: [DONE]\n\n")
    assert last_line(gateway, path, before + 1)["output_tokens"] == len(PIECES)


def test_usage_that_the_client_asked_for_is_shown(gateway, provider):
    asked = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    reply = post(gateway, "/openai/v1/chat/completions", asked)
    assert events(reply.text)[-1]["usage"]["prompt_tokens"] == 19
    assert provider.last_json == {"model": "mock-plain", **asked}


def test_no_compressed_reply_is_asked_for(gateway, provider):
    post(gateway, "/openai/v1/chat/completions", CHAT, **{"accept-encoding": "gzip, br"})
    assert provider.last.all("accept-encoding") == ["identity"]


def test_a_stream_that_breaks_off_is_estimated(gateway):
    path = "/openai/v1/chat/completions"
    before = lines_now(gateway, path)
    with pytest.raises(httpx.RemoteProtocolError):
        post(gateway, path, {**CHAT, "model": "mock-dies-stream", "stream": True})
    line = last_line(gateway, path, before + 1)
    assert line["tokens_estimated"] is True
    assert line["input_tokens"] > 0 and line["output_tokens"] == 4


def test_a_client_that_leaves_does_not_leave_its_tokens_uncounted(gateway, provider):
    path = "/openai/v1/chat/completions"
    before = lines_now(gateway, path)
    provider.allowed_events = 3
    asked = {**CHAT, "model": "mock-slow-events", "stream": True}
    with httpx.stream("POST", gateway.url(path, 3000), json=asked, timeout=deadline(20)) as reply:
        next(reply.iter_lines())
    line = last_line(gateway, path, before + 1)
    assert line["tokens_estimated"] is True and line["output_tokens"] >= 1


def test_a_refused_call_takes_no_tokens(gateway):
    path = "/openai/v1/chat/completions"
    before = lines_now(gateway, path)
    assert post(gateway, path, {**CHAT, "model": "mock-refused"}).status_code == 400
    line = last_line(gateway, path, before + 1)
    assert "input_tokens" not in line and "output_tokens" not in line


def test_tokens_are_counted_by_provider_and_model(gateway):
    model = "mock-counted"
    for _ in range(3):
        post(gateway, "/anthropic/v1/messages", {**MESSAGES, "model": model})
    labels = {"gen_ai_system": "anthropic", "gen_ai_request_model": model, "route": "anthropic"}
    sums = {}
    for family in text_string_to_metric_families(httpx.get(gateway.stats).text):
        for sample in family.samples:
            if sample.name == "agentgateway_gen_ai_client_token_usage_sum":
                if all(sample.labels.get(k) == v for k, v in labels.items()):
                    sums[sample.labels["gen_ai_token_type"]] = sample.value
    assert sums["input"] == 57 and sums["output"] == 21
