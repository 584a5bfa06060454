"""Tasks of 2025-11-25: begun with one message and fetched with others, on whichever of several servers they run."""

import sys

import pytest

from test_mcp import Client, config, said
from test_mcp_leaving import SERVER, patient  # noqa: F401

RELATED = "io.modelcontextprotocol/related-task"


def child(name: str, **env: str) -> dict:
    return {"name": name, "stdio": {"cmd": sys.executable, "args": [SERVER], "env": {"NAME": name, **env}}}


@pytest.fixture
def client(patient, start):  # noqa: F811
    far = {"name": "far", "mcp": {"host": f"http://127.0.0.1:{patient(NAME='far')}/mcp"}}
    client = Client(start(config(child("near"), far, child("plain", TASKLESS="1"))))
    client.capabilities = client.initialize()["capabilities"]
    return client


def begin(client: Client, server: str, **arguments) -> dict:
    return client.request("tools/call", {"name": f"{server}_begin", "arguments": arguments, "task": {"ttl": 60000}})[2]["result"]["task"]


def test_what_the_servers_can_do_with_tasks_is_told(client):
    assert client.capabilities["tasks"] == {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}


def test_a_task_is_found_again_on_the_server_that_runs_it(client):
    near, far = begin(client, "near", n=1), begin(client, "far", n=2)
    # Each server calls its first task "1".
    assert (near["taskId"], far["taskId"]) == ("near+1", "far+1")
    assert client.request("tasks/get", {"taskId": "far+1"})[2]["result"] == far
    for server, number in (("near", 1), ("far", 2)):
        result = client.request("tasks/result", {"taskId": f"{server}+1"})[2]["result"]
        assert said({"result": result}) == [server, {"n": number}]
        assert result["_meta"] == {RELATED: {"taskId": f"{server}+1"}, "else": 1}
    assert client.request("tasks/cancel", {"taskId": "far+1"})[2]["result"]["status"] == "cancelled"
    assert client.request("tasks/get", {"taskId": "near+1"})[2]["result"]["status"] == "working"


def test_all_tasks_are_listed_of_all_servers_and_pages(client):
    for server in ("near", "far", "near"):
        begin(client, server)
    tasks = client.request("tasks/list")[2]["result"]["tasks"]
    assert sorted(task["taskId"] for task in tasks) == ["far+1", "near+1", "near+2"]


@pytest.mark.parametrize("name", ["1", "near+", "+1", "nobody+1", "far+near+1", "near+7", ""])
def test_an_unknown_task_is_an_error(client, name):
    begin(client, "near")
    for method in ("tasks/get", "tasks/result", "tasks/cancel"):
        status, _, body = client.request(method, {"taskId": name})
        assert (status, body["error"]["code"]) == (200, -32602)


def test_news_of_a_task_come_under_its_name(client):
    begin(client, "near")
    import http.client
    stream = http.client.HTTPConnection("127.0.0.1", client.gateway.port, timeout=10)
    stream.request("GET", "/mcp", headers={"Accept": "text/event-stream", "Mcp-Session-Id": client.session})
    response = stream.getresponse()
    line = b""
    while not line.startswith(b"data:"):
        line = response.readline()
    assert b'"method":"notifications/tasks/status"' in line and b'"taskId":"near+1"' in line
    stream.close()


def test_rules_hold_for_tasks_of_each_server(start):
    document = config(child("near"), child("far"))
    rules = [{"deny": 'mcp.method == "tasks/cancel" && mcp.target == "far"'}]
    for route in document["binds"][0]["listeners"][0]["routes"]:
        route["policies"] = {"mcpAuthorization": {"rules": rules}}
    client = Client(start(document))
    client.initialize()
    for server, status in (("near", 200), ("far", 403)):
        assert client.request("tasks/cancel", {"taskId": begin(client, server)["taskId"]})[0] == status


def test_the_tasks_of_an_only_server_keep_their_names(start):
    client = Client(start(config(child("near"))))
    client.initialize()
    assert client.request("tools/call", {"name": "begin", "arguments": {}, "task": {}})[2]["result"]["task"]["taskId"] == "1"
    assert client.request("tasks/get", {"taskId": "1"})[2]["result"]["taskId"] == "1"
