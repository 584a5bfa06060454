"""Everything that the official SDK 1.x can ask of an agent, through a gateway. Usage: client1.py URL BINDING [TOKEN]"""

import asyncio
import json
import sys
import traceback

import httpx

from a2a.client.card_resolver import A2ACardResolver
from a2a.client.client import ClientConfig
from a2a.client.client_factory import ClientFactory
from a2a.helpers.proto_helpers import get_artifact_text, new_text_message
from a2a.types import a2a_pb2 as pb

URL, BINDING = sys.argv[1:3]
HOOK = "https://hooks.example/agents/one"


def user(text, **more):
    message = new_text_message(text, role=pb.ROLE_USER)
    for name, value in more.items():
        setattr(message, name, value)
    return message


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
        out["interfaces"] = {i.protocol_binding: i.url for i in card.supported_interfaces}
        out["documentation"], out["icon"] = card.documentation_url, card.icon_url
        out["signatures"] = len(card.signatures)
        client = {}
        for streaming in (True, False):
            config = ClientConfig(httpx_client=http, supported_protocol_bindings=[BINDING], streaming=streaming)
            client[streaming] = ClientFactory(config).create(card)
        events = [e async for e in client[False].send_message(pb.SendMessageRequest(message=user("hello")))]
        task = events[-1].task
        out["sent"] = get_artifact_text(task.artifacts[0])
        kinds = []
        async for event in client[True].send_message(pb.SendMessageRequest(message=user("stream"))):
            kinds.append(event.WhichOneof("payload"))
        out["streamed"] = kinds
        got = await client[True].get_task(pb.GetTaskRequest(id=task.id, history_length=1))
        out["state"] = pb.TaskState.Name(got.status.state)
        listed = await client[True].list_tasks(pb.ListTasksRequest(context_id=task.context_id, page_size=5))
        out["listed"] = [t.id for t in listed.tasks] == [task.id]

        waiting = client[True].send_message(pb.SendMessageRequest(message=user("wait")))
        first = await anext(waiting)
        running = first.task.id
        again = client[True].subscribe(pb.SubscribeToTaskRequest(id=running))
        out["subscribed"] = (await anext(again)).WhichOneof("payload")
        cancelled = await client[True].cancel_task(pb.CancelTaskRequest(id=running))
        out["cancelled"] = pb.TaskState.Name(cancelled.status.state)
        await waiting.aclose()
        await again.aclose()

        config = await client[True].create_task_push_notification_config(
            pb.TaskPushNotificationConfig(task_id=task.id, id="one", url=HOOK)
        )
        out["push"] = config.url
        found = await client[True].get_task_push_notification_config(
            pb.GetTaskPushNotificationConfigRequest(task_id=task.id, id="one")
        )
        listed = await client[True].list_task_push_notification_configs(
            pb.ListTaskPushNotificationConfigsRequest(task_id=task.id)
        )
        out["pushes"] = [found.url, *[c.url for c in listed.configs]]
        await client[True].delete_task_push_notification_config(
            pb.DeleteTaskPushNotificationConfigRequest(task_id=task.id, id="one")
        )
        out["foreign push"] = await outcome(
            client[True].create_task_push_notification_config(
                pb.TaskPushNotificationConfig(task_id=task.id, id="two", url="http://169.254.169.254/latest")
            )
        )
        extended = await client[True].get_extended_agent_card(pb.GetExtendedAgentCardRequest())
        out["extended"] = [extended.name, *[i.url for i in extended.supported_interfaces]]
    print(json.dumps(out))


try:
    asyncio.run(asyncio.wait_for(main(), 60))
except Exception:
    traceback.print_exc()
    sys.exit(1)
