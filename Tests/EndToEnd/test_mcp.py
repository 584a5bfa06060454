"""MCP as a client without a library sees it: sessions, every public way around a gateway's rules, child processes."""

import base64
import http.client
import json
import os
import sys
from pathlib import Path

import pytest

from harness.waiting import until

SERVER = str(Path(__file__).parent / "mcp_servers" / "plain_stdio.py")
JSON = "application/json"
BOTH = "application/json, text/event-stream"
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
}


def target(name: str = "one", **env: str) -> dict:
    return {"name": name, "stdio": {"cmd": sys.executable, "args": [SERVER], "env": env}}


def config(*targets: dict, **mcp) -> dict:
    routes = [
        {"matches": [{"path": {"pathPrefix": path}}], "backends": [{"mcp": {"targets": list(targets) or [target()], **mcp}}]}
        for path in ("/mcp", "/other")
    ]
    return {"binds": [{"port": 3000, "listeners": [{"routes": routes}]}]}


class Client:
    """One HTTP request at a time, every header chosen by the test."""

    def __init__(self, gateway, path: str = "/mcp"):
        self.gateway, self.path, self.session, self.number = gateway, path, None, 0

    def raw(self, method: str, body: bytes = b"", **headers: str):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=30)
        fields = {"Accept": BOTH, "Content-Type": JSON, "Mcp-Session-Id": self.session}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, self.path, body or None, {k: v for k, v in fields.items() if v is not None})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, response.headers, text

    def post(self, message, **headers):
        status, fields, text = self.raw("POST", json.dumps(message).encode(), **headers)
        return status, fields, answer(fields, text)

    def request(self, method: str, params: dict | None = None, **headers):
        self.number += 1
        return self.post({"jsonrpc": "2.0", "id": self.number, "method": method, "params": params or {}}, **headers)

    def initialize(self, **capabilities):
        params = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": {"name": "t", "version": "1"}}
        status, fields, body = self.request("initialize", params)
        assert status == 200, body
        self.session = fields["Mcp-Session-Id"]
        assert self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})[0] == 202
        return body["result"]

    def call(self, name: str, **arguments):
        return self.request("tools/call", {"name": name, "arguments": arguments})

    def modern(self, method: str, params: dict | None = None, headers: dict | None = None):
        params = {**(params or {}), "_meta": META}
        mirrored = {"MCP_Protocol_Version": "2026-07-28", "Mcp_Method": method, "Mcp_Name": params.get("name")}
        return self.request(method, params, **{**mirrored, **(headers or {})})


def answer(fields, text: bytes):
    if not text:
        return None
    if fields["Content-Type"].startswith("text/event-stream"):
        return json.loads([line for line in text.decode().splitlines() if line.startswith("data:")][-1][5:])
    return json.loads(text) if fields["Content-Type"] == JSON else text


def said(body) -> object:
    return json.loads(body["result"]["content"][0]["text"])


@pytest.fixture(scope="module")
def gateway(module_start):
    return module_start(config(target("one"), target("two")))


@pytest.fixture
def client(gateway):
    client = Client(gateway)
    client.initialize()
    yield client
    client.raw("DELETE")


# Federation


def test_tools_of_all_targets_are_listed_under_their_names(client):
    tools = [tool["name"] for tool in client.request("tools/list")[2]["result"]["tools"]]
    assert "one_echo" in tools and "two_echo" in tools and len(tools) == 14


def test_a_call_reaches_its_target_with_its_arguments(client):
    assert said(client.call("two_echo", a=1, b="ü", c=[None, 1.50])[2]) == {"a": 1, "b": "ü", "c": [None, 1.5]}


@pytest.mark.parametrize("name", ["echo", "three_echo", "one_", "_echo", "one_nothing", ""])
def test_an_unknown_tool_is_an_error(client, name):
    assert client.call(name)[2]["error"]["code"] == -32602


def test_no_arguments_may_be_written_as_null(client):
    status, _, body = client.request("tools/call", {"name": "one_echo", "arguments": None})
    assert (status, said(body)) == (200, {})


def test_a_child_that_dies_answers_its_own_calls_with_an_error_and_comes_back(client):
    status, _, body = client.call("one_die")
    assert (status, body["error"]["code"]) == (502, -32001)
    assert body["error"]["data"] == {"target": "one"}
    assert said(client.call("two_echo", x=1)[2]) == {"x": 1}
    until(lambda: client.call("one_echo", x=2)[0] == 200, "the child was started again", 10)


def test_output_that_is_no_message_is_passed_over(client):
    assert said(client.call("one_noise")[2]) == "made noise"


# Ways around the rules


def test_batches_are_refused(client):
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    for batch in ([message], [message, message], []):
        status, _, body = client.post(batch)
        assert (status, body["error"]["code"]) == (400, -32600)


@pytest.mark.parametrize("kind", ["text/plain", "application/json-rpc", "application/jsonp", None])
def test_a_body_that_is_not_json_by_its_type_is_refused(client, kind):
    assert client.request("ping", Content_Type=kind)[0] == 415


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", "application/json; charset=utf-8", "Application/Json ;x=y"])
def test_the_type_is_compared_without_case_and_parameters(client, kind):
    assert client.request("ping", Content_Type=kind)[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"one_echo","name":"one_die"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"one_echo","n\\u0061me":"one_die"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"one_echo","Name":"one_die"}}',
        # The long s and the Kelvin sign: libraries that ignore case take them for s and k.
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"one_echo","argument\u017f":{}}}'.encode(),
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"one_echo","ta\u017f\u212a":{}}}'.encode(),
        '{"json\u0440rc":"2.0","id":1,"method":"ping"}'.encode(),
        b'{"jsonrpc":"2.0","id":18446744073709551616,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1e3,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":"' + b"x" * 300 + b'","method":"ping"}',
        b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}',
        b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping"} {"jsonrpc":"2.0","id":2,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b'{"a":' * 100 + b"1" + b"}" * 101,
        b'{"jsonrpc":"2.0","id":1,"method":"p\xff"}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping",}',
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":[1],"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}',
        b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"one_echo"}}',
        b'{"jsonrpc":"2.0","id":1,"method":"notifications/cancelled"}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
        b'{"jsonrpc":"2.0","id":"x","result":{}}',
        b'{"jsonrpc":"2.0","id":1}',
        b'"ping"',
        b"",
    ],
)
def test_an_ambiguous_or_malformed_message_is_refused(client, body):
    status, _, text = client.raw("POST", body or b" ")
    assert status == 400, text
    assert json.loads(text)["error"]["code"] in (-32700, -32600)


def test_compressed_bodies_are_refused(client):
    assert client.request("ping", Content_Encoding="gzip")[0] == 415


def test_an_oversized_body_is_refused_before_it_is_sent(client):
    connection = http.client.HTTPConnection("127.0.0.1", client.gateway.port, timeout=30)
    connection.putrequest("POST", "/mcp")
    for name, value in {"Accept": BOTH, "Content-Type": JSON, "Mcp-Session-Id": client.session, "Content-Length": str(1 << 30)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_unknown_methods_reach_no_target(client):
    status, _, body = client.request("tools/delete", {"name": "one_echo"})
    assert (status, body["error"]["code"]) == (200, -32601)
    assert client.post({"jsonrpc": "2.0", "method": "notifications/evil"})[0] == 400


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_every_leg_asks_for_a_session(gateway, method):
    client = Client(gateway)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode() if method == "POST" else b""
    assert client.raw(method, body)[0] == 400
    client.session = "A" * 80
    assert client.raw(method, body)[0] == 404


def test_a_session_is_worth_nothing_on_another_route(client):
    thief = Client(client.gateway, "/other")
    thief.session = client.session
    assert thief.request("ping")[0] == 404
    assert thief.raw("DELETE")[0] == 404
    assert client.request("ping")[0] == 200


def test_an_altered_session_is_unknown(client):
    good = client.session
    for i in range(0, len(good), 7):
        client.session = good[:i] + ("A" if good[i] != "A" else "B") + good[i + 1 :]
        assert client.request("ping")[0] == 404
    client.session = good


def test_a_session_ends_with_delete(gateway):
    client = Client(gateway)
    client.initialize()
    assert client.raw("DELETE")[0] == 204
    assert client.raw("DELETE")[0] == 404
    assert client.call("one_echo")[0] == 404
    assert client.request("ping")[0] == 404
    assert client.raw("GET")[0] == 404


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_other_sites_are_refused(client, origin):
    assert client.request("ping", Origin=origin)[0] == 403


def test_a_rebound_name_is_refused(client):
    assert client.request("ping", Host="evil.example")[0] == 403
    assert client.request("ping", Host=f"localhost:{client.gateway.port}")[0] == 200


def test_a_name_that_anybody_could_point_here_is_no_origin(start):
    client = Client(start(config(target("one"), dnsRebindingProtection=False)))
    client.initialize()
    rebound = f"evil.example:{client.gateway.port}"
    assert client.request("ping", Host=rebound)[0] == 200
    assert client.request("ping", Host=rebound, Origin=f"http://{rebound}")[0] == 403
    here = f"127.0.0.1:{client.gateway.port}"
    assert client.request("ping", Host=here, Origin=f"http://{here}")[0] == 200
    named = config(target("one"), dnsRebindingProtection=False)
    named["binds"][0]["listeners"][0]["hostname"] = "gateway.example"
    client = Client(start(named))
    there = {"Host": f"gateway.example:{client.gateway.port}"}
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    assert client.request("initialize", hello, **there, Origin=f"http://{there['Host']}")[0] == 200


def test_a_reply_must_be_acceptable(client):
    assert client.request("ping", Accept="text/html")[0] == 406


def test_other_verbs_are_not_allowed(client):
    assert client.raw("PUT", b"{}")[0] == 405


def test_the_header_must_be_the_sessions_version(client):
    assert client.request("ping", MCP_Protocol_Version="2025-03-26")[0] == 400
    assert client.request("ping", MCP_Protocol_Version="2025-11-25")[0] == 200


# Children


def children(gateway) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if f"PPid:\t{gateway.process.pid}\n" in (entry / "status").read_text():
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def test_children_inherit_nothing_but_what_is_named(start):
    gateway = start(config(target("one", NAMED="yes")), environment={"OPENAI_API_KEY": "sk-secret"})
    client = Client(gateway)
    client.initialize()
    names = set(said(client.call("environment")[2]))
    assert "NAMED" in names and "OPENAI_API_KEY" not in names
    assert names <= {"PATH", "HOME", "LANG", "TMPDIR", "NAMED", "LC_CTYPE", "PWD", "SHLVL", "_"}


def test_children_end_with_their_session_and_leave_nothing(start):
    gateway = start(config(target("one"), target("two")))
    before = len(os.listdir(f"/proc/{gateway.process.pid}/fd"))
    for _ in range(5):
        client = Client(gateway)
        client.initialize()
        grandchild = said(client.call("one_spawn")[2])
        assert len(children(gateway)) == 2
        client.raw("DELETE")
        until(lambda: not children(gateway), "the children have ended", 10)
        until(lambda: not os.path.exists(f"/proc/{grandchild}") or "Z" in Path(f"/proc/{grandchild}/stat").read_text().split(")")[1], "the grandchild has ended", 10)
    until(lambda: len(os.listdir(f"/proc/{gateway.process.pid}/fd")) <= before + 1, "no descriptor is left", 10)


def test_children_die_with_a_killed_gateway(start):
    gateway = start(config())
    Client(gateway).initialize()
    pids = children(gateway)
    assert pids
    gateway.kill()
    until(lambda: not any(os.path.exists(f"/proc/{pid}") and "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1] for pid in pids), "the children have ended", 10)


def test_a_target_that_cannot_start_fails_closed_or_open(start):
    broken = {"name": "broken", "stdio": {"cmd": "/nonexistent/program"}}
    closed = start(config(target("one"), broken))
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    status, _, body = Client(closed).request("initialize", params)
    assert (status, body["error"]["code"]) == (502, -32001)
    assert "nonexistent" not in json.dumps(body)
    until(lambda: not children(closed), "the others have ended", 10)
    client = Client(start(config(target("one"), broken, failureMode="failOpen")))
    client.initialize()
    assert said(client.call("one_echo", a=1)[2]) == {"a": 1}
    assert client.call("broken_echo")[0] == 502


# Modern


def test_a_modern_client_needs_no_session(gateway):
    client = Client(gateway)
    status, fields, body = client.modern("server/discover")
    assert status == 200 and fields["Mcp-Session-Id"] is None
    assert "2026-07-28" in body["result"]["supportedVersions"] and "tools" in body["result"]["capabilities"]
    tools = client.modern("tools/list")[2]["result"]
    assert tools["resultType"] == "complete" and tools["cacheScope"] == "private" and len(tools["tools"]) == 14
    body = client.modern("tools/call", {"name": "one_echo", "arguments": {"a": 1}})[2]
    assert said(body) == {"a": 1} and body["result"]["resultType"] == "complete"


@pytest.mark.parametrize(
    "headers",
    [
        {"Mcp_Method": "tools/list"},
        {"Mcp_Method": None},
        {"Mcp_Name": "two_echo"},
        {"Mcp_Name": None},
        {"Mcp_Name": "ONE_ECHO"},
        {"Mcp_Name": "=?base64?dHdvX2VjaG8=?="},
        {"MCP_Protocol_Version": None},
        {"MCP_Protocol_Version": "2025-11-25"},
    ],
)
def test_headers_must_say_what_the_body_says(gateway, headers):
    status, _, body = Client(gateway).modern("tools/call", {"name": "one_echo"}, headers)
    assert (status, body["error"]["code"]) == (400, -32020)


def test_a_header_that_only_looks_like_the_body_is_no_match(gateway):
    client = Client(gateway)
    for name, other in (("one_K", "one_\u212a"), ("one_\u00e9", "one_e\u0301")):
        header = f"=?base64?{base64.b64encode(other.encode()).decode()}?="
        status, _, body = client.modern("tools/call", {"name": name}, {"Mcp_Name": header})
        assert (status, body["error"]["code"]) == (400, -32020)


def test_an_id_keeps_its_type(client):
    for number in (1, "1", -1, 2**53 + 1, ""):
        assert client.post({"jsonrpc": "2.0", "id": number, "method": "ping"})[2]["id"] == number


def test_an_encoded_name_is_decoded(gateway):
    assert Client(gateway).modern("tools/call", {"name": "one_echo"}, {"Mcp_Name": "=?base64?b25lX2VjaG8=?="})[0] == 200


def test_an_unknown_version_is_answered_with_those_we_speak(gateway):
    client = Client(gateway)
    meta = {**META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
    status, _, body = client.request("tools/list", {"_meta": meta}, MCP_Protocol_Version="2099-01-01", Mcp_Method="tools/list")
    assert (status, body["error"]["code"]) == (400, -32022)
    assert "2026-07-28" in body["error"]["data"]["supported"]


def test_a_method_of_the_other_era_is_unknown(gateway):
    status, _, body = Client(gateway).modern("logging/setLevel", {"level": "info"})
    assert (status, body["error"]["code"]) == (404, -32601)


def test_a_servers_question_becomes_a_result_and_its_answer_a_request(gateway):
    client = Client(gateway)
    result = client.modern("tools/call", {"name": "one_ask"})[2]["result"]
    assert result["resultType"] == "input_required"
    (key, question), = result["inputRequests"].items()
    assert question["method"] == "elicitation/create"
    state = result["requestState"]
    given = {"action": "accept", "content": {"colour": "blue"}}
    wrong = client.modern("tools/call", {"name": "two_ask", "requestState": state[:-2] + "AA", "inputResponses": {key: given}})
    assert wrong[0] == 400
    body = client.modern("tools/call", {"name": "one_ask", "requestState": state, "inputResponses": {key: given}})[2]
    assert said(body) == given
    again = client.modern("tools/call", {"name": "one_ask", "requestState": state, "inputResponses": {key: given}})
    assert again[0] == 400


# Streams


def stream(client) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", client.gateway.port, timeout=30)
    connection.request("GET", "/mcp", headers={"Accept": "text/event-stream", "Mcp-Session-Id": client.session})
    response = connection.getresponse()
    assert response.status == 200 and response.readline().startswith(b":")
    return response


def test_open_streams_do_not_hold_up_the_end(start):
    client = Client(start(config()))
    client.initialize()
    response = stream(client)
    client.gateway.terminate()
    assert response.read() == b"\n"
    assert client.gateway.wait(5) == 0


def test_a_stream_does_not_go_on_where_another_session_was(client):
    connection = http.client.HTTPConnection("127.0.0.1", client.gateway.port, timeout=30)
    fields = {"Accept": "text/event-stream", "Mcp-Session-Id": client.session, "Last-Event-ID": "1"}
    connection.request("GET", "/mcp", headers=fields)
    response = connection.getresponse()
    assert response.status == 200 and response.readline() == b": keep-alive\n"
    stream(client).close()
    assert response.read() == b"\n", "nothing was sent again"


def test_a_second_stream_of_a_session_replaces_the_first(client):
    first = stream(client)
    second = stream(client)
    assert first.read() == b"\n"
    second.close()


# Built-in servers, and loops


def test_built_in_servers_need_nothing_installed(start):
    gateway = start(config({"name": "everything", "builtin": "everything"}, {"name": "clock", "builtin": "time"}))
    for client in (Client(gateway), Client(gateway)):
        client.initialize()
        assert client.call("everything_get-sum", a=1, b=2.5)[2]["result"]["content"][0]["text"] == "3.5"
        assert client.call("everything_echo", message="ü")[2]["result"]["content"][0]["text"] == "ü"
        assert client.call("everything_echo")[2]["error"]["code"] == -32602
        assert client.call("clock_unix-time")[2]["result"]["content"][0]["text"].isdigit()
    assert not children(gateway)


def test_a_session_is_served_by_every_loop(start):
    document = config(target("one"))
    document["config"] = {"workerThreads": 3}
    client = Client(start(document))
    client.initialize()
    # Each request comes on a connection of its own, and so to any loop.
    for number in range(60):
        assert said(client.call("echo", n=number)[2]) == {"n": number}
    assert len(children(client.gateway)) == 1
    assert client.raw("DELETE")[0] == 204


def test_a_cancelled_call_waits_no_longer(start):
    from concurrent.futures import ThreadPoolExecutor

    client = Client(start(config(target("one"))))
    client.initialize()
    other = Client(client.gateway)
    other.session = client.session
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.post, {"jsonrpc": "2.0", "id": "slow", "method": "tools/call", "params": {"name": "sleep", "arguments": {"seconds": 8}}})
        cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow", "reason": "enough"}}

        def ended() -> bool:
            assert client.post(cancel)[0] == 202
            return waiting.done()

        until(ended, "the call has ended", 5)
        status, _, body = waiting.result()
    assert (status, body["id"], body["error"]["code"]) == (200, "slow", -32006)


def test_calls_of_one_session_run_at_the_same_time(start):
    from concurrent.futures import ThreadPoolExecutor

    client = Client(start(config(target("one"), target("two"))))
    client.initialize()

    def call(number: int):
        other = Client(client.gateway)
        other.session, other.number = client.session, number * 1000
        return said(other.call(f"{'one' if number % 2 else 'two'}_echo", n=number)[2])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(call, range(200))) == [{"n": number} for number in range(200)]


# Whose session


def test_a_session_is_worth_nothing_to_another_caller(start):
    document = config(target("one"))
    keys = [{"key": "key-of-alice", "metadata": {"user": "alice"}}, {"key": "key-of-bob", "metadata": {"user": "bob"}}]
    for route in document["binds"][0]["listeners"][0]["routes"]:
        route["policies"] = {"apiKey": {"mode": "strict", "keys": keys}}
    client = Client(start(document))
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    alice, bob = {"Authorization": "Bearer key-of-alice"}, {"Authorization": "Bearer key-of-bob"}
    assert client.request("initialize", hello)[0] == 401
    client.session = client.request("initialize", hello, **alice)[1]["Mcp-Session-Id"]
    assert client.request("ping", **alice)[0] == 200
    assert client.request("ping", **bob)[0] == 404
    assert client.raw("GET", **bob)[0] == 404
    assert client.raw("DELETE", **bob)[0] == 404
    assert client.request("ping")[0] == 401
    assert client.request("ping", **alice)[0] == 200
