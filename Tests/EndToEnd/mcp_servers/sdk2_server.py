"""A server of the official SDK's 2.x: `sdk2_server.py stdio|http PORT [modern]`; `modern` knows no `initialize`."""

import sys
from typing import Annotated

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import BaseModel, Field

server = MCPServer("sdk2", instructions="Adds, too.")


class Colour(BaseModel):
    colour: str


def colour():
    return Elicit("colour?", Colour)


@server.tool()
def add(a: int, b: int) -> int:
    return a + b


@server.tool()
def where(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]) -> str:
    return region


@server.tool()
async def slow(steps: int, context: Context) -> str:
    for step in range(steps):
        await context.report_progress(step, steps)
    return "done"


@server.tool()
def ask(answer: Annotated[Colour, Resolve(colour)]) -> str:
    return answer.colour


@server.resource("data://x")
def data() -> str:
    return "xdata"


@server.resource("made://{name}")
def made(name: str) -> str:
    return name


@server.prompt()
def greet(who: str) -> str:
    return f"Hello {who}"


if "modern" in sys.argv:
    import mcp.server.streamable_http_manager as manager
    from starlette.responses import JSONResponse

    plain = manager.StreamableHTTPSessionManager.handle_request

    async def modern_only(self, scope, receive, send):
        headers = dict(scope["headers"])
        if headers.get(b"mcp-protocol-version") != b"2026-07-28":
            error = {"code": -32022, "message": "Unsupported protocol version", "data": {"supported": ["2026-07-28"]}}
            await JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, 400)(scope, receive, send)
            return
        await plain(self, scope, receive, send)

    manager.StreamableHTTPSessionManager.handle_request = modern_only

if sys.argv[1] == "stdio":
    server.run(transport="stdio")
else:
    server.run(transport="streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
