"""The official Python SDK through the gateway: its last 1.x here, its 2.x in an environment of its own.

AGENTGW_MCP_PYTHON and AGENTGW_MCP2_PYTHON name interpreters that have them; without these the environments are made here.
"""

import json
import subprocess
from pathlib import Path

import pytest

from harness.gateway import free_port
from harness.sdk import sdk_python
from harness.waiting import until
from test_mcp import config, target

HERE = Path(__file__).parent / "mcp_servers"
OLD, NEW = str(sdk_python(1)), str(sdk_python(2))

CLIENT = """
import asyncio, json, sys
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CreateMessageResult, TextContent

async def sample(context, params):
    return CreateMessageResult(role="assistant", content=TextContent(type="text", text="sampled"), model="m")

async def main(url):
    logs, progress, out = [], [], {}
    async def log(message): logs.append(message.data)
    async def on_progress(done, total, message): progress.append(done)
    async with streamablehttp_client(url) as (read, write, _):
        async with ClientSession(read, write, sampling_callback=sample, logging_callback=log) as session:
            out["instructions"] = (await session.initialize()).instructions
            out["tools"] = [tool.name for tool in (await session.list_tools()).tools]
            out["templates"] = [t.uriTemplate for t in (await session.list_resource_templates()).resourceTemplates]
            for name in ("web", "local"):
                progress.clear(), logs.clear()
                await session.call_tool(f"{name}_slow", {"steps": 3}, progress_callback=on_progress)
                out[name] = [
                    (await session.call_tool(f"{name}_add", {"a": 1, "b": 2})).structuredContent["result"],
                    (await session.call_tool(f"{name}_ask", {})).content[0].text,
                    (await session.read_resource(f"{name}+data://x")).contents[0].text,
                    (await session.get_prompt(f"{name}_greet", {"who": "me"})).messages[0].content.text,
                    list(progress), list(logs),
                ]
            await session.send_ping()
    print(json.dumps(out))

asyncio.run(asyncio.wait_for(main(sys.argv[1]), 60))
"""


@pytest.fixture(scope="module")
def gateway(module_start):
    port = free_port()
    server = subprocess.Popen([OLD, str(HERE / "sdk_server.py"), "http", str(port)], stderr=subprocess.DEVNULL)
    try:
        import socket

        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the server listens", 20)
        yield module_start(
            config(
                {"name": "local", "stdio": {"cmd": OLD, "args": [str(HERE / "sdk_server.py"), "stdio"]}},
                {"name": "web", "mcp": {"host": f"http://127.0.0.1:{port}/mcp"}},
                target("plain"),
            )
        )
    finally:
        server.kill()
        server.wait()


def run(python: str, *arguments: str) -> dict:
    done = subprocess.run([python, *arguments], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_last_1_x_client_does_everything(gateway):
    out = run(OLD, "-c", CLIENT, gateway.url("/mcp"))
    assert {"local_add", "web_add", "plain_echo"} <= set(out["tools"])
    assert out["templates"] == ["local+made://{name}", "web+made://{name}"]
    assert out["instructions"].count("Adds.") == 2
    for name in ("web", "local"):
        *values, progress, logs = out[name]
        assert values == [3, "sampled", "xdata", "Hello me"]
        assert progress == [0, 1, 2] and logs[:3] == ["step 0", "step 1", "step 2"]


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
def test_the_2_x_client_does_everything_in_both_eras(gateway, mode):
    out = run(NEW, str(HERE / "modern_client.py"), gateway.url("/mcp"), mode)
    assert out["version"] == ("2025-11-25" if mode == "legacy" else "2026-07-28")
    assert out["sum"] == {"result": 4} and out["resource"] == "xdata" and out["prompt"] == "Hello me"
    assert out["answer"] == {"action": "accept", "content": {"colour": "green"}}
    assert out["progress"] == [0, 1, 2]
