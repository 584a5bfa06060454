"""The numbers on the statistics port: right, stable over reloads, and in Prometheus's format as its own tool reads it."""

import shutil
import subprocess

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from harness import configs
from harness.gateway import Gateway, free_port
from harness.tokens import Issuer
from harness.waiting import until


@pytest.fixture
def measured(start):
    def begin(config: dict) -> Gateway:
        port = free_port()
        gateway = start({**config, "config": {**config.get("config", {}), "statsAddr": f"127.0.0.1:{port}"}})
        gateway.stats = f"http://127.0.0.1:{port}/metrics"
        return gateway

    return begin


def scrape(gateway: Gateway) -> dict[str, list]:
    reply = httpx.get(gateway.stats)
    assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples: dict[str, list] = {}
    for family in text_string_to_metric_families(reply.text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def value(samples: dict[str, list], name: str, **labels: str) -> float:
    found = [v for had, v in samples.get(name, []) if all(had.get(k) == w for k, w in labels.items())]
    return sum(found)


def rules() -> dict:
    return {"authorization": {"rules": [{"name": "no-secrets", "deny": 'request.path.startsWith("/secret")'}]}}


def test_requests_decisions_and_connections_are_counted(measured, serve):
    upstream = serve()
    gateway = measured(configs.plain(upstream.port, rules()))
    with httpx.Client() as client:
        for _ in range(5):
            assert client.post(gateway.url("/a"), content=b"12345").status_code == 200
        assert client.get(gateway.url("/secret")).status_code == 403
    samples = scrape(gateway)
    ok = dict(bind=str(gateway.port), listener="listener0", route="route0", method="POST", status="200", reason="upstream")
    assert value(samples, "agentgateway_requests_total", **ok, backend=f"127.0.0.1:{upstream.port}") == 5
    assert value(samples, "agentgateway_requests_total", status="403", reason="denied") == 1
    assert value(samples, "agentgateway_request_bytes_total") == 25
    assert value(samples, "agentgateway_request_duration_seconds_count", route="route0") == 6
    assert value(samples, "agentgateway_request_duration_seconds_bucket", le="+Inf") == 6
    assert value(samples, "agentgateway_request_duration_seconds_sum") > 0
    assert value(samples, "agentgateway_authz_decisions_total", verdict="deny", rule="no-secrets", reason="matched") == 1
    assert value(samples, "agentgateway_authz_decisions_total", verdict="allow") == 5
    assert value(samples, "agentgateway_downstream_connections_total", bind=str(gateway.port)) == 1
    opened, reused = (value(samples, f"agentgateway_upstream_connections{x}_total") for x in ("", "_reused"))
    assert opened >= 1 and opened + reused == 5
    assert value(samples, "agentgateway_config_synchronized") == 1
    assert value(samples, "process_resident_memory_bytes") > 1 << 20
    until(lambda: value(scrape(gateway), "agentgateway_downstream_connections") == 0, "the connection has ended")


def test_counters_go_on_over_reloads_and_failures_show(measured, serve):
    gateway = measured(configs.plain(serve().port, rules()))
    httpx.get(gateway.url("/a"))
    httpx.get(gateway.url("/secret"))
    text = gateway.file.read_text()
    gateway.file.write_text(text + "\n# another\n")
    until(lambda: value(scrape(gateway), "agentgateway_config_reloads_total", result="success") == 1, "it is reloaded")
    httpx.get(gateway.url("/a"))
    httpx.get(gateway.url("/secret"))
    samples = scrape(gateway)
    assert value(samples, "agentgateway_requests_total", status="200") == 2
    assert value(samples, "agentgateway_authz_decisions_total", rule="no-secrets") == 2
    gateway.file.write_text("nonsense: true\n")
    until(lambda: value(scrape(gateway), "agentgateway_config_synchronized") == 0, "the failure shows")
    assert value(scrape(gateway), "agentgateway_config_reloads_total", result="failure") == 1
    gateway.file.write_text(text)
    until(lambda: value(scrape(gateway), "agentgateway_config_synchronized") == 1, "it is repaired")


def test_key_sets_and_labels_with_odd_characters(measured, serve):
    issuer = Issuer()

    async def keys(exchange) -> None:
        import json

        await exchange.reply(200, json.dumps(issuer.jwks).encode(), {"Content-Type": "application/json"})

    policy = configs.jwt_auth({"url": f"http://127.0.0.1:{serve(keys).port}/jwks"})
    config = configs.plain(serve().port, {"jwtAuth": policy}, name='odd "name" \\ with\nline')
    gateway = measured(config)
    httpx.get(gateway.url("/"), headers={"Authorization": f"Bearer {issuer.token()}"})
    samples = scrape(gateway)
    assert value(samples, "agentgateway_requests_total", route='odd "name" \\ with\nline') == 1
    assert value(samples, "agentgateway_jwks_available", issuer="https://issuer.example") == 1


def test_what_clients_choose_makes_no_label(measured, serve):
    gateway = measured(configs.plain(serve().port))
    with httpx.Client() as client:
        for number in range(50):
            client.request(f"M{number}", gateway.url(f"/{number}?q={number}"), headers={"Host": f"h{number}.example"})
    samples = scrape(gateway)
    assert len(samples["agentgateway_requests_total"]) == 1
    assert value(samples, "agentgateway_requests_total", method="other") == 50


def test_mcp_messages_are_counted_by_tool(measured):
    route = {"backends": [{"mcp": {"targets": [{"name": "everything", "builtin": "everything"}]}}]}
    gateway = measured({"binds": [{"port": 3000, "listeners": [{"routes": [route]}]}]})
    headers = {"Accept": "application/json, text/event-stream"}

    def call(method: str, params: dict, session: str | None = None) -> httpx.Response:
        more = {"Mcp-Session-Id": session} if session else {}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return httpx.post(gateway.url("/mcp"), json=message, headers={**headers, **more})

    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    session = call("initialize", client).headers["mcp-session-id"]
    for number in range(20):
        call("tools/call", {"name": f"invented-{number}", "arguments": {}}, session)
    call("tools/call", {"name": "echo", "arguments": {"message": "hi"}}, session)
    samples = scrape(gateway)
    assert value(samples, "agentgateway_mcp_requests_total", method="initialize") == 1
    assert value(samples, "agentgateway_mcp_requests_total", method="tools/call") == 21
    assert value(samples, "agentgateway_mcp_requests_total", method="tools/call", resource="echo") == 1
    assert not any("invented" in labels["resource"] for labels, _ in samples["agentgateway_mcp_requests_total"])


def test_prometheus_own_tool_has_nothing_to_say(measured, serve):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.fail("promtool is not installed: run scripts/setup.sh test (package prometheus)")
    gateway = measured(configs.plain(serve().port, rules()))
    httpx.get(gateway.url("/a"))
    httpx.get(gateway.url("/secret"))
    text = httpx.get(gateway.stats).text
    check = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True)
    assert check.returncode == 0, check.stdout + check.stderr


def test_only_metrics_are_served_there(measured, serve):
    gateway = measured(configs.plain(serve().port))
    base = gateway.stats.removesuffix("/metrics")
    assert httpx.get(base + "/").status_code == 404
    assert httpx.post(gateway.stats).status_code == 405
    assert yaml.safe_load(gateway.file.read_text())["config"]["statsAddr"] in base
