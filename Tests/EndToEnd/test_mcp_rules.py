"""Rules over MCP messages: judged with their arguments, lists filtered by the same rules, decisions on record."""

import json

import pytest

from harness.waiting import until
from test_mcp import Client, config, said, target


def ruled(rules: list, *targets: dict, **more) -> dict:
    document = config(*targets)
    for route in document["binds"][0]["listeners"][0]["routes"]:
        route["policies"] = {"mcpAuthorization": {"rules": rules, **more}}
    return document


def listed(client) -> set[str]:
    return {tool["name"] for tool in client.request("tools/list")[2]["result"]["tools"]}


RULES = [
    'mcp.tool.name == "echo" && mcp.tool.arguments.amount < 100',
    'mcp.tool.name == "environment" && mcp.tool.target == "two"',
    {"deny": 'mcp.tool.name == "echo" && mcp.tool.arguments.secret == true'},
]


@pytest.fixture(scope="module")
def gateway(module_start):
    return module_start(ruled(RULES, target("one"), target("two")))


@pytest.fixture
def client(gateway):
    client = Client(gateway)
    client.initialize()
    yield client
    client.raw("DELETE")


def test_a_list_shows_what_some_call_may_do(client):
    assert listed(client) == {"one_echo", "two_echo", "two_environment"}


def test_calls_are_judged_with_their_arguments(client):
    assert said(client.call("one_echo", amount=99, secret=False)[2]) == {"amount": 99, "secret": False}
    for arguments in ({"amount": 100, "secret": False}, {"amount": 1, "secret": True}, {"secret": False}, {"amount": "1", "secret": False}):
        status, _, body = client.call("one_echo", **arguments)
        assert (status, body["error"]["code"]) == (403, -32003), arguments
        assert len(body["error"]["data"]["decision"]) == 16


def test_the_same_rules_hold_in_the_modern_era(gateway):
    client = Client(gateway)
    assert client.modern("tools/call", {"name": "one_echo", "arguments": {"amount": 100, "secret": False}})[0] == 403
    assert client.modern("tools/call", {"name": "one_echo", "arguments": {"amount": 1, "secret": False}})[0] == 200
    tools = client.modern("tools/list")[2]["result"]["tools"]
    assert {tool["name"] for tool in tools} == {"one_echo", "two_echo", "two_environment"}


def test_what_is_not_listed_cannot_be_called(client):
    for name in ("one_environment", "one_die", "two_sleep"):
        assert client.call(name, seconds=0)[0] == 403
    assert client.call("two_environment")[0] == 200


def test_a_decision_is_on_record_for_allow_and_deny(gateway, client):
    body = client.call("one_echo", amount=1000, secret=False)[2]
    decision = body["error"]["data"]["decision"]
    def recorded() -> bool:
        return any(record.get("id") == decision and record.get("verdict") == "deny" for record in gateway.records())

    until(recorded, "the denial is on record", 5)
    assert any(record.get("log") == "access" and record.get("decision") == decision for record in gateway.records())


def test_shadow_rules_change_nothing(start):
    client = Client(start(ruled(['mcp.tool.name == "nothing"'], target("one"), mode="shadow")))
    client.initialize()
    assert client.call("echo", a=1)[0] == 200
    assert "echo" in listed(client)


def test_a_deny_rule_about_the_method_holds_for_messages_without_a_subject(start):
    client = Client(start(ruled([{"deny": 'mcp.method == "logging/setLevel"'}], target("one"))))
    client.initialize()
    assert client.request("logging/setLevel", {"level": "info"})[0] == 403
    assert client.call("echo", a=1)[0] == 200


# What denials tell


def test_hidden_tools_are_answered_like_unknown_ones(start):
    rules = ['mcp.tool.name == "echo" && mcp.tool.arguments.amount < 100', {"deny": 'mcp.tool.name == "die"'}]
    document = ruled(rules, target("one"))
    for route in document["binds"][0]["listeners"][0]["routes"]:
        route["backends"][0]["mcp"]["hideDenied"] = True
    client = Client(start(document))
    client.initialize()

    def shape(name: str):
        status, fields, body = client.call(name)
        return status, fields["WWW-Authenticate"], json.dumps(body["error"]).replace(name, "NAME")

    assert shape("die") == shape("sleep") == shape("nothing") == (200, None, '{"code": -32602, "message": "Unknown tool: NAME"}')
    # That echo exists is no secret: what is wrong is its argument.
    assert client.call("echo", amount=100)[0] == 403
    assert client.call("echo", amount=1)[0] == 200


def test_targets_have_rules_of_their_own(start):
    one = {**target("one"), "policies": {"mcpAuthorization": {"rules": ['mcp.tool.name == "echo"']}}}
    document = ruled([{"deny": 'mcp.tool.name == "die"'}], one, target("two"))
    client = Client(start(document))
    client.initialize()
    assert listed(client) == {"one_echo"} | {f"two_{name}" for name in ("echo", "environment", "ask", "sleep", "spawn", "noise")}
    assert client.call("one_environment")[0] == 403
    assert client.call("two_environment")[0] == 200
    assert client.call("two_die")[0] == client.call("one_die")[0] == 403


def test_arguments_are_checked_against_the_schema_before_the_rules(start):
    document = ruled([{"deny": 'mcp.tool.name == "noise"'}], target("one", STRICT="1"))
    for route in document["binds"][0]["listeners"][0]["routes"]:
        route["backends"][0]["mcp"]["validateArguments"] = True
    client = Client(start(document))
    client.initialize()
    assert said(client.call("typed", path="/a", depth=1)[2]) == {"path": "/a", "depth": 1}
    for arguments in ({"path": 1}, {"depth": 1}, {"path": "a"}, {"path": "/a", "depth": 1.5}, {"path": "/a", "Path": "/b"}):
        status, _, body = client.call("typed", **arguments)
        assert (status, body["error"]["code"]) == (200, -32602), arguments
        assert "typed" in body["error"]["message"]
    # Nothing is told about the schema of a tool that the caller may not know.
    assert client.call("noise", x=1)[0] == 403
    assert client.call("unlisted")[2]["error"]["code"] == -32602


def test_methods_beyond_the_specification_pass_only_when_named_and_granted(start):
    document = ruled(['mcp.method == "acme/allowed"', 'mcp.tool.name == "echo"'], target("one"))
    for route in document["binds"][0]["listeners"][0]["routes"]:
        route["backends"][0]["mcp"]["passthroughMethods"] = ["acme/allowed", "acme/denied"]
    client = Client(start(document))
    client.initialize()
    # The server knows none of them: its own error shows that it was asked.
    assert client.request("acme/allowed")[2]["error"] == {"code": -32601, "message": "no such thing"}
    assert client.request("acme/denied")[0] == 403
    assert client.request("acme/other")[2]["error"]["message"] == "Method not found: acme/other"
    assert client.request("ACME/allowed")[2]["error"]["message"] == "Method not found: ACME/allowed"


def test_a_missing_scope_is_asked_for(start):
    from harness.tokens import AUDIENCE, ISSUER, Issuer

    issuer = Issuer()
    document = ruled(['hasScope("tools:echo") && mcp.tool.name == "echo"'], target("one"))
    for route in document["binds"][0]["listeners"][0]["routes"]:
        route["policies"]["mcpAuthentication"] = {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "jwks": json.dumps(issuer.jwks),
            "resourceMetadata": {"resource": "http://localhost:3000/mcp", "scopesSupported": ["tools:echo"]},
        }
    client = Client(start(document))

    def bearer(scope: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {issuer.token(scope=scope)}"}

    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    client.session = client.request("initialize", hello, **bearer("other"))[1]["Mcp-Session-Id"]
    status, fields, _ = client.request("tools/call", {"name": "echo", "arguments": {}}, **bearer("other"))
    assert status == 403
    challenge = fields["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge and 'scope="other tools:echo"' in challenge and "resource_metadata=" in challenge
    # A tool that no scope would open is not worth a challenge.
    assert client.request("tools/call", {"name": "die", "arguments": {}}, **bearer("other"))[1]["WWW-Authenticate"] is None
    assert client.request("tools/call", {"name": "echo", "arguments": {}}, **bearer("other tools:echo"))[0] == 200
