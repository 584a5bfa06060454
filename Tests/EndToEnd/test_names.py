"""Names of upstreams: an address is used as long as DNS says that it belongs to the name, and no longer."""

import subprocess
import sys

from harness.gateway import BINARY, ROOT

# Runs in namespaces of its own, where it may be the system's name server on port 53.
WORLD = r'''
import http.client, http.server, socket, struct, subprocess, sys, threading, time
from pathlib import Path

binary, directory = sys.argv[1], Path(sys.argv[2])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
resolver = directory / "resolv.conf"
resolver.write_text("nameserver 127.0.0.1\n")
subprocess.run(["mount", "--bind", resolver, "/etc/resolv.conf"], check=True)

address, ttl, asked = "127.0.0.2", 1, 0


def name_server():
    global asked
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 53))
    while True:
        query, client = udp.recvfrom(512)
        end = query.index(b"\0", 12) + 5
        question = query[12:end]
        wants_v4 = struct.unpack("!H", question[-4:-2])[0] == 1
        asked += wants_v4
        records = struct.pack("!HHHIH", 0xC00C, 1, 1, ttl, 4) + socket.inet_aton(address) if wants_v4 else b""
        udp.sendto(query[:2] + struct.pack("!HHHHH", 0x8180, 1, int(wants_v4), 0, 0) + question + records, client)


class Upstream(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.server_address[0].encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


threading.Thread(target=name_server, daemon=True).start()
for host in ("127.0.0.2", "127.0.0.3"):
    threading.Thread(target=http.server.HTTPServer((host, 8000), Upstream).serve_forever, daemon=True).start()
config = directory / "config.yaml"
config.write_text("""
config: {adminAddr: "off", statsAddr: "off", readinessAddr: "off", workerThreads: 1}
binds: [{port: 3000, listeners: [{routes: [{backends: [{host: "service.test:8000"}]}]}]}]
""")
gateway = subprocess.Popen([binary, "-f", config], stdout=subprocess.DEVNULL)


def answer():
    client = http.client.HTTPConnection("127.0.0.1", 3000, timeout=20)
    client.request("GET", "/")
    return client.getresponse().read().decode()


def until(condition, what):
    end = time.monotonic() + 25
    while not condition():
        assert gateway.poll() is None and time.monotonic() < end, what
        time.sleep(0.1)


def listening():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", 3000)) == 0


try:
    until(listening, "the gateway listens")
    assert answer() == "127.0.0.2"
    ttl, address = 3600, "127.0.0.3"
    # Sooner than the half minute for which names without a TTL are kept.
    until(lambda: answer() == "127.0.0.3", "the new address is used once the old one's second has passed")
    until(lambda: not any(answer() != "127.0.0.3" for _ in range(3)), "the new address stays")
    before = asked
    for _ in range(20):
        assert answer() == "127.0.0.3"
    assert asked <= before + 1, f"a name with an hour to live was asked for {asked - before} times"
finally:
    gateway.kill()
print("done")
'''


def test_an_address_is_kept_as_long_as_dns_says(tmp_path):
    command = ["unshare", "--net", "--mount", "--map-root-user", sys.executable, "-c", WORLD, BINARY, tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert result.returncode == 0 and "done" in result.stdout, result.stderr + result.stdout
