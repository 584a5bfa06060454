"""Every configuration that the documentation shows loads, and every file of the repository that it points to is there."""

import re
from pathlib import Path

import pytest
import yaml

from harness.gateway import ROOT, run, seed_directory
from harness.secrets import secret
from harness.tokens import Issuer

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: A mapping with one of these at its top is a whole configuration; anything else is part of one.
SECTIONS = {"binds", "gateways", "llm", "mcp", "routes", "config"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def configurations() -> list:
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            if match[1] not in ("yaml", "yml"):
                continue
            try:
                document = yaml.safe_load(match[2])
            except yaml.YAMLError:
                continue  # a part of a file, cut where it matters
            serves = isinstance(document, dict) and set(document) & {"binds", "gateways", "llm", "mcp"}
            if serves and set(document) <= SECTIONS | {"backends", "frontendPolicies"}:
                line = text[: match.start()].count("\n") + 1
                found.append(pytest.param(match[2], id=f"{page.name}:{line}"))
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files that examples name, as their readers would have them."""
    from harness.certificates import Authority

    directory = tmp_path_factory.mktemp("documentation")
    (directory / "keys.json").write_text(__import__("json").dumps(Issuer().jwks))
    return directory


def load(text: str, directory: Path) -> tuple[int, str]:
    file = directory / "example.yaml"
    file.write_text(text)
    names = set(re.findall(r"(?<!\$)\$\{?([A-Z][A-Z0-9_]*)", text))
    code, out, err = run(["-f", str(file), "--validate-only"], directory, {name: secret(name) for name in names})
    return code, out + err


def test_documentation_has_configurations():
    assert len(configurations()) >= 6


@pytest.mark.parametrize("text", configurations())
def test_configuration_in_the_documentation_loads(files, text):
    code, output = load(text, files)
    # Certificates, lock files and documents of the reader's own are not here; everything else has to be right.
    errors = [line for line in output.splitlines() if ": error:" in line and not re.search(r"cannot (read|open|load)", line)]
    assert not errors, output
    assert code == 0 or "cannot" in output, output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_every_page_is_in_the_index():
    index = (ROOT / "README.md").read_text() + (ROOT / "docs" / "index.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name in index or page.name == "index.md", f"{page.name} is in no index"


def test_seeds_and_examples_satisfy_the_schema(tmp_path):
    import json

    import jsonschema

    code, out, _ = run(["schema"], tmp_path)
    assert code == 0
    schema = json.loads(out)
    jsonschema.validators.validator_for(schema).check_schema(schema)
    validator = jsonschema.validators.validator_for(schema)(schema)
    texts = [p.values[0] for p in configurations()]
    texts += [f.read_text() for f in seed_directory().glob("step*.yaml")]
    assert len(texts) >= 10
    for text in texts:
        errors = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(yaml.safe_load(text))]
        assert not errors, (text[:400], errors[:3])
    assert list(validator.iter_errors({"binds": [{"port": 3000, "listners": []}]}))
