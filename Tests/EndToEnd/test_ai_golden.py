"""Golden files of every case of translation: `request-*` with what the provider is sent, `reply-*` with what the client gets.

AGENTGW_GOLDEN=write fills in what a file lacks; what it writes is to be read before it is committed.
"""

import json
import os
from pathlib import Path

import httpx
import pytest

from harness.upstream import Upstream
from harness.waiting import deadline
from test_ai_translation import Script, chat, message, route

FILES = sorted((Path(__file__).parent / "golden/ai").glob("*.json"))
BODIES = {
    "chat": ("/a/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}),
    "messages": ("/o/v1/messages", {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}),
}


@pytest.fixture(scope="module")
def script():
    return Script()


@pytest.fixture(scope="module")
def place(module_start, script):
    upstream = Upstream(script)
    routes = [route("anthropic", upstream.port, "sk-a", "/a"), route("openAI", upstream.port, "sk-o", "/o")]
    yield module_start({"binds": [{"port": 3000, "listeners": [{"routes": routes}]}]}), upstream
    upstream.close()


def check(file: Path, golden: dict, name: str, got: dict) -> None:
    if name not in golden and os.environ.get("AGENTGW_GOLDEN") == "write":
        file.write_text(json.dumps({**golden, name: got}, ensure_ascii=False, indent=1) + "\n")
    else:
        assert got == golden[name]


def test_there_are_cases():
    assert len(FILES) > 50


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_the_translation_is_as_written(place, script, file):
    gateway, upstream = place
    golden = json.loads(file.read_text())
    kind, api = file.stem.split("-")[:2]
    path, body = BODIES[api]
    script.reply = golden.get("reply") or (message([]) if api == "chat" else chat({"content": "T"}))
    reply = httpx.post(gateway.url(path, 3000), json=golden.get("request", body), timeout=deadline(20))
    # A reply that is no stream is none to a request for one; what was sent is what counts here.
    if kind == "request":
        return check(file, golden, "sent", json.loads(upstream.requests[-1].body))
    assert reply.status_code == 200, reply.text
    got = reply.json()
    if api == "chat":
        assert got.pop("created") > 1_700_000_000
    check(file, golden, "received", got)
