"""frontendPolicies.accessLog and decisionLog: which lines, which fields, where."""

import json
import os
import signal
from pathlib import Path

import httpx
import pytest
import yaml

from harness import configs
from harness.gateway import run
from harness.rawhttp import exchange
from harness.tokens import Issuer
from harness.waiting import until


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def logged(upstream: int, log: dict, policies: dict | None = None, **frontend) -> dict:
    return {**configs.plain(upstream, policies), "frontendPolicies": {"accessLog": log, **frontend}}


def test_lines_go_to_files_and_to_new_ones_after_a_rotation(start, serve, tmp_path):
    access, decisions = tmp_path / "access.jsonl", tmp_path / "decisions.jsonl"
    rules = {"authorization": {"rules": [{"deny": 'request.path == "/no"'}]}}
    gateway = start(logged(serve().port, {"file": str(access)}, rules, decisionLog={"file": str(decisions)}))
    assert httpx.get(gateway.url("/no"), timeout=10).status_code == 403
    assert httpx.get(gateway.url("/yes"), timeout=10).status_code == 200
    until(lambda: len(lines(access)) == 2 and len(lines(decisions)) == 2, "the lines are written")
    assert [line["status"] for line in lines(access)] == [403, 200]
    assert [line["verdict"] for line in lines(decisions)] == ["deny", "allow"]
    assert not [record for record in gateway.records() if record.get("log") in ("access", "decision")]
    assert access.stat().st_mode & 0o007 == 0
    os.rename(access, tmp_path / "access.1")
    gateway.process.send_signal(signal.SIGHUP)
    until(access.exists, "the log is begun anew")
    httpx.get(gateway.url("/later"), timeout=10)
    until(lambda: [line["path"] for line in lines(access)] == ["/later"], "the line is in the new file")
    assert len(lines(tmp_path / "access.1")) == 2


def test_fields_are_added_and_removed(start, serve, tmp_path):
    issuer = Issuer()
    access = tmp_path / "access.jsonl"
    add = {
        "user": "jwt.sub", "team": "jwt.team", "code": "response.code", "tags": '["a", request.method]',
        "agent": 'request.headers["user-agent"]', "nested": '{"x": 1, "y": [true, null]}',
    }
    policies = {"jwtAuth": configs.jwt_auth(json.dumps(issuer.jwks))}
    gateway = start(logged(serve().port, {"file": str(access), "add": add, "remove": ["source", "path"]}, policies))
    headers = {"authorization": f"Bearer {issuer.token(sub='ann')}", "user-agent": 'x"\\y'}
    assert httpx.get(gateway.url("/p"), headers=headers, timeout=10).status_code == 200
    (line,) = until(lambda: lines(access), "the line is written")
    assert "source" not in line and "path" not in line and line["method"] == "GET"
    assert (line["user"], line["code"], line["tags"], line["agent"]) == ("ann", 200, ["a", "GET"], 'x"\\y')
    # What cannot be computed is left out.
    assert "team" not in line and line["nested"] == {"x": 1, "y": [True, None]}


def test_a_filter_leaves_lines_out_and_one_that_fails_leaves_them_in(start, serve, tmp_path):
    access = tmp_path / "access.jsonl"
    gateway = start(logged(serve().port, {"file": str(access), "filter": 'request.path != "/health"'}))
    for path in ("/health", "/a", "/health"):
        httpx.get(gateway.url(path), timeout=10)
    until(lambda: [line["path"] for line in lines(access)] == ["/a"], "one line is written")
    other = tmp_path / "other.jsonl"
    gateway = start(logged(serve().port, {"file": str(other), "filter": 'request.headers["x-absent"] == "1"'}))
    httpx.get(gateway.url("/b"), timeout=10)
    until(lambda: [line["path"] for line in lines(other)] == ["/b"], "the line is written")


@pytest.mark.parametrize("status", [200, 403, 401])
def test_no_credential_is_logged_however_the_request_ends(start, serve, tmp_path, status):
    access = tmp_path / "access.jsonl"
    add = {
        "all": "request.headers", "query": "request.query", "uri": "request.uri", "auth": 'request.headers["authorization"]',
        "key": 'request.headers["x-team-key"]', "own": 'request.headers["x-upstream-key"]', "claims": "jwt",
    }
    policies = {
        "apiKey": {
            "location": {"header": {"name": "x-team-key", "prefix": ""}}, "keys": [{"key": "team-secret", "metadata": {}}],
        },
        "authorization": {"rules": [{"deny": 'request.path == "/403"'}]},
        "backendAuth": {"key": {"value": "upstream-secret", "location": {"header": {"name": "x-upstream-key", "prefix": ""}}}},
    }
    gateway = start(logged(serve().port, {"file": str(access), "add": add}, policies))
    key = "team-secret" if status != 401 else "wrong-secret"
    headers = {"x-team-key": key, "authorization": "Bearer client-secret", "cookie": "a=client-secret", "x-plain": "1"}
    assert httpx.get(gateway.url(f"/{status}"), headers=headers, timeout=10).status_code == status
    (line,) = until(lambda: lines(access), "the line is written")
    assert line["status"] == status and line["all"]["x-plain"] == "1"
    assert "secret" not in access.read_text() and "own" not in line and "key" not in line


def test_a_key_in_the_query_is_not_logged(start, serve, tmp_path):
    access = tmp_path / "access.jsonl"
    policies = {"apiKey": {"location": {"queryParameter": {"name": "key"}}, "keys": [{"key": "query-secret", "metadata": {}}]}}
    gateway = start(logged(serve().port, {"file": str(access), "add": {"q": "request.query", "u": "request.uri"}}, policies))
    assert exchange(gateway.port, b"GET /?key=query-secret&a=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200
    assert exchange(gateway.port, b"GET /?key=wrong-secret&a=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 401
    until(lambda: len(lines(access)) == 2, "the lines are written")
    assert "secret" not in access.read_text()


@pytest.mark.parametrize(
    "log, message",
    [
        ({"remove": ["bytes"]}, "is not one of"),
        ({"add": {"time": "1"}}, "already"),
        ({"add": {"path": "1"}}, "remove it as well"),
        ({"add": {'a"b': "1"}}, "not a field name"),
        ({"add": {"x": 'response.headers["a"]'}}, "gone when the reply has been sent"),
        ({"add": {"x": "jwt.rawToken"}}, "not supported yet"),
        ({"filter": "1"}, "must be true or false"),
        ({"otlp": {}}, "not supported yet"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path, log, message):
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(logged(1, log)))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 1 and message in err


def test_a_log_that_cannot_be_written_refuses_the_start_and_a_reload(start, serve, tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(logged(1, {"file": "/nonexistent/access.jsonl"})))
    code, _, err = run(["-f", str(file)], tmp_path)
    assert code == 1 and "cannot write the log /nonexistent/access.jsonl" in err
    # To check a configuration writes nothing.
    file.write_text(yaml.safe_dump(logged(1, {"file": str(tmp_path / "new.jsonl")})))
    assert run(["-f", str(file), "--validate-only"], tmp_path)[0] == 0 and not (tmp_path / "new.jsonl").exists()
    gateway = start(configs.plain(serve().port))
    document = yaml.safe_load(gateway.file.read_text())
    document["frontendPolicies"] = {"accessLog": {"file": "/nonexistent/access.jsonl"}}
    gateway.file.write_text(yaml.safe_dump(document))
    until(lambda: "cannot write the log" in gateway.log(), "the reload is refused")
    assert httpx.get(gateway.url("/x"), timeout=10).status_code == 200
