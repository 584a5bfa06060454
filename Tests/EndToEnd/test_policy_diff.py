"""Decisions that a running gateway has recorded, replayed on another policy: what `diff` says is what the other policy does,
and what the records cannot tell is counted and not guessed."""

import json
import random
import re
import subprocess
import time

import pytest
import yaml

from harness.gateway import BINARY
from harness.tokens import AUDIENCE, ISSUER, Issuer
from test_policy_equality import TERMS, case, expression, live, offline, rules, verdict


def one_route(issuer: Issuer, made: dict) -> dict:
    auth = {"mode": "optional", "issuer": ISSUER, "audiences": [AUDIENCE], "jwks": json.dumps(issuer.jwks)}
    policies = {"jwtAuth": auth, "authorization": made, "directResponse": {"status": 200, "body": "ok"}}
    return {"binds": [{"port": 3000, "listeners": [{"name": "l", "routes": [{"name": "r", "policies": policies}]}]}]}


def variant(draw: random.Random, made: dict) -> dict:
    """The same rules, some of them changed: so that most of what they read is on record."""
    changed = json.loads(json.dumps(made))
    for rule in changed["rules"]:
        (action,) = [name for name in rule if name != "id"]
        kind = draw.random()
        if kind < 0.3:
            rule[action] = f"({rule[action]}) && {expression(draw, TERMS)}"
        elif kind < 0.5:
            rule["deny" if action == "allow" else "allow"] = rule.pop(action)
        elif kind < 0.6:
            rule[action] = f"!({rule[action]})"
    return changed


@pytest.mark.parametrize("seed", range(6))
def test_what_diff_says_is_what_the_new_policy_does(start, tmp_path, seed):
    draw = random.Random(seed)
    issuer = Issuer()
    now = int(time.time())
    made = rules(draw, TERMS, "r")
    old, new = one_route(issuer, made), one_route(issuer, variant(draw, made))
    cases = []
    for number in range(120):
        one = case(draw, number, now)
        # Refused credentials meet no rules; the subject tells the requests apart.
        one.pop("mcp", None)
        one["request"]["path"] = draw.choice(["/x", "/admin", "/r1/plan", "/%61"])
        one["jwt"] = {**(one.get("jwt") or {}), "iss": ISSUER, "aud": AUDIENCE, "exp": now + 3600, "sub": f"caller-{number}"}
        one["jwt"].pop("nbf", None)
        cases.append(one)
    gateway = start({**old, "config": {"workerThreads": 1}})
    before = [verdict(status, decisions)[0] for status, decisions in live(gateway, cases, issuer)]
    after = [decision["verdict"] for decision in offline(new, cases, tmp_path, now)]
    records = tmp_path / "log.jsonl"
    records.write_text(gateway.log())
    port = next(iter(gateway.ports.values()))
    for name, document in (("old", old), ("new", new)):
        document["binds"][0]["port"] = port
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    answer = subprocess.run(
        [BINARY, "check-policy", "diff", "old.yaml", "new.yaml", "--requests", "log.jsonl", "--format", "json"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )
    report = json.loads(answer.stdout)
    assert report["records"] == len(cases) and report["other_versions"] == 0 and report["broken_lines"] == 0
    said = {"new-allow": set(), "new-deny": set()}
    for change in report["changes"]:
        if change["change"] in said:
            numbers = [int(re.search(r"caller-(\d+)", principal)[1]) for principal in change["principals"]]
            said[change["change"]].update(numbers)
    truth = {
        "new-allow": {n for n in range(len(cases)) if (before[n], after[n]) == ("deny", "allow")},
        "new-deny": {n for n in range(len(cases)) if (before[n], after[n]) == ("allow", "deny")},
    }
    assert said["new-allow"] <= truth["new-allow"] and said["new-deny"] <= truth["new-deny"], seed
    unsaid = sum(len(truth[name]) - len(said[name]) for name in said)
    assert unsaid <= report["not_replayable"], (seed, unsaid, report["not_replayable"])


ROUTE = """\
binds:
- port: 3000
  listeners:
  - name: l
    routes:
    - name: r
      backends: [{host: "h:80"}]
      policies:
        authorization:
          rules:
"""


def record(identity: str, verdict: str, reads: dict, principal: str = "ann") -> str:
    document = {
        "log": "decision", "route": "3000/l/r", "id": identity, "verdict": verdict, "reason": "x", "phase": "request",
        "policy": "of another time", "principal": principal, "reads": reads,
    }
    return json.dumps(document)


def test_groups_come_with_rules_callers_and_an_exit_code(tmp_path):
    (tmp_path / "old.yaml").write_text(ROUTE + """          - {id: get, allow: 'request.method == "GET"'}\n""")
    (tmp_path / "new.yaml").write_text(ROUTE + """          - {id: put, allow: 'request.method == "PUT" && jwt.level < 3'}\n""")
    lines = [
        record("1", "deny", {"request.method": "PUT", "jwt.level": 1}),
        record("2", "deny", {"request.method": "PUT"}),
        record("3", "allow", {"request.method": "GET"}, "bob"),
        record("4", "allow", {}),
        '{"log":"access","status":200}',
        "text of another program",
        '{"log":"decision","verdict":"allow"',
    ]
    (tmp_path / "log").write_text("\n".join(lines))

    def diff(*options: str) -> subprocess.CompletedProcess[str]:
        arguments = [BINARY, "check-policy", "diff", "old.yaml", "new.yaml", "--requests", "log", *options]
        return subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    text = diff().stdout
    assert text.startswith(
        "DENY → ALLOW  1 decision\n  1  no rule → put (new.yaml:11:31)  request at 3000/l/r, such as 1\n       1  ann\n\n"
        "ALLOW → DENY  1 decision\n  1  get → no rule  request at 3000/l/r, such as 3\n       1  bob\n\nline 7: not JSON"
    ), text
    assert "not replayable  2 decisions, for want of:\n  1  jwt.level\n  1  request.method\n" in text
    assert text.endswith("4 records · 0 unchanged · 1 new allow · 1 new deny · 0 by another rule · 2 not replayable · 4 of another version of the old policy\n")
    assert [diff("--fail-on", kind).returncode for kind in ("never", "new-allow", "new-deny", "any")] == [0, 1, 1, 1]
    (tmp_path / "log").write_text("nothing\n")
    assert diff().returncode == 2


def test_a_log_line_is_explained_with_what_it_has(tmp_path):
    (tmp_path / "p.yaml").write_text(ROUTE + """          - {id: put, allow: 'request.method == "PUT" && jwt.level < 3'}\n""")
    lines = [
        record("1", "deny", {"request.method": "PUT", "jwt.level": 5}), record("2", "deny", {"request.method": "PUT"}),
    ]
    (tmp_path / "log").write_text("\n".join(lines))

    def explain(*options: str) -> subprocess.CompletedProcess[str]:
        arguments = [BINARY, "check-policy", "explain", "p.yaml", "--record", "log", *options]
        return subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    text = explain("--decision", "1").stdout
    assert text.startswith("deny  no rule decided: no allow rule granted it")
    assert 'request.method == "PUT" && jwt.level < 3\n' in text and "└ 5\n" in text and "principal ann" in text
    assert explain().stdout.startswith("undecided  ") and "depends on: jwt.level" in explain().stdout
    assert json.loads(explain("--format", "json").stdout)["verdict"] == "undecided"
    missing = explain("--decision", "3")
    assert missing.returncode == 2 and "log has no record of decision 3" in missing.stderr
