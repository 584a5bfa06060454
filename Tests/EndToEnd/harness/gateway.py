"""The gateway under test as a process: started on free ports, awaited by its readiness, ended by SIGTERM, logs kept."""

import copy
import ctypes
import http.client
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from . import secrets
from .waiting import deadline, until

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("AGENTGW_BIN", ROOT / ".build" / "release" / "agentgw"))
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)
_numbers = itertools.count(1)
#: Every process this session started that may still run; the plugin ends what is left at the end.
running: set[subprocess.Popen[bytes]] = set()


def seed_directory() -> Path:
    """Where the users' configurations are: beside the checkout, or where AGENTGW_SEED_DIR says."""
    directory = Path(os.environ.get("AGENTGW_SEED_DIR", ROOT.parent / "shared" / "seed"))
    assert directory.is_dir(), f"no seed configurations in {directory}; set AGENTGW_SEED_DIR"
    return directory


# Below what the kernel gives to connections and to `bind(0)`, so that nobody takes a port between the look and the use;
# each is given once, from a random start, so that two tests, or two runs on one machine, hardly meet.
_ports = itertools.count(random.randrange(20_000, 32_000))


def free_port() -> int:
    for candidate in _ports:
        port = 20_000 + candidate % 12_000
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
                return port
            except OSError:
                continue
    raise AssertionError("the count of ports is endless")


def wait_for_free(*ports: int) -> None:
    """For the few tests that need fixed ports: another run on this machine may hold them for a while."""

    def free() -> bool:
        for port in ports:
            with socket.socket() as probe:
                # As servers bind: connections that linger in TIME_WAIT do not count.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("0.0.0.0", port))
                except OSError:
                    return False
        return True

    until(free, f"the ports {ports} are free; another process listens there", 60)


def _child() -> None:
    # A test run that is killed must not leave gateways behind.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(arguments: list[str], directory: Path, environment: dict[str, str] | None = None, name: str = "agentgw"):
    """Starts the binary with its output in files; returns the process and the two paths."""
    assert BINARY.is_file(), f"no binary at {BINARY}; run 'make build' or set AGENTGW_BIN"
    number = next(_numbers)
    out, err = directory / f"{name}-{number}.out", directory / f"{name}-{number}.err"
    secrets.watched.extend([out, err])
    inherited = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TSAN_OPTIONS", "ASAN_OPTIONS")}
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [str(BINARY), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=directory,
            env={**inherited, "NO_COLOR": "1", "XDG_STATE_HOME": str(directory / "state"), **(environment or {})},
            preexec_fn=_child,
        )
    running.add(process)
    return process, out, err


def run(arguments: list[str], directory: Path, environment: dict[str, str] | None = None, seconds: float = 20.0):
    """Runs a command of the binary to its end: exit code, standard output, standard error."""
    process, out, err = spawn(arguments, directory, environment, name="command")
    try:
        code = process.wait(deadline(seconds))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"agentgw {' '.join(arguments)} did not end in {seconds} s: {err.read_text()}") from None
    finally:
        running.discard(process)
    return code, out.read_text(), err.read_text()


class Gateway:
    """A running gateway. `ports` maps the ports that the configuration names to those really used, which are others
    unless `keep_ports`."""

    def __init__(
        self, config: dict[str, Any] | str, directory: Path, environment: dict[str, str] | None = None, keep_ports: bool = False
    ):
        document = yaml.safe_load(config) if isinstance(config, str) else copy.deepcopy(config)
        self.ports: dict[int, int] = {}
        for bind in document.get("binds", []):
            port = bind["port"] if keep_ports else free_port()
            self.ports[bind["port"]] = bind["port"] = port
        self.readiness_port = free_port()
        process_ports = {
            "readinessAddr": f"127.0.0.1:{self.readiness_port}",
            "adminAddr": "off",
            "statsAddr": "off",
        }
        document["config"] = {**process_ports, **document.get("config", {})}
        self.file = directory / f"gateway-{next(_numbers)}.yaml"
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))
        self.process, self.out, self.err = spawn(["-f", str(self.file)], directory, environment)
        try:
            self.wait_until_ready()
        except BaseException:
            self.kill()
            raise

    @property
    def port(self) -> int:
        """The only bind's port, or the first one's."""
        return next(iter(self.ports.values()))

    def url(self, path: str = "", port: int | None = None) -> str:
        return f"http://127.0.0.1:{self.ports[port] if port else self.port}{path}"

    def readiness(self) -> int | None:
        """The status of the readiness probe, None while nothing answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.readiness_port, timeout=deadline(2))
        try:
            connection.request("GET", "/healthz/ready")
            return connection.getresponse().status
        except OSError:
            return None
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            code = self.process.poll()
            assert code is None, f"the gateway exited with {code} before it was ready:\n{self.log()}"
            return self.readiness() == 200

        until(ready, "the gateway is ready", 15)

    def log(self) -> str:
        return self.out.read_text(errors="replace") + self.err.read_text(errors="replace")

    def records(self) -> list[dict[str, Any]]:
        """Every JSON line that the gateway has printed."""
        # The last one may be half written.
        lines = self.log().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def memory(self) -> int:
        """Resident bytes now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def peak_memory(self) -> int:
        """The most resident bytes ever."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024

    def sockets(self) -> int:
        directory = Path(f"/proc/{self.process.pid}/fd")
        count = 0
        for entry in directory.iterdir():
            try:
                count += os.readlink(entry).startswith("socket:")
            except FileNotFoundError:
                pass
        return count

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 10.0) -> int:
        end = time.monotonic() + deadline(seconds)
        while (code := self.process.poll()) is None:
            assert time.monotonic() < end, f"the gateway did not end in {seconds} s\n{self.log()[-3000:]}"
            time.sleep(0.005)
        running.discard(self.process)
        return code

    def stop(self) -> None:
        """Ends the gateway as an operator does, and insists on a clean exit."""
        if self.process.poll() is None:
            self.terminate()
        try:
            code = self.wait()
        finally:
            self.kill()
        assert code == 0, f"the gateway exited with {code}\n{self.log()[-3000:]}"
        for trouble in ("Fatal error", "ThreadSanitizer", "AddressSanitizer", "Assertion failed", "Precondition failed"):
            assert trouble not in self.log(), self.log()[-6000:]

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        running.discard(self.process)
