"""Everything that the official SDK of A2A 0.3 can ask of an agent, through a gateway.

Usage: client03.py URL TRANSPORT [TOKEN]
"""

import asyncio
import json
import sys
import traceback

import httpx

from a2a.client import A2ACardResolver, ClientConfig, ClientFactory, create_text_message_object
from a2a.types import (
    GetTaskPushNotificationConfigParams,
    PushNotificationConfig,
    TaskIdParams,
    TaskPushNotificationConfig,
    TaskQueryParams,
)
from a2a.utils import get_artifact_text

URL, TRANSPORT = sys.argv[1:3]
HOOK = "https://hooks.example/agents/one"


async def outcome(work):
    try:
        return await work
    except Exception as error:  # what the SDK makes of a refusal
        return f"{type(error).__name__}: {error}"


async def main():
    out = {}
    headers = {"authorization": f"Bearer {sys.argv[3]}"} if len(sys.argv) > 3 else {}
    async with httpx.AsyncClient(headers=headers, timeout=20) as http:
        card = await A2ACardResolver(http, URL).get_agent_card()
        old = await A2ACardResolver(http, URL).get_agent_card(relative_card_path="/.well-known/agent.json")
        out["url"], out["old"] = card.url, old.url
        out["interfaces"] = {str(i.transport): i.url for i in card.additional_interfaces}
        out["signatures"] = len(card.signatures or [])
        client = {}
        for streaming in (True, False):
            config = ClientConfig(
                httpx_client=http, supported_transports=[TRANSPORT], streaming=streaming, use_client_preference=True
            )
            client[streaming] = ClientFactory(config).create(card)
        events = [e async for e in client[False].send_message(create_text_message_object(content="hello"))]
        task = events[-1][0]
        out["sent"] = get_artifact_text(task.artifacts[0])
        kinds = []
        async for _, update in client[True].send_message(create_text_message_object(content="stream")):
            kinds.append(update.kind if update else "task")
        out["streamed"] = kinds
        got = await client[True].get_task(TaskQueryParams(id=task.id, history_length=1))
        out["state"] = got.status.state.value

        waiting = client[True].send_message(create_text_message_object(content="wait"))
        running = (await anext(waiting))[0].id
        cancelled = await client[True].cancel_task(TaskIdParams(id=running))
        out["cancelled"] = cancelled.status.state.value
        await waiting.aclose()

        hook = PushNotificationConfig(id="one", url=HOOK)
        config = await client[True].set_task_callback(
            TaskPushNotificationConfig(task_id=task.id, push_notification_config=hook)
        )
        out["push"] = config.push_notification_config.url
        found = await client[True].get_task_callback(
            GetTaskPushNotificationConfigParams(id=task.id, push_notification_config_id="one")
        )
        out["pushes"] = [found.push_notification_config.url]
        foreign = PushNotificationConfig(id="two", url="http://169.254.169.254/latest")
        out["foreign push"] = await outcome(
            client[True].set_task_callback(
                TaskPushNotificationConfig(task_id=task.id, push_notification_config=foreign)
            )
        )
        extended = await client[True].get_card()
        out["extended"] = [extended.name, extended.url]
    print(json.dumps(out, default=str))


try:
    asyncio.run(asyncio.wait_for(main(), 60))
except Exception:
    traceback.print_exc()
    sys.exit(1)
