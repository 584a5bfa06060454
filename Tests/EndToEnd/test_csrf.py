"""csrf: what another site's page makes a browser send is refused; everything else passes."""

import pytest
import yaml

from harness import configs
from harness.gateway import run
from harness.rawhttp import exchange

WEBSOCKET = [
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
]


@pytest.fixture(scope="module")
def gateway(module_start):
    from harness.upstream import Upstream, echo

    upstream = Upstream(echo)
    policies = {"csrf": {"additionalOrigins": ["https://app.example.com", "https://*.trusted.example"]}}
    yield module_start(configs.plain(upstream.port, policies))
    upstream.close()


def status(gateway, method: str, *lines: str, host: str = "gw.example") -> int:
    length = ["Content-Length: 0"] if method not in ("GET", "HEAD", "OPTIONS") else []
    head = "\r\n".join([f"{method} / HTTP/1.1", f"Host: {host}", "Connection: close", *length, *lines, "", ""])
    return exchange(gateway.port, head.encode()).status


@pytest.mark.parametrize(
    "method, lines",
    [
        ("GET", ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site"]),
        ("OPTIONS", ["Origin: https://evil.example"]),
        ("POST", []),
        ("POST", ["Sec-Fetch-Site: same-origin", "Origin: https://gw.example"]),
        ("POST", ["Sec-Fetch-Site: none"]),
        ("POST", ["Origin: http://gw.example"]),
        ("POST", ["Origin: https://gw.example", "Sec-Fetch-Site: same-site"]),
        ("POST", ["Origin: http://GW.example:80"]),
        ("DELETE", ["Origin: https://app.example.com"]),
        ("PUT", ["Origin: https://a.trusted.example"]),
    ],
)
def test_own_and_trusted_pages_and_clients_that_are_no_browsers_pass(gateway, method, lines):
    assert status(gateway, method, *lines) == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "FROBNICATE"])
@pytest.mark.parametrize(
    "lines",
    [
        ["Origin: https://evil.example"],
        ["Origin: null"],
        ["Origin: "],
        ["Origin: https://gw.example.evil.example"],
        ["Origin: https://evil.example/gw.example"],
        ["Origin: https://gw.example:8443"],
        ["Origin: https://app.example.com.evil.example"],
        ["Origin: https://trusted.example"],
        ["Origin: gw.example"],
        ["Sec-Fetch-Site: cross-site"],
        ["Sec-Fetch-Site: same-site"],
        ["Sec-Fetch-Site: SAME-ORIGIN"],
        # A page cannot send a field twice, and what can is not to be believed.
        ["Origin: https://evil.example", "Origin: https://gw.example"],
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin"],
    ],
)
def test_other_pages_are_refused(gateway, method, lines):
    assert status(gateway, method, *lines) == 403


def test_a_page_of_another_site_opens_no_websocket(gateway):
    assert status(gateway, "GET", *WEBSOCKET, "Origin: https://evil.example") == 403


def test_a_list_that_admits_everyone_is_refused(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(configs.plain(1, {"csrf": {"additionalOrigins": ["*"]}})))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 1 and "would admit every site" in err
