"""Traces: W3C context in and out, spans as the official protobuf classes read them, and nothing that waits for a collector."""

import re
import threading

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness import configs
from harness.gateway import free_port, run
from harness.upstream import Exchange
from harness.waiting import until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Collector:
    def __init__(self, serve, status: int = 200):
        self.spans, self.resources, self.status, self.lock = [], [], status, threading.Lock()

        async def take(exchange: Exchange) -> None:
            assert exchange.request.target == "/v1/traces"
            assert exchange.request.header("content-type") == "application/x-protobuf"
            request = ExportTraceServiceRequest()
            request.ParseFromString(bytes(exchange.request.body))
            assert request.SerializeToString() == bytes(exchange.request.body), "nothing unknown, nothing twice"
            with self.lock:
                for resource in request.resource_spans:
                    self.resources.append({a.key: a.value.string_value for a in resource.resource.attributes})
                    for scope in resource.scope_spans:
                        self.spans += scope.spans
            await exchange.reply(self.status, b"")

        self.server = serve(take)
        self.port = self.server.port


def traced(upstream: int, collector: int, **more) -> dict:
    tracing = {"host": f"127.0.0.1:{collector}", "protocol": "http", **more}
    return {**configs.plain(upstream), "frontendPolicies": {"tracing": tracing}}


def attributes(span) -> dict:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


def test_a_trace_of_the_client_goes_on_to_the_upstream_and_the_collector(start, serve):
    upstream, collector = serve(), Collector(serve)
    gateway = start(traced(upstream.port, collector.port))
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=value"}
    assert httpx.get(gateway.url("/a/b?key=secret"), headers=headers).status_code == 200
    sent = upstream.requests[0]
    version, trace, span, flags = sent.header("traceparent").split("-")
    assert (version, trace, flags) == ("00", TRACE, "01") and span != PARENT
    assert sent.header("tracestate") == "vendor=value"
    until(lambda: collector.spans, "the span is exported", 10)
    got = collector.spans[0]
    assert got.trace_id.hex() == TRACE and got.parent_span_id.hex() == PARENT and got.span_id.hex() == span
    assert got.trace_state == "vendor=value" and got.kind == 2
    assert got.name == f"GET {gateway.port}/listener0/route0"
    assert 0 < got.start_time_unix_nano <= got.end_time_unix_nano
    told = attributes(got)
    assert told["http.request.method"] == "GET" and told["url.path"] == "/a/b" and told["http.response.status_code"] == 200
    assert "secret" not in str(got), "queries may hold credentials"
    assert collector.resources[0]["service.name"] == "agentgw"


@pytest.mark.parametrize(
    "field",
    [
        f"00-{TRACE}-{PARENT}",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        "nonsense",
    ],
)
def test_a_field_that_is_none_begins_a_new_trace(start, serve, field):
    upstream = serve()
    gateway = start(traced(upstream.port, Collector(serve).port))
    httpx.get(gateway.url("/"), headers={"traceparent": field, "tracestate": "vendor=value"})
    sent = upstream.requests[0]
    match = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-00", sent.header("traceparent"))
    assert match and match[1] != TRACE and sent.header("tracestate") is None


def test_sampling(start, serve):
    upstream, collector = serve(), Collector(serve)
    gateway = start(traced(upstream.port, collector.port, randomSampling=True, clientSampling=False))
    httpx.get(gateway.url("/own"))
    httpx.get(gateway.url("/clients"), headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})
    httpx.get(gateway.url("/unsampled"), headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    until(lambda: collector.spans, "spans are exported", 10)
    assert [attributes(s)["url.path"] for s in collector.spans] == ["/own"]
    assert [r.header("traceparent")[-2:] for r in upstream.requests] == ["01", "00", "00"]


def test_a_collector_that_is_away_costs_spans_and_no_request(start, serve):
    stats = free_port()
    config = traced(serve().port, free_port(), randomSampling=True)
    gateway = start({**config, "config": {"statsAddr": f"127.0.0.1:{stats}"}})
    for _ in range(20):
        assert httpx.get(gateway.url("/")).status_code == 200

    def dropped() -> bool:
        text = httpx.get(f"http://127.0.0.1:{stats}/metrics").text
        return "agentgateway_trace_spans_dropped_total 20" in text

    until(dropped, "the loss is counted", 10)


def test_a_denied_request_and_an_error_are_told(start, serve):
    collector = Collector(serve)
    config = traced(free_port(), collector.port, randomSampling=True)
    rules = {"rules": [{"name": "no", "deny": 'request.path == "/denied"'}]}
    config["binds"][0]["listeners"][0]["routes"][0]["policies"] = {"authorization": rules}
    gateway = start(config)
    assert httpx.get(gateway.url("/denied")).status_code == 403
    assert httpx.get(gateway.url("/broken")).status_code == 503
    until(lambda: len(collector.spans) == 2, "both are exported", 10)
    denied, broken = sorted((s for s in collector.spans), key=lambda s: attributes(s)["http.response.status_code"])
    assert attributes(denied)["agentgateway.reason"] == "denied" and attributes(denied)["agentgateway.decision"]
    assert denied.status.code == 0 and broken.status.code == 2


def test_grpc_is_refused_and_the_protocol_must_be_said(tmp_path):
    for lines, what in (("protocol: grpc", "not supported yet"), ("path: /v1/traces", "protocol")):
        file = tmp_path / "tracing.yaml"
        file.write_text(
            "binds: [{port: 3000, listeners: [{routes: [{backends: [{host: '127.0.0.1:1'}]}]}]}]\n"
            f"frontendPolicies: {{tracing: {{host: 'localhost:4317', {lines}}}}}\n"
        )
        code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
        assert code == 1 and what in err, err


def test_an_mcp_call_is_named_by_its_message(start, serve):
    collector = Collector(serve)
    config = traced(1, collector.port, randomSampling=True)
    config["binds"][0]["listeners"][0]["routes"] = [
        {"backends": [{"mcp": {"targets": [{"name": "everything", "builtin": "everything"}]}}]}
    ]
    gateway = start(config)
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18"}

    def call(number: int, method: str, params: dict, **more: str) -> httpx.Response:
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        return httpx.post(gateway.url("/mcp"), json=message, headers={**headers, **more}, timeout=10)

    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    session = {"mcp-session-id": call(1, "initialize", client).headers["mcp-session-id"]}
    assert call(2, "tools/call", {"name": "echo", "arguments": {"message": "m"}}, **session).status_code == 200
    assert call(3, "tools/call", {"name": "invented", "arguments": {}}, **session).status_code == 200
    spans = until(lambda: len(collector.spans) == 3 and {span.name: span for span in collector.spans}, "three are exported", 10)
    told = attributes(spans["tools/call echo"])
    assert (told["mcp.method.name"], told["gen_ai.tool.name"]) == ("tools/call", "echo")
    assert "initialize" in spans and "rpc.response.status_code" not in told
    (failed,) = [attributes(span) for name, span in spans.items() if "echo" not in name and name != "initialize"]
    assert failed["rpc.response.status_code"] == "-32602"
