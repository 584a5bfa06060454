"""AI backends below the clients: which paths mean what, whose key goes where, and errors in the client's own form."""

import json

import pytest

from harness import configs
from harness.rawhttp import exchange
from harness.secrets import secret


@pytest.fixture
def ai(start, provider):
    """ai(ROUTES, PROVIDER) starts a gateway with one AI backend under /x."""
    provider.reset()

    def begin(routes: dict | None, kind: str = "openAI", model: str | None = None, **more):
        backend = {"name": "p", "provider": {kind: {"model": model} if model else {}}, "hostOverride": f"127.0.0.1:{provider.port}", **more}
        if routes is not None:
            backend["routes"] = routes
        route = {"match": {"path": "/x"}, "backends": [{"ai": backend}], "policies": {"backendAuth": {"key": "$KEY"}}}
        key = provider.openai_key if kind == "openAI" else provider.anthropic_key
        return start({"binds": [{"port": 3000, "listeners": [{"routes": [route]}]}]}, {"KEY": key})

    return begin


def ask(gateway, target: str, body: object = None, method: str = "POST", *lines: str):
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"{method} {target} HTTP/1.1", "Host: x", *lines]
    if method != "GET":
        head += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return exchange(gateway.port, "\r\n".join([*head, "", ""]).encode() + data, method)


CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "?"}]}


def test_path_that_no_route_type_covers_is_a_404_and_never_gets_our_key(ai, provider):
    gateway = ai({"/v1/chat/completions": "completions"})
    for target in ("/x/v1/models", "/x/v1/fine_tuning/jobs", "/x/", "/x", "/x/v1/chat/completions/../../files", "/x/v1/organization/admin_api_keys"):
        assert ask(gateway, target, method="GET").status in (400, 404), target
    assert provider.requests == []


def test_route_type_is_found_by_path_suffix(ai, provider):
    gateway = ai({"/v1/chat/completions": "completions"})
    assert ask(gateway, "/x/some/prefix/v1/chat/completions", CHAT).status == 200
    assert provider.last.target == "/v1/chat/completions", "the upstream path is the provider's own"


def test_prefix_ends_at_a_segment(ai, provider):
    gateway = ai({"*": "passthrough"})
    assert ask(gateway, "/xy/v1/models", method="GET").status == 404
    assert provider.requests == []


def test_passthrough_keeps_the_rest_of_the_path_and_the_query(ai, provider):
    gateway = ai({"*": "passthrough"})
    ask(gateway, "/x/v1/files/a%20b?x=1&y=%2F", method="GET")
    assert provider.last.target == "/v1/files/a%20b?x=1&y=%2F"


def test_a_key_in_the_query_stays_behind(ai, provider):
    gateway = ai({"*": "passthrough", "/v1/chat/completions": "completions"})
    ask(gateway, "/x/v1/files?a=1&key=client-secret&%6bey=another&monkey=2", method="GET")
    assert provider.last.target == "/v1/files?a=1&monkey=2"
    ask(gateway, "/x/v1/chat/completions?key=client-secret", CHAT)
    assert provider.last.target == "/v1/chat/completions"


@pytest.mark.parametrize("target", ["/x/../secret", "/x/%2e%2e/secret", "/x/..%2fsecret", "/x//evil.example/"])
def test_passthrough_cannot_climb_out(ai, provider, target):
    gateway = ai({"*": "passthrough"})
    reply = ask(gateway, target, method="GET")
    assert not any("secret" in request.target for request in provider.requests) or reply.status in (400, 404)


def test_path_prefix_is_put_before_the_providers_path(ai, provider):
    gateway = ai({"*": "passthrough"}, pathPrefix="/base")
    ask(gateway, "/x/v1/models", method="GET")
    assert provider.last.target == "/base/v1/models"


def test_model_of_the_request_is_not_replaced(ai, provider):
    gateway = ai({"/v1/chat/completions": "completions"}, model="gpt-4o-mini")
    ask(gateway, "/x/v1/chat/completions", CHAT)
    assert provider.last_json == CHAT


def test_model_is_filled_in_and_the_rest_kept_to_the_byte(ai, provider):
    gateway = ai({"/v1/chat/completions": "completions"}, model="gpt-4o-mini")
    text = b'{ "messages":[{"role":"user","content":"\\u00fc 1.0e2"}], "n" : 1.50 ,"big":12345678901234567890}'
    assert ask(gateway, "/x/v1/chat/completions", text).status == 200
    sent = json.loads(provider.last.body)
    assert sent.pop("model") == "gpt-4o-mini"
    assert sent == json.loads(text)
    for literal in (b"1.50", b"12345678901234567890"):
        assert literal in provider.last.body, "numbers are not rewritten"


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b"null", b'{"model":"a","model":"b","messages":[]}', b'{"messages":[]} x', b"\xff\xfe{}",
    b'{"model":1,"messages":[]}', b"{" + b'"a":{' * 3000 + b"}" * 3001,
], ids=["empty", "cut", "list", "null", "duplicate-member", "trailing", "not-utf8", "model-not-text", "deep"])
def test_body_that_cannot_be_judged_is_a_400_in_the_clients_form(ai, provider, body):
    gateway = ai({"/v1/chat/completions": "completions"}, model="gpt-4o-mini")
    reply = ask(gateway, "/x/v1/chat/completions", body)
    assert reply.status == 400
    assert json.loads(reply.body)["error"]["message"]
    assert provider.requests == []


def test_body_over_the_limit_is_a_413(ai, provider):
    gateway = ai({"/v1/chat/completions": "completions"}, model="gpt-4o-mini")
    reply = ask(gateway, "/x/v1/chat/completions", {**CHAT, "pad": "x" * (3 << 20)})
    assert reply.status == 413
    assert not any(request.complete for request in provider.requests)


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "x-goog-api-key", "Authorization", "Proxy-Authorization", "Cookie"])
def test_no_header_that_carries_a_clients_credential_reaches_the_provider(ai, provider, header):
    gateway = ai({"*": "passthrough"})
    theirs = secret("smuggled-client-key")
    ask(gateway, "/x/v1/models", None, "GET", f"{header}: {theirs}")
    assert theirs.encode() not in provider.last.head
    assert provider.last.all("authorization") == [f"Bearer {provider.openai_key}"]


def test_errors_of_the_gateway_have_the_form_of_the_api(start):
    backends = {"openAI": "/v1/chat/completions", "anthropic": "/v1/messages"}
    for kind, path in backends.items():
        from harness.gateway import free_port

        backend = {"name": "p", "provider": {kind: {}}, "hostOverride": f"127.0.0.1:{free_port()}"}
        route = {"backends": [{"ai": backend}], "policies": {"backendAuth": {"key": "k"}}}
        gateway = start({"binds": [{"port": 3000, "listeners": [{"routes": [route]}]}]})
        reply = ask(gateway, path, {"model": "m", "max_tokens": 1, "messages": []})
        assert reply.status in (502, 503)
        assert reply.header("content-type").startswith("application/json")
        error = json.loads(reply.body)
        assert error["error"]["message"] and error["error"]["type"]
        if kind == "anthropic":
            assert error["type"] == "error"


def test_upstream_that_speaks_no_tls_is_an_error(ai, serve):
    upstream = serve()
    gateway = ai({"*": "passthrough"}, hostOverride=f"https://127.0.0.1:{upstream.port}")
    assert ask(gateway, "/x/v1/models", method="GET").status in (502, 503)
    assert upstream.requests == []
