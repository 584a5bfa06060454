"""docs/ai.md: every example loads."""

import re
from pathlib import Path

import pytest
import yaml

TEXT = (Path(__file__).parents[2] / "docs/ai.md").read_text()
EXAMPLES = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.S)]


def test_there_are_examples():
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_example_loads(start, number):
    gateway = start(EXAMPLES[number], {"ANTHROPIC_API_KEY": "sk-ant-x"})
    assert gateway.port
