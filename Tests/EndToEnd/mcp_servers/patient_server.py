"""An MCP server that keeps its clients waiting, over standard input and output or, with a port, over HTTP; no library.

Tools: wait (never answers), begin (a task, 2025-11-25), heard (every message that it was told). With MODERN set it speaks
2026-07-28 over HTTP, and hears of a client that left when its connection ends.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = os.environ.get("NAME", "patient")
MODERN = "MODERN" in os.environ
RELATED = "io.modelcontextprotocol/related-task"
heard: list[dict] = []
tasks: dict[str, dict] = {}


def task(number: str) -> dict:
    return {"taskId": number, "status": tasks[number]["status"], "ttl": None, "createdAt": "2026-01-01T00:00:00Z",
            "lastUpdatedAt": "2026-01-01T00:00:00Z"}


def said(value: object) -> dict:
    return {"content": [{"type": "text", "text": json.dumps(value)}]}


def answer(message: dict) -> dict | None:
    """The outcome of a request; None when there will never be one."""
    method, params = message["method"], message.get("params", {})
    if method == "initialize" and not MODERN:
        capabilities = {"tools": {}}
        if "TASKLESS" not in os.environ:
            capabilities["tasks"] = {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}
        return {"result": {"protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": {"name": NAME, "version": "1"}}}
    if method == "server/discover" and MODERN:
        return {"result": {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                           "ttlMs": 0, "cacheScope": "private"}}
    if method == "tools/list":
        return {"result": {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("wait", "begin", "heard")]}}
    if method == "tools/call" and params["name"] == "wait":
        return None
    if method == "tools/call" and params["name"] == "heard":
        return {"result": said(heard[:-1])}
    if method == "tools/call" and params["name"] == "begin" and "task" in params:
        # Both servers of a test count from 1: their ids are the same.
        number = str(len(tasks) + 1)
        tasks[number] = {"status": "working", "arguments": params.get("arguments")}
        return {"result": {"task": task(number)}}
    if method.startswith("tasks/") and "TASKLESS" not in os.environ:
        if method == "tasks/list":
            # One on each page.
            place = int(params.get("cursor", "0"))
            numbers = list(tasks)
            page = {"tasks": [task(number) for number in numbers[place:place + 1]]}
            return {"result": {**page, "nextCursor": str(place + 1)} if place + 1 < len(numbers) else page}
        number = params["taskId"]
        if number not in tasks:
            return {"error": {"code": -32602, "message": "no such task"}}
        if method == "tasks/cancel":
            tasks[number]["status"] = "cancelled"
        if method == "tasks/result":
            return {"result": {**said([NAME, tasks[number]["arguments"]]), "_meta": {RELATED: {"taskId": number}, "else": 1}}}
        return {"result": task(number)}
    return {"error": {"code": -32601, "message": "no such method"}}


def stdio() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        heard.append(message)
        if "method" not in message or "id" not in message:
            continue
        outcome = answer(message)
        if outcome is None:
            continue
        if message.get("params", {}).get("name") == "begin":
            tell = {"jsonrpc": "2.0", "method": "notifications/tasks/status", "params": outcome["result"]["task"]}
            print(json.dumps(tell), flush=True)
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **outcome}), flush=True)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status: int, body: dict | None = None) -> None:
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        heard.append(message)
        if "id" not in message or "method" not in message:
            return self.reply(202)
        if message.get("params", {}).get("name") == "wait" and message["method"] == "tools/call":
            if "STREAMS" in os.environ:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.flush()
            # Nothing more comes from the other side but its end.
            self.connection.recv(1)
            heard.append({"left": message["id"]})
            self.close_connection = True
            return None
        return self.reply(200, {"jsonrpc": "2.0", "id": message["id"], **answer(message)})

    def do_GET(self) -> None:
        self.reply(405)

    do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        pass


if len(sys.argv) > 1:
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
else:
    stdio()
