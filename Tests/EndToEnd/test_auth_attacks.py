"""What people try against a gateway's door, on the wire. Each of these must end at the gateway."""

import base64
import json
import subprocess
import time
from urllib.parse import unquote

import pytest

from harness import configs
from harness.rawhttp import exchange
from harness.secrets import secret
from harness.tokens import Issuer, encode
from harness.upstream import Upstream


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture(scope="module")
def upstream():
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def gateway(module_start, upstream, issuer):
    """`/` needs a token, `/admin` a role that nobody here has."""
    backends = [{"host": f"127.0.0.1:{upstream.port}"}]
    auth = configs.jwt_auth(json.dumps(issuer.jwks))
    admin = {"jwtAuth": auth, "authorization": {"rules": ['jwt.role == "admin"']}}
    return module_start({"binds": [{"port": 3000, "listeners": [{"routes": [
        {"matches": [{"path": {"pathPrefix": "/admin"}}], "policies": admin, "backends": backends},
        {"policies": {"jwtAuth": auth, "authorization": {"rules": [{"deny": 'request.path.startsWith("/secret")'}]}}, "backends": backends},
    ]}]}]})


def send(gateway, lines: list[bytes | str], method: str = "GET"):
    raw = b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in [*lines, "", ""])
    return exchange(gateway.port, raw, method)


def refused(gateway, upstream, lines, method="GET", statuses=(400, 401, 403, 404, 405, 431, 501)):
    before = len(upstream.requests)
    reply = send(gateway, lines, method)
    assert reply.status in statuses, (reply.status, lines)
    assert len(upstream.requests) == before, "it reached the upstream"
    return reply


def get(*fields: bytes | str, target: str = "/") -> list[bytes | str]:
    return [f"GET {target} HTTP/1.1", "Host: x", *fields]


# Tokens in the wrong shape


def forged(issuer, header: dict | bytes, payload: dict | bytes | None = None, signature: bytes | None = None) -> str:
    """A token whose signature is the issuer's own over what it says, unless another is given."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    claims = payload if isinstance(payload, bytes) else json.dumps(payload or issuer.claims()).encode()
    start = f"{encode(text)}.{encode(claims)}"
    if signature is None:
        signature = issuer.rsa.sign(start.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{start}.{encode(signature)}"


def test_the_forger_of_these_tests_makes_good_tokens_too(gateway, issuer):
    assert send(gateway, get(f"Authorization: Bearer {forged(issuer, {'alg': 'RS256', 'kid': issuer.rsa_id})}")).status == 200


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"}, {"alg": "None"}, {"alg": "NONE"}, {"alg": "nOnE"}, {"alg": ""}, {"alg": None}, {"alg": ["RS256"]}, {},
        {"alg": "rs256"}, {"alg": "RS256 "}, {"alg": "RS\u0000256"}, {"alg": "PS256"}, {"alg": "RS384"}, {"alg": "HS256"},
        {"alg": "RS256", "crit": ["exp"]}, {"alg": "RS256", "crit": []}, {"alg": "RS256", "b64": False},
        {"alg": "RS256", "jku": "http://127.0.0.1/keys"}, {"alg": "RS256", "x5u": "http://127.0.0.1/c"}, {"alg": "RS256", "x5c": ["MII"]},
        {"alg": "RS256", "jwk": {"kty": "oct", "k": "AA"}}, {"alg": "RS256", "zip": "DEF"}, {"alg": "RS256", "enc": "A128GCM"},
        {"alg": "RS256", "typ": "logout+jwt"}, {"alg": "RS256", "typ": "dpop+jwt"}, {"alg": "RS256", "typ": "secevent+jwt"},
        {"alg": "RS256", "kid": "../../../dev/null"}, {"alg": "RS256", "kid": "' or 1=1 --"}, {"alg": "RS256", "kid": "k" * 600},
        {"alg": "RS256", "kid": 1}, {"alg": "RS256", "kid": None},
        b'{"alg":"RS256","alg":"none"}', b'{"alg":"none","alg":"RS256"}', b'{"alg":"RS256","\\u0061lg":"RS256"}',
        b'["RS256"]', b'"RS256"', b"null", b"", b"{}{}", b'{"alg":"RS256"} ', b'\xef\xbb\xbf{"alg":"RS256"}', b'{"alg":"RS256",}',
        b'{"alg":"RS256","x":"\xff"}',
    ],
    ids=lambda h: (h if isinstance(h, bytes) else json.dumps(h).encode()).decode("latin-1")[:40],
)
def test_no_header_but_a_plain_one_is_believed(gateway, upstream, issuer, header):
    # A trailing space is JSON, and no harm: the header still says one thing.
    if header == b'{"alg":"RS256"} ':
        assert send(gateway, get(f"Authorization: Bearer {forged(issuer, header)}")).status == 200
        return
    if isinstance(header, dict) and header.get("kid", "") is not None and "kid" not in header and header.get("alg") == "RS256":
        header = {**header, "kid": issuer.rsa_id}
    refused(gateway, upstream, get(f"Authorization: Bearer {forged(issuer, header)}"), statuses=(401,))


NOW = int(time.time())


@pytest.mark.parametrize(
    "changes, status",
    [
        ({"exp": NOW - 30}, 200),  # within the leeway
        ({"exp": NOW - 90}, 401), ({"exp": None}, 401), ({"exp": str(NOW + 600)}, 401), ({"exp": -1}, 401), ({"exp": 1e300}, 401),
        ({"exp": NOW * 1000}, 401), ({"exp": NOW + 600.5}, 200), ({"exp": True}, 401), ({"exp": [NOW + 600]}, 401), ({"exp": {}}, 401),
        ({"exp": 2**63}, 401), ({"exp": 0}, 401), ({"nbf": NOW + 30}, 200), ({"nbf": NOW + 120}, 401), ({"nbf": "x"}, 401),
        ({"iat": NOW + 120}, 401), ({"iat": -5}, 401),
        ({"aud": ["x", "gateway"]}, 200), ({"aud": ["x"]}, 401), ({"aud": []}, 401), ({"aud": None}, 401), ({"aud": "Gateway"}, 401),
        ({"aud": "gateway "}, 401), ({"aud": {"gateway": 1}}, 401), ({"aud": ["gateway", 1]}, 401), ({"aud": [["gateway"]]}, 401),
        ({"aud": "gateway\u0000"}, 401),
        ({"iss": "https://issuer.example/"}, 401), ({"iss": "HTTPS://issuer.example"}, 401), ({"iss": None}, 401),
        ({"iss": ["https://issuer.example"]}, 401), ({"iss": "https://issuer.example\u0000"}, 401), ({"sub": 7}, 401),
    ],
    ids=lambda v: json.dumps(v)[:40],
)
def test_claims_are_what_they_should_be_or_nobody_passes(gateway, issuer, changes, status):
    # Times near NOW are meant from when the token is made, which may be minutes after the tests were gathered.
    late = int(time.time()) - NOW
    changes = {
        name: value + late if isinstance(value, (int, float)) and abs(value - NOW) < 1000 else value
        for name, value in changes.items()
    }
    token = forged(issuer, {"alg": "RS256", "kid": issuer.rsa_id}, issuer.claims(**changes))
    assert send(gateway, get(f"Authorization: Bearer {token}")).status == status


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b'"x"', b'{"a":1,"a":2}', b"{", b'{"exp":1}{"exp":2}', b"[" * 100 + b"]" * 100])
def test_a_payload_that_is_no_claims_set_is_refused_though_it_is_signed(gateway, upstream, issuer, payload):
    token = forged(issuer, {"alg": "RS256", "kid": issuer.rsa_id}, payload or b"\x00")
    refused(gateway, upstream, get(f"Authorization: Bearer {token}"), statuses=(401,))


def test_a_flipped_bit_in_any_byte_of_a_token_is_refused(gateway, upstream, issuer):
    good = issuer.token("ES256")
    before = len(upstream.requests)
    for index in range(len(good)):
        for bit in (1, 2, 32, 128):
            changed = bytearray(good.encode())
            changed[index] ^= bit
            if changed[index] in (0x00, 0x0A, 0x0D):
                continue
            reply = send(gateway, get(b"Authorization: Bearer " + bytes(changed)))
            assert reply.status in (400, 401), (index, bit, reply.status)
    assert len(upstream.requests) == before


@pytest.mark.parametrize("spell", [
    lambda t: t + "=", lambda t: t + "==", lambda t: t.replace(".", ".\t"), lambda t: t + ".", lambda t: "." + t, lambda t: t[:-1],
    lambda t: t + ".x", lambda t: t.rsplit(".", 1)[0] + ".", lambda t: t.rsplit(".", 1)[0], lambda t: "..", lambda t: "", lambda t: "A" * 20000,
    lambda t: t + ", Bearer " + t, lambda t: '"' + t + '"', lambda t: t.replace("e", "%65"), lambda t: t + ";",
])
def test_a_second_spelling_of_a_good_token_is_no_token(gateway, upstream, issuer, spell):
    refused(gateway, upstream, get("Authorization: Bearer " + spell(issuer.token())))


# Where a token may stand


@pytest.mark.parametrize("field", [
    b"Authorization: Bearer\xc2\xa0%s", b"Authorization: Bearer\x0b%s", b"Authorization:\xe2\x80\x83Bearer %s", b"Authorization: Token %s",
    b"Authorization: Basic %s", b"Authorization: %s", b"Authorization: Bearer%s", b"Authorization : Bearer %s", b"Authorizatio\xc5\x84: Bearer %s",
    b"X-Authorization: Bearer %s", b"Proxy-Authorization: Bearer %s", b"Cookie: Authorization=Bearer %s", b"Cookie: token=%s",
    b"Authorization_: Bearer %s", b"X-Forwarded-Authorization: Bearer %s", b"Authorization: DPoP %s",
])
def test_a_good_token_elsewhere_than_configured_opens_nothing(gateway, upstream, issuer, field):
    refused(gateway, upstream, get(field % issuer.token().encode()))


def test_a_token_in_the_query_opens_nothing(gateway, upstream, issuer):
    for name in ("access_token", "token", "authorization", "jwt"):
        refused(gateway, upstream, get(target=f"/?{name}={issuer.token()}"), statuses=(401,))


def test_two_credentials_in_one_request_are_refused_in_every_order(gateway, upstream, issuer):
    good, other = f"Authorization: Bearer {issuer.token()}", f"Authorization: Bearer {Issuer().token()}"
    basic = "Authorization: Basic YWxpY2U6eA=="
    for pair in ([good, good], [good, other], [other, good], [good, basic], [basic, good], [good, "authorization: Bearer x"]):
        refused(gateway, upstream, get(*pair), statuses=(400,))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer ", "Bearer   "])
def test_the_scheme_is_read_as_its_standard_says(gateway, issuer, scheme):
    assert send(gateway, get(f"aUTHORIZATION: {scheme} {issuer.token()}")).status == 200


# Methods, legs, paths


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "M-SEARCH"])
def test_no_method_goes_round_the_door(gateway, upstream, method):
    body = [] if method in ("GET", "HEAD") else ["Content-Length: 0"]
    refused(gateway, upstream, [f"{method} / HTTP/1.1", "Host: x", *body], method)
    # Said to be another method, or a preflight that no policy answers.
    refused(gateway, upstream, [f"{method} / HTTP/1.1", "Host: x", "X-HTTP-Method-Override: OPTIONS", *body], method)
    refused(gateway, upstream, [f"{method} / HTTP/1.1", "Host: x", "Origin: https://a.example", "Access-Control-Request-Method: GET", *body], method)


def test_connect_and_absolute_targets_do_not_either(gateway, upstream):
    for line in ("CONNECT x:443 HTTP/1.1", "CONNECT 127.0.0.1:80 HTTP/1.1", "GET http://x/ HTTP/1.1", "GET https://x/ HTTP/1.1", "OPTIONS * HTTP/1.1", "GET //x/ HTTP/1.1"):
        refused(gateway, upstream, [line, "Host: x"])


@pytest.mark.parametrize("target", [
    "/admin", "/admin/", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/admin%2f", "/x/%2e%2e/admin", "/x/..%2fadmin", "/%2e/admin",
    "/x%2f..%2fadmin", "/admin;a=b", "/admin?x=/../", "/x/..;/admin", "/x\\..\\admin", "/x/%5c../admin", "/admin%00", "/admin%20", "/admin/.", "/a/../../admin",
    "/.well-known/../admin", "/.well-known/oauth-protected-resource/../../admin", "/ADMIN/../admin",
])
def test_a_path_is_judged_as_the_upstream_will_read_it(gateway, upstream, issuer, target):
    before = len(upstream.requests)
    reply = send(gateway, get(f"Authorization: Bearer {issuer.token()}", target=target))
    for request in upstream.requests[before:]:
        # What passed is no path to /admin, however a server reads slashes, dots and escapes. Parameters (`;a=b`) are part
        # of the path, for routes, rules and upstream alike.
        path = unquote(request.target.split("?")[0]).replace("\\", "/")
        steps: list[str] = []
        for step in path.split("/"):
            if step == "..":
                steps = steps[:-1]
            elif step not in ("", "."):
                steps.append(step)
        assert steps[:1] != ["admin"], (target, request.target)
    assert reply.status in (200, 400, 403, 404), reply.status


@pytest.mark.parametrize("target", ["/secret", "/secret/x", "/%73ecret", "//secret", "/x/../secret", "/./secret", "/secret%2fx", "/x/..;/secret"])
def test_a_deny_rule_about_a_path_cannot_be_spelled_around(gateway, upstream, issuer, target):
    refused(gateway, upstream, get(f"Authorization: Bearer {issuer.token()}", target=target), statuses=(400, 403))


@pytest.mark.parametrize("target", [
    "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/admin", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server/token", "/.well-known/x", "/.well-known/oauth-protected-resourceful",
])
def test_well_known_paths_of_unprotected_routes_are_ordinary_paths(gateway, upstream, target):
    refused(gateway, upstream, get(target=target), statuses=(401,))


# What stays behind


def test_no_credential_reaches_the_upstream_in_any_place_or_spelling(start, serve):
    upstream = serve()
    key = secret("attack-key")
    places = [{"header": {"name": "x-key"}}, {"queryParameter": {"name": "key"}}, {"cookie": {"name": "key"}}]
    gateway = start(configs.plain(upstream.port, {"apiKey": {"keys": [{"key": key}], "location": places}}))
    for fields, target in (
        ([f"X-KEY: {key}"], "/"), ([], f"/?key={key}"), ([], f"/?a=1&%6bey={key}&b=2"), ([f"Cookie: a=b; key={key}; c=d"], "/"), ([f'Cookie: key="{key}"'], "/"),
    ):
        reply = send(gateway, get(*fields, "Authorization: Bearer stray-token-of-another", target=target))
        assert reply.status == 200, (fields, target)
        got = upstream.requests[-1]
        assert key not in got.target and all(key not in value and "stray-token" not in value for _, value in got.headers), got


def test_keys_expire_and_wrong_ones_all_look_alike(start, serve):
    live, dead = secret("live"), secret("dead")
    keys = [{"key": live, "expires": "2999-01-01T00:00:00Z"}, {"key": dead, "expires": "2020-01-01T00:00:00Z"}]
    gateway = start(configs.plain(serve().port, {"apiKey": {"keys": keys}}))
    assert send(gateway, get(f"Authorization: Bearer {live}")).status == 200
    replies = {(r.status, r.body) for r in (send(gateway, get(f"Authorization: Bearer {k}")) for k in (dead, "unknown", live[:-1], live + "x", live.upper()))}
    assert len(replies) == 1 and replies.pop()[0] == 401


def test_basic_credentials_are_found_where_they_are_configured_and_are_read_strictly(start, serve):
    upstream = serve()
    done = subprocess.run(["openssl", "passwd", "-6", "-salt", "saltsalt", "s3cret"], capture_output=True, text=True, check=True)
    table = f"alice:{done.stdout.strip()}".replace("$", "$$")
    place = {"header": {"name": "x-login", "prefix": "Basic "}}
    gateway = start(configs.plain(upstream.port, {"basicAuth": {"htpasswd": table, "authorizationLocation": place}}))

    def status(text: bytes, field: str = "X-Login") -> int:
        return send(gateway, get(f"{field}: Basic {base64.b64encode(text).decode()}")).status

    assert status(b"alice:s3cret") == 200
    assert all("x-login" != name.lower() for name, _ in upstream.requests[-1].headers), "it stays behind"
    assert status(b"alice:s3cret", "Authorization") == 401
    for wrong in (b"alice:s3cret\0", b"alice:s3cre", b"alice:", b"alice", b"bob:s3cret", b":s3cret", b"Alice:s3cret", b"alice :s3cret", b"alice:s3cret\n", b"\xff:s3cret"):
        assert status(wrong) == 401, wrong
    assert send(gateway, get("X-Login: Basic YWxpY2U6czNjcmV0=")).status == 401, "another spelling of the same base64"


@pytest.mark.parametrize("rule, status", [
    ({"deny": "jwt.missing.claim == 1"}, 403), ({"deny": "1 / int(jwt.zero) == 1"}, 403), ({"require": "jwt.missing == 1"}, 403), ("jwt.missing == 1", 403),
    ({"deny": 'jwt.role == "dev"', "mode": "shadow"}, 200), ({"deny": "jwt.missing == 1", "mode": "shadow"}, 200), ({"require": "false", "mode": "shadow"}, 200),
])
def test_a_rule_that_errs_never_opens_and_one_in_shadow_never_closes(start, serve, issuer, rule, status):
    policies = {"jwtAuth": configs.jwt_auth(json.dumps(issuer.jwks)), "authorization": {"rules": [rule]}}
    gateway = start(configs.plain(serve().port, policies))
    assert send(gateway, get(f"Authorization: Bearer {issuer.token(zero=0)}")).status == status


def test_a_token_of_the_gateways_own_is_what_the_upstream_gets(start, serve, tmp_path):
    import jwt as pyjwt
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    upstream, key = serve(), ec.generate_private_key(ec.SECP256R1())
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    sign = {"signingKey": {"file": str(file)}, "alg": "ES256", "kid": "gw", "claims": {"iss": "gateway", "aud": "crm"}, "ttl": "60s"}
    gateway = start(configs.plain(upstream.port, {"backendAuth": {"jwtSign": sign}}))
    assert send(gateway, get("Authorization: Bearer the-clients-own")).status == 200
    token = dict(upstream.requests[-1].headers)["authorization"].removeprefix("Bearer ")
    claims = pyjwt.decode(token, key.public_key(), algorithms=["ES256"], audience="crm")
    assert claims["iss"] == "gateway" and 50 <= claims["exp"] - time.time() <= 61
    assert pyjwt.get_unverified_header(token)["kid"] == "gw"
