"""docs/reference/reasons.md has every reason that the source can give, and no other."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from napsim.api import names
from napsim.cli.references import PAGES
from napsim.core.adoption import AdoptionReason
from napsim.core.budget_levels import BudgetFinding
from napsim.core.channels import UpgradeReason
from napsim.core.commands import EMPTY_REASON
from napsim.core.drift import DriftReason
from napsim.core.failures import FailureKind
from napsim.core.pickup import PickupRule
from napsim.core.reasons import Reason
from napsim.core.story import Told
from napsim.core.window_findings import FindingReason
from napsim.core.windows import WindowReason
from napsim.lint.rules import RULES
from napsim.live.inspection import CODES, reason_of
from napsim.report.reasons.conditions import CONDITIONS
from napsim.report.reasons.events import EVENTS
from napsim.report.reasons.explanations import Explanation
from napsim.report.reasons.findings import BUDGETS, FINDINGS, WINDOWS
from napsim.report.reasons.rulings import ADOPTIONS, FAILURES, LINKS, PICKUPS, UPGRADES
from napsim.report.reasons.verdicts import VERDICTS
from tests.report.emitted import emitted

ENUMS: Final[dict[type[StrEnum], tuple[Explanation, ...]]] = {
    Reason: VERDICTS,
    DriftReason: tuple(item.told for item in CONDITIONS if item.type == "Drifted"),
    Told: tuple(item.told for item in EVENTS),
    PickupRule: PICKUPS,
    WindowReason: WINDOWS,
    FindingReason: tuple(item.told for item in FINDINGS),
    BudgetFinding: BUDGETS,
    UpgradeReason: UPGRADES,
    AdoptionReason: ADOPTIONS,
    FailureKind: FAILURES,
}
WORDS: Final = {f"{enum.__name__}.{member.name}" for enum in ENUMS for member in enum}
ALL: Final = [
    *(item.told for item in (*CONDITIONS, *FINDINGS)),
    *(item.told for item in EVENTS),
    *(told for rows in (VERDICTS, PICKUPS, WINDOWS, LINKS, BUDGETS, UPGRADES, ADOPTIONS, FAILURES) for told in rows),
]
LITERAL: Final = {reason for reason in emitted() if not reason.startswith("?")}
# Kinds, statuses and a condition of pods, which stand where a reason could.
NO_REASONS: Final = {
    "MaintenanceConfiguration",
    "NodeClaim",
    "NodePool",
    "True",
    "False",
    "Unknown",
    "None",
    "PodScheduled",
}
# A reason that is handed on: it was found where it was made.
HANDED_ON: Final = {
    "UNKNOWN.reason",
    "applied.reason",
    "command.reason",
    "event.reason",
    "every[0][0]",
    "fact.reason",
    "found.reason",
    "found['reason']",
    "health.reason",
    "it.reason",
    "launched.reason",
    "marked.reason",
    "new.reason",
    "reason",
    "type_",
    "verdict.reason",
}


# Given by a loop over names (controllers/nodeclasses.py), and by a command (core/commands.py, EMPTY_REASON).
BY_VARIABLE: Final = {names.SUBNETS_READY, names.LOCAL_DNS_READY, EMPTY_REASON}


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
def test_every_member_of_an_enumeration_is_explained_in_its_table(enum: type[StrEnum]) -> None:
    told = {it.reason for it in ENUMS[enum]}
    assert {str(member) for member in enum if member} <= told
    if enum not in {Told, FindingReason}:  # tables that have words of others too
        assert told <= {str(member) for member in enum}


def test_every_reason_that_the_source_can_give_is_explained() -> None:
    assert len(LITERAL) > 80
    assert LITERAL - NO_REASONS - {it.reason for it in ALL} == set()


def test_no_reason_is_explained_that_the_source_cannot_give() -> None:
    members = {str(member) for enum in ENUMS for member in enum}
    assert {it.reason for it in ALL} - LITERAL - members - BY_VARIABLE == set()


def test_what_is_not_known_from_the_source_is_handed_on() -> None:
    opened = {reason.removeprefix("?") for reason in emitted() if reason.startswith("?")}
    assert {reason for reason in opened if reason not in WORDS} == HANDED_ON


@pytest.mark.parametrize("told", ALL, ids=lambda told: told.reason)
def test_each_says_what_it_means_and_what_to_do_in_sentences(told: Explanation) -> None:
    for text in (told.meaning, told.remedy):
        assert text.endswith((".", "`.", "…"))
        assert text[:1].isupper() or text.startswith(("`", "karpenter", "notAllowed", "aksManaged", "startDate"))


def test_all_are_on_the_page() -> None:
    text = PAGES["reasons.md"]()
    assert [it.reason for it in ALL if f"`{it.reason}`" not in text] == []
    rules = {reason_of(rule): rule for rule in RULES if rule.code in CODES}
    assert [reason for reason in rules if f"| `{reason}` |" not in text] == []


def test_pages_that_are_named_are_there() -> None:
    root = Path(__file__).parents[2]
    named = {name for it in ALL for name in re.findall(r"docs/[a-z-]+\.md", it.remedy)}
    assert named
    assert [name for name in named if not (root / name).is_file()] == []
