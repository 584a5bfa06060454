"""Soak: sessions come and go, children die, clients leave in the middle. Prints what the gateway holds before and after.

    python mcp_servers/soak.py http://127.0.0.1:3000/mcp GATEWAY_PID SECONDS
"""

import http.client
import json
import os
import random
import sys
import threading
import time
from urllib.parse import urlsplit

URL, PID, SECONDS = urlsplit(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
counts: dict[str, int] = {}
lock = threading.Lock()


def note(what: str) -> None:
    with lock:
        counts[what] = counts.get(what, 0) + 1


def post(message: dict, session: str | None, leave: bool = False):
    connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=60)
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    connection.request("POST", URL.path, json.dumps({"jsonrpc": "2.0", **message}), headers | ({"Mcp-Session-Id": session} if session else {}))
    if leave:
        connection.close()
        return note("left"), None
    response = connection.getresponse()
    response.read()
    note(f"{message['method']} {response.status}")
    session = response.headers["Mcp-Session-Id"]
    connection.close()
    return response.status, session


def work(seed: int) -> None:
    dice, end = random.Random(seed), time.monotonic() + SECONDS
    while time.monotonic() < end:
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
        status, session = post({"id": 0, "method": "initialize", "params": hello}, None)
        if status != 200:
            continue
        for number in range(1, 30):
            tool = dice.choices(["echo", "die", "sleep"], [20, 1, 1])[0]
            arguments = {"seconds": 0.05} if tool == "sleep" else {"x": "y" * dice.randrange(10_000)}
            call = {"id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
            post(call, session, leave=dice.random() < 0.1)
        connection = http.client.HTTPConnection(URL.hostname, URL.port, timeout=60)
        connection.request("DELETE", URL.path, headers={"Mcp-Session-Id": session})
        note(f"DELETE {connection.getresponse().status}")
        connection.close()


def held() -> dict[str, int]:
    children = 0
    for entry in os.listdir("/proc"):
        try:
            children += entry.isdigit() and f"PPid:\t{PID}\n" in open(f"/proc/{entry}/status").read()
        except OSError:
            pass
    memory = next(int(line.split()[1]) for line in open(f"/proc/{PID}/status") if line.startswith("VmRSS"))
    return {"descriptors": len(os.listdir(f"/proc/{PID}/fd")), "children": children, "rss_kib": memory}


print("before", held())
threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
time.sleep(8)
print("after ", held())
print(dict(sorted(counts.items())))
