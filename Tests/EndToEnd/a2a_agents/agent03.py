"""An agent on the official SDK's last release of A2A 0.3: JSON-RPC at / and HTTP+JSON below /rest.

Usage: agent03.py PORT     A message "wait" works until it is cancelled.
"""

import asyncio
import sys

import uvicorn

from a2a.server.agent_execution import AgentExecutor
from a2a.server.apps import A2ARESTFastAPIApplication, A2AStarletteApplication
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.tasks import InMemoryPushNotificationConfigStore, InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentCardSignature, AgentInterface, AgentSkill, Part, TextPart
from a2a.utils import new_task

PORT = int(sys.argv[1])


class Echo(AgentExecutor):
    async def execute(self, context, event_queue):
        task = context.current_task
        if task is None:
            task = new_task(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work()
        text = context.get_user_input()
        if text == "wait":
            while True:
                await asyncio.sleep(0.05)
        await updater.add_artifact([Part(root=TextPart(text=f"echo: {text}"))])
        await updater.complete()

    async def cancel(self, context, event_queue):
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def card(name):
    origin = f"http://127.0.0.1:{PORT}"
    return AgentCard(
        name=name,
        description="echoes what it is told",
        version="1",
        url=f"{origin}/",
        preferred_transport="JSONRPC",
        additional_interfaces=[
            AgentInterface(transport="JSONRPC", url=f"{origin}/"),
            AgentInterface(transport="HTTP+JSON", url=f"{origin}/rest"),
            AgentInterface(transport="GRPC", url=f"127.0.0.1:{PORT}"),
        ],
        protocol_version="0.3.0",
        capabilities=AgentCapabilities(streaming=True, push_notifications=True),
        supports_authenticated_extended_card=True,
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id="echo", name="Echo", description="echoes", tags=["echo"])],
        signatures=[AgentCardSignature(protected="eyJhbGciOiJFUzI1NiJ9", signature="c2lnbmF0dXJl")],
    )


handler = DefaultRequestHandler(
    agent_executor=Echo(), task_store=InMemoryTaskStore(), push_config_store=InMemoryPushNotificationConfigStore()
)
extended = card("extended echo agent")
app = A2AStarletteApplication(agent_card=card("echo agent"), http_handler=handler, extended_agent_card=extended).build()
rest = A2ARESTFastAPIApplication(agent_card=card("echo agent"), http_handler=handler, extended_agent_card=extended)
app.mount("/rest", rest.build())
uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
