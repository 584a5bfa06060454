"""A REST service as MCP tools: what reaches the service is written from the judged arguments, byte by byte."""

import json

import pytest
import yaml

from test_mcp import Client, config
from test_mcp_rules import ruled

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "pets", "version": "1"},
    "servers": [{"url": "https://pets.example/v1/"}],
    "paths": {
        "/pets/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {
                "operationId": "getPet",
                "summary": "One pet",
                "parameters": [
                    {"name": "fields", "in": "query", "schema": {"type": "array", "items": {"type": "string"}}},
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                    {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                ],
            },
            "delete": {"operationId": "deletePet"},
        },
        "/pets": {
            "post": {
                "operationId": "addPet",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                },
            },
            "put": {"operationId": "upload", "requestBody": {"content": {"image/png": {}}}},
            "get": {"summary": "has no name"},
        },
    },
    "components": {
        "parameters": {"id": {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}, "description": "Which"}},
        "schemas": {
            "Pet": {"type": "object", "properties": {"name": {"type": "string"}, "friend": {"$ref": "#/components/schemas/Pet"}}}
        },
    },
}


async def answer(exchange):
    if "missing" in exchange.request.target:
        return await exchange.reply(404, b'{"error":"no such pet"}', {"Content-Type": "application/json"})
    body = {"target": exchange.request.target, "sent": exchange.request.body.decode()}
    await exchange.reply(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def service(serve):
    return serve(answer)


def target(service, tmp_path, **policies) -> dict:
    file = tmp_path / "pets.yaml"
    file.write_text(yaml.safe_dump(DOCUMENT))
    made = {"name": "pets", "openapi": {"host": f"127.0.0.1:{service.port}", "schema": {"file": str(file)}}}
    return {**made, "policies": policies} if policies else made


@pytest.fixture
def client(start, service, tmp_path):
    client = Client(start(config(target(service, tmp_path, backendAuth={"key": "sk-pets"}))))
    client.initialize()
    return client


def test_operations_are_tools(client):
    tools = {tool["name"]: tool for tool in client.request("tools/list")[2]["result"]["tools"]}
    assert set(tools) == {"getPet", "deletePet", "addPet"}
    schema = tools["getPet"]["inputSchema"]
    assert schema["required"] == ["path"] and set(schema["properties"]) == {"path", "query", "header"}
    assert schema["properties"]["path"]["properties"]["id"] == {"type": "string", "description": "Which"}
    assert set(schema["properties"]["header"]["properties"]) == {"X-Trace"}
    body = tools["addPet"]["inputSchema"]
    assert body["properties"]["body"] == {"$ref": "#/$defs/Pet"} and set(body["$defs"]) == {"Pet"}
    assert body["$defs"]["Pet"]["properties"]["friend"] == {"$ref": "#/$defs/Pet"}


def test_arguments_become_a_request(client, service):
    arguments = {"path": {"id": "a/b ü?"}, "query": {"fields": ["x&y", "z"]}, "header": {"X-Trace": "t 1"}}
    result = client.call("getPet", **arguments)[2]["result"]
    assert result["structuredContent"]["target"] == "/v1/pets/a%2Fb%20%C3%BC%3F?fields=x%26y&fields=z"
    request = service.requests[-1]
    assert request.header("x-trace") == "t 1" and request.header("authorization") == "Bearer sk-pets"
    assert request.header("mcp-session-id") is None
    sent = client.call("addPet", body={"name": "Rex", "age": 1.50})[2]["result"]["structuredContent"]
    assert sent == {"target": "/v1/pets", "sent": '{"name":"Rex","age":1.50}'} or json.loads(sent["sent"]) == {"name": "Rex", "age": 1.5}
    assert service.requests[-1].method == "POST" and service.requests[-1].header("content-type") == "application/json"


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("getPet", {"path": {"id": ".."}}),
        ("getPet", {"path": {"id": "."}}),
        ("getPet", {"path": {"id": ""}}),
        ("getPet", {"path": {"id": {"a": 1}}}),
        ("getPet", {"path": {}}),
        ("getPet", {}),
        ("getPet", {"path": {"id": "1"}, "header": {"X-Trace": "a\r\nX-Evil: 1"}}),
        ("getPet", {"path": {"id": "1"}, "header": {"Authorization": "Bearer mine"}}),
        ("getPet", {"path": {"id": "1"}, "query": {"other": "1"}}),
        ("getPet", {"path": {"id": "1"}, "body": {}}),
        ("getPet", {"path": {"id": "1"}, "Query": {}}),
        ("addPet", {}),
        ("nothing", {}),
    ],
)
def test_what_cannot_be_sent_is_refused(client, service, name, arguments):
    before = len(service.requests)
    assert client.call(name, **arguments)[2]["error"]["code"] == -32602
    assert len(service.requests) == before


def test_an_error_of_the_service_is_an_error_of_the_tool(client):
    result = client.call("getPet", path={"id": "missing"})[2]["result"]
    assert result["isError"] and result["content"][0]["text"] == 'HTTP status 404: {"error":"no such pet"}'


def test_rules_read_the_arguments_in_their_groups(start, service, tmp_path):
    rules = ['mcp.tool.name == "getPet" && mcp.tool.arguments.path.id.startsWith("public-")']
    client = Client(start(ruled(rules, target(service, tmp_path))))
    client.initialize()
    assert [tool["name"] for tool in client.request("tools/list")[2]["result"]["tools"]] == ["getPet"]
    assert client.call("getPet", path={"id": "public-1"})[0] == 200
    assert client.call("getPet", path={"id": "private"})[0] == 403
    assert client.modern("tools/call", {"name": "getPet", "arguments": {"path": {"id": "public-2"}}})[0] == 200
