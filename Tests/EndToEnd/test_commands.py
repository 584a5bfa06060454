"""The command line's contracts: exit codes and output that scripts rely on."""

import json

import jwt
import pytest

from harness import gateway as gateways


def run(directory, *arguments, **options):
    return gateways.run(list(arguments), directory, **options)


def test_version_and_help(tmp_path):
    code, out, _ = run(tmp_path, "-V")
    assert code == 0 and out.startswith("agentgw ")
    code, out, _ = run(tmp_path, "--help")
    assert code == 0 and "--validate-only" in out and "\x1b[" not in out


def test_unknown_option_is_refused(tmp_path):
    code, out, err = run(tmp_path, "--nonsense")
    assert code not in (0, 1) and out == "" and "nonsense" in err


@pytest.mark.parametrize("expression, value, kind", [
    ("1 + 2", 3, "int"),
    ("'a' + \"b\"", "ab", "string"),
    ("[1, 2].map(x, x * 2)", [2, 4], "list"),
    ("true && !false", True, "bool"),
    ("1.5", 1.5, "double"),
    ("null", None, "null"),
])
def test_eval_prints_the_value(tmp_path, expression, value, kind):
    code, out, err = run(tmp_path, "eval", expression, "--format", "json")
    assert code == 0, err
    answer = json.loads(out)
    assert answer["value"] == value
    assert kind in answer["type"]


def test_eval_reads_input(tmp_path):
    (tmp_path / "input.json").write_text('{"request": {"path": "/a", "headers": {"x": "1"}}}')
    code, out, _ = run(tmp_path, "eval", 'request.path == "/a" && request.headers["x"] == "1"', "--input", "input.json")
    assert (code, out.strip()) == (0, "true")


def test_eval_prints_what_is_left_to_decide(tmp_path):
    (tmp_path / "input.json").write_text('{"jwt": {"groups": ["eng", "fin"]}, "amount": 5000}')
    expression = 'jwt.groups.exists(g, g == "fin") && amount <= 1000'
    code, out, _ = run(tmp_path, "eval", expression, "--input", "input.json", "--unknown", "amount")
    assert (code, out.strip()) == (0, "amount <= 1000")
    code, out, _ = run(
        tmp_path, "eval", '"x" in jwt.scopes || amount > 1', "--input", "input.json", "--unknown", "jwt.scopes")
    assert (code, out.strip()) == (0, "true")
    code, out, _ = run(
        tmp_path, "eval", expression, "--input", "input.json", "--unknown", "jwt.groups", "--format", "json")
    assert code == 0 and json.loads(out) in ({"value": False, "type": "bool"},)


def test_eval_explains_every_part(tmp_path):
    (tmp_path / "input.json").write_text('{"a": 1, "b": "x"}')
    code, out, err = run(tmp_path, "eval", 'a > 5 || b == "x"', "--input", "input.json", "--explain")
    assert (code, out.strip()) == (0, "true")
    assert "1:1  a > 5  =>  false" in err and '1:10  b == "x"  =>  true' in err


def test_eval_error_is_exit_1_with_class_and_place(tmp_path):
    (tmp_path / "input.json").write_text('{"a": {}}')
    code, out, _ = run(tmp_path, "eval", "a.b", "--input", "input.json", "--format", "json")
    assert code == 1
    error = json.loads(out)["error"]
    assert error["class"] == "no_such_key" and error["line"] == 1 and error["column"] >= 1


@pytest.mark.parametrize("expression", ["1 +", "unknown_name", "'a' + 1", "f(", ")", "\"", "1 = 1"])
def test_eval_of_what_does_not_compile_is_exit_2(tmp_path, expression):
    code, _, err = run(tmp_path, "eval", expression)
    assert code == 2 and err


@pytest.mark.parametrize("algorithm", [None, "RS256", "ES256"])
def test_token_verifies_against_the_printed_key_set(tmp_path, algorithm):
    chosen = ["--alg", algorithm] if algorithm else []
    options = ["--issuer", "https://dev.example", "--audience", "a", "--audience", "b", "--claim", 'role="dev"',
               "--claim", 'groups=["x","y"]', "--expires-in", "1h"]
    code, out, err = run(tmp_path, "token", *chosen, *options)
    assert code == 0, err
    code, keys, err = run(tmp_path, "token", "jwks")
    assert code == 0, err
    token, keys = out.strip(), jwt.PyJWKSet.from_dict(json.loads(keys))
    header = jwt.get_unverified_header(token)
    assert header["alg"] == (algorithm or header["alg"]) and header["alg"] != "none"
    key = next(key for key in keys.keys if key.key_id == header["kid"])
    claims = jwt.decode(token, key, algorithms=[header["alg"]], audience="b", issuer="https://dev.example")
    assert claims["role"] == "dev" and claims["groups"] == ["x", "y"]
    assert 3500 <= claims["exp"] - claims["iat"] <= 3700


def test_token_key_is_kept_and_private(tmp_path):
    first = run(tmp_path, "token", "jwks")[1]
    assert run(tmp_path, "token", "jwks")[1] == first
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert files and all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert '"d"' not in first


def test_schema_is_json(tmp_path):
    code, out, _ = run(tmp_path, "schema")
    assert code == 0 and "$schema" in json.loads(out)
