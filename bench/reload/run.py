#!/usr/bin/env python3
"""Times hot reloads: a configuration of many routes, edited again and again while a client asks without end.

    AGENTGW_BIN=…    the binary (default .build/release/agentgw)
    ROUTES=1000      routes, each with rules, a token policy and a limit
    EDITS=30         edits that are timed

A reload is what the gateway says it took: from the change being seen to every loop running the new configuration. Exits
with 1 when the median is over the bar, or when a request failed.
"""

import http.client
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("AGENTGW_BIN", str(ROOT / ".build/release/agentgw"))
ROUTES = int(os.environ.get("ROUTES", "1000"))
EDITS = int(os.environ.get("EDITS", "30"))
BAR_MILLISECONDS = 100

ROUTE = """
      - name: r{number}
        matches:
        - path: {{pathPrefix: /r{number}}}
        policies:
          authorization:
            rules:
            - deny: 'request.method == "DELETE"'
            - allow: 'request.path.startsWith("/r{number}") && request.headers["x-team"] != "{mark}"'
          localRateLimit:
          - {{maxTokens: 100000, tokensPerFill: 1000, fillInterval: 1s, key: 'source.address'}}
          responseHeaderModifier: {{set: {{x-mark: "{mark}"}}}}
          directResponse: {{status: 200, body: "{number}"}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def document(port: int, readiness: int, mark: str) -> str:
    head = f"""config:
  adminAddr: "off"
  statsAddr: "off"
  readinessAddr: 127.0.0.1:{readiness}
binds:
- port: {port}
  listeners:
  - routes:"""
    return head + "".join(ROUTE.format(number=number, mark=mark) for number in range(ROUTES))


def wait(condition, what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"bench-reload: gave up waiting until {what}")
        time.sleep(0.002)


class Load(threading.Thread):
    """A client that never stops asking on one connection."""

    def __init__(self, port: int):
        super().__init__(daemon=True)
        self.port, self.done, self.failed, self.slowest, self.stop = port, 0, [], 0.0, False

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.stop:
            began = time.monotonic()
            try:
                connection.request("GET", f"/r{self.done % ROUTES}", headers={"x-team": "red"})
                reply = connection.getresponse()
                reply.read()
                if reply.status != 200:
                    self.failed.append(reply.status)
            except OSError as error:
                self.failed.append(str(error))
                connection.close()
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.done += 1
            time.sleep(0.001)


def main() -> None:
    if not os.access(BINARY, os.X_OK):
        sys.exit(f"bench-reload: no binary at {BINARY}; run 'make build'")
    with tempfile.TemporaryDirectory() as folder:
        port, readiness = free_port(), free_port()
        file, log = Path(folder, "gateway.yaml"), Path(folder, "log")
        file.write_text(document(port, readiness, "start"))
        with log.open("w") as out:
            process = subprocess.Popen([BINARY, "-f", str(file)], stdout=out, stderr=out)
        try:
            wait(lambda: "listening on port" in log.read_text(errors="replace"), "the gateway listens")
            load = Load(port)
            load.start()
            wait(lambda: load.done > 50, "requests flow")
            for number in range(EDITS):
                # Beside the file and then in its place, as editors save.
                other = file.with_suffix(".new")
                other.write_text(document(port, readiness, f"m{number}"))
                os.replace(other, file)
                wait(lambda: log.read_text(errors="replace").count("reloaded in") == number + 1, f"edit {number} is in force")
            load.stop = True
            load.join()
            times = [int(text) for text in re.findall(r"reloaded in (\d+) ms", log.read_text(errors="replace"))]
        finally:
            process.terminate()
            process.wait(30)
    median = statistics.median(times)
    print(f"{ROUTES} routes, {EDITS} reloads: median {median:g} ms, slowest {max(times)} ms")
    print(f"{load.done} requests meanwhile: {len(load.failed)} failed, the slowest took {load.slowest * 1000:.1f} ms")
    print(f"bar: median at most {BAR_MILLISECONDS} ms: {'met' if median <= BAR_MILLISECONDS else 'missed'}")
    sys.exit(0 if median <= BAR_MILLISECONDS and not load.failed else 1)


if __name__ == "__main__":
    main()
