"""The SDK's 1.x client that leaves with calls under way, as programs do that end; prints "ended" when nothing went wrong."""

import asyncio
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client


async def main() -> None:
    async with streamablehttp_client(sys.argv[1]) as (read, write, _):
        async with ClientSession(read, write) as session:
            await session.initialize()
            for tool in sys.argv[2:]:
                try:
                    await asyncio.wait_for(session.call_tool(tool, {}), 0.3)
                except asyncio.TimeoutError:
                    pass
    print('"ended"')


asyncio.run(main())
