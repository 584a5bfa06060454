"""A refusal over HTTP/2 reaches clients that send all of a body before they look for the reply."""

import subprocess

import httpx
import pytest

from harness import configs
from harness.waiting import until

RULES = {"authorization": {"rules": [{"deny": 'request.path == "/no"'}]}}
MIB = 1 << 20


@pytest.mark.parametrize("size", [10, 100_000, 3 * MIB])
def test_python_reads_the_refusal_and_goes_on(start, serve, size):
    gateway = start(configs.plain(serve().port, RULES))
    with httpx.Client(http1=False, http2=True, timeout=20) as client:
        for _ in range(3):
            assert client.post(gateway.url("/no"), content=b"x" * size).status_code == 403
            assert client.post(gateway.url("/yes"), content=b"x" * size).text == f"POST /yes {size}"


def test_curl_reads_the_refusal(start, serve, tmp_path):
    gateway = start(configs.plain(serve().port, RULES))
    body = tmp_path / "body"
    body.write_bytes(b"x" * 3 * MIB)
    command = ["curl", "-sS", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", f"@{body}"]
    done = subprocess.run([*command, gateway.url("/no")], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "403"), done.stderr


def test_a_body_without_end_is_not_read_for_ever_and_others_are_served(start, serve):
    gateway = start(configs.plain(serve().port, RULES))

    def endless():
        while True:
            yield b"x" * 65_536

    with httpx.Client(http1=False, http2=True, timeout=5) as client:
        with pytest.raises(httpx.TransportError):
            client.post(gateway.url("/no"), content=endless())
    until(lambda: httpx.get(gateway.url("/yes"), timeout=10).status_code == 200, "others are served")
