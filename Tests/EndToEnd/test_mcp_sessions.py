"""Many sessions at once: what they hold, and that nothing of them is left."""

import json
import os
import selectors
import socket
from pathlib import Path

import pytest

from harness.waiting import until
from test_mcp import Client, config, said
from test_mcp_leaving import patient  # noqa: F401

SESSIONS = 1000
LIMIT = 64 << 20


def test_a_thousand_sessions_with_open_streams_are_small(start, serve):
    """Over HTTP targets, each with a session of its own at the server and an open stream on both sides."""

    async def server(exchange):
        request = exchange.request
        if request.method == "GET":
            await exchange.start(200, {"Content-Type": "text/event-stream"})
            await exchange.chunk(b": open\n\n")
            await exchange.reader.read(1)
            return
        message = json.loads(request.body or b"{}")
        if message.get("method") != "initialize":
            return await exchange.reply(202 if request.method == "POST" else 200)
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
        body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
        headers = {"Content-Type": "application/json", "Mcp-Session-Id": f"session-{len(upstream.requests)}"}
        await exchange.reply(200, body, headers)

    upstream = serve(server)
    gateway = start(config({"name": "web", "mcp": {"host": f"http://127.0.0.1:{upstream.port}/mcp"}}))
    first = Client(gateway)
    first.initialize()
    before, descriptors = gateway.memory(), len(os.listdir(f"/proc/{gateway.process.pid}/fd"))
    open_streams, waiting = [], selectors.DefaultSelector()
    for _ in range(SESSIONS):
        client = Client(gateway)
        client.initialize()
        stream = socket.create_connection(("127.0.0.1", gateway.port))
        head = f"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nMcp-Session-Id: {client.session}\r\n\r\n"
        stream.sendall(head.encode())
        waiting.register(stream, selectors.EVENT_READ)
        open_streams.append(stream)
    opened = 0
    while opened < SESSIONS:
        ready = waiting.select(30)
        assert ready, f"{opened} streams have answered"
        for key, _ in ready:
            assert key.fileobj.recv(4096).startswith(b"HTTP/1.1 200")
            waiting.unregister(key.fileobj)
            opened += 1
    grown = gateway.memory() - before
    print(f"{SESSIONS} sessions with streams: {grown / 2**20:.1f} MiB")
    assert grown <= LIMIT, f"{grown / 2**20:.1f} MiB"
    for stream in open_streams:
        stream.close()
    until(lambda: len(os.listdir(f"/proc/{gateway.process.pid}/fd")) <= descriptors + 300, "streams leave no descriptors", 30)
    assert first.request("ping")[0] == 200
    assert Path(f"/proc/{gateway.process.pid}").exists()


@pytest.mark.parametrize("mode", ["stateful", "stateless"])
def test_no_two_requests_of_a_servers_session_have_one_id(start, patient, mode):  # noqa: F811
    far = {"name": "far", "mcp": {"host": f"http://127.0.0.1:{patient()}/mcp"}}
    client = Client(start(config(far, statefulMode=mode, validateArguments=True) | {"config": {"workerThreads": 1}}))
    if mode == "stateful":
        client.initialize()
    for _ in range(3):
        # Clients without sessions may use the same id for every request.
        client.number = 0 if mode == "stateless" else client.number
        entries = said(client.call("heard")[2])
    ids = [entry["id"] for entry in entries if "id" in entry and entry["method"] != "initialize"]
    assert len(ids) >= 3 and len(set(ids)) == len(ids)
    # The first call had the gateway look the tool up.
    assert "tools/list" in [entry["method"] for entry in entries]
