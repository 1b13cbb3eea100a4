"""Of every golden scenario: whatever blocks a pool at some instant, the edit that is proposed ends that block."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from napsim.controllers.chains import POOL, Chains, Target
from napsim.core.chain import Chain, Link, LinkName
from napsim.reading.sources import read
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Applied, Scenario
from napsim.sim.standing import standing
from tests.sim.test_chains import merged

pytestmark = pytest.mark.process  # each question is a forecast

SCENARIOS: Final = Path(__file__).parents[1] / "scenarios"
NAMES: Final = sorted(file.parent.name for file in SCENARIOS.glob("*/scenario.yaml"))
LOOKS: Final = 8
LONGEST: Final = timedelta(days=60)
# Windows that open every day do so within a day, after the change counts; all else counts at once.
WAITS: Final = (timedelta(minutes=10), timedelta(hours=2), timedelta(hours=25))
# What no edit of the user's ends: AKS keeps the list, and time ends that.
WITHOUT: Final = {LinkName.LISTED, LinkName.SYNCED, LinkName.TURN, LinkName.COMMAND, LinkName.DRAIN}


@cache
def scenario(name: str) -> Scenario:
    documents, mistakes = read([str(SCENARIOS / name)], str)
    return scenario_of(documents, Asked(datetime(2026, 11, 1, tzinfo=UTC)), mistakes)


def chains(asked: Scenario, at: datetime) -> dict[str, Chain]:
    found = Chains(standing(asked, at))
    return {name: found.of(Target(POOL, name))[0] for name in sorted(found.cluster.declared.pools)}


def blocks(asked: Scenario) -> Iterator[tuple[datetime, str, Link]]:
    """Each block of a pool, where it is seen first."""
    seen: set[tuple[str, str, str]] = set()
    for look in range(LOOKS + 1):
        at = asked.start + min(asked.until - asked.start, LONGEST) * look / LOOKS
        for pool, chain in chains(asked, at).items():
            first = chain.first
            if first is not None and (key := (pool, str(first.name), first.reason)) not in seen:
                seen.add(key)
                yield at, pool, first


def blocked_after(asked: Scenario, at: datetime, pool: str, link: Link) -> bool:
    """Whether the same link still blocks, once its edit was made and has had its time."""
    edit = link.edit
    assert edit is not None
    (there,) = (
        it
        for it in asked.manifests
        if (it["kind"], it["metadata"]["name"], it["metadata"].get("namespace", ""))
        == (edit.kind, edit.name, edit.namespace)
    )
    event = Applied(at, merged(there, edit.patch))
    events = tuple(sorted((*asked.events, event), key=lambda item: item.at))
    for wait in WAITS:
        later = replace(asked, events=events, until=max(asked.until, at + wait), ends_early=False)
        first = chains(later, at + wait)[pool].first
        if first is None or first.name is not link.name:
            return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_the_edit_that_is_proposed_ends_the_block(name: str) -> None:
    asked = scenario(name)
    for at, pool, link in blocks(asked):
        told = f"{at}: NodePool/{pool}: {link.name}: {link.message}"
        if link.edit is None or not link.edit.patch:
            assert link.name in WITHOUT, told
            assert link.until is not None, told
        else:
            assert not blocked_after(asked, at, pool, link), f"{told}: {link.edit.command}"


def test_there_are_blocks_of_several_kinds() -> None:
    found = {
        link.name
        for name in ("frozen_pool", "single_replica", "december_freeze")
        for _, _, link in blocks(scenario(name))
    }
    assert {LinkName.WINDOW, LinkName.CANDIDATE} <= found
