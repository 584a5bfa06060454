"""Whose credentials reach which MCP server: those of the gateway's clients none, unless a target asks for them."""

import json

import pytest

from test_mcp import Client, config

KEYS = {"apiKey": {"mode": "strict", "keys": [{"key": "key-of-alice", "metadata": {"user": "alice"}}]}}


@pytest.fixture
def servers(serve):
    """Two servers over HTTP that note the credential that comes with each message."""
    seen: dict[str, set] = {"trusted": set(), "other": set()}

    def begin(name: str) -> dict:
        async def server(exchange):
            request = exchange.request
            if request.method != "POST":
                return await exchange.reply(405)
            message = json.loads(request.body)
            seen[name].add((request.header("authorization"), request.header("cookie")))
            if "id" not in message:
                return await exchange.reply(202)
            result = {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]}
            if message["method"] == "initialize":
                result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": name, "version": "1"}}
            if message["method"] == "tools/call":
                result = {"content": []}
            body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
            await exchange.reply(200, body, {"Content-Type": "application/json"})

        return {"name": name, "mcp": {"host": f"http://127.0.0.1:{serve(server).port}/mcp"}}

    return begin, seen


def use(client: Client, **headers) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    status, fields, body = client.request("initialize", hello, **headers)
    assert status == 200, body
    client.session = fields["Mcp-Session-Id"]
    assert client.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, **headers)[0] == 202
    assert client.request("tools/list", **headers)[0] == 200
    for name in ("trusted_t", "other_t"):
        assert client.request("tools/call", {"name": name, "arguments": {}}, **headers)[0] == 200


@pytest.mark.parametrize("policies", [{}, KEYS])
def test_only_a_target_that_passes_credentials_gets_the_clients(start, servers, policies):
    begin, seen = servers
    trusted = {**begin("trusted"), "policies": {"backendAuth": "passthrough"}}
    document = config(trusted, begin("other"))
    for route in document["binds"][0]["listeners"][0]["routes"]:
        route["policies"] = policies
    use(Client(start(document)), Authorization="Bearer key-of-alice", Cookie="c=1")
    assert seen == {"trusted": {("Bearer key-of-alice", None)}, "other": {(None, None)}}


def test_a_target_gets_its_own_key(start, servers):
    begin, seen = servers
    trusted = {**begin("trusted"), "policies": {"backendAuth": {"key": "sk-own"}}}
    use(Client(start(config(trusted, begin("other")))), Authorization="Bearer of-the-client")
    assert seen == {"trusted": {("Bearer sk-own", None)}, "other": {(None, None)}}
