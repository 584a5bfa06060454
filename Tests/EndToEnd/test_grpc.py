"""gRPC through the gateway with the official client and server: HTTP/2 on both sides, trailers, streams, deadlines."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

# Its handlers for fork() abort the children that the harness starts, now and then.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc
import pytest

from harness import configs
from harness.certificates import Authority
from harness.http2 import Client
from harness.waiting import deadline, until

LEFT = threading.Event()


def unary(request: bytes, context: grpc.ServicerContext) -> bytes:
    metadata = dict(context.invocation_metadata())
    if request == b"fail":
        context.set_trailing_metadata((("x-detail", "broken"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not now")
    context.set_trailing_metadata((("x-sum", str(len(request))),))
    return f"{metadata.get('x-in')} {metadata.get('authorization')} ".encode() + request


def count(request: bytes, context: grpc.ServicerContext):
    for number in range(int(request)):
        yield str(number).encode() * 1000


def both(requests, context: grpc.ServicerContext):
    for request in requests:
        yield request[::-1]


def hang(request: bytes, context: grpc.ServicerContext) -> bytes:
    gone = threading.Event()
    context.add_callback(lambda: (gone.set(), LEFT.set()))
    gone.wait(30)
    return b""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def servers(authority):
    """Ports of the same service in plain text and over TLS."""
    server = grpc.server(ThreadPoolExecutor(32))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Both": grpc.stream_stream_rpc_method_handler(both),
        "Hang": grpc.unary_unary_rpc_method_handler(hang),
    }),))
    pair = authority.issue("localhost", "127.0.0.1")
    plain = server.add_insecure_port("127.0.0.1:0")
    credentials = grpc.ssl_server_credentials([(pair.key.read_bytes(), pair.cert.read_bytes())])
    secure = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield plain, secure
    server.stop(0)


@pytest.fixture
def channel(start, servers):
    gateway = start(configs.plain(servers[0], None, backends=[
        {"host": f"127.0.0.1:{servers[0]}", "policies": {"http": {"version": "2"}}}]))
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        yield channel


def test_unary_call_with_metadata_and_trailers(channel):
    reply, call = channel.unary_unary("/test.Echo/Unary").with_call(b"hello", metadata=(("x-in", "7"),), timeout=deadline(10))
    assert reply == b"7 None hello"
    assert dict(call.trailing_metadata())["x-sum"] == "5" and call.code() == grpc.StatusCode.OK


def test_error_status_comes_from_the_trailers(channel):
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/test.Echo/Unary")(b"fail", timeout=deadline(10))
    assert error.value.code() == grpc.StatusCode.FAILED_PRECONDITION and error.value.details() == "not now"
    assert dict(error.value.trailing_metadata())["x-detail"] == "broken"
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/test.Echo/None")(b"", timeout=deadline(10))
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_server_stream_of_many_messages(channel):
    messages = list(channel.unary_stream("/test.Echo/Count")(b"2000", timeout=deadline(30)))
    assert messages == [str(n).encode() * 1000 for n in range(2000)]


def test_both_sides_stream_at_the_same_time(channel):
    answered = threading.Semaphore(1)

    def requests():
        for number in range(20):
            answered.acquire(timeout=deadline(10))
            yield b"abc%d" % number

    seen = []
    for message in channel.stream_stream("/test.Echo/Both")(requests(), timeout=deadline(30)):
        seen.append(message)
        answered.release()
    assert seen == [(b"abc%d" % n)[::-1] for n in range(20)]


def test_large_message_passes_both_ways(channel):
    body = bytes(range(256)) * 8192
    assert channel.unary_unary("/test.Echo/Unary")(body, timeout=deadline(20)).endswith(body)


def test_many_calls_share_a_connection(channel):
    call = channel.unary_unary("/test.Echo/Unary")
    futures = [call.future(b"n%d" % n, timeout=deadline(30)) for n in range(500)]
    assert [f.result() for f in futures] == [b"None None n%d" % n for n in range(500)]


def test_call_that_is_given_up_ends_at_the_server(channel):
    LEFT.clear()
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/test.Echo/Hang")(b"", timeout=0.5)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert LEFT.wait(deadline(5))


def test_rules_judge_the_method_and_refuse_in_http(start, servers):
    gateway = start(configs.plain(servers[0], {"authorization": {"rules": ["request.path == '/test.Echo/Unary'"]}}, backends=[
        {"host": f"127.0.0.1:{servers[0]}", "policies": {"http": {"version": "2"}}}]))
    with grpc.insecure_channel(f"127.0.0.1:{gateway.port}") as channel:
        assert channel.unary_unary("/test.Echo/Unary")(b"x", timeout=deadline(10))
        with pytest.raises(grpc.RpcError) as error:
            list(channel.unary_stream("/test.Echo/Count")(b"1", timeout=deadline(10)))
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED


def test_tls_on_both_sides_finds_http2_by_alpn(start, servers, authority):
    document = configs.plain(1, backends=[
        {"host": f"localhost:{servers[1]}", "policies": {"backendTLS": {"root": str(authority.cert), "alpn": ["h2", "http/1.1"]}}}])
    document["binds"][0]["listeners"][0] |= {"protocol": "HTTPS", "tls": authority.issue("localhost", file="listener").tls}
    gateway = start(document)
    credentials = grpc.ssl_channel_credentials(authority.cert.read_bytes())
    with grpc.secure_channel(f"localhost:{gateway.port}", credentials) as channel:
        for number in range(5):
            assert channel.unary_unary("/test.Echo/Unary")(b"%d" % number, timeout=deadline(10)) == b"None None %d" % number


def test_upstream_that_is_not_there_or_speaks_http1_is_an_error(start, serve):
    gateway = start(configs.plain(1, backends=[{"host": "127.0.0.1:1", "policies": {"http": {"version": "2"}}}]))
    with Client(gateway.port) as client:
        assert client.ask().status == 503


def test_plain_client_reaches_an_http2_upstream(start, servers):
    from harness.rawhttp import exchange

    gateway = start(configs.plain(servers[0], None, backends=[
        {"host": f"127.0.0.1:{servers[0]}", "policies": {"http": {"version": "2"}}}]))
    reply = exchange(gateway.port, b"POST /test.Echo/Unary HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n"
                                   b"Content-Length: 6\r\n\r\n\x00\x00\x00\x00\x01x")
    assert reply.status == 200
