"""TLS to upstreams: verified against the configured roots and the name, or refused."""

import datetime
import http.server
import ipaddress
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness import configs
from harness.certificates import Authority
from harness.rawhttp import exchange

GET = b"GET /path HTTP/1.1\r\nHost: client.example\r\n\r\n"


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.headers['host']} {self.connection.selected_alpn_protocol()} {self.server.server_name_sent}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return folder


@pytest.fixture(scope="module")
def server(certificate):
    echo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    echo.server_name_sent = None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    context.set_alpn_protocols(["http/1.1"])

    def remember(_socket: ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        echo.server_name_sent = name

    context.sni_callback = remember
    echo.socket = context.wrap_socket(echo.socket, server_side=True)
    thread = threading.Thread(target=echo.serve_forever, daemon=True)
    thread.start()
    yield echo.server_address[1]
    echo.shutdown()


def config(host: str, policies: dict | None = None) -> dict:
    document = configs.plain(1, policies)
    document["binds"][0]["listeners"][0]["routes"][0]["backends"] = [{"host": host}]
    return document


def test_trusted_server_is_reached_with_sni_and_alpn(start, server, certificate):
    gateway = start(config(f"https://localhost:{server}", {"backendTLS": {"root": str(certificate / "cert.pem")}}))
    reply = exchange(gateway.port, GET)
    assert (reply.status, reply.body) == (200, f"localhost:{server} http/1.1 localhost".encode())
    assert exchange(gateway.port, GET).status == 200


def test_address_is_checked_against_the_certificate(start, server, certificate):
    gateway = start(config(f"https://127.0.0.1:{server}", {"backendTLS": {"root": str(certificate / "cert.pem")}}))
    assert exchange(gateway.port, GET).status == 200


@pytest.mark.parametrize("policies", [None, {"backendTLS": {"hostname": "other.example"}}], ids=["unknown-root", "other-name"])
def test_server_that_cannot_be_trusted_is_refused(start, server, certificate, policies):
    if policies:
        policies["backendTLS"]["root"] = str(certificate / "cert.pem")
    gateway = start(config(f"https://localhost:{server}", policies))
    reply = exchange(gateway.port, GET)
    assert reply.status == 503
    assert b"localhost" not in reply.body


@pytest.mark.parametrize("names, status", [(["localhost"], 200), (["other.example", "localhost"], 200), (["other.example"], 503)])
def test_configured_names_take_the_place_of_the_host_name(start, server, certificate, names, status):
    tls = {"root": str(certificate / "cert.pem"), "hostname": "sni.example", "subjectAltNames": names}
    assert exchange(start(config(f"https://127.0.0.1:{server}", {"backendTLS": tls})).port, GET).status == status


def test_plain_server_is_no_tls_server(start, serve):
    gateway = start(config(f"https://127.0.0.1:{serve().port}"))
    assert exchange(gateway.port, GET).status == 503


def test_server_that_requires_a_client_certificate_gets_the_configured_one(start, tmp_path):
    servers, clients = Authority(tmp_path, "servers"), Authority(tmp_path, "clients")
    pair, agent = servers.issue("localhost"), clients.issue("agent")
    echo = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    echo.server_name_sent = None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.load_verify_locations(clients.cert)
    context.verify_mode = ssl.CERT_REQUIRED
    echo.socket = context.wrap_socket(echo.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=echo.serve_forever, daemon=True).start()
    host = f"https://localhost:{echo.server_address[1]}"
    trusted = {"root": str(servers.cert)}
    assert exchange(start(config(host, {"backendTLS": {**trusted, **agent.tls}})).port, GET).status == 200
    assert exchange(start(config(host, {"backendTLS": trusted})).port, GET).status in (502, 503)
    echo.shutdown()


@pytest.mark.parametrize("tls, status", [
    ({"insecure": True}, 200),
    ({"insecureHost": True, "hostname": "other.example"}, 503),
    ({"insecureHost": True, "hostname": "other.example", "root": True}, 200),
])
def test_insecure_flags_skip_what_they_say_and_no_more(start, server, certificate, tls, status):
    tls = {**tls, **({"root": str(certificate / "cert.pem")} if tls.get("root") else {})}
    assert exchange(start(config(f"https://localhost:{server}", {"backendTLS": tls})).port, GET).status == status
