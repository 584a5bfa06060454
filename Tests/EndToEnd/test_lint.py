"""The linter as a command: what --fix writes, what comments accept, what programs get to read."""

import json
import subprocess
from pathlib import Path

import pytest

from harness.gateway import BINARY

MESSY = """\
# Who may read. \u00fcber alles: keep this line
rules:
  - id: readers   # the first
    allow: >-
      jwt.scope.contains("api:read")
      && request.path.startsWith("/api")   \n      && jwt.team.matches("^red|blue$")
  - {id: "writers", allow: 'request.headers["origin"].matches("^https://app.corp.example$") && !!has(jwt.sub)'}
  - "jwt.email_verified == true && jwt.email.endsWith(\\"corp.example\\")"
  - deny: request.method == "delete"
"""
FIXED = """\
# Who may read. \u00fcber alles: keep this line
rules:
  - id: readers   # the first
    allow: >-
      hasScope("api:read")
      && (request.path == "/api" || request.path.startsWith("/api/"))   \n      && jwt.team.matches("^(?:red|blue)$")
  - {id: "writers", allow: 'request.headers["origin"].matches("^https://app[.]corp[.]example$") && has(jwt.sub)'}
  - "jwt.email_verified == true && jwt.email.endsWith(\\"@corp.example\\")"
  - deny: request.method == "DELETE"
"""


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BINARY, "check-policy", *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_fix_changes_what_is_wrong_and_nothing_else(tmp_path: Path, line_end: str, mark: bytes):
    file = tmp_path / "p.yaml"
    file.write_bytes(mark + MESSY.replace("\n", line_end).encode())
    file.chmod(0o640)
    (tmp_path / "link.yaml").symlink_to("p.yaml")
    answer = check(tmp_path, "--fix", "link.yaml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert file.read_bytes() == mark + FIXED.replace("\n", line_end).encode()
    assert (tmp_path / "link.yaml").is_symlink() and file.stat().st_mode & 0o777 == 0o640
    fixed = [line for line in answer.stderr.splitlines() if "fixed [" in line]
    assert len(fixed) == 7 and "link.yaml:5:7: fixed [scope-by-substring]: write hasScope(\"api:read\")" in answer.stderr
    again = check(tmp_path, "--fix", "p.yaml")
    assert again.returncode == 0 and again.stderr == ""
    assert file.read_bytes() == mark + FIXED.replace("\n", line_end).encode()


def test_fix_leaves_what_variables_bring_and_what_comments_accept(tmp_path: Path):
    text = """\
rules:
  - allow: 'request.path.startsWith("${PREFIX:-/api}")'
  # lint:ignore path-without-border,scope-by-substring the service is flat
  - allow: 'request.path.startsWith("/x") && jwt.scope.contains("a")'
"""
    (tmp_path / "p.yaml").write_text(text)
    answer = check(tmp_path, "--fix", "p.yaml", "--format", "json")
    assert answer.returncode == 1 and (tmp_path / "p.yaml").read_text() == text
    assert [(f["rule"], f["line"]) for f in json.loads(answer.stdout)["findings"]] == [("path-without-border", 2)]


def test_fix_of_a_file_that_does_not_load_changes_nothing(tmp_path: Path):
    text = "rules:\n  - allow: 'jwt.scope.contains(\"a\") && request.pth == \"/\"'\n"
    (tmp_path / "p.yaml").write_text(text)
    assert check(tmp_path, "--fix").returncode == 1
    assert (tmp_path / "p.yaml").read_text() == text
    assert check(tmp_path, "--fix", "--no-lint").returncode == 2
    assert check(tmp_path, "--fix", "--watch").returncode == 2


def test_comments_accept_findings_with_a_reason(tmp_path: Path):
    (tmp_path / "p.yaml").write_text("""\
mode: shadow # lint:ignore shadow-mode until the first of the month
# lint:ignore path-without-border everything under rules is about flat services
rules:
- allow: 'request.path.startsWith("/x")'
- allow: >- # lint:ignore scope-by-substring one scope only, our issuer says
    has(jwt.scope)
    && jwt.scope.contains("a # lint:ignore path-without-border is no comment")
- "jwt.scope.contains('b')" # lint:ignored is another word
""")
    answer = check(tmp_path, "--format", "json")
    found = [(f["rule"], f["line"]) for f in json.loads(answer.stdout)["findings"]]
    assert found == [("scope-by-substring", 8)], answer.stdout


def test_comments_that_do_nothing_are_findings(tmp_path: Path):
    (tmp_path / "p.yaml").write_text("""\
# lint:ignore
rules:
# lint:ignore shadowmode soon
- 'hasScope("a")' # lint:ignore shadow-mode
""")
    answer = check(tmp_path, "--format", "json")
    findings = json.loads(answer.stdout)["findings"]
    assert [(f["rule"], f["line"], f["column"]) for f in findings] == [
        ("unknown-ignore", 1, 1), ("unknown-ignore", 3, 1), ("ignore-without-reason", 4, 19), ("unused-ignore", 4, 19),
    ]
    assert 'did you mean "shadow-mode"?' in findings[1]["message"]


def test_rules_are_listed_and_explained():
    listing = subprocess.run([BINARY, "check-policy", "rules"], capture_output=True, text=True, timeout=20).stdout
    assert "\n  shadowed-rule " in listing and "Rule sets\n" in listing
    one = subprocess.run([BINARY, "check-policy", "rules", "missing-has"], capture_output=True, text=True, timeout=20)
    assert one.stdout.startswith("### missing-has\n\nwarning · A deny asks for what may be absent")
    none = subprocess.run([BINARY, "check-policy", "rules", "missing"], capture_output=True, text=True, timeout=20)
    assert none.returncode == 2 and "there is no lint rule" in none.stderr
    rules = json.loads(
        subprocess.run(
            [BINARY, "check-policy", "rules", "--format", "json"], capture_output=True, text=True, timeout=20
        ).stdout
    )
    assert len(rules) >= 25 and all(rule["bad"] and rule["good"] for rule in rules)


def test_code_scanning_gets_rules_places_and_fixes(tmp_path: Path):
    (tmp_path / "p.yaml").write_text("rules:\n  - allow: 'jwt.scope.contains(\"\u00e9\") || jwt.scope.contains(\"a\")'\n")
    (run,) = json.loads(check(tmp_path, "--format", "sarif").stdout)["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert rule["id"] == "scope-by-substring" and rule["defaultConfiguration"] == {"level": "warning"}
    assert rule["shortDescription"]["text"] and rule["help"]["markdown"].startswith("### scope-by-substring\n")
    first, second = run["results"]
    assert "fixes" not in first
    region = second["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 2, "startColumn": 40, "endLine": 2, "endColumn": 63}
    (change,) = second["fixes"][0]["artifactChanges"]
    (replacement,) = change["replacements"]
    data = (tmp_path / "p.yaml").read_bytes()
    start, length = replacement["deletedRegion"]["byteOffset"], replacement["deletedRegion"]["byteLength"]
    assert data[start : start + length] == b'jwt.scope.contains("a")'
    assert replacement["insertedContent"]["text"] == 'hasScope("a")'
