"""Servers and clients of the field, and the features of the protocol that they use seldom."""

import re
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

from harness import configs
from harness import gateway as gateways
from harness.gateway import ROOT, free_port
from harness.sdk import sdk_python
from harness.waiting import until
from test_mcp import Client, children, config, target
from test_mcp_sdk import run

HERE = Path(__file__).parent / "mcp_servers"
OLD, NEW = str(sdk_python(1)), str(sdk_python(2))


def test_every_feature_passes_in_both_directions(start):
    port = free_port()
    server = subprocess.Popen([OLD, str(HERE / "features_server.py"), "http", str(port)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the server listens", 20)
        targets = [
            {"name": "web", "mcp": {"host": f"http://127.0.0.1:{port}/mcp/"}},
            {"name": "local", "stdio": {"cmd": OLD, "args": [str(HERE / "features_server.py"), "stdio"]}},
        ]
        out = run(OLD, str(HERE / "features_client.py"), start(config(*targets)).url("/mcp"), "web", "local")
    finally:
        server.kill()
        server.wait()
    for name in ("web", "local"):
        assert out[name] == {
            "tools": [f"{name}_{tool}" for tool in ("roots", "touch", "wait", "state", "grow")],
            "roots": "file:///srv/space",
            "updated": f"{name}+data://x",
            "after": "0",
            "completed": ["p:a:v", "made://{a}:a:v"],
            "state": "warning 1",
            "grown": True,
        }


FASTMCP = """
import asyncio, json, sys
from fastmcp import Client

async def elicit(message, kind, params, context):
    return {"colour": "green"}

async def main():
    async with Client(sys.argv[1], mode=sys.argv[2], elicitation_handler=elicit) as client:
        tools = [tool.name for tool in await client.list_tools()]
        echoed = (await client.call_tool("one_echo", {"a": 1})).content[0].text
        asked = (await client.call_tool("one_ask", {})).content[0].text
        print(json.dumps([tools, echoed, asked]))

asyncio.run(asyncio.wait_for(main(), 40))
"""


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_client_of_fastmcp_works(start, mode):
    gateway = start(config(target("one"), target("two")))
    tools, echoed, asked = run(NEW, "-c", FASTMCP, gateway.url("/mcp"), mode)
    assert "two_echo" in tools and echoed == '{"a": 1}' and "green" in asked


def test_the_users_federation_works_with_servers_of_the_field(start, serve, tmp_path):
    async def page(exchange):
        await exchange.reply(200, b"<html><body><p>a page</p></body></html>", {"Content-Type": "text/html"})

    site = serve(page)
    subprocess.run(["git", "init", "-q", str(tmp_path / "repo")], check=True)
    (tmp_path / "repo" / "file").write_text("x")
    commands = {
        "filesystem": ["mcp_server_git", "--repository", str(tmp_path / "repo")],
        "memory": ["mcp_server_time", "--local-timezone", "UTC"],
        "github": ["mcp_server_fetch", "--ignore-robots-txt", "--allow-private-ips"],
    }
    document = configs.seed("step3-mcp-federation.yaml", 1, 1)
    (mcp,) = [bind for bind in document["binds"] if bind["port"] == 3002]
    for made in mcp["listeners"][0]["routes"][0]["backends"][0]["mcp"]["targets"]:
        made["stdio"] |= {"cmd": OLD, "args": ["-m", *commands[made["name"]]]}
    keys = {"OPENAI_API_KEY": "sk-openai", "ANTHROPIC_API_KEY": "sk-anthropic", "GITHUB_TOKEN": "ghp-token"}
    gateway = start(document, environment=keys)

    class There(Client):
        def raw(self, method, body=b"", **headers):
            import http.client

            connection = http.client.HTTPConnection("127.0.0.1", gateway.ports[3002], timeout=30)
            fields = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json", "Mcp-Session-Id": self.session}
            connection.request(method, "/", body or None, {k: v for k, v in {**fields, **headers}.items() if v is not None})
            response = connection.getresponse()
            text = response.read()
            connection.close()
            return response.status, response.headers, text

    client = There(gateway)
    client.initialize()
    tools = {tool["name"] for tool in client.request("tools/list")[2]["result"]["tools"]}
    assert {"filesystem_git_status", "memory_get_current_time", "github_fetch"} <= tools

    def text(name: str, **arguments) -> str:
        return client.call(name, **arguments)[2]["result"]["content"][0]["text"]

    assert "file" in text("filesystem_git_status", repo_path=str(tmp_path / "repo"))
    assert "UTC" in text("memory_get_current_time", timezone="UTC")
    assert "a page" in text("github_fetch", url=f"http://127.0.0.1:{site.port}/", raw=True)
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in children(gateway)]
    assert len(environments) == 3 and sum(b"ghp-token" in environment for environment in environments) == 1
    assert not any(b"sk-openai" in environment or b"sk-anthropic" in environment for environment in environments)


def test_children_have_no_descriptor_but_their_own_three(start):
    gateway = start(config(target("one"), target("two")))
    Client(gateway).initialize()
    ours = {path.readlink() for path in Path(f"/proc/{gateway.process.pid}/fd").iterdir()}
    for pid in children(gateway):
        held = {int(path.name): path.readlink() for path in Path(f"/proc/{pid}/fd").iterdir()}
        pipes = {held[number] for number in (0, 1, 2)}
        assert all(str(pipe).startswith("pipe:") for pipe in pipes)
        # What the interpreter has opened itself is its own; nothing else of the gateway's is there.
        assert not (set(held.values()) - pipes) & ours
        assert int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[2]) == pid, "a process group of its own"


def test_the_example_of_the_documentation_is_valid(tmp_path):
    example, guard = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "mcp.md").read_text(), re.S)
    document = yaml.safe_load(example)
    file = tmp_path / "example.yaml"
    file.write_text(example)
    assert gateways.run(["-f", str(file), "--validate-only"], tmp_path)[0] == 0
    document["binds"][0]["listeners"][0]["routes"][0]["backends"][0]["mcp"] |= yaml.safe_load(guard)
    file.write_text(yaml.safe_dump(document))
    (tmp_path / "tools.lock.yaml").write_text("version: 1\ntargets: {}\n")
    code, _, err = gateways.run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 0, err
