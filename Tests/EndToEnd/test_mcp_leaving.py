"""Clients that leave while a call is under way: whatever way they go, the server is told and nothing waits any longer."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness import http2
from harness.gateway import free_port
from harness.waiting import until
from test_mcp import BOTH, JSON, META, Client, config, said
from test_mcp_sdk import HERE, OLD, run

SERVER = str(Path(__file__).parent / "mcp_servers" / "patient_server.py")


@pytest.fixture(scope="module")
def patient():
    """Begins servers over HTTP; they end with the module."""
    running = []

    def begin(**env: str) -> int:
        port = free_port()
        process = subprocess.Popen([sys.executable, SERVER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **env})
        running.append(process)
        assert process.stdout.readline() == b"ready\n"
        return port

    yield begin
    for process in running:
        process.stdin.close()
        process.stdout.close()
        process.wait(10)


@pytest.fixture(scope="module")
def gateways(patient, module_start):
    """A gateway in front of each kind of server."""
    def http(**env: str) -> dict:
        return {"name": "far", "mcp": {"host": f"http://127.0.0.1:{patient(**env)}/mcp"}}

    targets = {
        "child": {"name": "near", "stdio": {"cmd": sys.executable, "args": [SERVER]}},
        "http": http(),
        "stream": http(STREAMS="1"),
        "modern": http(MODERN="1"),
    }
    # One loop, and so one child for all that modern clients ask.
    threads = {"config": {"workerThreads": 1}}
    return {kind: module_start(config(target) | threads) for kind, target in targets.items()}


def message(number: object, era: str) -> bytes:
    params: dict = {"name": "wait", "arguments": {}}
    if era == "modern":
        params["_meta"] = META
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}).encode()


def fields(client: Client, era: str) -> dict[str, str]:
    base = {"content-type": JSON, "accept": BOTH}
    if era == "modern":
        return base | {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "wait"}
    return base | {"mcp-session-id": client.session}


class OverHTTP1:
    def __init__(self, client: Client, era: str):
        body = message("gone", era)
        lines = [f"{name}: {value}" for name, value in (fields(client, era) | {"host": "localhost", "content-length": str(len(body))}).items()]
        self.socket = socket.create_connection(("127.0.0.1", client.gateway.port))
        self.socket.sendall("\r\n".join(["POST /mcp HTTP/1.1", *lines, "", ""]).encode() + body)

    def leave(self) -> None:
        self.socket.close()


class OverHTTP2:
    def __init__(self, client: Client, era: str):
        self.client = http2.Client(client.gateway.port)
        head = [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/mcp"), *fields(client, era).items()]
        self.stream = self.client.request(head, message("gone", era))

    def leave(self) -> None:
        self.client.h2.reset_stream(self.stream, 8)
        self.client.flush()


def heard(client: Client, era: str) -> list[dict]:
    if era == "modern":
        return said(client.modern("tools/call", {"name": "heard", "arguments": {}})[2])
    return said(client.call("heard")[2])


def is_call(entry: dict) -> bool:
    return entry.get("method") == "tools/call" and entry["params"]["name"] == "wait"


@pytest.mark.parametrize("way", [OverHTTP1, OverHTTP2])
@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("kind", ["child", "http", "stream", "modern"])
def test_a_client_that_leaves_ends_its_call(gateways, kind, era, way):
    client = Client(gateways[kind])
    if era == "legacy":
        client.initialize()
    before = len(heard(client, era))
    call = way(client, era)
    until(lambda: any(map(is_call, heard(client, era)[before:])), "the call is under way", 10)
    number = next(entry["id"] for entry in heard(client, era)[before:] if is_call(entry))
    call.leave()

    def ended() -> bool:
        news = heard(client, era)[before:]
        if kind == "modern":
            return {"left": number} in news
        told = [entry["params"] for entry in news if entry.get("method") == "notifications/cancelled"]
        return {"requestId": number, "reason": "the client has gone"} in told

    until(ended, "the server has been told", 10)
    if kind in ("http", "stream"):
        assert {"left": number} in heard(client, era)[before:]


def test_a_client_that_only_has_nothing_more_to_say_gets_its_answer(gateways):
    client = Client(gateways["child"])
    client.initialize()
    body = json.dumps({"jsonrpc": "2.0", "id": 7, "method": "ping"}).encode()
    lines = [f"{name}: {value}" for name, value in (fields(client, "legacy") | {"host": "localhost", "content-length": str(len(body))}).items()]
    with socket.create_connection(("127.0.0.1", client.gateway.port), timeout=10) as raw:
        raw.sendall("\r\n".join(["POST /mcp HTTP/1.1", *lines, "", ""]).encode() + body)
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(65536).endswith(b'{"jsonrpc":"2.0","id":7,"result":{}}')


def test_a_cancelled_call_over_http_waits_no_longer_and_its_server_is_told_why(gateways):
    client = Client(gateways["http"])
    client.initialize()
    before = len(heard(client, "legacy"))
    call = OverHTTP1(client, "legacy")
    until(lambda: any(map(is_call, heard(client, "legacy")[before:])), "the call is under way", 10)
    cancel = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "gone", "reason": "enough"}}
    assert client.post(cancel)[0] == 202
    call.socket.settimeout(10)
    assert b'"code":-32006' in call.socket.recv(65536)
    told = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "gone", "reason": "enough"}}
    until(lambda: told in heard(client, "legacy")[before:], "the server has been told", 10)
    call.leave()


@pytest.mark.parametrize("kind", ["child", "http", "stream", "modern"])
def test_a_session_can_be_ended_with_calls_under_way(gateways, kind):
    """The SDK's 1.x client takes whatever still comes for a call then, an answer or an error, for a fault."""
    assert run(OLD, str(HERE / "ending_client.py"), gateways[kind].url("/mcp"), "wait", "wait") == "ended"
