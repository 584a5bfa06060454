"""agentgw check-policy as a command: exit codes, formats that other programs read, files that it writes."""

import json
import os
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from harness.gateway import BINARY
from harness.tokens import Issuer
from harness.waiting import until

POLICY = """\
rules:
  - {id: readers, allow: 'request.method == "GET" && jwt.team == "red"'}
  - {id: nobody, deny: 'request.path == "/secret"'}
"""
TABLE = """\
defaults: {jwt: {team: red}}
tests:
  - {name: reading, expect: {verdict: allow, rule: readers}}
  - {name: "a, <b> & 'c' % #1", request: {path: /secret}, expect: allow}
  - {name: wrong, mcp: {tool: x}, expect: deny}
"""


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BINARY, "check-policy", *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "team.yaml").write_text(POLICY)
    (tmp_path / "team.test.yaml").write_text(TABLE)
    return tmp_path


def test_exit_codes_tell_fine_findings_and_impossible_apart(folder: Path):
    assert check(folder).returncode == 1
    fine = check(folder, "--filter", "^reading$")
    assert fine.returncode == 0, fine.stdout
    assert "1 passed" in fine.stdout and "failed" not in fine.stdout
    assert check(folder, "--filter", "(").returncode == 2
    assert check(folder, "--filter", "no such case").returncode == 1
    missing = check(folder, "nowhere")
    assert missing.returncode == 2 and "nowhere: No such file or directory" in missing.stderr
    (folder / "team.test.yaml").unlink()
    assert check(folder).returncode == 0
    assert check(folder, "--require-tests").returncode == 1
    (folder / "team.yaml").unlink()
    nothing = check(folder)
    assert nothing.returncode == 2 and nothing.stdout == ""


def test_the_report_for_people_shows_the_deciding_rule(folder: Path):
    text = check(folder).stdout
    assert "team.test.yaml:4:5: FAIL a, <b> & 'c' % #1\n    verdict  expected allow, got deny\n" in text
    assert '      request.path == "/secret"\n      │            └ true\n      └ "/secret"\n' in text
    assert "team.test.yaml:5:5: ERROR wrong\n    the rules are about HTTP requests; for MCP messages write kind: " in text
    assert "2 failed · 1 passed" in text


def test_programs_can_read_every_other_format(folder: Path):
    report = json.loads(check(folder, "--format", "json").stdout)
    assert [test["outcome"] for test in report["tests"]] == ["passed", "failed", "error"]
    assert report["summary"]["failures"] == 2 and not report["summary"]["ok"]
    assert report["tests"][1]["mismatches"] == [
        {"what": "verdict", "expected": "allow", "actual": "deny", "file": "team.test.yaml", "line": 4, "column": 67}
    ]

    suites = ElementTree.fromstring(check(folder, "--format", "junit").stdout)
    cases = suites.findall(".//testsuite[@name='team.test.yaml']/testcase")
    assert [case.get("name") for case in cases] == ["reading", "a, <b> & 'c' % #1", "wrong"]
    assert [len(case) for case in cases] == [0, 1, 1] and cases[2][0].tag == "error"

    lines = check(folder, "--format", "tap").stdout.splitlines()
    assert lines[:2] == ["TAP version 14", "1..3"]
    assert [line for line in lines if line.startswith(("ok", "not ok"))] == [
        "ok 1 - team.test.yaml: reading",
        "not ok 2 - team.test.yaml: a, <b> & 'c' % \\#1",
        "not ok 3 - team.test.yaml: wrong",
    ]

    annotations = [line for line in check(folder, "--format", "github").stdout.splitlines() if line.startswith("::")]
    assert annotations[0].startswith(
        "::error file=team.test.yaml,line=4,col=67,title=a%2C <b> & 'c' %25 #1::verdict: expected allow, got deny%0A"
    )

    (run,) = json.loads(check(folder, "--format", "sarif").stdout)["runs"]
    assert run["tool"]["driver"]["rules"][0]["id"] == "test"
    assert run["results"][0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "team.test.yaml"},
        "region": {"startLine": 4, "startColumn": 67},
    }


def test_findings_are_in_every_format(folder: Path):
    (folder / "team.yaml").write_text("rules:\n  - allow: 'request.pth == \"/\"'\n")
    message = "unknown field 'pth' of 'request'; did you mean 'path'?"
    for name in ["pretty", "json", "junit", "tap", "github", "sarif"]:
        answer = check(folder, "--format", name)
        assert answer.returncode == 1
        text = answer.stdout
        if name == "junit":
            text = "".join(failure.text or "" for failure in ElementTree.fromstring(text).iter("failure"))
        assert message in text, name
    assert f"team.yaml:2:21: error: rules[0].allow: {message}" in check(folder).stdout


def test_coverage_is_written_and_required(folder: Path):
    answer = check(folder, "--fail-under", "50", "--lcov", "out.info", "--coverage-html", "out.html")
    assert "coverage 62.5 %: 5 of 8 outcomes" in answer.stdout, answer.stdout
    assert (folder / "out.info").read_text().startswith("TN:\nSF:team.yaml\nFN:2,2:readers\n")
    assert "<title>Policy coverage</title>" in (folder / "out.html").read_text()
    low = check(folder, "--filter", "reading", "--fail-under", "99.5")
    # The last line is what people read: no check mark above a failure.
    assert low.returncode == 1 and low.stdout.splitlines()[-1].startswith("✗ ") and "is under 99.5 %" in low.stdout
    low = check(folder, "--filter", "reading", "--fail-under", "99.5", "--format", "json")
    assert low.returncode == 1 and "is under 99.5 %" in low.stderr
    summary = json.loads(low.stdout)["summary"]
    assert not summary["ok"] and summary["shortcomings"] == ["coverage 50.0 % is under 99.5 %"]
    impossible = check(folder, "--fail-under", "150")
    assert impossible.returncode == 2 and "a percentage, from 0 to 100" in impossible.stderr


def test_explain_shows_every_rule_in_three_formats(folder: Path):
    text = check(folder, "explain", "team.test.yaml", "--case", "reading").stdout
    assert text.startswith("allow  rule readers (team.yaml:2:27)  digest ")
    assert '  ▸ allow readers (team.yaml:2:27) is true\n      request.method == "GET" && jwt.team == "red"\n' in text
    report = json.loads(check(folder, "explain", "team.test.yaml", "--case", "reading", "--format", "json").stdout)
    (level,) = report["stages"][0]["levels"]
    assert [(rule["id"], rule["outcome"]) for rule in level["rules"]] == [("nobody", "false"), ("readers", "true")]
    assert {"expression": "jwt.team", "offset": 27, "value": '"red"'} in level["rules"][1]["parts"]
    page = check(folder, "explain", "team.test.yaml", "--case", "reading", "--format", "html").stdout
    assert page.startswith("<!doctype html>") and "<details open><summary>allow readers is true" in page
    assert check(folder, "explain", "team.test.yaml", "--case", "raeding").returncode == 2


def test_explain_takes_a_request_from_a_file_and_keeps_credentials_out(folder: Path):
    (folder / "case.json").write_text('{"request": {"headers": {"x-api-key": "sk-canary"}}, "jwt": {"team": "blue"}}')
    (folder / "key.yaml").write_text("""rules: ['request.headers["x-api-key"] == jwt.team']\n""")
    answer = check(folder, "explain", "key.yaml", "--request", "case.json")
    assert answer.returncode == 0 and "<redacted>" in answer.stdout and "sk-canary" not in answer.stdout
    (folder / "raw.http").write_text("GET /secret HTTP/1.1\nHost: h\n")
    assert check(folder, "explain", "team.yaml", "--request", "raw.http").stdout.startswith("deny  rule nobody")


def test_explain_says_what_it_needs(folder: Path):
    assert check(folder, "explain", "team.test.yaml").stderr == (
        "agentgw: say which case of team.test.yaml with --case:\n  reading\n  a, <b> & 'c' % #1\n  wrong\n"
    )
    for arguments, message in {
        ("team.test.yaml", "--case", "reading", "--decision", "1"): "give the log with --record",
        ("team.yaml", "--case", "reading"): "team.yaml is a policy; give --case with a test table",
        ("team.test.yaml", "--request", "x"): "team.test.yaml is a test table",
    }.items():
        answer = check(folder, "explain", *arguments)
        assert answer.returncode == 2 and message in answer.stderr, answer


def test_explain_shows_headers_that_are_no_credentials(folder: Path):
    (folder / "h.yaml").write_text("""rules: ['request.headers["x-team"] == "red" && request.headers["cookie"] != "a"']\n""")
    (folder / "c.json").write_text('{"request": {"headers": {"x-team": "blue", "cookie": "canary"}}}')
    text = check(folder, "explain", "h.yaml", "--request", "c.json").stdout
    assert '"blue"' in text and "canary" not in text


TOOLS = """\
rules:
  - {id: read, allow: 'mcp.tool.name.startsWith("get_")'}
  - {id: pay, allow: 'mcp.tool.name == "transfer" && mcp.tool.arguments.amount < 10'}
  - {id: never, deny: 'mcp.tool.name == "wipe"'}
tools: [get_balance, transfer, wipe]
"""


def test_a_list_that_shows_something_else_says_which_rule_is_why(folder: Path):
    (folder / "team.yaml").write_text(TOOLS)
    (folder / "team.test.yaml").write_text(
        """\
tests:
- {name: list, mcp: {method: tools/list}, expect: {visible: [get_balance, wipe, wpie]}}
- {name: rule, mcp: {tool: get_x}, expect: {verdict: allow, rule: raed, error: no_such_kye}}
"""
    )
    text = check(folder).stdout
    assert (
        'help: hidden: wipe; shown as well: transfer; there is no tool "wpie"; did you mean "wipe"?\n'
        "    transfer is shown  it depends on the arguments\n" in text
    )
    assert '    wipe is hidden  rule never (team.yaml:4:24)\n      mcp.tool.name == "wipe"\n' in text
    assert 'help: there is no rule "raed"; did you mean "read"?' in text
    assert 'help: did you mean "no_such_key"?' in text
    text = check(folder, "explain", "team.test.yaml", "--case", "list").stdout
    assert "\nwipe is hidden\n  deny mcpAuthorization of  team.yaml\n  ▸ deny never (team.yaml:4:24) is true\n" in text
    items = json.loads(check(folder, "explain", "team.test.yaml", "--case", "list", "--format", "json").stdout)["items"]
    assert [(item["name"], item["shown"]) for item in items] == [("get_balance", True), ("transfer", True), ("wipe", False)]
    assert "<h2><span class=deny>hidden</span> wipe</h2>" in check(
        folder, "explain", "team.test.yaml", "--case", "list", "--format", "html"
    ).stdout


def test_a_mapping_of_a_matrix_is_merged_with_the_defaults(folder: Path):
    (folder / "team.yaml").write_text("rules: ['jwt.a == 1 && jwt.b == 2']\n")
    (folder / "team.test.yaml").write_text(
        """\
defaults: {jwt: {a: 1, b: "${unused}"}}
tests:
- {name: "${jwt}", jwt: "${claims}", matrix: [{jwt: x, claims: {b: 2}}, {jwt: y, claims: {a: 1, b: 2}}], expect: allow}
"""
    )
    answer = check(folder, "--no-lint")
    assert answer.returncode == 0 and "2 passed" in answer.stdout, answer.stdout


def test_nothing_in_a_file_reaches_the_terminal_as_a_command(folder: Path):
    (folder / "team.test.yaml").write_text(
        'tests:\n- {name: "\\e[31mred \\u202E", request: {path: "/a"}, jwt: {team: "\\e[2J\\u202E"}, expect: allow}\n'
    )
    (folder / "bad.yaml").write_bytes(b"rules: [\x1b[31m" + b"x" * 4000 + b"]\n")
    (folder / "long.yaml").write_text("rules: ['" + "request.path == \"/\" || " * 400 + "nope']\n")
    answer = check(folder, "--color", "never")
    assert answer.returncode == 1 and "FAIL �[31mred �" in answer.stdout
    assert not set(answer.stdout) & {"\x1b", "\u202e"}
    assert max(len(line) for line in answer.stdout.splitlines()) < 400, answer.stdout
    (line, mark) = answer.stdout[answer.stdout.index("long.yaml:") :].splitlines()[1:3]
    assert line[mark.index("^") :].startswith("nope")
    assert "\x1b" not in check(folder, "--format", "tap").stdout


def test_a_request_for_explain_may_lie_beside_the_policy(folder: Path):
    (folder / "team.test.yaml").unlink()
    (folder / "call.yaml").write_text("mcp: {tool: x}\njwt: {team: red}\n")
    (folder / "other.yaml").write_text("mcp: {method: tools/list}\n")
    assert check(folder).stdout.startswith("✓ 1 file, ")


def test_links_that_lead_back_and_pipes_are_passed_over(folder: Path):
    (folder / "inner").mkdir()
    (folder / "inner" / "loop").symlink_to(folder)
    (folder / "inner" / "more.yaml").write_text(POLICY)
    os.mkfifo(folder / "pipe.yaml")
    (folder / "team.test.yaml").unlink()
    assert check(folder, "--no-lint").stdout.startswith("✓ 2 files, ")


def test_a_table_says_why_its_policy_cannot_be_read(folder: Path):
    (folder / "folder.yaml").mkdir()
    (folder / "team.test.yaml").write_text("policy: folder.yaml\ntests: [{name: a, expect: allow}]\n")
    answer = check(folder, "team.test.yaml")
    assert answer.returncode == 1
    assert "team.test.yaml:1:9: error: [table] cannot read the policy folder.yaml: is a directory" in answer.stdout


def test_mutate_needs_passing_tests_and_scores_them(folder: Path):
    assert "make them pass first" in check(folder, "mutate").stderr
    (folder / "team.test.yaml").write_text(
        "tests:\n- {name: reading, jwt: {team: red}, expect: {verdict: allow, rule: readers}}\n"
    )
    answer = check(folder, "mutate", "--fail-under", "90")
    assert answer.returncode == 1 and "a case that would notice" in answer.stdout
    (report,) = json.loads(check(folder, "mutate", "--format", "json").stdout)
    assert 0 < report["score"] < 90 and report["mutants"] == report["killed"] + len(report["survivors"])


MATRIX = """\
policy: tools.yaml
tools: [get_balance, transfer]
personas:
  - {name: reader, jwt: {scope: "mcp:read"}}
  - {name: "fin, ops", jwt: {scope: "mcp:read", team: fin}}
  - {name: nobody}
calls:
  - {name: small transfer, mcp: {tool: transfer, arguments: {amount: 10}}}
  - {name: large transfer, mcp: {tool: transfer, arguments: {amount: 5000}}}
"""


def test_a_matrix_says_who_may_call_what_and_is_held_against_a_snapshot(folder: Path):
    (folder / "tools.yaml").write_text(
        """\
kind: mcpAuthorization
rules:
  - allow: 'hasScope("mcp:read") && mcp.tool.name.startsWith("get_")'
  - {id: pay, allow: 'has(jwt.team) && jwt.team == "fin" && mcp.tool.name == "transfer" && mcp.tool.arguments.amount < 1000'}
"""
    )
    (folder / "who.yaml").write_text(MATRIX)
    assert check(folder, "matrix", "who.yaml").stdout == (
        "          get_balance  transfer  small transfer  large transfer\n"
        "reader    allow        deny      deny            deny\n"
        "fin, ops  allow        maybe     allow           deny\n"
        "nobody    deny         deny      deny            deny\n"
    )
    page = check(folder, "matrix", "who.yaml", "--format", "html").stdout
    assert "<tr><th>fin, ops<td class=allow>allow<td class=maybe>maybe" in page
    assert check(folder, "matrix", "who.yaml", "--snapshot", "who.csv").returncode == 2
    assert check(folder, "matrix", "who.yaml", "--snapshot", "who.csv", "--update").returncode == 0
    assert (folder / "who.csv").read_text().splitlines()[2] == '"fin, ops",allow,maybe,allow,deny'
    assert check(folder, "matrix", "who.yaml", "--snapshot", "who.csv").returncode == 0
    (folder / "tools.yaml").write_text((folder / "tools.yaml").read_text().replace("1000", "9000"))
    changed = check(folder, "matrix", "who.yaml", "--snapshot", "who.csv")
    assert changed.returncode == 1
    assert '- "fin, ops",allow,maybe,allow,deny\n+ "fin, ops",allow,maybe,allow,allow\n' in changed.stdout


@pytest.mark.parametrize("text,message", [
    ("policy: team.yaml\npersonas: [{name: a}]\n", "who.yaml:1:1: error: asks nothing"),
    ("policy: team.yaml\npersonas: [{name: a}, {name: a}]\ncalls: [{name: c}]\n", 'who.yaml:2:23: error: there is another "a"'),
    ("policy: team.yaml\ntools: [t]\npersonas: [{name: a}]\ncalls: [{name: t}]\n", "\"t\" is a tool's column"),
    ("policy: team.yaml\ntools: [t, t]\npersonas: [{name: a}]\n", "a tool is listed twice"),
    ("policy: team.yaml\npersonas: [{name: a}]\ncalls: [{name: c, request: {pth: x}}]\n", 'who.yaml:3:29: error: request: unknown field "pth"'),
])
def test_a_matrix_that_says_nothing_or_twice_is_refused(folder: Path, text, message):
    (folder / "who.yaml").write_text(text)
    answer = check(folder, "matrix", "who.yaml")
    assert answer.returncode == 2 and message in answer.stderr, answer.stderr
    assert check(folder, "matrix", "who.yaml", "--update").returncode == 2


def test_fmt_takes_blanks_at_line_ends_where_they_mean_nothing(folder: Path):
    kept = '  - allow: |\n      request.path == """a  \n      b"""\n'
    (folder / "team.yaml").write_text(
        "rules:\n  - deny: >\n      has(jwt.x)&&jwt.x == 1  \n      || false\t\n  - allow: \"jwt.a  \n      == 1\"\n" + kept
    )
    assert check(folder, "fmt", "team.yaml").returncode == 0
    assert (folder / "team.yaml").read_text() == (
        "rules:\n  - deny: >\n      has(jwt.x) && jwt.x == 1\n      || false\n  - allow: \"jwt.a\n      == 1\"\n" + kept
    )
    assert check(folder, "fmt", "--check", "team.yaml").returncode == 0


def test_fmt_changes_spaces_and_nothing_else(folder: Path):
    (folder / "team.yaml").write_bytes(
        b"# why  \r\nrules:\r\n  - allow: 'request.method==\"GET\"'   # keep  this\r\n"
        b"  - {id: x, deny: a}\r\n".replace(b"deny: a", b"deny: \"request.path=='/x  y'\"")
        + b"  - allow: >-\r\n      request.host  ==\r\n      \"h\"||( true )\r\n\r\n\r\n"
    )
    before = check(folder, "fmt", "--check")
    assert before.returncode == 1 and before.stdout == "team.yaml\n"
    assert check(folder, "fmt").returncode == 0
    assert (folder / "team.yaml").read_text() == (
        "# why\nrules:\n  - allow: 'request.method == \"GET\"'   # keep  this\n"
        "  - {id: x, deny: \"request.path == '/x  y'\"}\n"
        "  - allow: >-\n      request.host ==\n      \"h\" || (true)\n"
    )
    again = check(folder, "fmt", "--check")
    assert again.returncode == 0 and again.stdout == ""
    (folder / "team.yaml").write_text("rules: [{allow: 'request.pth  == 1'}]\n")
    assert check(folder, "fmt").returncode == 1
    assert (folder / "team.yaml").read_text() == "rules: [{allow: 'request.pth  == 1'}]\n"


def test_watch_runs_again_when_a_file_changes_or_comes(folder: Path):
    out = folder.parent / f"{folder.name}.out"
    with out.open("w") as stream:
        process = subprocess.Popen([BINARY, "check-policy", "--watch", "--no-lint"], cwd=folder, stdout=stream, stderr=stream)
    try:
        def says(text: str, times: int = 1):
            until(lambda: out.read_text().count(text) >= times, f"{text!r} {times} times in {out.read_text()!r}", 15)

        says("2 failed · 1 passed")
        (folder / "team.test.yaml").write_text("tests: [{name: a, jwt: {team: red}, expect: allow}]\n")
        says("1 rule set, 2 rules · 1 passed")
        (folder / "other.test.yaml").write_text("policy: team.yaml\ntests: [{name: b, expect: allow}]\n")
        says("1 failed · 1 passed")
        (folder / "team.yaml").write_text("rules: [{allow: 'request.pth == \"\"'}]\n")
        says("did you mean 'path'?")
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(10)
    assert check(folder, "--watch", "--lcov", "x").returncode == 2


GATEWAY = """\
binds:
- port: 3000
  listeners:
  - routes:
    - name: r
      backends: [{host: "h:80"}]
      policies:
        jwtAuth: {mode: strict, issuer: "https://issuer.example", audiences: [gateway], jwks: {url: "https://issuer.example/jwks"}}
        authorization: {rules: [{id: ann, allow: 'jwt.sub == "ann"'}]}
"""


def test_signed_tokens_are_verified_with_a_key_set_beside_the_table(folder: Path):
    issuer, other = Issuer(), Issuer()
    claims = {"iss": "https://issuer.example", "aud": "gateway", "sub": "ann"}
    (folder / "ann.jwt").write_text(issuer.token(**claims) + "\n")
    (folder / "forged.jwt").write_text(other.token(**claims, headers={"kid": issuer.rsa_id}))
    (folder / "keys.json").write_text(json.dumps(issuer.jwks))
    (folder / "team.yaml").write_text(GATEWAY)
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    table = f"""\
now: {moment}
tests:
- {{name: good, token: ann.jwt, expect: {{verdict: allow, rule: ann}}}}
- {{name: forged, token: forged.jwt, expect: {{verdict: deny, error: bad_signature, status: 401}}}}
- {{name: late, token: ann.jwt, now: 2099-01-01T00:00:00Z, expect: {{error: expired}}}}
- {{name: early again, token: ann.jwt, expect: allow}}
"""
    (folder / "team.test.yaml").write_text("keys: keys.json\n" + table)
    answer = check(folder, "team.test.yaml")
    assert answer.returncode == 0, answer.stdout
    assert "4 passed" in answer.stdout
    (folder / "team.test.yaml").write_text(table)
    assert "the gateway fetches this issuer's keys: give them with `keys`" in check(folder, "team.test.yaml").stdout


def test_passwords_are_checked_as_the_gateway_checks_them(folder: Path):
    hashed = crypt_sha512("right")
    (folder / "team.yaml").write_text(
        GATEWAY.split("        jwtAuth")[0]
        + f"        basicAuth: {{mode: strict, htpasswd: 'ann:{hashed.replace('$', '$$')}'}}\n"
        + "        authorization: {rules: ['basicAuth.username == \"ann\"']}\n"
    )
    (folder / "team.test.yaml").write_text(
        """\
tests:
- {name: right, basicAuth: {user: ann, password: right}, expect: allow}
- {name: wrong, basicAuth: {user: ann, password: wrong}, expect: {verdict: deny, error: basic, status: 401}}
- {name: none, expect: {verdict: deny, error: basic}}
"""
    )
    answer = check(folder, "team.test.yaml")
    assert answer.returncode == 0 and "3 passed" in answer.stdout, answer.stdout


def crypt_sha512(password: str) -> str:
    arguments = ["openssl", "passwd", "-6", "-salt", "saltsalt", password]
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()
