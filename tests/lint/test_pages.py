"""Each rule has a page, and the examples on it are what they are said to be."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from napsim.lint.fixes import fixed
from napsim.lint.pages import documents, page
from napsim.lint.rules import RULES, Rule
from napsim.reading.sources import Text
from tests.lint.examples import NOW, codes, linted

FOLDER: Final = Path(__file__).parents[2] / "docs/rules"
FENCE: Final = re.compile(r"(?:`([^`\n]+)`:\n\n)?```yaml\n(.*?)```", re.DOTALL)


def examples(text: str, side: str) -> list[Text]:
    section = re.search(rf"^## {side}\n(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    assert section is not None
    found = [Text(name or "example.yaml", content) for name, content in FENCE.findall(section[1])]
    assert found
    return found


def judged_with(text: str, option: str) -> str:
    found = re.search(rf"^Judged with `--{option} (\S+)`\.$", text, re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize("side", ["Wrong", "Right"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_wrong_example_breaks_this_rule_alone_and_the_right_one_none(rule: Rule, side: str) -> None:
    text = page(rule)
    at = judged_with(text, "at")
    now = datetime.fromisoformat(at) if at else NOW
    found = set(codes(*examples(text, side), now=now, zone=judged_with(text, "time-zone")))
    assert found == ({rule.code} if side == "Wrong" else set())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_that_is_said_to_have_a_fix_puts_its_wrong_example_right(rule: Rule) -> None:
    texts = examples(page(rule), "Wrong")
    edits = [finding.edit for finding in linted(*texts).findings if finding.edit is not None]
    assert bool(edits) is rule.fixes
    if edits:
        (text,) = texts
        assert codes(Text(text.name, fixed(text.text, edits))) == []


def test_the_pages_in_docs_are_those_of_the_table() -> None:
    assert {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()} == documents(), "run `make rules`"


def test_codes_and_names_are_given_once_and_codes_ascend() -> None:
    assert [rule.code for rule in RULES] == sorted({rule.code for rule in RULES})
    assert len({rule.name for rule in RULES}) == len(RULES)
