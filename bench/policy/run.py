"""Times check-policy against its bars, on generated policies: `make bench-policy`. Exit code 1 when a bar is missed.

AGENTGW_BIN names the binary (default .build/release/agentgw); AGENTGW_BENCH_RECORDS how many records are replayed."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("AGENTGW_BIN", str(ROOT / ".build" / "release" / "agentgw"))
RECORDS = int(os.environ.get("AGENTGW_BENCH_RECORDS", "1000000"))


def rule(number: int) -> str:
    """Six shapes that policies in use have."""
    return [
        f'request.method == "GET" && request.path.startsWith("/t{number}/") && "g{number}" in jwt.groups',
        f'hasScope("api:{number}") && jwt.level >= {number % 7} && request.headers["x-team"] == jwt.team',
        f'jwt.groups.exists(g, g.startsWith("ops-{number}")) || (has(jwt.realm) && jwt.realm.team == "t{number}")',
        f'request.path.matches("^/v[0-9]+/item{number}$") && jwt.sub != "u{number}"',
        f'cidr("10.{number % 250}.0.0/16").containsIP(ip(source.address)) && request.method in ["GET", "HEAD"]',
        f'jwt.team == "team{number}" && request.headers["x-team"] == "team{number}" && jwt.level < {number % 9 + 1}',
    ][number % 6]


def policy(rules: int) -> str:
    lines = ["rules:"]
    for number in range(rules):
        action = "deny" if number % 10 == 9 else "allow"
        text = rule(number)
        if action == "deny":
            text = f'request.path == "/forbidden{number}" && jwt.level < 1'
        lines.append(f"  - {{id: r{number}, {action}: {json.dumps(text)}}}")
    return "\n".join(lines) + "\n"


def case(number: int) -> dict:
    team = f"team{number % 40}"
    return {
        "name": f"case {number}",
        "request": {"path": f"/t{number % 60}/x", "headers": {"x-team": team}},
        "jwt": {
            "sub": f"u{number % 100}", "team": team, "level": number % 10, "groups": [f"g{number % 60}", "eng"],
            "realm": {"team": f"t{number % 50}"}, "scope": f"api:{number % 30} openid",
        },
        "source": f"10.{number % 200}.1.2",
    }


def run(folder: Path, *arguments: str, codes: tuple[int, ...] = (0,)) -> tuple[float, str]:
    began = time.perf_counter()
    answer = subprocess.run([BINARY, "check-policy", *arguments], cwd=folder, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    assert answer.returncode in codes, (arguments, answer.returncode, answer.stdout[-2000:], answer.stderr[-2000:])
    return seconds, answer.stdout


def with_verdicts(folder: Path, cases: list[dict]) -> list[dict]:
    """The cases with what the policy says of them as their expectation."""
    table = {"policy": "p.yaml", "tests": [{**one, "expect": "allow"} for one in cases]}
    (folder / "draft.test.yaml").write_text(json.dumps(table))
    _, out = run(folder, "p.yaml", "draft.test.yaml", "--no-lint", "--format", "json", codes=(0, 1))
    (folder / "draft.test.yaml").unlink()
    decisions = [test["decision"] for test in json.loads(out)["tests"]]
    return [{**one, "expect": {"verdict": got["verdict"], "rule": got.get("rule", "none")}} for one, got in zip(cases, decisions, strict=True)]


def start(folder: Path) -> float:
    (folder / "hundred.yaml").write_text(policy(100))
    # With the linter, whose findings make exit code 1.
    return min(run(folder, "hundred.yaml", codes=(0, 1))[0] for _ in range(10))


def tests(folder: Path, count: int) -> float:
    (folder / "p.yaml").write_text(policy(30))
    cases = with_verdicts(folder, [case(number) for number in range(count)])
    (folder / "p.test.yaml").write_text(json.dumps({"tests": cases}))
    seconds = min(run(folder, "p.yaml", "p.test.yaml", "--no-lint")[0] for _ in range(3))
    (folder / "p.test.yaml").unlink()
    return seconds


def mutants(folder: Path) -> tuple[float, int]:
    (folder / "p.yaml").write_text(policy(90))
    cases = with_verdicts(folder, [case(number) for number in range(1000)])
    (folder / "p.test.yaml").write_text(json.dumps({"tests": cases}))
    seconds, out = run(folder, "mutate", "p.yaml", "p.test.yaml", "--no-search", "--format", "json")
    (folder / "p.test.yaml").unlink()
    return seconds, json.loads(out)[0]["mutants"]


def replay(folder: Path, count: int) -> float:
    def gateway(rules: int) -> str:
        body = "".join(f"            {line}\n" for line in policy(rules).splitlines())
        head = "binds:\n- port: 3000\n  listeners:\n  - name: l\n    routes:\n    - name: r\n      backends: [{host: 'h:80'}]\n"
        return head + "      policies:\n        authorization:\n" + body

    (folder / "old.yaml").write_text(gateway(30))
    (folder / "new.yaml").write_text(gateway(29))
    # Found out, not computed: what the old policy calls itself.
    first = {"log": "decision", "route": "3000/l/r", "id": "0", "verdict": "deny", "phase": "request", "policy": "", "reads": {}}
    (folder / "log").write_text(json.dumps(first) + "\n")
    _, out = run(folder, "explain", "old.yaml", "--record", "log", "--format", "json")
    digest = json.loads(out)["stages"][0]["policy"]
    lines = []
    for number in range(10_000):
        one = case(number)
        claims = one["jwt"]
        reads = {
            "request.method": "GET", "request.path": one["request"]["path"], "jwt.groups": claims["groups"],
            "jwt.scopes": claims["scope"].split(), "jwt.level": claims["level"], 'request.headers["x-team"]': claims["team"],
            "jwt.team": claims["team"], "jwt.realm": claims["realm"], "jwt.realm.team": claims["realm"]["team"],
            "jwt.sub": claims["sub"], "source.address": one["source"],
        }
        record = {
            "log": "decision", "time": "2026-01-15T10:00:00.000Z", "route": "3000/l/r", "id": f"{number:016x}",
            "verdict": "deny", "reason": "nothing_granted", "phase": "request", "policy": digest, "cost": 120,
            "duration_ns": 15000, "principal": f"jwt 22:https://issuer.example,{len(claims['sub'])}:{claims['sub']},-", "reads": reads,
        }
        lines.append(json.dumps(record, separators=(",", ":")))
    block = "\n".join(lines) + "\n"
    with (folder / "log").open("w") as stream:
        for _ in range(count // len(lines)):
            stream.write(block)
    seconds, out = run(folder, "diff", "old.yaml", "new.yaml", "--requests", "log", "--format", "json")
    report = json.loads(out)
    assert report["records"] == count and report["not_replayable"] == 0, report
    return seconds


def main() -> int:
    missed = 0

    def bar(what: str, seconds: float, limit: float) -> None:
        nonlocal missed
        missed += seconds > limit
        print(f"{what:<52} {seconds:8.3f} s   bar {limit:g} s   {'met' if seconds <= limit else 'MISSED'}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bar("validate 100 rules, from process start", start(folder), 0.03)
        bar("10,000 cases", tests(folder, 10_000), 1)
        seconds, count = mutants(folder)
        assert count >= 1000, count
        bar(f"{count:,} mutants × 1,000 cases", seconds, 5 * count / 1000)
        bar(f"{RECORDS:,} records replayed", replay(folder, RECORDS), 15 * RECORDS / 1_000_000)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
