"""Reasons and verdicts, and that every reason is documented."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from napsim import core
from napsim.core.reasons import ALLOWED, Reason, Verdict, waits_for_node, waits_for_nodepool, waits_for_pdb

README = (Path(core.__path__[0]) / "README.md").read_text()
ROWS = Counter(re.findall(r"^\| `(\w+)` \|", README.partition("## All reasons")[2], re.MULTILINE))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_in_the_table_of_the_readme_once(reason: Reason) -> None:
    assert ROWS[reason.value] == 1


def test_the_table_has_no_reason_that_there_is_not() -> None:
    assert ROWS.keys() == {reason.value for reason in Reason}


@pytest.mark.parametrize(
    "module", sorted(path.stem for path in Path(core.__path__[0]).glob("*.py") if path.stem != "__init__")
)
def test_every_module_answers_a_question_of_the_readme(module: str) -> None:
    assert f"`{module}`" in README


def test_only_allowed_is_allowed() -> None:
    assert ALLOWED.allowed
    assert not any(Verdict(reason).allowed for reason in Reason if reason is not Reason.ALLOWED)


def test_what_a_verdict_waits_for_has_a_name() -> None:
    assert (waits_for_node("n"), waits_for_pdb("ns/b"), waits_for_nodepool("p")) == ("node:n", "pdb:ns/b", "nodepool:p")
