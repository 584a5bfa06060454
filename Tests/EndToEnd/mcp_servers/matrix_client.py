"""The official SDK, 1.x or 2.x, against a URL: every target that is named does everything; prints what came back as JSON.

    matrix_client.py URL MODE TARGET…      MODE: legacy, auto, 2026-07-28 (2.x only), sse (1.x only)
"""

import asyncio
import json
import sys

try:
    from mcp.client.client import Client
except ImportError:
    Client = None

URL, MODE, TARGETS = sys.argv[1], sys.argv[2], sys.argv[3:]
progress: list[float] = []


async def on_progress(done, total, message=None):
    progress.append(done)


def text(result) -> str:
    return result.content[0].text


async def everything(session, out: dict) -> None:
    listed = (await session.list_tools()).tools
    out["tools"] = [tool.name for tool in listed]
    out["resources"] = [str(resource.uri) for resource in (await session.list_resources()).resources]
    out["prompts"] = [prompt.name for prompt in (await session.list_prompts()).prompts]
    for target in TARGETS:
        progress.clear()
        await session.call_tool(f"{target}_slow", {"steps": 3}, progress_callback=on_progress)
        out[target] = {
            "sum": text(await session.call_tool(f"{target}_add", {"a": 1, "b": 2})),
            "answer": text(await session.call_tool(f"{target}_ask", {})),
            "resource": (await session.read_resource(f"{target}+data://x")).contents[0].text,
            "prompt": (await session.get_prompt(f"{target}_greet", {"who": "me"})).messages[0].content.text,
            "progress": list(progress),
        }
        if f"{target}_where" in out["tools"]:
            out[target]["where"] = text(await session.call_tool(f"{target}_where", {"region": "eü"}))


async def new() -> dict:
    import mcp_types

    async def elicit(context, params):
        return mcp_types.ElicitResult(action="accept", content={"colour": "green"})

    async def sample(context, params):
        return mcp_types.CreateMessageResult(
            role="assistant", content=mcp_types.TextContent(type="text", text="sampled"), model="m"
        )

    async with Client(URL, mode=MODE, elicitation_callback=elicit, sampling_callback=sample) as client:
        out = {"version": client.protocol_version}
        await everything(client, out)
        return out


async def old() -> dict:
    from mcp import ClientSession
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamablehttp_client
    from mcp.types import CreateMessageResult, ElicitResult, TextContent

    async def elicit(context, params):
        return ElicitResult(action="accept", content={"colour": "green"})

    async def sample(context, params):
        return CreateMessageResult(role="assistant", content=TextContent(type="text", text="sampled"), model="m")

    async with (sse_client if MODE == "sse" else streamablehttp_client)(URL) as streams:
        async with ClientSession(
            streams[0], streams[1], sampling_callback=sample, elicitation_callback=elicit
        ) as session:
            out = {"version": (await session.initialize()).protocolVersion}
            await everything(session, out)
            return out


print(json.dumps(asyncio.run(asyncio.wait_for((new if Client else old)(), 40))))
