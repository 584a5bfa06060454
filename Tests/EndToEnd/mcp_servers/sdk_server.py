"""A server of the official SDK's 1.x: `sdk_server.py stdio`, or `sdk_server.py http|sse PORT`."""

import sys

from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent

server = FastMCP("sdk", instructions="Adds.", host="127.0.0.1", port=int(sys.argv[2]) if len(sys.argv) > 2 else 0)


@server.tool()
def add(a: int, b: int) -> int:
    return a + b


@server.tool()
async def slow(steps: int, context: Context) -> str:
    for step in range(steps):
        await context.report_progress(step, steps)
        await context.info(f"step {step}")
    return "done"


@server.tool()
async def ask(context: Context) -> str:
    message = SamplingMessage(role="user", content=TextContent(type="text", text="hi"))
    return (await context.session.create_message(messages=[message], max_tokens=10)).content.text


@server.resource("data://x")
def data() -> str:
    return "xdata"


@server.resource("made://{name}")
def made(name: str) -> str:
    return name


@server.prompt()
def greet(who: str) -> str:
    return f"Hello {who}"


server.run(transport={"http": "streamable-http"}.get(sys.argv[1], sys.argv[1]))
