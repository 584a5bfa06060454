"""Runs last: no marked secret of any test is in anything that a gateway printed or sent to a client."""

from harness import configs, secrets
from harness.gateway import free_port
from harness.rawhttp import exchange


def test_no_secret_got_out(start):
    # One more chance to let something slip: a broken upstream, a wrong path and a bad request, all with secrets in them.
    policies = {"backendAuth": {"key": "$KEY"}}
    gateway = start(configs.plain(free_port(), policies), {"KEY": secrets.secret("canary-backend")})
    client = secrets.secret("canary-client").encode()
    for line in (b"GET / HTTP/1.1", b"GET /" + b"x" * 70_000 + b" HTTP/1.1", b"GET / HTTP/9.9"):
        exchange(gateway.port, line + b"\r\nHost: x\r\nAuthorization: Bearer " + client + b"\r\nCookie: s=" + client + b"\r\n\r\n")
    gateway.stop()
    assert secrets.leaks() == []
