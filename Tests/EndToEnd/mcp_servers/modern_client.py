"""The official SDK's 2.x client against a URL, in a mode (legacy, auto, 2026-07-28); prints what it got as JSON."""

import asyncio
import json
import sys

import mcp_types
from mcp.client.client import Client


async def elicit(context, params):
    return mcp_types.ElicitResult(action="accept", content={"colour": "green"})


async def main(url: str, mode: str) -> None:
    progress = []

    async def on_progress(done, total, message=None):
        progress.append(done)

    async with Client(url, mode=mode, elicitation_callback=elicit) as client:
        result = {
            "version": client.protocol_version,
            "tools": [tool.name for tool in (await client.list_tools()).tools],
            "sum": (await client.call_tool("web_add", {"a": 2, "b": 2})).structured_content,
            "answer": json.loads((await client.call_tool("plain_ask", {})).content[0].text),
            "resource": (await client.read_resource("web+data://x")).contents[0].text,
            "prompt": (await client.get_prompt("web_greet", {"who": "me"})).messages[0].content.text,
        }
        await client.call_tool("web_slow", {"steps": 3}, progress_callback=on_progress)
        print(json.dumps({**result, "progress": progress}))


asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2]), 60))
