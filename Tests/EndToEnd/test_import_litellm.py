"""From a LiteLLM configuration to a gateway that its clients use with a new base URL and nothing else."""

import json
from pathlib import Path

import anthropic
import httpx
import openai
import pytest
import yaml

from harness.gateway import Gateway, free_port, run, seed_directory
from harness.provider import ANSWER
from harness.secrets import secret

MESSAGES = [{"role": "user", "content": "hi"}]

LITELLM = """
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o-2024-11-20, api_key: os.environ/OPENAI_API_KEY, api_base: "http://127.0.0.1:{port}/v1", weight: 3}}
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o-mini
      api_key: os.environ/OPENAI_API_KEY
      api_base: http://127.0.0.1:{port}/v1
      rpm: 100
  - model_name: "openai/*"
    litellm_params: {{model: "openai/*", api_key: os.environ/OPENAI_API_KEY, api_base: "http://127.0.0.1:{port}/v1"}}
  - model_name: embed
    litellm_params: {{model: openai/text-embedding-3-small, api_key: os.environ/OPENAI_API_KEY, api_base: "http://127.0.0.1:{port}/v1"}}
  - model_name: claude
    litellm_params: {{model: anthropic/claude-sonnet-4-20250514, api_key: os.environ/ANTHROPIC_API_KEY, api_base: "http://127.0.0.1:{port}"}}
  - model_name: on-bedrock
    litellm_params: {{model: bedrock/anthropic.claude-3}}
router_settings:
  model_group_alias: {{gpt-4: gpt-4o}}
  fallbacks: [{{gpt-4o: [claude]}}]
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
  database_url: os.environ/DATABASE_URL
surprise: true
"""


def convert(tmp_path: Path, text: str, *options: str):
    file, out = tmp_path / "litellm.yaml", tmp_path / "agentgw.yaml"
    file.write_text(text)
    code, _, report = run(["import", "litellm", str(file), "-o", str(out), *options], tmp_path)
    return code, (out.read_text() if out.exists() else ""), report


@pytest.fixture
def master():
    return secret("litellm-master")


@pytest.fixture
def gateway(start, tmp_path, provider, master):
    provider.reset()
    code, text, _ = convert(tmp_path, LITELLM.format(port=provider.port))
    assert code == 0
    document = yaml.safe_load(text)
    document["llm"]["port"] = free_port()
    gateway: Gateway = start(
        document,
        {"LITELLM_MASTER_KEY": master, "OPENAI_API_KEY": provider.openai_key, "ANTHROPIC_API_KEY": provider.anthropic_key},
    )
    gateway.base = f"http://127.0.0.1:{document['llm']['port']}"
    return gateway


@pytest.fixture(params=["", "/v1"])
def client(request, gateway, master):
    with openai.OpenAI(base_url=gateway.base + request.param, api_key=master, max_retries=0, timeout=20) as client:
        yield client


def test_openai_clients_keep_their_model_names(client, provider):
    assert client.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices[0].message.content == ANSWER
    assert provider.last_json["model"] in ("gpt-4o-2024-11-20", "gpt-4o-mini")
    client.chat.completions.create(model="gpt-4", messages=MESSAGES)
    assert provider.last_json["model"] in ("gpt-4o-2024-11-20", "gpt-4o-mini")
    client.chat.completions.create(model="openai/o3-mini", messages=MESSAGES)
    assert provider.last_json["model"] == "o3-mini"
    assert provider.last.header("authorization") == f"Bearer {provider.openai_key}"
    client.embeddings.create(model="embed", input="x")
    assert provider.last_json["model"] == "text-embedding-3-small"
    stream = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == ANSWER


def test_deployments_of_one_name_share_its_requests_by_weight(client, provider):
    models = [(client.chat.completions.create(model="gpt-4o", messages=MESSAGES), provider.last_json["model"])[1] for _ in range(80)]
    # 3 to 1: the chance of an honest run outside of this is below one in a million.
    assert 36 <= models.count("gpt-4o-2024-11-20") <= 77


def test_anthropic_clients_are_served_by_the_same_endpoint(gateway, provider, master):
    with anthropic.Anthropic(base_url=gateway.base, api_key=master, max_retries=0) as client:
        reply = client.messages.create(model="claude", max_tokens=100, messages=MESSAGES)
    assert reply.content[0].text == ANSWER
    assert provider.last_json["model"] == "claude-sonnet-4-20250514"
    assert provider.last.header("x-api-key") == provider.anthropic_key


def test_list_has_the_names_that_can_be_asked_for(client):
    names = [model.id for model in client.models.list()]
    assert names == ["embed", "claude", "gpt-4o", "gpt-4"]


def test_wrong_key_and_unknown_model_are_told_in_openais_shape(gateway, client, provider):
    before = len(provider.requests)
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=gateway.base + "/v1", api_key="sk-wrong", max_retries=0).models.list()
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-9", messages=MESSAGES)
    assert caught.value.code == "model_not_found"
    # A deployment's own name is no model of the client's.
    for model in ("gpt-4o#1", "on-bedrock"):
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model=model, messages=MESSAGES)
    for body in (b"{", b"[]", b'{"model":1}', b"{}", b'{"model":"gpt-4o","model":"claude"}'):
        reply = httpx.post(
            gateway.base + "/v1/chat/completions",
            content=body,
            headers={**client.auth_headers, "content-type": "application/json"},
        )
        assert reply.status_code == 400 and reply.json()["error"]["type"] == "invalid_request_error"
    reply = httpx.post(gateway.base + "/v1/fine_tuning/jobs", json={"model": "gpt-4o"}, headers=client.auth_headers)
    assert reply.status_code == 404
    assert len(provider.requests) == before


def test_every_setting_that_is_left_behind_is_named_with_its_place(tmp_path):
    code, _, report = convert(tmp_path, LITELLM.format(port=1))
    assert code == 0
    file = tmp_path / "litellm.yaml"
    for line in (
        f"{file}:10:7: unsupported: model_list[1].litellm_params.rpm: ",
        f"{file}:18:22: unsupported: model_list[5].litellm_params.model: Amazon Bedrock",
        f"{file}:21:3: unsupported: router_settings.fallbacks: ",
        f"{file}:24:3: unsupported: general_settings.database_url: ",
        f"{file}:25:1: unsupported: surprise: ",
    ):
        assert line in report, report
    code, _, report = convert(tmp_path, LITELLM.format(port=1), "--report", "json")
    parsed = json.loads(report)
    assert parsed["models"] == 5
    assert {"grade", "file", "line", "column", "path", "message"} == set(parsed["findings"][0])


def test_users_own_configuration_becomes_one_that_loads(tmp_path):
    code, text, report = convert(tmp_path, (seed_directory() / "litellm-config.yaml").read_text())
    assert code == 0 and "database_url" in report and "store_model_in_db" in report
    keys = {name: secret(name) for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "LITELLM_MASTER_KEY")}
    code, out, err = run(["-f", str(tmp_path / "agentgw.yaml"), "--validate-only"], tmp_path, keys)
    assert code == 0, out + err
    names = [model["name"] for model in yaml.safe_load(text)["llm"]["models"]]
    assert names == ["gpt-4o", "gpt-4o-mini", "claude-sonnet", "claude-haiku"]


@pytest.mark.parametrize("text, code", [("", 2), ("a: [", 2), ("[]", 1), ("model_list: 7", 1), ("model_list: [7, {}]", 1)])
def test_what_is_no_configuration_of_litellm_is_refused(tmp_path, text, code):
    found, _, report = convert(tmp_path, text)
    assert found == code and ("error:" in report or "unsupported:" in report)
