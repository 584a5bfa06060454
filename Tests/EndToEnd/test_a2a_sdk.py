"""The official A2A SDKs through the gateway: 1.x and the last 0.3, clients and agents, both HTTP bindings."""

import json
import socket
import subprocess
from pathlib import Path

import pytest

from harness.gateway import free_port
from harness.sdk import a2a_python
from harness.waiting import deadline, until

HERE = Path(__file__).parent / "a2a_agents"
HOOK = "https://hooks.example/agents/one"


class Agent:
    def __init__(self, version: str, directory: Path):
        self.port = free_port()
        self.output = directory / f"agent{version}.out"
        script = HERE / f"agent{version}.py"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen([a2a_python(version), script, str(self.port)], stdout=out, stderr=out)

    def wait(self) -> None:
        def listens() -> bool:
            assert self.process.poll() is None, self.output.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        until(listens, "the agent listens", 40)


@pytest.fixture(scope="module")
def agents(tmp_path_factory):
    """Agents by the version of their SDK."""
    directory = tmp_path_factory.mktemp("agents")
    started = {version: Agent(version, directory) for version in ("1", "03")}
    try:
        for agent in started.values():
            agent.wait()
        yield started
    finally:
        for agent in started.values():
            agent.process.kill()
            agent.process.wait()


@pytest.fixture(scope="module")
def gateway(module_start, agents):
    routes = [
        {
            "match": {"path": f"/agents/{version}"},
            "policies": {
                "a2a": {"pushNotificationUrls": ["https://hooks.example/agents"]},
                "urlRewrite": {"path": {"prefix": "/"}},
                "a2aAuthorization": {"rules": ['a2a.method != "tasks/none"']},
            },
            "backends": [{"host": f"127.0.0.1:{agent.port}"}],
        }
        for version, agent in agents.items()
    ]
    return module_start({"binds": [{"port": 3000, "listeners": [{"routes": routes}]}]})


def run(version: str, *arguments: str) -> dict:
    script = HERE / f"client{version}.py"
    done = subprocess.run([a2a_python(version), script, *arguments], capture_output=True, text=True, timeout=deadline(90))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
def test_everything_of_version_1_passes(gateway, agents, binding):
    base = gateway.url("/agents/1")
    out = run("1", base, binding)
    assert out["interfaces"] == {"JSONRPC": f"{base}/rpc", "HTTP+JSON": f"{base}/rest"}
    assert out["documentation"] == f"{base}/docs#usage"
    assert out["icon"] == "https://cdn.example/icon.png"
    assert out["signatures"] == 0
    assert out["sent"] == "echo: hello"
    assert out["streamed"] == ["task", "status_update", "artifact_update", "status_update"]
    assert out["state"] == "TASK_STATE_COMPLETED" and out["listed"]
    assert out["subscribed"] == "task" and out["cancelled"] == "TASK_STATE_CANCELED"
    assert out["push"] == HOOK and out["pushes"] == [HOOK, HOOK]
    assert "403" in out["foreign push"]
    assert out["extended"] == ["extended echo agent", f"{base}/rpc", f"{base}/rest"]
    assert "169.254" not in agents["1"].output.read_text()


@pytest.mark.parametrize("transport", ["JSONRPC", "HTTP+JSON"])
def test_everything_of_version_0_3_passes(gateway, agents, transport):
    base = gateway.url("/agents/03")
    out = run("03", base, transport)
    assert out["url"] == out["old"] == f"{base}/"
    assert out["interfaces"] == {"JSONRPC": f"{base}/", "HTTP+JSON": f"{base}/rest"}
    assert out["signatures"] == 0
    assert out["sent"] == "echo: hello"
    assert out["streamed"] == ["task", "status-update", "artifact-update", "status-update"]
    assert out["state"] == "completed" and out["cancelled"] == "canceled"
    assert out["push"] == HOOK and out["pushes"] == [HOOK]
    assert "403" in out["foreign push"]
    assert out["extended"] == ["extended echo agent", f"{base}/"]


def test_records_name_what_was_asked_for(gateway, agents):
    run("1", gateway.url("/agents/1"), "JSONRPC")
    last = "agent/getAuthenticatedExtendedCard"
    until(lambda: any(r.get("a2a", {}).get("method") == last for r in gateway.records()), "the last call is on record")
    methods = {r["a2a"]["method"] for r in gateway.records() if r["log"] == "access" and "a2a" in r}
    assert {"card", "message/send", "message/stream", "tasks/get", "tasks/list", "tasks/cancel"} <= methods
    assert {"tasks/resubscribe", "tasks/pushNotificationConfig/set", "agent/getAuthenticatedExtendedCard"} <= methods
    card = next(r for r in gateway.records() if r.get("a2a", {}).get("method") == "card")
    assert "signatures removed" in card["detail"]
    decisions = [r for r in gateway.records() if r["log"] == "decision"]
    assert decisions and all(d["phase"] == "a2a" for d in decisions)
