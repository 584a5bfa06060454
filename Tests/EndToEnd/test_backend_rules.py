"""Rules of backends: what they may read that rules before them may not, and where a request ends when they deny."""

import json

import pytest

from harness import configs
from harness.gateway import run
from harness.rawhttp import exchange
from harness.secrets import secret
from test_ai_paths import CHAT, ask


def document(backend: dict, policies: dict | None = None, **more) -> dict:
    route = {"match": {"path": "/x"}, "backends": [backend], "policies": policies or {}}
    return {"binds": [{"port": 3000, "listeners": [{"routes": [route]}]}], **more}


@pytest.fixture
def ai(start, provider):
    """ai(RULES) starts a gateway with an AI backend behind these rules."""
    provider.reset()

    def begin(rules: list, at: str = "backend", kind: str = "openAI", policies: dict | None = None, **more):
        inner = {"name": "p", "provider": {kind: {"model": "gpt-4o-mini"}}, "hostOverride": f"127.0.0.1:{provider.port}"}
        inner["routes"] = {"/v1/chat/completions": "completions", "/v1/messages": "messages", "*": "passthrough"}
        backend = {"ai": inner}
        (backend if at == "backend" else inner)["policies"] = {"authorization": {"rules": rules}}
        inner.update(more)
        key = provider.openai_key if kind == "openAI" else provider.anthropic_key
        return start(document(backend, {"backendAuth": {"key": "$KEY"}, **(policies or {})}), {"KEY": key})

    return begin


@pytest.mark.parametrize("at", ["backend", "provider"])
def test_a_rule_reads_the_model_that_was_asked_for(ai, provider, at):
    gateway = ai(['llm.requestModel.startsWith("gpt-4o")'], at)
    assert ask(gateway, "/x/v1/chat/completions", CHAT).status == 200
    before = len(provider.requests)
    refused = ask(gateway, "/x/v1/chat/completions", {**CHAT, "model": "o1-pro"})
    assert refused.status == 403
    assert "decision" in json.loads(refused.body)["error"]["message"], "in the shape of the client's API"
    assert len(provider.requests) == before, "nothing reached the provider"
    gateway.stop()
    decisions = [r for r in gateway.records() if r.get("log") == "decision"]
    assert {d["phase"] for d in decisions} == {"llm"}
    assert [d["verdict"] for d in decisions] == ["allow", "deny"]


@pytest.mark.parametrize(
    "rule, body, status",
    [
        ('llm.model == "gpt-4o-mini"', {"messages": []}, 200),
        ('has(llm.requestModel)', {"messages": []}, 403),
        ('llm.requestModel == "gpt-4o"', {"messages": []}, 403),
        ({"deny": 'llm.requestModel == "o1"'}, {"messages": []}, 403),
        ({"deny": 'llm.streaming'}, {**CHAT, "stream": True}, 403),
        ({"deny": 'llm.streaming'}, CHAT, 200),
        ('llm.params.max_tokens <= 100', {**CHAT, "max_tokens": 100}, 200),
        ('llm.params.max_tokens <= 100', {**CHAT, "max_tokens": 101}, 403),
        ('llm.params.max_tokens <= 100', CHAT, 403),
        ('llm.provider == "openai" && backend.name == "p" && backend.type == "ai"', CHAT, 200),
        ('llm.model == "gpt-4o" && request.path.endsWith("/completions")', CHAT, 200),
    ],
)
def test_what_a_rule_reads_of_an_ai_request(ai, rule, body, status):
    assert ask(ai([rule]), "/x/v1/chat/completions", body).status == status


def test_an_alias_is_the_model_that_the_provider_is_asked_for(ai, provider):
    gateway = ai(
        ['llm.requestModel == "fast" && llm.model == "gpt-4o-mini"'],
        policies={"ai": {"modelAliases": {"fast": "gpt-4o-mini"}}},
    )
    assert ask(gateway, "/x/v1/chat/completions", {**CHAT, "model": "fast"}).status == 200
    assert provider.last_json["model"] == "gpt-4o-mini"
    assert ask(gateway, "/x/v1/chat/completions", {**CHAT, "model": "gpt-4o-mini"}).status == 403


def test_a_path_that_is_not_read_has_no_model_so_a_rule_about_it_grants_nothing(ai, provider):
    gateway = ai(['llm.requestModel == "gpt-4o"'])
    assert ask(gateway, "/x/v1/fine_tuning/jobs", CHAT).status == 403
    assert provider.requests == []


def test_anthropics_clients_are_refused_in_anthropics_shape(ai):
    refused = ask(ai([{"deny": 'llm.model == "claude-x"'}], kind="anthropic"), "/x/v1/messages", {**CHAT, "model": "claude-x", "max_tokens": 9})
    assert refused.status == 403 and json.loads(refused.body)["type"] == "error"


def test_a_key_is_for_the_models_that_it_names(ai, provider):
    some, any_model, none = (secret(f"client-{name}") for name in ("some", "any", "none"))
    keys = [{"key": some, "allowedModels": ["gpt-4o", "o1-*"]}, {"key": any_model}, {"key": none, "allowedModels": []}]
    gateway = ai([], policies={"apiKey": {"keys": keys}})

    def status(key: str, model: str | None, path: str = "/x/v1/chat/completions") -> int:
        body = {**CHAT, "model": model} if model else {"messages": []}
        return ask(gateway, path, body, "POST", f"Authorization: Bearer {key}").status

    assert [status(some, model) for model in ("gpt-4o", "o1-mini", "gpt-4o-mini", "GPT-4o", None)] == [200, 200, 403, 403, 403]
    assert status(any_model, "gpt-4o-mini") == 200
    assert status(none, "gpt-4o") == 403
    before = len(provider.requests)
    assert status(some, "gpt-4o", "/x/v1/files") == 403, "a body that is not read could name any model"
    assert len(provider.requests) == before


def test_a_rule_reads_which_backend_was_chosen(start, serve):
    upstream = serve()
    host = f"127.0.0.1:{upstream.port}"
    rules = [f'backend.name == "{host}" && backend.type == "http"']
    gateway = start(document({"host": host, "policies": {"authorization": {"rules": rules}}}))
    get = b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n"
    assert exchange(gateway.port, get).status == 200
    named = document({"backend": "crm"}, backends=[{"name": "crm", "host": host, "policies": {"authorization": {"rules": ['backend.name == "crm"']}}}])
    assert exchange(start(named).port, get).status == 200


@pytest.mark.parametrize(
    "place, rule, problem",
    [
        ("route", 'backend.name == "p"', "`backend`"),
        ("route", 'llm.requestModel == "x"', "`llm`"),
        ("listener", 'llm.requestModel == "x"', "`llm`"),
        ("backend", 'llm.requestModel == "x"', "`llm` is known only in the rules of an ai backend"),
        ("backend", 'mcp.tool.name == "x"', "`mcp`"),
    ],
)
def test_what_a_phase_does_not_know_is_an_error_with_its_place(tmp_path, place, rule, problem):
    policies = {"authorization": {"rules": [rule]}}
    config = document({"host": "127.0.0.1:9", **({"policies": policies} if place == "backend" else {})}, policies if place == "route" else None)
    if place == "listener":
        config["binds"][0]["listeners"][0]["policies"] = policies
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    status, *texts = run(["-f", "c.yaml", "--validate-only"], tmp_path)
    assert status != 0
    # The file has one line; the column is that of the rule.
    column = (tmp_path / "c.yaml").read_text().index(json.dumps(rule)) + 1
    found = [line for line in "".join(texts).splitlines() if problem.strip("`") in line and "c.yaml:1:" in line]
    assert found, texts
    assert column <= int(found[0].split(":")[2]) <= column + len(rule) + 1


def test_check_policy_judges_the_model(tmp_path):
    config = document({"ai": {"name": "p", "provider": {"openAI": {}}, "policies": {"authorization": {"rules": [
        {"id": "small", "allow": 'llm.requestModel == "gpt-4o-mini" && llm.params.max_tokens < 10'}]}}}})
    (tmp_path / "gw.yaml").write_text(json.dumps(config))
    table = {
        "tests": [
            {"name": "small", "request": {"path": "/x/v1/chat/completions", "method": "POST"}, "llm": {"model": "gpt-4o-mini", "params": {"max_tokens": 5}}, "expect": {"verdict": "allow", "rule": "small"}},
            {"name": "large", "request": {"path": "/x/v1/chat/completions", "method": "POST"}, "llm": {"model": "o1"}, "expect": "deny"},
        ]
    }
    (tmp_path / "gw.test.yaml").write_text(json.dumps(table))
    status, *texts = run(["check-policy", "gw.yaml", "gw.test.yaml"], tmp_path)
    assert status == 0, texts
    del table["tests"][1]["llm"]
    (tmp_path / "gw.test.yaml").write_text(json.dumps(table))
    status, *texts = run(["check-policy", "gw.yaml", "gw.test.yaml"], tmp_path)
    assert status != 0 and "write `llm: {model: …}`" in "".join(texts)
