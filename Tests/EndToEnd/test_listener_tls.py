"""TLS of listeners: SNI, versions, client certificates, hosts that are not the connection's, renewal, slow handshakes."""

import os
import socket
import ssl
import subprocess
import time

import pytest
import yaml

from harness import configs
from harness.certificates import Authority
from harness.gateway import run
from harness.waiting import deadline, until


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("clients"), "clients")


def config(upstream: int, listeners: list[dict], frontend: dict | None = None) -> dict:
    """Each listener says in a header which one it is."""
    for listener in listeners:
        listener.setdefault("protocol", "HTTPS")
        policies = {"responseHeaderModifier": {"set": {"listener": listener["name"]}}, **listener.pop("route", {})}
        listener["routes"] = [{"policies": policies, "backends": [{"host": f"127.0.0.1:{upstream}"}]}]
    document = {"binds": [{"port": 3000, "listeners": listeners}]}
    if frontend:
        document["frontendPolicies"] = frontend
    return document


def connect(gateway, authority, name: str | None = "a.example", pair=None, version=None, alpn=None, session=None):
    context = ssl.create_default_context(cafile=authority.cert)
    context.check_hostname = name is not None
    if pair:
        context.load_cert_chain(pair.cert, pair.key)
    if version:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(alpn)
    raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=deadline(10))
    try:
        return context.wrap_socket(raw, server_hostname=name, session=session)
    except BaseException:
        raw.close()
        raise


def ask(stream: ssl.SSLSocket, host: str = "a.example", more: str = "") -> tuple[int, dict[str, str], bytes]:
    stream.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(65536)
        assert piece, data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        body += stream.recv(65536)
    return int(lines[0].split()[1]), headers, body


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_request_over_tls_reaches_the_upstream_as_https(start, serve, authority, version):
    upstream = serve()
    gateway = start(config(upstream.port, [{"name": "a", "tls": authority.issue("a.example").tls}]))
    with connect(gateway, authority, version=version, alpn=["spdy/3", "http/1.1"]) as stream:
        assert stream.selected_alpn_protocol() == "http/1.1"
        for _ in range(3):
            assert ask(stream)[0] == 200
        assert upstream.requests[0].header("x-forwarded-proto") == "https"


def test_sni_chooses_the_listener_and_another_listeners_host_is_misdirected(start, serve, authority):
    listeners = [
        {"name": "a", "hostname": "a.example", "tls": authority.issue("a.example").tls},
        {"name": "wild", "hostname": "*.b.example", "tls": authority.issue("*.b.example").tls},
    ]
    gateway = start(config(serve().port, listeners))
    with connect(gateway, authority) as stream:
        assert ask(stream)[1]["listener"] == "a"
        assert ask(stream, "A.EXAMPLE:443")[0] == 200
        assert ask(stream, "x.b.example")[0] == 421
        assert ask(stream, "unknown.example")[0] == 404
        assert ask(stream)[0] == 200
    with connect(gateway, authority, "x.b.example") as stream:
        assert ask(stream, "y.b.example")[1]["listener"] == "wild"
        assert ask(stream, "a.example")[0] == 421
    for name in ("unknown.example", None):
        with pytest.raises(ssl.SSLError, match="(?i)unrecognized.name"):
            connect(gateway, authority, name)


def test_client_certificate_is_required_and_its_names_are_for_rules(start, serve, authority, clients):
    tls = {**authority.issue("a.example").tls, "root": str(clients.cert)}
    rules = {"authorization": {"rules": ["source.commonName == 'agent' && source.dnsNames.exists(n, n == 'agent')"
                                         " && source.spiffeID == 'spiffe://example/agent' && source.tls"]}}
    gateway = start(config(serve().port, [{"name": "a", "tls": tls, "route": rules}]))
    agent = clients.issue("agent", uris=("spiffe://example/agent",))
    with connect(gateway, authority, pair=agent) as stream:
        assert ask(stream)[0] == 200
    with connect(gateway, authority, pair=clients.issue("other")) as stream:
        assert ask(stream)[0] == 403
    for pair in (None, authority.issue("agent", file="impostor")):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with connect(gateway, authority, pair=pair) as stream:
                stream.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
                assert stream.recv(1) == b"", "a reply without a certificate"
                raise ConnectionError


def test_optional_client_certificate_is_verified_when_shown(start, serve, authority, clients):
    tls = {**authority.issue("a.example").tls, "root": str(clients.cert), "requireClientCert": False}
    rules = {"authorization": {"rules": ["source.commonName == 'agent'"]}}
    gateway = start(config(serve().port, [{"name": "a", "tls": tls, "route": rules}]))
    with connect(gateway, authority, pair=clients.issue("agent")) as stream:
        assert ask(stream)[0] == 200
    with connect(gateway, authority) as stream:
        assert ask(stream)[0] == 403
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with connect(gateway, authority, pair=authority.issue("agent", file="impostor"),
                     version=ssl.TLSVersion.TLSv1_2) as stream:
            ask(stream)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_session_is_resumed_by_its_own_listener_only(start, serve, authority, clients, version):
    both = authority.issue("a.example", "b.example").tls
    gateway = start(config(serve().port, [
        {"name": "a", "hostname": "a.example", "tls": both},
        {"name": "b", "hostname": "b.example", "tls": {**both, "root": str(clients.cert)}},
    ]))
    context = ssl.create_default_context(cafile=authority.cert)
    context.minimum_version = context.maximum_version = version

    def connected(name, session=None):
        raw = socket.create_connection(("127.0.0.1", gateway.port), timeout=deadline(10))
        return context.wrap_socket(raw, server_hostname=name, session=session)

    with connected("a.example") as stream:
        assert ask(stream)[0] == 200
        session = stream.session
    with connected("a.example", session) as stream:
        assert ask(stream)[0] == 200 and stream.session_reused
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with connected("b.example", session) as stream:
            stream.sendall(b"GET / HTTP/1.1\r\nHost: b.example\r\n\r\n")
            assert stream.recv(1) == b"", "a session without a certificate was resumed"
            raise ConnectionError


def test_renewed_certificate_is_served_without_a_restart(start, serve, authority):
    pair = authority.issue("a.example", file="renewed")
    gateway = start(config(serve().port, [{"name": "a", "tls": pair.tls}]))

    def serial() -> int:
        with connect(gateway, authority) as stream:
            assert ask(stream)[0] == 200
            return stream.getpeercert()["serialNumber"]

    before = serial()
    with connect(gateway, authority) as kept:
        assert ask(kept)[0] == 200
        good = pair.key.read_bytes()
        pair.key.write_bytes(b"half a k")
        until(lambda: "stay as they are" in gateway.log(), "the broken pair is reported", 15)
        assert serial() == before
        pair.key.write_bytes(good)
        authority.issue("a.example", file="renewed")
        until(lambda: serial() != before, "the new certificate is served", 15)
        assert ask(kept)[0] == 200


@pytest.mark.parametrize("case, message", [
    ("missing", "cannot read the certificate .*No such file"),
    ("other-key", "the key .* does not belong to the certificate"),
    ("no-pem", "cannot read the certificate .*no start line"),
    ("encrypted", "is encrypted, which is not supported"),
    ("root", "cannot read the clients' authorities"),
])
def test_bad_files_are_named_with_their_place(authority, tmp_path, case, message):
    import re

    pair = authority.issue("a.example", file=f"bad-{case}")
    tls = pair.tls
    if case == "missing":
        tls["cert"] = str(tmp_path / "none.pem")
    elif case == "other-key":
        tls["key"] = authority.issue("other.example").tls["key"]
    elif case == "no-pem":
        pair.cert.write_text("nonsense")
    elif case == "encrypted":
        encrypted = tmp_path / "encrypted.key"
        subprocess.run(["openssl", "pkcs8", "-topk8", "-in", pair.key, "-out", encrypted, "-passout", "pass:x"], check=True)
        tls["key"] = str(encrypted)
    else:
        tls["root"] = str(pair.key)
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config(1, [{"name": "a", "tls": tls}]), sort_keys=False))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 1
    assert re.search(rf"config.yaml:\d+:\d+: error: tls: .*{message}", err), err


def test_slow_handshakes_end_and_do_not_keep_others_waiting(start, serve, authority):
    gateway = start(config(
        serve().port, [{"name": "a", "tls": authority.issue("a.example").tls}],
        {"tls": {"handshakeTimeout": "1s"}}))
    slow = [socket.create_connection(("127.0.0.1", gateway.port), timeout=deadline(15)) for _ in range(50)]
    for stream in slow[:25]:
        stream.sendall(b"\x16\x03\x01\x02\x00\x01")
    with connect(gateway, authority) as stream:
        assert ask(stream)[0] == 200
    for stream in slow:
        with stream:
            assert stream.recv(16) == b""


def test_plain_http_on_a_tls_port_is_no_request(start, serve, authority):
    upstream = serve()
    gateway = start(config(upstream.port, [{"name": "a", "tls": authority.issue("a.example").tls}]))
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=deadline(10)) as stream:
        stream.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        data = b""
        try:
            while piece := stream.recv(4096):
                data += piece
        except ConnectionError:
            pass
        assert b"HTTP/1.1 200" not in data
    assert not upstream.requests


def test_stream_that_is_cut_off_is_no_complete_request(start, serve, authority):
    upstream = serve()
    gateway = start(config(upstream.port, [{"name": "a", "tls": authority.issue("a.example").tls}]))
    stream = connect(gateway, authority)
    stream.sendall(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhalf")
    os.close(stream.detach())  # FIN without close_notify
    with connect(gateway, authority) as other:
        assert ask(other)[0] == 200
    assert not [r for r in upstream.requests if r.method == "POST" and r.complete]


@pytest.mark.parametrize("arguments, good", [
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], True),
    (["-tls1_3"], True),
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"], False),
    (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], False),
    (["-alpn", "spdy/3"], False),
])
def test_openssl_client_gets_modern_tls_only(start, serve, authority, arguments, good):
    gateway = start(config(serve().port, [{"name": "a", "tls": authority.issue("a.example").tls}]))
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", "a.example", "-CAfile",
         str(authority.cert), "-verify_return_error", "-ign_eof", *arguments],
        input=b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", capture_output=True, timeout=deadline(20))
    assert (b"HTTP/1.1 200" in done.stdout) == good, done.stdout + done.stderr
    assert not good or b"unexpected eof" not in done.stderr


def test_curl_speaks_to_a_tls_listener(start, serve, authority):
    gateway = start(config(serve().port, [{"name": "a", "tls": authority.issue("a.example").tls}]))
    done = subprocess.run(
        ["curl", "-sS", "--http1.1", "--cacert", str(authority.cert), "--resolve", f"a.example:{gateway.port}:127.0.0.1",
         "-o", "/dev/null", "-w", "%{http_code}", f"https://a.example:{gateway.port}/"],
        capture_output=True, text=True, timeout=deadline(20))
    assert done.stdout == "200", done.stderr


def test_client_may_change_its_keys_between_requests(start, serve, authority):
    gateway = start(config(serve().port, [{"name": "a", "tls": authority.issue("a.example").tls}]))
    client = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-servername", "a.example", "-CAfile",
         str(authority.cert), "-tls1_3"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    request = b"GET / HTTP/1.1\nHost: a.example\n\n".replace(b"\n", b"\r\n")
    seen = b""

    def say(data: bytes, answer: bytes, count: int) -> None:
        nonlocal seen
        client.stdin.write(data)
        client.stdin.flush()
        while seen.count(answer) < count:
            piece = os.read(client.stdout.fileno(), 65536)
            assert piece, seen
            seen += piece

    for number in range(1, 4):
        say(request, b"HTTP/1.1 200", number)
        say(b"K\n", b"KEYUPDATE", number)  # asks the gateway to change its keys as well
    client.stdin.close()
    client.wait(deadline(10))
    client.stdout.close()
