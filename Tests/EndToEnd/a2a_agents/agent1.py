"""An agent on the official SDK 1.x: JSON-RPC at /rpc and HTTP+JSON at /rest, with a signed card and an extended one.

Usage: agent1.py PORT      Prints every request line that it gets. A message "wait" works until it is cancelled.
"""

import asyncio
import sys

import uvicorn
from starlette.applications import Starlette

from a2a.helpers.proto_helpers import new_task_from_user_message, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers.default_request_handler_v2 import DefaultRequestHandlerV2
from a2a.server.routes.agent_card_routes import create_agent_card_routes
from a2a.server.routes.jsonrpc_routes import create_jsonrpc_routes
from a2a.server.routes.rest_routes import create_rest_routes
from a2a.server.tasks.inmemory_push_notification_config_store import InMemoryPushNotificationConfigStore
from a2a.server.tasks.inmemory_task_store import InMemoryTaskStore
from a2a.server.tasks.task_updater import TaskUpdater
from a2a.types.a2a_pb2 import AgentCapabilities, AgentCard, AgentCardSignature, AgentInterface, AgentSkill

PORT = int(sys.argv[1])


class Echo(AgentExecutor):
    async def execute(self, context, event_queue):
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        text = context.get_user_input()
        if text == "wait":
            while True:
                await asyncio.sleep(0.05)
        await updater.add_artifact([new_text_part(f"echo: {text}")])
        await updater.complete()

    async def cancel(self, context, event_queue):
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def card(name):
    origin = f"http://127.0.0.1:{PORT}"
    return AgentCard(
        name=name,
        description=f"echoes what it is told; see {origin}/docs in this sentence",
        version="1",
        documentation_url=f"{origin}/docs#usage",
        icon_url="https://cdn.example/icon.png",
        supported_interfaces=[
            AgentInterface(protocol_binding="JSONRPC", url=f"{origin}/rpc", protocol_version="1.0"),
            AgentInterface(protocol_binding="HTTP+JSON", url=f"{origin}/rest", protocol_version="1.0"),
            AgentInterface(protocol_binding="GRPC", url=f"127.0.0.1:{PORT}", protocol_version="1.0"),
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=True, extended_agent_card=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id="echo", name="Echo", description="echoes", tags=["echo"])],
        signatures=[AgentCardSignature(protected="eyJhbGciOiJFUzI1NiJ9", signature="c2lnbmF0dXJl")],
    )


class Log:
    """Prints request lines and bodies, so that a test sees what reached the agent."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        print(scope["method"], scope["path"], scope["query_string"].decode(), flush=True)

        async def logged():
            message = await receive()
            if message.get("body"):
                print("BODY", message["body"].decode(), flush=True)
            return message

        await self.app(scope, logged, send)


public = card("echo agent")
handler = DefaultRequestHandlerV2(
    agent_executor=Echo(),
    task_store=InMemoryTaskStore(),
    agent_card=public,
    push_config_store=InMemoryPushNotificationConfigStore(),
    extended_agent_card=card("extended echo agent"),
)
routes = [
    *create_agent_card_routes(public),
    *create_jsonrpc_routes(handler, rpc_url="/rpc", enable_v0_3_compat=True),
    *create_rest_routes(handler, path_prefix="/rest"),
]
uvicorn.run(Log(Starlette(routes=routes)), host="127.0.0.1", port=PORT, log_level="warning")
