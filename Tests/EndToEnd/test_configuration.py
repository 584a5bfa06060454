"""Configurations from the command line: the users' own as written, and every kind of mistake with its place."""

import re

import pytest

from harness import gateway as gateways
from harness.rawhttp import exchange
from harness.secrets import secret
from harness.waiting import until

KEYS = {"OPENAI_API_KEY": "x", "ANTHROPIC_API_KEY": "y", "GITHUB_TOKEN": "z"}
SEEDS = sorted(path.name for path in gateways.seed_directory().glob("step*.yaml"))


def validate(text: str, directory, environment=None):
    file = directory / "gateway.yaml"
    file.write_text(text)
    return gateways.run(["-f", str(file), "--validate-only"], directory, environment)


@pytest.mark.parametrize("name", SEEDS)
def test_the_users_configurations_are_valid_as_written(name, tmp_path):
    code, out, err = gateways.run(["-f", str(gateways.seed_directory() / name), "--validate-only"], tmp_path, KEYS)
    assert code == 0, err
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize("flag", [["-f"], ["--file"], ["--config"]])
def test_every_spelling_of_the_file_option(flag, tmp_path):
    path = str(gateways.seed_directory() / SEEDS[0])
    assert gateways.run([*flag, path, "--validate-only"], tmp_path, KEYS)[0] == 0
    if flag[0].startswith("--"):
        assert gateways.run([f"{flag[0]}={path}", "--validate-only"], tmp_path, KEYS)[0] == 0


@pytest.mark.parametrize("name, targets", [
    ("step1-basic-routing.yaml", [(3000, "/openai/v1/models"), (3001, "/v1/models")]),
    ("step2-multi-provider.yaml", [(3000, "/openai/v1/models"), (3000, "/anthropic/v1/models")]),
])
def test_the_users_configurations_run_unmodified(name, targets, tmp_path):
    # No network here, or a provider that knows no such key: either way the gateway itself answers or passes on a clear error.
    keys = {"OPENAI_API_KEY": secret("openai-live"), "ANTHROPIC_API_KEY": secret("anthropic-live")}
    gateways.wait_for_free(3000, 3001, 15021)
    process, out, err = gateways.spawn(["-f", str(gateways.seed_directory() / name)], tmp_path, keys)
    try:
        def answers():
            assert process.poll() is None, err.read_text()
            try:
                return [exchange(port, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), seconds=30) for port, target in targets]
            except ConnectionRefusedError:
                return None

        for reply in until(answers, "both ports answer", 60):
            assert reply.status in (401, 502, 503), reply
            assert (reply.header("content-type") or "").startswith("application/json")
            assert b"error" in reply.body
        assert exchange(3000, b"GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n").status == 404
    finally:
        process.terminate()
        code = process.wait(15)
        gateways.running.discard(process)
    assert code == 0


MINIMAL = "binds:\n  - port: 3000\n    listeners:\n      - routes:\n          - backends:\n              - host: 127.0.0.1:1\n"

MISTAKES = {
    "unknown field": (MINIMAL.replace("backends", "backend"), "backend"),
    "suggestion": (MINIMAL.replace("listeners", "listners"), "listeners"),
    "duplicate key": (MINIMAL + "binds: []\n", "binds"),
    "wrong type": (MINIMAL.replace("3000", "[3000]"), "port"),
    "port out of range": (MINIMAL.replace("3000", "70000"), "port"),
    "port twice": (MINIMAL + MINIMAL.removeprefix("binds:\n"), "3000"),
    "not YAML": ("binds: [", ""),
    "tab": ("binds:\n\t- port: 1\n", ""),
    "unset variable": (MINIMAL.replace("127.0.0.1:1", "$NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE"),
    "host without port": (MINIMAL.replace("127.0.0.1:1", "127.0.0.1"), "port"),
    "rule that does not compile": (MINIMAL + "            policies: {authorization: {rules: ['request.path ==']}}\n", ""),
    "rule that reads an unknown name": (MINIMAL + "            policies: {authorization: {rules: ['reqest.path == \"/\"']}}\n", "reqest"),
    "rule that is not a boolean": (MINIMAL + "            policies: {authorization: {rules: ['request.path']}}\n", ""),
    "known but not built": (MINIMAL + "tcpRoutes: []\n", "not supported yet"),
    "jwtAuth without issuer": (MINIMAL + "            policies: {jwtAuth: {jwks: '{\"keys\":[]}'}}\n", "issuer"),
}


@pytest.mark.parametrize("text, word", MISTAKES.values(), ids=[name.replace(" ", "-") for name in MISTAKES])
def test_mistake_is_reported_with_its_place(text, word, tmp_path):
    code, out, err = validate(text, tmp_path)
    assert code == 1
    assert out == ""
    errors = [line for line in err.splitlines() if re.match(r".*gateway\.yaml:[0-9]+:[0-9]+: error: .", line)]
    assert errors, err
    assert word in err
    # Running it is refused in the same words.
    file = str(tmp_path / "gateway.yaml")
    assert gateways.run(["-f", file], tmp_path)[::2] == (1, err)


def test_all_mistakes_are_reported_at_once(tmp_path):
    text = MINIMAL.replace("3000", "70000").replace("backends", "backend") + "nonsense: 1\n"
    code, _, err = validate(text, tmp_path)
    assert code == 1
    assert len([line for line in err.splitlines() if ": error: " in line]) >= 3


def test_missing_file_is_a_clear_error(tmp_path):
    code, _, err = gateways.run(["-f", str(tmp_path / "none.yaml")], tmp_path)
    assert code == 1 and "none.yaml" in err


@pytest.mark.parametrize("text", [
    "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(f"c{n}: &c{n} [{', '.join(['*b' if n == 0 else f'*c{n - 1}'] * 9)}]\n" for n in range(12)),
    "binds: " + "[" * 5000 + "]" * 5000,
    "binds: " + "{a: " * 3000 + "1" + "}" * 3000,
], ids=["alias-bomb", "deep-lists", "deep-maps"])
def test_hostile_yaml_is_refused_quickly(text, tmp_path):
    code, _, err = validate(text, tmp_path)
    assert code == 1
    assert ": error: " in err and len(err) < 100_000


def test_values_of_variables_do_not_show_in_errors(tmp_path):
    value = secret("in-a-variable")
    text = MINIMAL.replace("127.0.0.1:1", "$HIDDEN") + "nonsense: 1\n"
    code, _, err = validate(text, tmp_path, {"HIDDEN": f"http://{value}"})
    assert code == 1
