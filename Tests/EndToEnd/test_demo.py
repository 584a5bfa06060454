"""`agentgw demo`: it starts without configuration or network, and the calls it prints do what it says they do."""

import re
import shlex
import subprocess

from harness import gateway as gateways
from harness.waiting import until


def test_printed_calls_work_as_promised(tmp_path):
    gateways.wait_for_free(3000, 15021)
    process, out, err = gateways.spawn(["demo"], tmp_path)
    try:
        def commands() -> list[str]:
            assert process.poll() is None, err.read_text()
            # A command may go over several lines, each ending in a backslash.
            text = re.sub(r"\\\n\s*", "", out.read_text() + err.read_text())
            found = [line.strip().removeprefix("$ ") for line in text.splitlines() if line.strip().removeprefix("$ ").startswith("curl ")]
            return found if len(found) >= 2 else []

        statuses = []
        for command in until(commands, "the demo prints calls to try", 15):
            arguments = shlex.split(command)
            done = subprocess.run([*arguments, "-sS", "--max-time", "10", "-o", str(tmp_path / "body"), "-w", "%{http_code}"],
                                  capture_output=True, text=True, timeout=20)
            assert done.returncode == 0, (command, done.stderr)
            statuses.append(int(done.stdout[-3:]))
        assert 200 in statuses, statuses
        assert {401, 403} & set(statuses), f"one of the calls is denied: {statuses}"
    finally:
        process.terminate()
        code = process.wait(15)
        gateways.running.discard(process)
    assert code == 0
