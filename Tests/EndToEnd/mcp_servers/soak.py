"""Soak: sessions come and go, children die, clients leave in the middle of calls and streams, the configuration is reloaded.

    python mcp_servers/soak.py SECONDS

Every request must be answered unless its client has left; at the end the gateway must hold what it held before.
"""

import http.client
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.gateway import Gateway  # noqa: E402
from test_mcp import META, config, target  # noqa: E402

SECONDS = float(sys.argv[1])
#: Growth that is no leak: buffers and caches that have reached their size, and the allocator's fragmentation.
MEMORY = 24 << 20
counts: dict[str, int] = {}
lock = threading.Lock()
failures: list[str] = []


def note(what: str) -> None:
    with lock:
        counts[what] = counts.get(what, 0) + 1


def post(gateway: Gateway, message: dict, session: str | None = None, leave: bool = False, modern: bool = False):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if modern:
        message["params"]["_meta"] = META
        headers |= {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": message["method"], "Mcp-Name": message["params"]["name"]}
    elif session:
        headers["Mcp-Session-Id"] = session
    connection.request("POST", "/mcp", json.dumps({"jsonrpc": "2.0", **message}), headers)
    if leave:
        connection.close()
        return note("left a call"), None
    response = connection.getresponse()
    response.read()
    note(f"{message['method']} {response.status}")
    connection.close()
    return response.status, response.headers["Mcp-Session-Id"]


def stream(gateway: Gateway, session: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    connection.request("GET", "/mcp", headers={"Accept": "text/event-stream", "Mcp-Session-Id": session})
    response = connection.getresponse()
    response.readline()
    note(f"GET {response.status}")
    connection.close()


def work(gateway: Gateway, seed: int) -> None:
    dice, end = random.Random(seed), time.monotonic() + SECONDS
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "soak", "version": "1"}}
    while time.monotonic() < end:
        try:
            status, session = post(gateway, {"id": 0, "method": "initialize", "params": hello})
            if status != 200 or not session:
                continue
            for number in range(1, 30):
                tool = dice.choices(["echo", "die", "sleep", "noise"], [20, 1, 1, 1])[0]
                arguments = {"seconds": 0.05} if tool == "sleep" else {"x": "y" * dice.randrange(10_000)}
                call = {"id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
                post(gateway, call, session, leave=dice.random() < 0.1, modern=dice.random() < 0.2)
            if dice.random() < 0.5:
                stream(gateway, session)
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
            connection.request("DELETE", "/mcp", headers={"Mcp-Session-Id": session})
            note(f"DELETE {connection.getresponse().status}")
            connection.close()
        except Exception as error:
            with lock:
                failures.append(f"{type(error).__name__}: {error}")


def held(gateway: Gateway) -> dict[str, int]:
    pid, children = gateway.process.pid, 0
    for entry in os.listdir("/proc"):
        try:
            children += entry.isdigit() and f"PPid:\t{pid}\n" in Path(f"/proc/{entry}/status").read_text()
        except OSError:
            pass
    return {"descriptors": len(os.listdir(f"/proc/{pid}/fd")), "children": children, "bytes": gateway.memory()}


def run(gateway: Gateway, seconds: float) -> None:
    global SECONDS
    SECONDS = seconds
    threads = [threading.Thread(target=work, args=(gateway, seed)) for seed in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(2)
        # The same configuration: sessions go on.
        gateway.process.send_signal(signal.SIGHUP)
        note("reload")
    for thread in threads:
        thread.join()


def settled(gateway: Gateway) -> dict[str, int]:
    end = time.monotonic() + 30
    while (now := held(gateway))["children"] > 2 and time.monotonic() < end:
        time.sleep(0.5)
    return now


with tempfile.TemporaryDirectory() as directory:
    document = config(target("one"))
    gateway = Gateway(document, Path(directory))
    total = SECONDS
    run(gateway, min(30.0, total / 4))
    before = settled(gateway)
    print("after warming up", before, flush=True)
    run(gateway, total)
    after = settled(gateway)
    print("at the end      ", after)
    print(dict(sorted(counts.items())))
    gateway.stop()
if failures:
    print(f"{len(failures)} requests were not answered, such as: {failures[:3]}")
if after["descriptors"] > before["descriptors"] + 8 or after["children"] > 2 or after["bytes"] > before["bytes"] + MEMORY:
    failures.append("something is left")
    print("something is left")
sys.exit(1 if failures else 0)
