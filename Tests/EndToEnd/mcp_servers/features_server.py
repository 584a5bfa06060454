"""A low-level server of the SDK's 1.x with what the simple one lacks: `features_server.py stdio|http PORT`."""

import sys

import anyio
import mcp.types as types
from mcp.server.lowlevel import NotificationOptions, Server

server = Server("features")
subscribed: set[str] = set()
level = "none"
cancelled = 0
extra = False


def text(value: str) -> list[types.TextContent]:
    return [types.TextContent(type="text", text=value)]


@server.list_tools()
async def tools(request: types.ListToolsRequest) -> types.ListToolsResult:
    names = ["roots", "touch", "wait", "state", "grow", *(["grown"] if extra else [])]
    page = int(request.params.cursor) if request.params and request.params.cursor else 0
    listed = [types.Tool(name=name, inputSchema={"type": "object"}) for name in names[page : page + 2]]
    return types.ListToolsResult(tools=listed, nextCursor=str(page + 2) if page + 2 < len(names) else None)


@server.call_tool(validate_input=False)
async def call(name: str, arguments: dict):
    global cancelled, extra
    session = server.request_context.session
    if name == "roots":
        return text(",".join(str(root.uri) for root in (await session.list_roots()).roots))
    if name == "touch":
        for uri in subscribed:
            await session.send_resource_updated(uri)
        return text(str(len(subscribed)))
    if name == "wait":
        try:
            await anyio.sleep(60)
        except anyio.get_cancelled_exc_class():
            cancelled += 1
            raise
    if name == "grow":
        extra = True
        await session.send_tool_list_changed()
        return text("grown")
    return text(f"{level} {cancelled}")


@server.list_resources()
async def resources() -> list[types.Resource]:
    return [types.Resource(uri="data://x", name="x")]


@server.subscribe_resource()
async def subscribe(uri):
    subscribed.add(str(uri))


@server.unsubscribe_resource()
async def unsubscribe(uri):
    subscribed.discard(str(uri))


@server.set_logging_level()
async def set_level(wanted):
    global level
    level = wanted


@server.list_prompts()
async def prompts() -> list[types.Prompt]:
    return [types.Prompt(name="p", arguments=[types.PromptArgument(name="a")])]


@server.completion()
async def complete(ref, argument, context):
    kind = ref.name if isinstance(ref, types.PromptReference) else ref.uri
    return types.Completion(values=[f"{kind}:{argument.name}:{argument.value}"], total=1, hasMore=False)


OPTIONS = server.create_initialization_options(NotificationOptions(tools_changed=True))

if sys.argv[1] == "stdio":
    from mcp.server.stdio import stdio_server

    async def main() -> None:
        async with stdio_server() as (read, write):
            await server.run(read, write, OPTIONS)

    anyio.run(main)
else:
    import contextlib

    import uvicorn
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from starlette.applications import Starlette
    from starlette.routing import Mount

    manager = StreamableHTTPSessionManager(server)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        async with manager.run():
            yield

    app = Starlette(routes=[Mount("/mcp", app=manager.handle_request)], lifespan=lifespan)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
