"""The auth layer against a real identity provider: discovery, rotation, outages, MCP Authorization with the official SDK."""

import json
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import yaml
from flask import Response

from harness.gateway import free_port, seed_directory
from harness.identity import IdentityProvider, Product, auth0, authentik, descope, entra, keycloak, okta
from harness.sdk import sdk_python
from harness.waiting import deadline, until
from test_mcp import Client, said, target

API = "https://api.example/v1"


@pytest.fixture
def identity():
    """identity(PRODUCT) starts a provider that ends with the test."""
    providers: list[IdentityProvider] = []

    def begin(product: Product = Product(), **options) -> IdentityProvider:
        providers.append(IdentityProvider(product, **options))
        return providers[-1]

    yield begin
    for provider in providers:
        provider.close()


def guarded(upstream: int, policies: dict) -> dict:
    """One route behind the policies, and `/open` without any."""
    backends = [{"host": f"127.0.0.1:{upstream}"}]
    routes = [
        {"matches": [{"path": {"pathPrefix": "/open"}}], "backends": backends},
        {"policies": policies, "backends": backends},
    ]
    return {"binds": [{"port": 3000, "listeners": [{"routes": routes}]}]}


def jwt_auth(provider: IdentityProvider, *, discovery: bool = False, **more) -> dict:
    jwks = {} if discovery else {"jwks": {"url": provider.origin + provider.product.keys[0]}}
    return {"jwtAuth": {"mode": "strict", "issuer": provider.issuer, "audiences": [API], **jwks, **more}}


def ask(gateway, token: str | None = None, path: str = "/") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(gateway.url(path), headers=headers, timeout=deadline(20))


def readiness(gateway) -> str:
    return httpx.get(f"http://127.0.0.1:{gateway.readiness_port}/healthz/ready", timeout=deadline(5)).text


def until_keys_are_there(gateway) -> None:
    until(lambda: "keys of" not in readiness(gateway), "the keys are fetched", 15)


# Keys: where they come from, how they change


@pytest.mark.parametrize("discovery", [True, False], ids=["discovery", "url"])
@pytest.mark.parametrize(
    "product",
    [Product(), keycloak(), auth0(), okta(), entra(), authentik(), descope()],
    ids=["standard", "keycloak", "auth0", "okta", "entra", "authentik", "descope"],
)
def test_tokens_of_a_provider_are_accepted(start, serve, identity, product, discovery):
    upstream, provider = serve(), identity(product)
    # Keycloak puts in the audiences that its mappers say; Auth0 gives opaque tokens unless one is asked for.
    provider.default_audience = API
    gateway = start(guarded(upstream.port, jwt_auth(provider, discovery=discovery)))
    until_keys_are_there(gateway)
    token = provider.token(audience=API)
    assert ask(gateway, token).status_code == 200
    assert upstream.requests[-1].all("authorization") == []
    assert ask(gateway, token[:-4] + "AAAA").status_code == 401
    assert ask(gateway).status_code == 401
    assert provider.asked(product.keys[0]) == 1, "one fetch serves all loops"


@pytest.mark.parametrize(
    "metadata",
    [
        "/.well-known/oauth-authorization-server/tenant",
        "/tenant/.well-known/openid-configuration",
        "/.well-known/openid-configuration/tenant",
    ],
)
def test_discovery_finds_the_metadata_in_each_usual_place(start, serve, identity, metadata):
    provider = identity(Product(metadata=(metadata,)))
    gateway = start(guarded(serve().port, jwt_auth(provider, discovery=True)))
    until_keys_are_there(gateway)
    assert ask(gateway, provider.token(audience=API)).status_code == 200


def test_metadata_of_another_issuer_is_not_believed(start, serve, identity):
    provider = identity(Product(more_metadata={"issuer": "https://somebody.example"}))
    gateway = start(guarded(serve().port, jwt_auth(provider, discovery=True)))
    until(lambda: "another issuer" in readiness(gateway), "readiness says why")
    assert ask(gateway, provider.token(audience=API)).status_code == 503
    assert provider.asked(provider.product.keys[0]) == 0


def test_expired_and_misdirected_tokens_are_refused(start, serve, identity):
    upstream, provider = serve(), identity()
    gateway = start(guarded(upstream.port, jwt_auth(provider)))
    until_keys_are_there(gateway)
    good = provider.token(audience=API)
    assert ask(gateway, good).status_code == 200
    for name, token in {
        "another audience": provider.token(audience="https://other.example"),
        "the client as audience": provider.token(),
        "another issuer": provider.token(audience=API, iss=provider.issuer + "/"),
        "no audience": provider.token(audience=API, aud=[]),
    }.items():
        refused = ask(gateway, token)
        assert refused.status_code == 401, name
        assert 'error="invalid_token"' in refused.headers["www-authenticate"], name
    provider.lifetime = -120
    assert ask(gateway, provider.token(audience=API)).status_code == 401
    assert ask(gateway, good).status_code == 200


def test_a_token_that_was_good_stops_being_so_when_it_expires(start, serve, identity):
    provider = identity()
    gateway = start(guarded(serve().port, jwt_auth(provider, leeway="0s")))
    until_keys_are_there(gateway)
    provider.lifetime = 2
    token = provider.token(audience=API)
    assert ask(gateway, token).status_code == 200
    until(lambda: ask(gateway, token).status_code == 401, "the cached token expires")


def test_keys_rotate_while_requests_flow(start, serve, identity):
    provider = identity()
    gateway = start(guarded(serve().port, jwt_auth(provider)))
    until_keys_are_there(gateway)
    old = provider.token(audience=API)
    statuses: list[int] = []
    stop = threading.Event()

    def flow() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {old}"}) as client:
            while not stop.is_set():
                statuses.append(client.get(gateway.url("/")).status_code)

    threads = [threading.Thread(target=flow) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        until(lambda: len(statuses) > 20, "requests flow")
        provider.rotate()
        tokens = [provider.token(audience=API, sub=f"user-{n}") for n in range(8)]
        # All at once: one fetch serves them, and not one is refused.
        replies: list[int] = []
        bursts = [threading.Thread(target=lambda t=t: replies.append(ask(gateway, t).status_code)) for t in tokens]
        for burst in bursts:
            burst.start()
        for burst in bursts:
            burst.join()
        assert replies == [200] * len(tokens)
        before = len(statuses)
        until(lambda: len(statuses) > before + 20, "requests go on")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}
    assert provider.asked(provider.product.keys[0]) == 2


def test_a_withdrawn_key_is_no_longer_trusted_and_invented_ids_are_looked_up_once(start, serve, identity):
    provider = identity()
    gateway = start(guarded(serve().port, jwt_auth(provider)))
    until_keys_are_there(gateway)
    old = provider.token(audience=API)
    assert ask(gateway, old).status_code == 200
    provider.rotate(keep=False)
    assert ask(gateway, provider.token(audience=API)).status_code == 200
    assert ask(gateway, old).status_code == 401, "remembered tokens go with their key"
    stranger = identity()
    for _ in range(5):
        token = stranger.token(audience=API, iss=provider.issuer)
        assert ask(gateway, token).status_code == 401
    assert provider.asked(provider.product.keys[0]) == 2, "not at every unknown id"


# Outages


@pytest.mark.parametrize("outage", ["nothing listens", "errors", "nonsense"])
def test_a_provider_that_is_down_at_start_closes_its_route_only(start, serve, identity, outage):
    upstream, provider = serve(), identity(started=False)
    elsewhere = identity()
    if outage != "nothing listens":
        provider.failing = 500 if outage == "errors" else 200
        provider.start()
    gateway = start(guarded(upstream.port, jwt_auth(provider)))
    assert ask(gateway, path="/open").status_code == 200
    refused = ask(gateway, elsewhere.token(audience=API, iss=provider.issuer))
    assert refused.status_code == 503
    assert ask(gateway).status_code == 401, "without a token there is nothing to wait for"
    reason = until(lambda: "not fetched yet" not in readiness(gateway) and readiness(gateway), "a reason is given")
    assert f"keys of {provider.issuer}: " in reason
    if outage == "errors":
        assert "500" in reason
    assert len(upstream.requests) == 1
    # It comes up, and nobody needs to do anything.
    provider.failing = None
    if outage == "nothing listens":
        provider.start()
    until_keys_are_there(gateway)
    assert ask(gateway, provider.token(audience=API)).status_code == 200


def test_stale_keys_keep_working_while_the_provider_is_down(start, serve, identity):
    provider = identity()
    gateway = start(guarded(serve().port, jwt_auth(provider)))
    until_keys_are_there(gateway)
    token, fresh = provider.token(audience=API), provider.token(audience=API, sub="another")
    assert ask(gateway, token).status_code == 200
    provider.rotate()
    unknown = provider.token(audience=API)
    provider.close()
    # The unknown key makes the gateway look, in vain; what it knows still counts.
    assert ask(gateway, unknown).status_code in (401, 503)
    assert ask(gateway, token).status_code == 200
    assert ask(gateway, fresh).status_code == 200, "also a token that was not seen before"
    provider.start()

    def accepted() -> bool:
        return ask(gateway, unknown).status_code == 200

    until(accepted, "the new key is fetched after the outage, by the back-off's clock", 10)


BAD_KEYS = {
    "another host": (lambda: Response(status=302, headers={"Location": "http://127.0.0.2:1/keys"}), "a redirect to another origin"),
    "round in circles": (lambda: Response(status=302, headers={"Location": "/tenant/keys"}), "more than 3 redirects"),
    "too large": (lambda: Response(b'{"keys":[' + b" " * (1 << 20) + b"]}"), "larger than the limit"),
    "too many": (lambda: Response(json.dumps({"keys": [{"kty": "oct", "k": "AAAA", "kid": str(n)} for n in range(200)]})), "200 keys"),
    "secret keys": (lambda: Response('{"keys":[{"kty":"oct","kid":"1","alg":"HS256","k":"' + "A" * 64 + '"}]}'), "no usable key"),
    "a page": (lambda: Response("<html>Sign in to the wireless network</html>"), "not JSON"),
}


@pytest.mark.parametrize("reply, reason", BAD_KEYS.values(), ids=[name.replace(" ", "-") for name in BAD_KEYS])
def test_what_is_no_key_set_is_not_taken_for_one(start, serve, identity, reply, reason):
    provider = identity()
    provider.keys_reply = reply
    gateway = start(guarded(serve().port, jwt_auth(provider)))
    said_why = until(lambda: "not fetched yet" not in readiness(gateway) and readiness(gateway), "readiness says why")
    assert f"keys of {provider.issuer}: " in said_why and reason in said_why
    assert ask(gateway, provider.token(audience=API)).status_code == 503


def test_a_request_that_comes_before_the_keys_waits_for_them(start, serve, identity):
    provider, arrived, go = identity(), threading.Event(), threading.Event()

    def slow() -> Response:
        arrived.set()
        assert go.wait(deadline(10))
        return Response(json.dumps(provider.jwks))

    provider.keys_reply = slow
    gateway = start(guarded(serve().port, jwt_auth(provider)))
    assert arrived.wait(deadline(5))
    token, statuses = provider.token(audience=API), []
    early = threading.Thread(target=lambda: statuses.append(ask(gateway, token).status_code))
    early.start()
    assert ask(gateway, path="/open").status_code == 200, "nobody else waits"
    assert statuses == []
    go.set()
    early.join()
    assert statuses == [200]


def test_an_outage_of_one_issuer_is_not_one_of_another(start, serve, identity):
    up, down = identity(), identity(keycloak(), started=False)
    providers = [jwt_auth(provider)["jwtAuth"] for provider in (up, down)]
    for provider in providers:
        del provider["mode"]
    gateway = start(guarded(serve().port, {"jwtAuth": {"mode": "strict", "providers": providers}}))
    until(lambda: f"keys of {up.issuer}" not in readiness(gateway), "the keys are fetched")
    token = up.token(audience=API)
    assert ask(gateway, token).status_code == 200
    assert ask(gateway, up.token(audience=API, iss=down.issuer)).status_code == 503
    down.default_audience = API
    down.start()
    until_keys_are_there(gateway)
    assert ask(gateway, down.token()).status_code == 200
    assert ask(gateway, up.token(audience=API, iss=down.issuer)).status_code == 401, "each signs for itself only"


# MCP Authorization


def time_server() -> dict:
    """How to start a server of the field, from the SDK's environment."""
    return {"cmd": str(sdk_python(1).parent / "mcp-server-time"), "args": ["--local-timezone", "UTC"]}


def protected(
    issuer: IdentityProvider, *, port: int = 3000, rules: list | None = None, http_rules: list | None = None, **more
) -> dict:
    """An MCP endpoint on /mcp as a protected resource, with rules about its messages and its requests."""
    jwks = {"url": issuer.origin + issuer.product.keys[0]}
    authentication = {"mode": "strict", "issuer": issuer.issuer, "jwks": jwks, **more}
    policies: dict = {"mcpAuthentication": authentication}
    if rules is not None:
        policies["mcpAuthorization"] = {"rules": rules}
    if http_rules is not None:
        policies["authorization"] = {"rules": http_rules}
    route = {"matches": [{"path": {"exact": "/mcp"}}], "policies": policies, "backends": [{"mcp": {"targets": [target()]}}]}
    return {"binds": [{"port": port, "listeners": [{"routes": [route]}]}]}


class Bearer(Client):
    """The plain MCP client with a token."""

    def __init__(self, gateway, token: str | None, path: str = "/mcp"):
        super().__init__(gateway, path)
        self.token = token

    def raw(self, method, body=b"", **headers):
        return super().raw(method, body, Authorization=f"Bearer {self.token}" if self.token else None, **headers)


def run_sdk(major: int, url: str, *tools: str, era: str = "modern", method: str = "none") -> dict:
    command = [str(sdk_python(major)), str(Path(__file__).parent / "mcp_servers" / "oauth_client.py"), url, era, *tools]
    environment = {**os.environ, "TOKEN_ENDPOINT_AUTH_METHOD": method}
    done = subprocess.run(command, capture_output=True, text=True, timeout=deadline(60), env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_challenge_and_metadata_lead_to_the_provider(start, identity):
    provider = identity()
    metadata = {"scopesSupported": ["mcp:read", "mcp:write"], "resourceName": "Tools"}
    gateway = start(protected(provider, audiences=[API], resourceMetadata=metadata))
    refused = httpx.post(gateway.url("/mcp"), json={})
    assert refused.status_code == 401
    url = gateway.url("/.well-known/oauth-protected-resource/mcp")
    challenge = refused.headers["www-authenticate"]
    assert challenge.startswith("Bearer ") and f'resource_metadata="{url}"' in challenge
    assert 'scope="mcp:read mcp:write"' in challenge and "error=" not in challenge
    document = httpx.get(url, headers={"Origin": "https://inspector.example"})
    assert document.headers["access-control-allow-origin"] == "*"
    assert document.json() == {
        "resource": gateway.url("/mcp"),
        "authorization_servers": [provider.issuer],
        "scopes_supported": ["mcp:read", "mcp:write"],
        "resource_name": "Tools",
        "bearer_methods_supported": ["header"],
    }


FLOWS = [(1, "legacy"), (2, "legacy"), (2, "modern")]


@pytest.mark.parametrize("major, era", FLOWS, ids=[f"sdk{major}-{era}" for major, era in FLOWS])
@pytest.mark.parametrize("make", [Product, keycloak, auth0, descope], ids=["standard", "keycloak", "auth0", "descope"])
def test_official_client_logs_in_and_calls(start, identity, make, major, era):
    provider = identity(make())
    port = free_port()
    resource = f"http://127.0.0.1:{port}/mcp"
    provider.default_audience = resource
    product = {"/realms/mcp": "keycloak", "/": "auth0", "/v1/apps/P2abcDEF": "descope"}.get(provider.product.base)
    more = {"provider": {product: {}}} if product else {}
    metadata = {"resource": resource, "scopesSupported": ["mcp:read"]}
    config = protected(
        provider, port=port, http_rules=['hasScope("mcp:read")'], resourceMetadata=metadata, **more
    )
    gateway = start(config, keep_ports=True)
    report = run_sdk(major, gateway.url("/mcp"), "echo", era=era)
    assert report["results"] == [{"text": '{"timezone": "UTC"}', "error": False}], report
    assert report["scope"] == "mcp:read"
    assert report["client"] in provider.clients
    if era == "modern":
        assert report["protocol"] == "2026-07-28"
    # Client and provider spoke of this resource, whatever the product calls it.
    wished = provider.product.audience_parameter
    if wished:
        asked = [form.get(wished) for method, path, form in provider.requests if path == provider.product.token]
        assert asked == [resource]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
@pytest.mark.parametrize("make", [keycloak, auth0], ids=["keycloak", "auth0"])
def test_a_client_with_a_secret_reaches_the_provider_with_it(start, identity, make, method):
    provider = identity(make())
    port = free_port()
    resource = provider.default_audience = f"http://127.0.0.1:{port}/mcp"
    product = "auth0" if provider.product.base == "/" else "keycloak"
    config = protected(provider, port=port, provider={product: {}}, resourceMetadata={"resource": resource})
    report = run_sdk(2, start(config, keep_ports=True).url("/mcp"), "echo", method=method)
    assert report["results"][0]["error"] is False
    assert provider.clients[report["client"]].metadata["token_endpoint_auth_method"] == method


def test_auth0_gives_its_opaque_tokens_to_no_gateway(start, serve, identity):
    provider = identity(auth0())
    gateway = start(guarded(serve().port, jwt_auth(provider)))
    until_keys_are_there(gateway)
    opaque = provider.token()
    assert "." not in opaque
    assert ask(gateway, opaque).status_code == 401


@pytest.mark.parametrize("make, product", [(okta, "okta"), (entra, "entra"), (authentik, "authentik")], ids=["okta", "entra", "authentik"])
def test_a_product_without_registration_is_used_with_the_client_known_to_it(start, identity, make, product):
    provider = identity(make())
    port = free_port()
    resource = provider.default_audience = f"http://127.0.0.1:{port}/mcp"
    known = provider.know("gateway-app", "http://localhost:1/callback")
    more = {"provider": {product: {}}, "clientId": "gateway-app", "clientSecret": "$IDP_SECRET"}
    metadata = {"resource": resource, "scopesSupported": ["mcp:read"]}
    config = protected(provider, port=port, http_rules=['hasScope("mcp:read")'], resourceMetadata=metadata, **more)
    # Where the keys are is the product's row to know.
    del config["binds"][0]["listeners"][0]["routes"][0]["policies"]["mcpAuthentication"]["jwks"]
    gateway = start(config, {"IDP_SECRET": known}, keep_ports=True)
    for major in (1, 2):
        report = run_sdk(major, gateway.url("/mcp"), "echo")
        assert report["results"][0]["error"] is False
        assert report["client"] == "gateway-app"
    forms = [form for method, path, form in provider.requests if path == provider.product.token]
    assert [form["client_secret"] for form in forms] == [known, known], "the gateway put it in, no client knows it"
    server = httpx.get(gateway.url("/.well-known/oauth-authorization-server/mcp")).json()
    assert server["code_challenge_methods_supported"] == ["S256"], "clients refuse a server that does not say so"


def test_a_stranger_gets_no_token_of_the_configured_clients_own(start, identity):
    provider = identity(entra())
    known = provider.know("gateway-app", "http://localhost:1/callback")
    provider.clients["gateway-app"].metadata["grant_types"].append("client_credentials")
    more = {"provider": {"entra": {}}, "clientId": "gateway-app", "clientSecret": "$IDP_SECRET", "audiences": [API]}
    gateway = start(protected(provider, **more), {"IDP_SECRET": known})
    token = gateway.url("/.well-known/oauth-authorization-server/mcp/token")
    for form in (
        {"grant_type": "client_credentials", "client_id": "gateway-app"},
        {"grant_type": ["authorization_code", "client_credentials"], "client_id": "gateway-app"},
        {"grant_type": "client_credentials", "client_id": ["other", "gateway-app"]},
    ):
        reply = httpx.post(token, data=form)
        assert reply.status_code == 400 and "access_token" not in reply.text
    assert provider.asked(provider.product.token) == 0


def test_strangers_who_ask_for_metadata_do_not_become_requests_to_the_provider(start, identity):
    provider = identity(keycloak())
    gateway = start(protected(provider, provider={"keycloak": {}}, audiences=[API]))
    url = gateway.url("/.well-known/oauth-authorization-server/mcp")
    with ThreadPoolExecutor(8) as pool:
        assert {reply.status_code for reply in pool.map(lambda _: httpx.get(url, timeout=deadline(20)), range(40))} == {200}
    # Once for each event loop at most.
    assert provider.asked(provider.product.metadata[0]) <= (os.cpu_count() or 1)


def test_registration_goes_through_the_gateway_where_the_provider_refuses_pages(start, identity):
    # A page's registration carries its origin, which Keycloak's policy turns down; the gateway's request has none.
    provider = identity(keycloak())
    gateway = start(protected(provider, provider={"keycloak": {}}, audiences=[API]))
    metadata = httpx.get(gateway.url("/.well-known/oauth-protected-resource/mcp")).json()
    assert metadata["authorization_servers"] == [gateway.url("/mcp")]
    server = httpx.get(gateway.url("/.well-known/oauth-authorization-server/mcp")).json()
    assert server["issuer"] == gateway.url("/mcp")
    assert server["authorization_endpoint"] == provider.origin + provider.product.authorize
    assert server["token_endpoint"] == provider.origin + provider.product.token
    client = {"redirect_uris": ["http://localhost:6274/cb"], "token_endpoint_auth_method": "none", "client_name": "page"}
    page = {"Origin": "http://localhost:6274"}
    assert httpx.post(provider.origin + provider.product.register, json=client, headers=page).status_code == 403
    reply = httpx.post(server["registration_endpoint"], json=client, headers=page)
    assert reply.status_code == 201, reply.text
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.json()["client_id"] in provider.clients


def test_a_provider_that_is_down_is_told_apart_from_a_bad_request(start, identity):
    provider = identity(keycloak())
    gateway = start(protected(provider, provider={"keycloak": {}}, audiences=[API]))
    until_keys_are_there(gateway)
    provider.close()
    assert httpx.get(gateway.url("/.well-known/oauth-authorization-server/mcp")).status_code == 502
    # What the gateway knows itself it goes on saying.
    assert httpx.get(gateway.url("/.well-known/oauth-protected-resource/mcp")).status_code == 200
    assert httpx.post(gateway.url("/mcp"), json={}).status_code == 401


# Scopes

READ, WRITE = 'mcp.tool.name == "environment" && hasScope("mcp:read")', 'mcp.tool.name == "echo" && hasScope("mcp:write")'


def scopes_in(challenge: str) -> set[str]:
    assert 'error="insufficient_scope"' in challenge, challenge
    return set(challenge.split('scope="')[1].split('"')[0].split())


def test_a_call_without_its_scope_is_told_which_one_and_passes_with_it(start, identity):
    provider = identity()
    gateway = start(protected(provider, rules=[READ, WRITE], audiences=[API]))
    until_keys_are_there(gateway)
    reader = Bearer(gateway, provider.token("mcp:read", audience=API))
    reader.initialize()
    assert reader.call("environment")[0] == 200
    for status, fields, body in (reader.call("echo", a=1), reader.modern("tools/call", {"name": "echo", "arguments": {}})):
        assert status == 403, body
        assert scopes_in(fields["WWW-Authenticate"]) == {"mcp:read", "mcp:write"}, "what it has is not to be lost"
        assert f'resource_metadata="{gateway.url("/.well-known/oauth-protected-resource/mcp")}"' in fields["WWW-Authenticate"]
    # No scope opens this one, so none is named.
    status, fields, _ = reader.call("sleep", seconds=0)
    assert (status, fields["WWW-Authenticate"]) == (403, None)
    reader.token = provider.token("mcp:read mcp:write", audience=API)
    assert said(reader.call("echo", a=1)[2]) == {"a": 1}
    assert reader.modern("tools/call", {"name": "echo", "arguments": {}})[0] == 200


@pytest.mark.parametrize(
    "rule", ['jwt.scope.contains("mcp:write")', '"mcp:write" in jwt.scopes', 'jwt.scope.split(" ").exists(s, s == "mcp:write")']
)
def test_the_scope_is_found_however_the_rule_is_written(start, identity, rule):
    provider = identity()
    gateway = start(protected(provider, http_rules=[rule], audiences=[API]))
    until_keys_are_there(gateway)
    client = Bearer(gateway, provider.token("mcp:read", audience=API))
    status, fields, _ = client.modern("tools/list")
    assert status == 403
    assert scopes_in(fields["WWW-Authenticate"]) >= {"mcp:write"}
    client.token = provider.token("mcp:write", audience=API)
    assert client.modern("tools/list")[0] == 200


@pytest.mark.parametrize("major, era", FLOWS, ids=[f"sdk{major}-{era}" for major, era in FLOWS])
def test_official_client_steps_up(start, identity, major, era):
    provider = identity()
    port = free_port()
    metadata = {"resource": f"http://127.0.0.1:{port}/mcp", "scopesSupported": ["mcp:read"]}
    # Every request needs mcp:read: a client that gave it up for mcp:write would get nowhere.
    config = protected(
        provider, port=port, http_rules=['hasScope("mcp:read")'], rules=[READ, WRITE], resourceMetadata=metadata
    )
    gateway = start(config, keep_ports=True)
    report = run_sdk(major, gateway.url("/mcp"), "environment", "echo", "environment", era=era)
    assert [result.get("error") for result in report["results"]] == [False, False, False], report
    assert set(report["scope"].split()) == {"mcp:read", "mcp:write"}
    assert report["logins"] == 2


# The users' configuration


def test_seed_with_a_local_issuer(start, identity):
    own, realm = identity(Product(base="", metadata=(), keys=("/.well-known/jwks.json",))), identity(keycloak())
    ports = free_port(), free_port()
    text = (seed_directory() / "step4-mcp-auth.yaml").read_text()
    for written, here in {
        "https://your-oauth-provider.com": own.issuer,
        "localhost:7080": f"localhost:{realm.port}",
        "3002": str(ports[0]),
        "3003": str(ports[1]),
    }.items():
        assert written in text
        text = text.replace(written, here)
    document = yaml.safe_load(text)
    server = time_server()
    for bind in document["binds"]:
        for each in bind["listeners"][0]["routes"][0]["backends"][0]["mcp"]["targets"]:
            each["stdio"] = server
    gateway = start(document, keep_ports=True)
    until_keys_are_there(gateway)

    # Bearer tokens and a rule about their scope.
    client = Bearer(gateway, own.token("mcp:read", audience="agentgateway-mcp"))
    client.initialize()
    tools = {tool["name"] for tool in client.request("tools/list")[2]["result"]["tools"]}
    assert tools == {f"{name}_{tool}" for name in ("filesystem", "memory") for tool in ("get_current_time", "convert_time")}
    status, _, body = client.call("memory_get_current_time", timezone="UTC")
    assert status == 200 and "UTC" in body["result"]["content"][0]["text"]
    for token, expected in {
        None: 401,
        own.token("mcp:read", audience="other"): 401,
        own.token("mcp:write", audience="agentgateway-mcp"): 403,
        realm.token("mcp:read"): 401,
    }.items():
        assert Bearer(gateway, token).modern("tools/list")[0] == expected
    page = {"Origin": "https://inspector.example", "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(gateway.url("/mcp"), headers=page)
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()

    # MCP Authorization with Keycloak, by the official client.
    resource = f"http://localhost:{ports[1]}/mcp"
    realm.default_audience = resource
    metadata = httpx.get(f"http://localhost:{ports[1]}/.well-known/oauth-protected-resource/mcp").json()
    assert metadata["resource"] == resource
    assert metadata["scopes_supported"] == ["mcp:read", "mcp:write"]
    assert metadata["bearer_methods_supported"] == ["header", "body", "query"]
    for major in (1, 2):
        report = run_sdk(major, resource, "get_current_time")
        assert report["tools"] == ["get_current_time", "convert_time"]
        assert report["results"][0]["error"] is False, report
        assert set(report["scope"].split()) == {"mcp:read", "mcp:write"}
