"""Rules over MCP messages: judged with their arguments, lists filtered by the same rules, decisions on record."""

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
