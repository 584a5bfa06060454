"""docs/logs.md: its configurations load, and every field that it names is one."""

import re

import pytest
import yaml

from harness import configs
from harness.gateway import ROOT, run

TEXT = (ROOT / "docs/logs.md").read_text()
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.S)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: next(iter(example["frontendPolicies"])))
def test_each_example_loads(tmp_path, example):
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump({**configs.plain(1), **example}))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 0, err


def test_the_fields_that_can_be_removed_are_those_named(tmp_path):
    names = re.findall(r"`([a-z_]+)`", re.search(r"as they stand in the log:(.*?)…", TEXT, re.S).group(1))
    assert len(names) > 10
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump({**configs.plain(1), "frontendPolicies": {"accessLog": {"remove": names}}}))
    code, _, err = run(["-f", str(file), "--validate-only"], tmp_path)
    assert code == 0, err
