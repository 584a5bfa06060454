"""transformations: header fields computed by CEL, from what was judged, without credentials, and never a second field."""

import json

import httpx
import pytest
import yaml

from harness import configs
from harness.gateway import run
from harness.rawhttp import exchange
from harness.tokens import Issuer
from harness.upstream import Exchange


def test_request_fields_come_from_the_judged_request(start, serve):
    issuer = Issuer()
    upstream = serve()
    fields = {
        "x-user": "jwt.sub", "x-path": 'request.method + " " + request.path', "x-number": "1 + 1", "x-flag": "true",
    }
    policies = {
        "jwtAuth": configs.jwt_auth(json.dumps(issuer.jwks)),
        "transformations": {"request": {"set": fields, "add": {"x-more": '"b"'}, "remove": ["x-gone"]}},
    }
    gateway = start(configs.plain(upstream.port, policies))
    headers = {
        "authorization": f"Bearer {issuer.token(sub='ann')}", "x-user": "root", "x-more": "a", "x-gone": "1",
    }
    assert httpx.get(gateway.url("/p"), headers=headers, timeout=10).status_code == 200
    (request,) = upstream.requests
    assert request.header("x-user") == "ann" and request.header("x-path") == "GET /p"
    assert (request.header("x-number"), request.header("x-flag")) == ("2", "true")
    assert request.all("x-more") == ["a", "b"] and request.header("x-gone") is None


@pytest.mark.parametrize(
    "expression",
    [
        # Fails for want of the field; has a line break; is nothing; is no text.
        'request.headers["x-absent"]', '"a\\r\\nx-evil: 1"', '"a\\nb"', "null", "[1]", '"\\u0000"',
        # Credentials are not there to be read.
        'request.headers["authorization"]', 'request.headers["cookie"]',
    ],
)
def test_what_cannot_be_computed_leaves_no_field(start, serve, expression):
    upstream = serve()
    gateway = start(configs.plain(upstream.port, {"transformations": {"request": {"set": {"x-user": expression}}}}))
    headers = {"x-user": "root", "authorization": "Bearer client-secret", "cookie": "a=client-secret"}
    assert httpx.get(gateway.url("/x"), headers=headers, timeout=10).status_code == 200
    (request,) = upstream.requests
    assert request.all("x-user") == [] and request.all("x-evil") == []


def test_a_value_of_the_clients_cannot_break_out(start, serve):
    upstream = serve()
    gateway = start(
        configs.plain(upstream.port, {"transformations": {"request": {"set": {"x-q": "request.query"}}}})
    )
    raw = b"GET /?a=%0d%0ax-evil:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert exchange(gateway.port, raw).status == 200
    (request,) = upstream.requests
    assert request.header("x-q") == "a=%0d%0ax-evil:1" and not upstream.malformed


def test_response_fields_read_the_reply_and_the_judged_request_but_no_key_of_ours(start, serve):
    async def handler(exchange_: Exchange) -> None:
        await exchange_.reply(201, b"", {"x-internal": "host-7", "x-a": "1"})

    fields = {
        "x-status": "response.code", "x-from": 'response.headers["x-a"] + request.path',
        "x-key": 'request.headers["authorization"]', "x-custom": 'request.headers["x-custom-key"]',
    }
    policies = {
        "backendAuth": {"key": {"value": "provider-secret", "location": {"header": {"name": "x-custom-key", "prefix": ""}}}},
        "transformations": {"response": {"set": fields, "remove": ["x-internal"]}},
    }
    upstream = serve(handler)
    gateway = start(configs.plain(upstream.port, policies))
    reply = httpx.get(gateway.url("/p"), timeout=10)
    assert upstream.requests[0].header("x-custom-key") == "provider-secret"
    assert reply.status_code == 201 and reply.headers["x-status"] == "201" and reply.headers["x-from"] == "1/p"
    assert "x-internal" not in reply.headers and "x-key" not in reply.headers and "x-custom" not in reply.headers


def test_a_backends_transformations_come_after_the_routes(start, serve):
    upstream = serve()
    config = configs.plain(upstream.port, {"transformations": {"request": {"set": {"x-a": '"route"', "x-b": '"route"'}}}})
    backend = config["binds"][0]["listeners"][0]["routes"][0]["backends"][0]
    backend["policies"] = {"transformations": {"request": {"set": {"x-b": '"backend"'}}}}
    gateway = start(config)
    assert httpx.get(gateway.url("/x"), timeout=10).status_code == 200
    (request,) = upstream.requests
    assert (request.header("x-a"), request.header("x-b")) == ("route", "backend")


@pytest.mark.parametrize(
    "transformation, message",
    [
        ({"request": {"set": {"host": '"x"'}}}, "belongs to the gateway"),
        ({"request": {"set": {"Transfer-Encoding": '"x"'}}}, "belongs to the gateway"),
        ({"response": {"set": {"content-length": '"0"'}}}, "belongs to the gateway"),
        ({"response": {"remove": ["content-length"]}}, "belongs to the gateway"),
        ({"request": {"set": {":path": '"/x"'}}}, "not supported yet"),
        ({"request": {"set": {"x y": '"x"'}}}, "not a header name"),
        ({"request": {"set": {"x": "response.code"}}}, "once there is a reply"),
        ({"request": {"set": {"x": "jwt.rawToken"}}}, "not supported yet"),
        ({"request": {"set": {"x": "request.foo"}}}, "foo"),
        ({"request": {"body": '"x"'}}, "not supported yet"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path, transformation, message):
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(configs.plain(1, {"transformations": transformation})))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 1 and message in err


@pytest.mark.parametrize("policy", ["requestHeaderModifier", "responseHeaderModifier"])
@pytest.mark.parametrize("change", [{"set": {"x": "a\r\nb"}}, {"add": {"connection": "x"}}, {"remove": ["Content-Length"]}])
def test_fixed_fields_are_held_to_the_same(tmp_path, policy, change):
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(configs.plain(1, {policy: change})))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 1 and ("control characters" in err or "belongs to the gateway" in err)
