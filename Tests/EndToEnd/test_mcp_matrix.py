"""Every era of client with every era of server over every transport, through one gateway, with the official SDK."""

import http.client
import json
import socket
import subprocess
from pathlib import Path

import pytest

from harness.gateway import free_port
from harness.sdk import sdk_python
from harness.waiting import until
from test_mcp import META, Client, children, config, said, target
from test_mcp_sdk import run

HERE = Path(__file__).parent / "mcp_servers"
OLD, NEW = str(sdk_python(1)), str(sdk_python(2))
CLIENT = str(HERE / "matrix_client.py")
#: Target: interpreter, script, further arguments.
SERVERS = {
    "old-web": (OLD, "sdk_server.py"),
    "new-web": (NEW, "sdk2_server.py"),
    "modern-web": (NEW, "sdk2_server.py", "modern"),
}
#: Over the older HTTP+SSE transport.
STREAMS = {"old-events": (OLD, "sdk_server.py")}
CHILDREN = {"old-local": (OLD, "sdk_server.py"), "new-local": (NEW, "sdk2_server.py")}
TARGETS = [*SERVERS, *STREAMS, *CHILDREN]


@pytest.fixture(scope="module")
def targets():
    processes, made = [], []
    try:
        for name, (python, script, *more) in {**SERVERS, **STREAMS}.items():
            port, kind = free_port(), "sse" if name in STREAMS else "mcp"
            transport = "sse" if name in STREAMS else "http"
            processes.append(
                subprocess.Popen([python, str(HERE / script), transport, str(port), *more], stderr=subprocess.DEVNULL)
            )
            made.append({"name": name, kind: {"host": f"http://127.0.0.1:{port}/{kind}"}})
            until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the server listens", 20)
        for name, (python, script) in CHILDREN.items():
            made.append({"name": name, "stdio": {"cmd": python, "args": [str(HERE / script), "stdio"]}})
        yield made
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def gateway(module_start, targets):
    return module_start(config(*targets))


@pytest.mark.parametrize("python, mode", [(OLD, "legacy"), (NEW, "legacy"), (NEW, "auto"), (NEW, "2026-07-28")])
def test_every_client_does_everything_with_every_server(gateway, python, mode):
    out = run(python, CLIENT, gateway.url("/mcp"), mode, *TARGETS)
    assert out["version"] == ("2025-11-25" if mode == "legacy" else "2026-07-28")
    assert {f"{name}+data://x" for name in TARGETS} <= set(out["resources"])
    assert {f"{name}_greet" for name in TARGETS} <= set(out["prompts"])
    for name in TARGETS:
        expected = {"sum": "3", "resource": "xdata", "prompt": "Hello me", "progress": [0, 1, 2]}
        if name.startswith("old"):
            expected |= {"answer": "sampled"}
        else:
            expected |= {"answer": "green", "where": "eü"}
        assert out[name] == expected, name


def test_a_client_of_the_older_transport_does_everything(start, targets):
    document = config(*targets)
    document["binds"][0]["listeners"][0]["routes"][0]["matches"] = [{"path": {"pathPrefix": "/sse"}}]
    out = run(OLD, CLIENT, start(document).url("/sse"), "sse", *TARGETS)
    for name in TARGETS:
        assert (out[name]["sum"], out[name]["resource"], out[name]["progress"]) == ("3", "xdata", [0, 1, 2]), name
        assert out[name]["answer"] == ("sampled" if name.startswith("old") else "green"), name


def test_an_event_stream_is_worth_nothing_to_others(start):
    document = config(target("one"))
    for path, route in zip(("/a/sse", "/b/sse"), document["binds"][0]["listeners"][0]["routes"]):
        route["matches"] = [{"path": {"pathPrefix": path}}]
    gateway = start(document)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    connection.request("GET", "/a/sse", headers={"Accept": "text/event-stream"})
    stream = connection.getresponse()
    assert stream.readline() == b"event: endpoint\n"
    endpoint = stream.readline().decode()[6:].strip()
    assert endpoint.startswith("/a/sse?sessionId=")
    hello = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}

    def post(path: str, method: str, params: dict) -> int:
        return Client(gateway, path).post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})[0]

    assert post(endpoint.replace("/a/", "/b/"), "initialize", hello) == 404
    assert post(endpoint[:-3] + "AAA", "initialize", hello) == 404
    assert post(endpoint, "initialize", hello) == 202

    def message() -> dict:
        while not (line := stream.readline()).startswith(b"data: "):
            assert line
        return json.loads(line[6:])

    assert message()["result"]["protocolVersion"] == "2024-11-05"
    assert post(endpoint, "tools/call", {"name": "echo", "arguments": {"a": 1}}) == 202
    assert said(message()) == {"a": 1}
    assert post(endpoint, "initialize", hello) == 202
    assert message()["error"]["code"] == -32600
    assert len(children(gateway)) == 1
    stream.close()
    connection.close()
    until(lambda: not children(gateway), "the child has ended with the stream", 10)
    assert post(endpoint, "ping", {}) == 404


def test_a_child_of_the_modern_era_serves_clients_of_both(start):
    client = Client(start(config(target("one", MODERN="1"), target("two"))))
    client.initialize()
    body = client.call("one_echo", a=1)[2]
    assert said(body) == {"a": 1} and "resultType" not in body["result"]
    assert said(client.call("two_echo", a=1)[2]) == {"a": 1}
    assert client.modern("tools/call", {"name": "one_echo", "arguments": {"a": 2}})[2]["result"]["resultType"] == "complete"


def test_a_mirrored_argument_must_be_what_the_body_says(gateway):
    client = Client(gateway)

    def where(region: str, **headers):
        params = {"name": "modern-web_where", "arguments": {"region": region}}
        status, _, body = client.modern("tools/call", params, headers)
        return status, body.get("error", {}).get("code")

    assert where("eu", Mcp_Param_Region="eu") == (200, None)
    assert where("eu", Mcp_Param_Region="us") == (400, -32020)
    assert where("eu") == (400, -32020)
    assert where("eü", Mcp_Param_Region="=?base64?ZcO8?=") == (200, None)


def test_the_state_of_one_server_is_worth_nothing_to_another(gateway):
    client = Client(gateway)
    result = client.modern("tools/call", {"name": "modern-web_ask", "arguments": {}})[2]["result"]
    assert result["resultType"] == "input_required"
    (key, _), = result["inputRequests"].items()
    answer = {key: {"action": "accept", "content": {"colour": "red"}}}
    again = {"arguments": {}, "requestState": result["requestState"], "inputResponses": answer}
    assert client.modern("tools/call", {"name": "new-web_ask", **again})[0] == 400
    body = client.modern("tools/call", {"name": "modern-web_ask", **again})[2]
    assert body["result"]["content"][0]["text"] == "red"


def test_without_sessions_a_legacy_client_still_does_what_needs_none(start, targets):
    client = Client(start(config(*targets, target("plain"), statefulMode="stateless")))
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    status, fields, body = client.request("initialize", hello)
    assert status == 200 and fields["Mcp-Session-Id"] is None and "logging" not in body["result"]["capabilities"]
    assert client.post({"jsonrpc": "2.0", "method": "notifications/initialized"})[0] == 202
    for name in TARGETS:
        assert client.call(f"{name}_add", a=1, b=2)[2]["result"]["content"][0]["text"] == "3"
    assert said(client.call("plain_echo", a=1)[2]) == {"a": 1}
    assert client.request("logging/setLevel", {"level": "info"})[2]["error"]["code"] == -32601
    assert client.raw("GET")[0] == client.raw("DELETE")[0] == 405


def test_callers_that_share_a_child_and_a_progress_token_get_their_own_progress(start):
    from concurrent.futures import ThreadPoolExecutor

    gateway = start(config({"name": "local", "stdio": {"cmd": OLD, "args": [str(HERE / "sdk_server.py"), "stdio"]}}))
    envelope = {**META, "progressToken": "same"}
    params = {"name": "slow", "arguments": {"steps": 5}, "_meta": envelope}
    headers = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": "tools/call", "Mcp_Name": "slow", "Mcp_Session_Id": None}

    def call(number: int) -> list[float]:
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        status, _, text = Client(gateway).raw("POST", json.dumps(message).encode(), **headers)
        assert status == 200
        events = [json.loads(line[6:]) for line in text.decode().splitlines() if line.startswith("data: ")]
        told = [event["params"] for event in events if event.get("method") == "notifications/progress"]
        assert all(params["progressToken"] == "same" for params in told)
        return [params["progress"] for params in told]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(24))) == [[0, 1, 2, 3, 4]] * 24
