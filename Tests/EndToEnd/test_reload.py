"""Hot reload: whatever happens to the file, no request fails, and what is in force is the last configuration that was whole."""

import itertools
import json
import os
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest
import yaml

from harness import configs
from harness.gateway import Gateway, free_port
from harness.rawhttp import Raw, exchange
from harness.tokens import Issuer
from harness.upstream import Exchange
from harness.waiting import deadline, until


def document(gateway: Gateway) -> dict:
    return yaml.safe_load(gateway.file.read_text())


def rename(file: Path, text: str) -> None:
    """As editors save, and what configuration management does."""
    other = file.with_name(file.name + ".new")
    other.write_text(text)
    os.replace(other, file)


def marked(gateway: Gateway, mark: str, **more: object) -> str:
    """The configuration with a reply header that says which one it is."""
    changed = document_of[gateway.file].copy()
    changed = json.loads(json.dumps(changed))
    route = changed["binds"][0]["listeners"][0]["routes"][0]
    route.setdefault("policies", {})["responseHeaderModifier"] = {"set": {"x-mark": mark}}
    changed.update(more)
    return yaml.safe_dump(changed, sort_keys=False)


document_of: dict[Path, dict] = {}


@pytest.fixture
def reloadable(start):
    def begin(config: dict, **options) -> Gateway:
        gateway = start(config, **options)
        document_of[gateway.file] = document(gateway)
        return gateway

    return begin


def mark_of(gateway: Gateway) -> str | None:
    reply = exchange(gateway.port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert reply.status == 200, reply
    return reply.header("x-mark")


def ready_text(gateway: Gateway) -> str:
    reply = exchange(gateway.readiness_port, b"GET /healthz/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert reply.status == 200
    return reply.body.decode()


class Load:
    """Clients that never stop asking, on kept-alive and on new connections."""

    def __init__(self, gateway: Gateway, clients: int = 4):
        self.gateway, self.stop = gateway, threading.Event()
        self.done, self.failures, self.marks = 0, [], set()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(clients)]

    def run(self, number: int) -> None:
        raw = None
        for count in itertools.count():
            if self.stop.is_set():
                break
            try:
                if raw is None or (number % 2 and count % 7 == 0):
                    if raw:
                        raw.close()
                    raw = Raw(self.gateway.port, 20)
                raw.extend(20)
                body = b"x" * (count % 50)
                raw.send(b"POST /load HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                reply = raw.response()
                assert reply.status == 200 and reply.complete, reply
                assert reply.body == b"POST /load %d" % len(body), reply.body
                self.marks.add(reply.header("x-mark"))
                self.done += 1
            except Exception as error:  # every kind of failure is what this looks for
                self.failures.append(f"{number}/{count}: {error!r}")
                raw = None
        if raw:
            raw.close()

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


def test_two_hundred_edits_under_load_fail_no_request(reloadable, serve):
    upstream = serve()
    gateway = reloadable(configs.plain(upstream.port))
    file = gateway.file
    in_force = None
    with Load(gateway) as load:
        until(lambda: load.done > 20, "requests flow")
        for number in range(200):
            mark = f"m{number}"
            text = marked(gateway, mark)
            kind = number % 5
            if kind == 0:
                file.write_text(text)
                in_force = mark
            elif kind == 1:
                rename(file, text)
                in_force = mark
            elif kind == 2:
                rename(file, text.replace("routes:", "rutes:"))
            elif kind == 3:
                # Half of it, then the rest: what is half there must never run.
                with file.open("w") as half:
                    half.write(text[: len(text) // 2])
                    half.flush()
                    time.sleep(0.002)
                    half.write(text[len(text) // 2 :])
                in_force = mark
            else:
                file.write_text(": : not yaml\n\t- [")
            if kind in (2, 4) and number % 4 == 0:
                refused = gateway.log().count("configuration not taken")
                until(lambda: gateway.log().count("configuration not taken") > refused, f"edit {number} is refused", 10)
            elif number % 20 in (3, 11):
                until(lambda: mark_of(gateway) == in_force, f"edit {number} is in force", 10)
            elif number % 3 == 0:
                seen = load.done
                until(lambda: load.done > seen + 2, "requests flow on")
        rename(file, marked(gateway, "last"))
        until(lambda: mark_of(gateway) == "last", "the last edit is in force", 10)
        seen = load.done
        until(lambda: load.done > seen + 20, "requests flow at the end")
    assert not load.failures, load.failures[:5]
    assert None not in load.marks or len(load.marks) > 5
    assert not upstream.malformed
    assert ready_text(gateway) == "ready\n"
    assert gateway.log().count("configuration not taken") > 5


def test_an_invalid_file_is_reported_with_its_place_and_the_old_one_stays(reloadable, serve):
    gateway = reloadable(configs.plain(serve().port))
    good = marked(gateway, "one")
    rename(gateway.file, good)
    until(lambda: mark_of(gateway) == "one", "the first edit is in force")
    rename(gateway.file, good.replace("responseHeaderModifier", "responseHeaderModifer"))
    until(lambda: "configuration not taken" in gateway.log(), "the error is logged")
    line = next(l for l in gateway.log().splitlines() if "configuration not taken" in l)
    number = next(i for i, l in enumerate(good.splitlines(), 1) if "responseHeaderModifier" in l)
    assert f"{gateway.file}:{number}:" in line and "responseHeaderModifier" in line, line
    text = until(lambda: (t := ready_text(gateway)) != "ready\n" and t, "readiness tells")
    assert f"{gateway.file}:{number}:" in text and "Modifer" not in text, "where, but not what the file says"
    assert mark_of(gateway) == "one"
    rename(gateway.file, good.replace("one", "two"))
    until(lambda: mark_of(gateway) == "two" and ready_text(gateway) == "ready\n", "it is repaired")


def test_a_deleted_file_keeps_what_runs_and_is_read_when_it_is_back(reloadable, serve):
    gateway = reloadable(configs.plain(serve().port))
    gateway.file.unlink()
    until(lambda: ready_text(gateway) != "ready\n", "readiness tells")
    assert mark_of(gateway) is None
    gateway.file.write_text(marked(gateway, "back"))
    until(lambda: mark_of(gateway) == "back" and ready_text(gateway) == "ready\n", "it is back")


def test_a_config_map_is_followed_through_its_links(serve, tmp_path, start):
    """Kubernetes: file -> ..data/file, ..data -> a directory, swapped by renaming a new link over the old one."""
    upstream = serve()
    mount = tmp_path / "mount"
    (mount / "v1").mkdir(parents=True)
    gateway = start(configs.plain(upstream.port))
    document_of[gateway.file] = document(gateway)
    text = {mark: marked(gateway, mark) for mark in ("one", "two", "three")}
    gateway.stop()
    (mount / "v1" / "gateway.yaml").write_text(text["one"])
    (mount / "..data").symlink_to("v1")
    (mount / "gateway.yaml").symlink_to("..data/gateway.yaml")
    from harness import gateway as gateways

    process, out, err = gateways.spawn(["-f", str(mount / "gateway.yaml")], tmp_path)
    try:

        def mark() -> str | None:
            try:
                return mark_of(gateway)
            except (OSError, EOFError):
                return None

        until(lambda: mark() == "one", "it serves", 15)
        for old, new in (("v1", "v2"), ("v2", "v3")):
            (mount / new).mkdir()
            (mount / new / "gateway.yaml").write_text(text["two" if new == "v2" else "three"])
            (mount / "..data_tmp").symlink_to(new)
            os.replace(mount / "..data_tmp", mount / "..data")
            (mount / old / "gateway.yaml").unlink()
            (mount / old).rmdir()
            until(lambda: mark() == ("two" if new == "v2" else "three"), f"{new} is in force")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(deadline(10)) == 0, err.read_text()
        gateways.running.discard(process)


def test_sighup_reads_the_file_again(reloadable, serve):
    gateway = reloadable(configs.plain(serve().port))
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: "reloaded in" in gateway.log(), "it is read again")
    assert mark_of(gateway) is None


def test_ports_come_and_go_and_a_stream_under_way_ends_on_its_own(reloadable, serve):
    release = threading.Event()

    async def slow(exchange_: Exchange) -> None:
        import asyncio

        if exchange_.request.target != "/slow":
            return await exchange_.reply(200, b"quick")
        await exchange_.start()
        await exchange_.chunk(b"first ")
        while not release.is_set():
            await asyncio.sleep(0.005)
        await exchange_.chunk(b"last")
        await exchange_.end()

    gateway = reloadable(configs.plain(serve(slow).port))
    old, new = gateway.port, free_port()
    changed = document(gateway)
    with Raw(old, 20) as busy, Raw(old, 20) as idle:
        idle.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.response().body == b"quick"
        busy.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        busy._until(b"first ")
        changed["binds"][0]["port"] = new
        rename(gateway.file, yaml.safe_dump(changed))
        get = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

        def answers(port: int) -> bool:
            try:
                return exchange(port, get).status == 200
            except (OSError, EOFError):
                return False

        until(lambda: answers(new), "the new port is open")
        until(lambda: not answers(old), "the old port is closed")
        assert idle.closes(), "an idle connection to a port that is gone is closed"
        release.set()
        busy._until(b"last")
        assert busy._until(b"0\r\n\r\n").endswith(b"\r\n"), "the stream came to its end"
    changed["binds"][0]["port"] = old
    rename(gateway.file, yaml.safe_dump(changed))
    until(lambda: answers(old) and not answers(new), "and back")


def test_a_port_that_cannot_be_had_keeps_the_old_configuration(reloadable, serve):
    import socket

    gateway = reloadable(configs.plain(serve().port))
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        changed = yaml.safe_load(marked(gateway, "never"))
        changed["binds"].append({**changed["binds"][0], "port": taken.getsockname()[1]})
        rename(gateway.file, yaml.safe_dump(changed))
        until(lambda: "cannot listen" in gateway.log(), "the error is logged")
        assert mark_of(gateway) is None
        assert "configuration" in ready_text(gateway)


def test_tokens_keys_and_upstream_connections_survive(reloadable, serve):
    issuer = Issuer()
    fetched = []

    async def keys(exchange_: Exchange) -> None:
        fetched.append(exchange_.request.target)
        await exchange_.reply(200, json.dumps(issuer.jwks).encode(), {"Content-Type": "application/json"})

    upstream = serve()
    keys_server = serve(keys)
    policy = configs.jwt_auth({"url": f"http://127.0.0.1:{keys_server.port}/jwks"})
    gateway = reloadable(configs.plain(upstream.port, {"jwtAuth": policy}))
    token = issuer.token()
    url = gateway.url("/")
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=deadline(10)) as client:
        assert client.get(url).status_code == 200
        for number in range(5):
            rename(gateway.file, marked(gateway, f"k{number}"))
            until(lambda: client.get(url).headers.get("x-mark") == f"k{number}", "the edit is in force")
    assert len(fetched) == 1, "the keys are fetched once, not for every reload"
    assert upstream.opened <= 2, "the pool of an upstream that stays is kept"
    # Another audience: what was right for the old configuration is not for this one.
    changed = yaml.safe_load(marked(gateway, "strict"))
    changed["binds"][0]["listeners"][0]["routes"][0]["policies"]["jwtAuth"]["audiences"] = ["other"]
    rename(gateway.file, yaml.safe_dump(changed))
    until(lambda: httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 401, "the token is refused")


def test_a_key_file_is_watched(reloadable, serve, tmp_path):
    first, second = Issuer(), Issuer()
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(first.jwks))
    gateway = reloadable(
        configs.plain(serve().port, {"jwtAuth": configs.jwt_auth({"file": str(file)})})
    )

    def status(issuer: Issuer) -> int:
        return httpx.get(gateway.url("/"), headers={"Authorization": f"Bearer {issuer.token()}"}).status_code

    assert (status(first), status(second)) == (200, 401)
    rename(file, json.dumps(second.jwks))
    until(lambda: (status(first), status(second)) == (401, 200), "the other key is in force")


def test_an_mcp_session_survives_when_its_backend_stays_and_ends_when_it_does_not(reloadable):
    route = {"backends": [{"mcp": {"targets": [{"name": "clock", "builtin": "time"}]}}]}
    gateway = reloadable({"binds": [{"port": 3000, "listeners": [{"routes": [route]}]}]})
    headers = {"Accept": "application/json, text/event-stream"}

    def call(method: str, params: dict, session: str | None = None) -> httpx.Response:
        more = {"Mcp-Session-Id": session} if session else {}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return httpx.post(gateway.url("/mcp"), json=message, headers={**headers, **more}, timeout=deadline(10))

    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    begun = call("initialize", client)
    session = begun.headers["mcp-session-id"]
    assert call("tools/list", {}, session).status_code == 200
    changed = document(gateway)
    listed = changed["binds"][0]["listeners"][0]
    rename(gateway.file, yaml.safe_dump(changed) + "# touched\n")
    until(lambda: gateway.log().count("reloaded in") == 1, "the edit is in force")
    assert call("tools/list", {}, session).status_code == 200
    listed["routes"][0]["backends"][0]["mcp"]["targets"][0]["builtin"] = "everything"
    rename(gateway.file, yaml.safe_dump(changed))
    until(lambda: gateway.log().count("reloaded in") == 2, "the edit is in force")
    assert call("tools/list", {}, session).status_code == 404, "its servers are others now"


@pytest.mark.heavy
def test_memory_returns_after_many_reloads(reloadable, serve):
    upstream = serve()
    config = configs.plain(upstream.port)
    route = config["binds"][0]["listeners"][0]["routes"][0]
    config["binds"][0]["listeners"][0]["routes"] = [
        {**route, "name": f"r{i}", "matches": [{"path": {"pathPrefix": f"/{i}"}}]} for i in range(100)
    ] + [route]
    gateway = reloadable(config)
    changed = document(gateway)

    def edit(number: int) -> None:
        # Other upstreams each time: those of the past must not stay.
        for i, route in enumerate(changed["binds"][0]["listeners"][0]["routes"][:-1]):
            route["backends"] = [{"host": f"127.0.0.1:{20000 + number * 100 + i}"}]
        last = changed["binds"][0]["listeners"][0]["routes"][-1]
        last["policies"] = {"responseHeaderModifier": {"set": {"x-mark": f"n{number}"}}}
        rename(gateway.file, yaml.safe_dump(changed))
        until(lambda: mark_of(gateway) == f"n{number}", f"edit {number} is in force", 10)

    for number in range(10):
        edit(number)
    settled = gateway.memory()
    for number in range(10, 25):
        edit(number)
    assert gateway.memory() < settled + (8 << 20), (settled, gateway.memory())
