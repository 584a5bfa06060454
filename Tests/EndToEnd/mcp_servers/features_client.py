"""The SDK's 1.x client with everything that the other clients leave out; prints what it got as JSON."""

import asyncio
import json
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
import mcp.types as types

out: dict = {}
updated: asyncio.Queue = asyncio.Queue()
changed: asyncio.Queue = asyncio.Queue()


async def roots(context):
    return types.ListRootsResult(roots=[types.Root(uri="file:///srv/space")])


async def on_message(message):
    if isinstance(message, types.ServerNotification):
        if isinstance(message.root, types.ResourceUpdatedNotification):
            await updated.put(str(message.root.params.uri))
        if isinstance(message.root, types.ToolListChangedNotification):
            await changed.put(True)


async def features(session: ClientSession, target: str) -> dict:
    def name(text: str) -> str:
        return f"{target}_{text}"

    async def said(tool: str) -> str:
        return (await session.call_tool(name(tool), {})).content[0].text

    got: dict = {"tools": [t.name for t in (await session.list_tools()).tools if t.name.startswith(target)]}
    got["roots"] = await said("roots")
    uri = f"{target}+data://x"
    await session.subscribe_resource(uri)
    await said("touch")
    got["updated"] = await asyncio.wait_for(updated.get(), 10)
    await session.unsubscribe_resource(uri)
    got["after"] = await said("touch")
    await session.set_logging_level("warning")
    for ref in (
        types.PromptReference(type="ref/prompt", name=name("p")),
        types.ResourceTemplateReference(type="ref/resource", uri=f"{target}+made://{{a}}"),
    ):
        values = (await session.complete(ref, {"name": "a", "value": "v"})).completion.values
        got.setdefault("completed", []).extend(values)
    waiting = asyncio.ensure_future(session.call_tool(name("wait"), {}))
    await asyncio.sleep(0.3)
    number = session._request_id - 1
    await session.send_notification(
        types.ClientNotification(
            types.CancelledNotification(
                method="notifications/cancelled", params=types.CancelledNotificationParams(requestId=number, reason="enough")
            )
        )
    )
    for _ in range(100):
        got["state"] = await said("state")
        if got["state"].endswith("1"):
            break
        await asyncio.sleep(0.05)
    waiting.cancel()
    await said("grow")
    await asyncio.wait_for(changed.get(), 10)
    got["grown"] = name("grown") in [t.name for t in (await session.list_tools()).tools]
    return got


async def main() -> None:
    async with streamablehttp_client(sys.argv[1]) as (read, write, _):
        async with ClientSession(read, write, list_roots_callback=roots, message_handler=on_message) as session:
            await session.initialize()
            await asyncio.sleep(0.5)
            for target in sys.argv[2:]:
                out[target] = await features(session, target)
    print(json.dumps(out))


asyncio.run(asyncio.wait_for(main(), 60))
