"""docs/policies.md: its files are written, its commands are run in their order, and they answer as the page says."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from harness.gateway import BINARY, ROOT, free_port

PAGE = ROOT / "docs" / "policies.md"
#: Either of: a file with its name, commands with their answers.
BLOCK = re.compile(r"(?:[Ss]ave as\s+`(?P<file>[^`]+)`[^`]*\n\n```yaml\n(?P<text>.*?)```)|(?:```console\n(?P<console>.*?)```)", re.S)
#: What is another each time.
CHANGING = [
    (re.compile(r"\(\d+ ms\)|\(\d+\.\d s\)"), "(… ms)"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "0123456789abcdef"),
]


def blocks() -> list[re.Match[str]]:
    return list(BLOCK.finditer(PAGE.read_text()))


def commands(console: str) -> list[tuple[str, str]]:
    """Each command with its answer; further lines of a command begin with `> ` or belong to its here-document."""
    result: list[list[str]] = []
    waits = ""
    for line in console.splitlines():
        if waits:
            result[-1][0] += "\n" + line
            waits = "" if line == waits else waits
        elif line.startswith("$ "):
            result.append([line[2:], ""])
            opened = re.search(r"<<'(\w+)'", line)
            waits = opened[1] if opened else ""
        elif line.startswith("> "):
            result[-1][0] += "\n" + line[2:]
        else:
            result[-1][1] += line + "\n"
    return [(command, answer) for command, answer in result]


def steady(text: str) -> str:
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def ran(console: str, folder: Path) -> list[tuple[str, str, str]]:
    """Commands, what the page says of them, what they said."""
    written = commands(console)
    # `$?` is the command's own: the mark between two keeps it.
    script = "".join(f'{command}\ncode=$?; printf "\\n@@{number}@@\\n"; (exit $code)\n' for number, (command, _) in enumerate(written))
    # In a hidden folder, which check-policy passes over.
    bin = folder / ".bin"
    bin.mkdir(exist_ok=True)
    (bin / "agentgw").unlink(missing_ok=True)
    (bin / "agentgw").symlink_to(BINARY)
    environment = {"PATH": f"{bin}:{os.environ['PATH']}", "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state"), "TERM": "dumb"}
    done = subprocess.run(
        ["bash"], input=script, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
    )
    answers = re.split(r"\n@@\d+@@\n", done.stdout)
    return [(command, answer, got) for (command, answer), got in zip(written, answers)]


def test_the_page_does_as_it_says(tmp_path):
    port = str(free_port())
    tried = 0
    for block in blocks():
        if block["file"]:
            path = tmp_path / block["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            text = block["text"].replace("3000", port)
            if block["file"] == "gateway.yaml":
                # Its own ports may be somebody else's here.
                text += 'config: {adminAddr: "off", statsAddr: "off", readinessAddr: "off"}\n'
            path.write_text(text)
            continue
        for command, expected, got in ran(block["console"].replace("3000", port), tmp_path):
            assert steady(got) == steady(expected), command
            tried += 1
    assert tried > 20

    workflow = yaml.safe_load((tmp_path / ".github/workflows/policy.yml").read_text())
    steps = [step["run"] for step in workflow["jobs"]["policy"]["steps"] if step.get("run", "").startswith("agentgw ")]
    assert len(steps) == 6
    (tmp_path / "next.yaml").unlink()
    for step in steps:
        ((_, _, got),) = ran(f"$ {step}; echo code $?", tmp_path)
        assert got.rstrip().endswith("code 0"), (step, got)


def test_links_lead_somewhere():
    for path in re.findall(r"\]\(([^)#:]+)\)", PAGE.read_text()):
        assert (PAGE.parent / path).exists(), path


@pytest.mark.parametrize("line,parts", [
    ("$ a\nx\n$ b \\\n> c\ny\n", [("a", "x\n"), ("b \\\nc", "y\n")]),
    ("$ cat <<'END'\n$ x\nEND\nout\n", [("cat <<'END'\n$ x\nEND", "out\n")]),
])
def test_commands_and_answers_are_told_apart(line, parts):
    assert commands(line) == parts
