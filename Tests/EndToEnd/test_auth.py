"""The auth layer from outside: tokens good and bad, rules, credentials that stay behind, decisions on record."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import configs
from harness.rawhttp import exchange
from harness.secrets import secret
from harness.tokens import AUDIENCE, ISSUER, Issuer, encode
from harness.upstream import Upstream


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture(scope="module")
def stranger():
    """Another issuer with the same key ids: right in everything but the signature."""
    return Issuer()


@pytest.fixture(scope="module")
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(scope="module", params=["file", "inline"])
def gateway(request, module_start, upstream, issuer, tmp_path_factory):
    if request.param == "file":
        path = tmp_path_factory.mktemp("keys") / "jwks.json"
        path.write_text(json.dumps(issuer.jwks))
        jwks = {"file": str(path)}
    else:
        jwks = json.dumps(issuer.jwks)
    return module_start(configs.plain(upstream.port, {"jwtAuth": configs.jwt_auth(jwks)}))


@pytest.fixture(scope="module")
def ruled(module_start, upstream, issuer):
    """Behind a token and one rule about its claims."""
    rules = ['jwt.role == "dev" && request.path.startsWith("/")']
    policies = {"jwtAuth": configs.jwt_auth(json.dumps(issuer.jwks)), "authorization": {"rules": rules}}
    return module_start(configs.plain(upstream.port, policies))


def ask(gateway, token: str | None, *lines: str, method: str = "GET", target: str = "/"):
    headers = ([f"Authorization: Bearer {token}"] if token is not None else []) + list(lines)
    if method not in ("GET", "HEAD"):
        headers.append("Content-Length: 0")
    data = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *headers, "", ""]).encode()
    return exchange(gateway.port, data, method)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_good_token_passes_and_stays_behind(gateway, upstream, issuer, algorithm):
    upstream.reset()
    token = issuer.token(algorithm)
    assert ask(gateway, token).status == 200
    assert ask(gateway, token).status == 200, "and again, from the cache"
    assert token.encode() not in upstream.requests[-1].head
    assert upstream.requests[-1].all("authorization") == []


def test_scheme_is_case_insensitive(gateway, issuer):
    assert ask(gateway, None, f"Authorization: bearer {issuer.token()}").status == 200


BAD = {
    "missing": lambda i, s: None,
    "empty": lambda i, s: "",
    "not a token": lambda i, s: "abc",
    "two segments": lambda i, s: i.token().rsplit(".", 1)[0],
    "four segments": lambda i, s: i.token() + ".x",
    "signature empty": lambda i, s: i.token().rsplit(".", 1)[0] + ".",
    "signature of another token": lambda i, s: i.token().rsplit(".", 1)[0] + "." + i.token(sub="x").rsplit(".", 1)[1],
    "signed by a stranger": lambda i, s: s.token(),
    "signed by a stranger with ES256": lambda i, s: s.token("ES256"),
    "unknown key id": lambda i, s: i.token(headers={"kid": "other"}),
    "key id of the other key": lambda i, s: i.token("RS256", headers={"kid": i.ec_id}),
    "expired": lambda i, s: i.token(exp=1_600_000_000),
    "no expiry": lambda i, s: i.token(exp=None),
    "expiry as text": lambda i, s: i.unsigned("RS256", b"x", exp="never"),
    "not yet valid": lambda i, s: i.token(nbf=4_000_000_000),
    "wrong audience": lambda i, s: i.token(aud="other"),
    "no audience": lambda i, s: i.token(aud=None),
    "wrong audiences": lambda i, s: i.token(aud=["a", "b"]),
    "audience by prefix": lambda i, s: i.token(aud=AUDIENCE + "2"),
    "wrong issuer": lambda i, s: i.token(iss="https://evil.example"),
    "no issuer": lambda i, s: i.token(iss=None),
    "issuer with a slash more": lambda i, s: i.token(iss=ISSUER + "/"),
    "algorithm none": lambda i, s: i.unsigned("none"),
    "algorithm None": lambda i, s: i.unsigned("None"),
    "algorithm NONE with signature": lambda i, s: i.unsigned("NONE", b"x"),
    "HS256 with the public key": lambda i, s: i.hmac_with_public_key(),
    "RS512 with an RS256 key": lambda i, s: i.token("RS512"),
    "unknown critical header": lambda i, s: i.token(headers={"crit": ["x"], "x": 1}),
    "key in the header": lambda i, s: s.token(headers={"jwk": s.jwks["keys"][0]}),
    "key address in the header": lambda i, s: s.token(headers={"jku": "http://127.0.0.1:1/jwks.json"}),
    "payload not an object": lambda i, s: f"{encode(b'{}')}.{encode(b'[]')}.{encode(b'x')}",
    "padding": lambda i, s: i.token() + "==",
    "space inside": lambda i, s: i.token().replace(".", " .", 1),
    "of 100 KiB": lambda i, s: "a" * 50_000,
}


@pytest.mark.parametrize("make", BAD.values(), ids=[name.replace(" ", "-") for name in BAD])
def test_bad_token_is_refused(gateway, upstream, issuer, stranger, make):
    upstream.reset()
    reply = ask(gateway, make(issuer, stranger))
    assert reply.status in (400, 401), reply
    if reply.status == 401:
        assert (reply.header("www-authenticate") or "").startswith("Bearer")
    assert upstream.requests == []


def test_every_flipped_bit_of_the_signature_is_refused(gateway, upstream, issuer):
    import base64

    upstream.reset()
    signed, signature = issuer.token("ES256").rsplit(".", 1)
    raw = base64.urlsafe_b64decode(signature + "==")
    for at in range(0, len(raw) * 8, 7):
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        assert ask(gateway, f"{signed}.{encode(bytes(changed))}").status == 401
    assert upstream.requests == []


def test_two_tokens_in_one_request_are_refused(gateway, upstream, issuer):
    upstream.reset()
    token = issuer.token()
    assert ask(gateway, token, f"Authorization: Bearer {token}").status == 400
    assert ask(gateway, token, f"Authorization: Bearer {issuer.token(role='guest')}").status == 400
    assert upstream.requests == []


def test_valid_token_without_the_role_is_forbidden(ruled, upstream, issuer):
    upstream.reset()
    reply = ask(ruled, issuer.token(role="guest"))
    assert reply.status == 403
    assert ask(ruled, issuer.token(role=None)).status == 403, "a rule that cannot be evaluated grants nothing"
    assert upstream.requests == []
    for word in (b"jwt.role", b"dev", b"startsWith"):
        assert word not in reply.body, "the client sees no rule"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"])
@pytest.mark.parametrize("target", ["/", "/health", "/healthz/ready", "/metrics", "/.well-known/openid-configuration", "/favicon.ico", "/%2e%2e/", "//"])
def test_every_method_and_path_goes_through_auth(gateway, upstream, method, target):
    upstream.reset()
    assert ask(gateway, None, method=method, target=target).status in (400, 401)
    assert upstream.requests == []


def test_upgrade_and_preflight_go_through_auth(gateway, upstream):
    upstream.reset()
    assert ask(gateway, None, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13").status == 401
    assert ask(gateway, None, "Origin: https://a", "Access-Control-Request-Method: GET", method="OPTIONS").status == 401
    assert upstream.requests == []


def test_decisions_do_not_mix_under_load(ruled, upstream, issuer):
    good, guest = issuer.token(sub="load"), issuer.token(sub="load", role="guest")
    wanted = [(good, 200), (guest, 403), (None, 401), ("x.y.z", 401)] * 50
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda pair: ask(ruled, pair[0]).status, wanted))
    assert statuses == [status for _, status in wanted]


def test_allow_and_deny_are_on_record(ruled, issuer):
    def decisions() -> list[dict]:
        return [record for record in ruled.records() if "verdict" in record]

    from harness.waiting import until

    before = len(decisions())
    assert ask(ruled, issuer.token(), target="/on-record").status == 200
    assert ask(ruled, issuer.token(role="guest"), target="/on-record").status == 403
    found = until(lambda: len(decisions()) >= before + 2 and decisions()[before:], "both decisions are logged")
    assert [record["verdict"] for record in found[:2]] == ["allow", "deny"]


# Rules

RULES = {
    "no rules": ([], "/a", 200),
    "allow that is true": (['request.path == "/a"'], "/a", 200),
    "allow that is false": (['request.path == "/b"'], "/a", 403),
    "second allow": (['request.path == "/b"', {"allow": 'request.method == "GET"'}], "/a", 200),
    "allow that errs": (['request.headers["x-none"] == "1"'], "/a", 403),
    "deny that is true": ([{"deny": 'request.path.startsWith("/a")'}], "/a", 403),
    "deny that is false": ([{"deny": 'request.path.startsWith("/b")'}], "/a", 200),
    "deny that errs": ([{"deny": 'request.headers["x-none"] == "1"'}], "/a", 403),
    "deny beats allow": (["true", {"deny": "true"}], "/a", 403),
    "require that is true": ([{"require": 'request.method == "GET"'}], "/a", 200),
    "require that is false": ([{"require": 'request.method == "POST"'}], "/a", 403),
    "require that errs": ([{"require": 'request.headers["x-none"] == "1"'}], "/a", 403),
    "require true but nothing allowed": ([{"require": "true"}, {"allow": "false"}], "/a", 403),
    "header by another case": (['request.headers["x-kind"] == "test"'], "/a", 200),
    "membership": (['request.method in ["GET", "HEAD"]'], "/a", 200),
    "not": (['!(request.path.contains("z"))'], "/a", 200),
}


@pytest.mark.parametrize("rules, target, status", RULES.values(), ids=[name.replace(" ", "-") for name in RULES])
def test_rules(start, serve, rules, target, status):
    upstream = serve()
    gateway = start(configs.plain(upstream.port, {"authorization": {"rules": rules}}))
    assert ask(gateway, None, "X-Kind: test", target=target).status == status
    assert len(upstream.requests) == (status == 200)


@pytest.mark.parametrize(
    "target", ["/admin", "/admin/", "/admin/x", "/%61dmin", "/a/../admin", "/./admin", "//admin", "/admin%2Fx", "/x/%2e%2e/admin", "/admin?x", "/admin;x"]
)
def test_what_is_judged_is_what_is_forwarded(start, serve, target):
    # Whatever the spelling: if the upstream could read it as /admin, the rule must have seen it as that.
    upstream = serve()
    gateway = start(configs.plain(upstream.port, {"authorization": {"rules": [{"deny": 'request.path.startsWith("/admin")'}]}}))
    reply = ask(gateway, None, target=target)
    assert reply.status in (400, 403)
    assert upstream.requests == []


def test_levels_must_all_allow(start, serve, issuer):
    upstream = serve()
    config = configs.plain(upstream.port, {"authorization": {"rules": ["true"]}})
    config["binds"][0]["listeners"][0]["policies"] = {"authorization": {"rules": ['request.path == "/a"']}}
    gateway = start(config)
    assert ask(gateway, None, target="/a").status == 200
    assert ask(gateway, None, target="/b").status == 403, "a route cannot widen what its listener allows"


# Credentials of other kinds


def test_api_key(start, serve):
    upstream = serve()
    key = secret("api-key")
    policy = {"apiKey": {"mode": "strict", "keys": [{"key": key, "metadata": {"user": "alice"}}]}}
    gateway = start(configs.plain(upstream.port, policy))
    assert ask(gateway, key).status == 200
    assert key.encode() not in upstream.requests[0].head
    assert ask(gateway, None).status == 401
    assert ask(gateway, key[:-1]).status == 401
    assert ask(gateway, key + "x").status == 401


def test_backend_key_is_set_and_the_clients_removed(start, serve):
    upstream = serve()
    ours, theirs = secret("backend"), secret("client")
    gateway = start(configs.plain(upstream.port, {"backendAuth": {"key": "$BACKEND_KEY"}}), {"BACKEND_KEY": ours})
    assert ask(gateway, theirs).status == 200
    assert upstream.requests[0].all("authorization") == [f"Bearer {ours}"]
    assert theirs.encode() not in upstream.requests[0].head


# Key sets from elsewhere


def test_keys_are_fetched_by_url(start, serve, issuer):
    async def keys(exchange_) -> None:
        await exchange_.reply(200, json.dumps(issuer.jwks).encode(), {"Content-Type": "application/json"})

    upstream, server = serve(), serve(keys)
    policies = {"jwtAuth": configs.jwt_auth({"url": f"http://127.0.0.1:{server.port}/jwks.json"})}
    gateway = start(configs.plain(upstream.port, policies))
    for _ in range(5):
        assert ask(gateway, issuer.token()).status == 200
    assert ask(gateway, Issuer().token()).status == 401
    assert len(server.requests) <= 3, "the set is kept, not fetched per request"


def test_without_keys_nobody_passes(start, serve, issuer):
    from harness.gateway import free_port

    upstream = serve()
    policies = {"jwtAuth": configs.jwt_auth({"url": f"http://127.0.0.1:{free_port()}/jwks.json"})}
    config = configs.plain(upstream.port, policies)
    # The gateway starts: its other routes have nothing to do with that issuer.
    other = {"match": {"path": "/open"}, "backends": [{"host": f"127.0.0.1:{upstream.port}"}]}
    config["binds"][0]["listeners"][0]["routes"].append(other)
    gateway = start(config)
    assert ask(gateway, issuer.token()).status == 503
    assert ask(gateway, None, target="/open").status == 200
    assert [request.target for request in upstream.requests] == ["/open"]
