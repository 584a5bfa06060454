"""A small MCP server over standard input and output, without a library: what it does is all here to see.

Tools: echo (its arguments), environment (its variables' names), ask (elicitation), die, sleep, spawn (a grandchild).
"""

import json
import os
import subprocess
import sys
import time

VERSION = "2025-11-25"
SCHEMAS = {
    "typed": {
        "type": "object",
        "properties": {"path": {"type": "string", "pattern": "^/"}, "depth": {"type": "integer"}},
        "required": ["path"],
        "additionalProperties": False,
    }
}
TOOLS = ["echo", "environment", "ask", "die", "sleep", "spawn", "noise"]


if "STRICT" in os.environ:
    TOOLS = [*TOOLS, "typed"]


def send(message: dict) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def written() -> list:
    """The tools of the file that TOOLS_FILE names, as it is now."""
    with open(os.environ["TOOLS_FILE"]) as file:
        return json.load(file)


def text(value: object) -> dict:
    return {"content": [{"type": "text", "text": json.dumps(value)}]}


def call(params: dict) -> dict:
    name, arguments = params["name"], params.get("arguments", {})
    if name in ("echo", "typed"):
        return text(arguments)
    if name == "environment":
        return text(sorted(os.environ))
    if name == "die":
        os._exit(3)
    if name == "sleep":
        time.sleep(arguments["seconds"])
        return text("slept")
    if name == "spawn":
        return text(subprocess.Popen(["sleep", "600"]).pid)
    if name == "noise":
        sys.stdout.write("this is no JSON\n")
        sys.stderr.write("a complaint\n")
        return text("made noise")
    if name == "ask":
        send({"id": "q", "method": "elicitation/create", "params": {"message": "colour?", "requestedSchema": {"type": "object", "properties": {}}}})
        while True:
            answer = json.loads(sys.stdin.readline())
            if answer.get("id") == "q":
                return text(answer.get("result", answer.get("error")))
    raise KeyError(name)


for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message or "method" not in message:
        continue
    method, params = message["method"], message.get("params", {})
    if method == "initialize" and "MODERN" in os.environ:
        data = {"supported": ["2026-07-28"]}
        send({"id": message["id"], "error": {"code": -32022, "message": "Unsupported protocol version", "data": data}})
        continue
    if method == "server/discover" and "MODERN" in os.environ:
        result = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}
    elif "MODERN" in os.environ and "io.modelcontextprotocol/protocolVersion" not in params.get("_meta", {}):
        send({"id": message["id"], "error": {"code": -32602, "message": "no envelope"}})
        continue
    elif method == "initialize":
        result = {"protocolVersion": VERSION, "capabilities": {"tools": {"listChanged": "ANNOUNCES" in os.environ}}, "serverInfo": {"name": "plain", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": written() if "TOOLS_FILE" in os.environ else [{"name": name, "inputSchema": SCHEMAS.get(name, {"type": "object"})} for name in TOOLS]}
    elif method == "tools/call" and "TOOLS_FILE" in os.environ and params.get("name") in [tool["name"] for tool in written()]:
        result = text(params.get("arguments", {}))
    elif method == "tools/call" and params.get("name") in TOOLS:
        result = call(params)
    elif method == "ping":
        result = {}
    else:
        code = -32602 if method == "tools/call" else -32601
        send({"id": message["id"], "error": {"code": code, "message": "no such thing"}})
        continue
    if "MODERN" in os.environ:
        result = {"resultType": "complete", **result}
    send({"id": message["id"], "result": result})
