"""Disruption commands: the rows Q, T and what of X is theirs (karpenter.md 9, 19.5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.core.actions import DeleteNodeClaim, Event, PatchNode, SetNodeClaimStatus, patched_node, with_status
from napsim.core.clock import WALL_CLOCK, Timeline
from napsim.core.commands import Command, Progress, advance, drift_command, heal, recorded, start, timeout
from napsim.core.nodepools import Placement
from napsim.core.objects import Node, NodeClaim, is_true
from napsim.core.pods import DISRUPTED
from tests.core.examples import NOW, claim, node, true

MINUTE = timedelta(minutes=1)
PLACEMENT = Placement("Standard_D4s_v5", "westeurope-1", "on-demand")
OLD = claim("old", conditions=true(names.DRIFTED))
COMMAND = drift_command(OLD, (PLACEMENT,), NOW)
NEW_NAME = COMMAND.replacements[0].name
TAKEN = patched_node(node(of="old"), start(COMMAND, node(of="old")))
MARKED = claim("old", conditions=true(names.DRIFTED, names.DISRUPTION_REASON))


def replacement(*conditions: str, name: str = NEW_NAME, replaces: str = "old") -> NodeClaim:
    return claim(name, conditions=true(*conditions), annotations={names.REPLACES: replaces})


STARTING, READY = replacement(names.LAUNCHED), replacement(names.LAUNCHED, names.INITIALIZED_CONDITION)


def look(
    *found: NodeClaim,
    command: Command = COMMAND,
    of: NodeClaim = MARKED,
    seen: frozenset[str] = frozenset(),
    after: timedelta = MINUTE,
    queued: int = 1,
    timeline: Timeline = WALL_CLOCK,
    ready: frozenset[str] = frozenset(),
) -> Progress:
    by_name = {item.name: item for item in found}
    return advance(command, TAKEN, of, by_name, seen, queued, timeline, NOW + after, ready_before=ready)


def said(progress: Progress) -> list[str]:
    return [action.reason for action in progress.plan.actions if isinstance(action, Event)]


# --- starting -----------------------------------------------------------------------------------------------------


def test_a_command_begins_with_taint_and_record_in_one_patch() -> None:
    assert TAKEN.spec.taints == (DISRUPTED,)
    assert recorded(TAKEN) == COMMAND
    assert recorded(node()) is None


def test_its_replacements_are_called_after_claim_instant_and_position() -> None:
    both = drift_command(OLD, (PLACEMENT, PLACEMENT), NOW)
    assert both.replacements[0] == COMMAND.replacements[0]
    assert len({item.name for item in both.replacements}) == 2
    assert drift_command(OLD, (PLACEMENT,), NOW + MINUTE).replacements[0].name != NEW_NAME
    assert NEW_NAME.startswith("default-")
    assert both.replacements[1].placement == PLACEMENT


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"reason": 1}', '{"reason": "Drifted", "startedAt": "2026-03-02T09:00:00"}', "[]"],
    ids=["empty", "cut-off", "wrong-type", "no-time-zone", "list"],
)
def test_a_record_that_is_not_ours_is_refused(text: str) -> None:
    marked = node(annotations={names.COMMAND: text})
    if not text:
        assert recorded(marked) is None
        return
    with pytest.raises(msgspec.DecodeError):
        recorded(marked)


WORDS = st.dictionaries(st.text(), st.text(), max_size=2)
PLACEMENTS = st.builds(
    Placement, st.text(), st.text(), st.sampled_from(["spot", "on-demand"]), st.sampled_from(["", "default", "heavy"]),
    WORDS, WORDS,
)  # fmt: skip


def test_a_replacement_in_another_pool_says_so_and_is_called_after_it() -> None:
    own, other = (replace(PLACEMENT, nodepool=pool) for pool in ("default", "heavy"))
    command = drift_command(OLD, (own, other), NOW)
    assert [item.nodepool for item in command.replacements] == ["", "heavy"]
    assert command.replacements[0].name == NEW_NAME
    assert command.replacements[1].name.startswith("heavy-")
    assert command.replacements[1].placement == other


@given(st.lists(PLACEMENTS, max_size=3))
def test_a_record_reads_as_what_was_written(placements: list[Placement]) -> None:
    command = drift_command(OLD, tuple(placements), NOW + timedelta(microseconds=1))
    assert recorded(patched_node(node(), start(command, node()))) == command


# --- going on -----------------------------------------------------------------------------------------------------


@pytest.mark.row("karpenter:Q01")
def test_a_command_waits_for_its_replacement() -> None:
    progress = look(STARTING)
    assert not progress.completed
    assert not progress.failure
    assert progress.create == ()
    assert progress.plan.wake_at == NOW + 10 * MINUTE


def test_the_old_claim_is_marked_before_replacements_are_made() -> None:
    progress = look(of=OLD)
    (mark,) = progress.plan.actions
    assert isinstance(mark, SetNodeClaimStatus)
    assert is_true(with_status(OLD, mark).status.conditions, names.DISRUPTION_REASON)
    assert (mark.conditions[0].reason, mark.conditions[0].message) == ("Drifted", "Drifted")
    assert progress.create == COMMAND.replacements


def test_a_replacement_that_was_never_seen_is_made_again() -> None:
    assert look().create == COMMAND.replacements
    assert look(STARTING).create == ()


@pytest.mark.parametrize(
    ("minutes", "failed"),
    [
        pytest.param(10, True, id="to-the-second"),
        pytest.param(11, True, id="karpenter:Q02"),
        pytest.param(9.99, False, id="before"),
    ],
)
def test_a_command_that_takes_too_long_is_rolled_back(minutes: float, failed: bool) -> None:
    progress = look(STARTING, after=minutes * MINUTE)
    assert progress.failure == ("command reached timeout" if failed else "")
    if failed:
        assert progress.uninitialized == 1
        assert rolled_back(progress)


def rolled_back(progress: Progress) -> bool:
    """Neither mark is left: not on the claim, not on the node."""
    claim_, node_ = MARKED, TAKEN
    for action in progress.plan.actions:
        if isinstance(action, SetNodeClaimStatus):
            claim_ = with_status(claim_, action)
        elif isinstance(action, PatchNode):
            node_ = patched_node(node_, action)
    left = is_true(claim_.status.conditions, names.DISRUPTION_REASON), node_.spec.taints, recorded(node_)
    return left == (False, (), None)


@pytest.mark.row("karpenter:Q03")
def test_when_the_replacement_is_initialized_the_old_claim_goes() -> None:
    assert said(look(STARTING)) == ["DisruptionLaunching", "DisruptionWaitingReadiness"]
    progress = look(READY)
    deletion, *_ = progress.plan.actions
    assert deletion == DeleteNodeClaim(MARKED, "drifted")
    assert said(progress) == ["DisruptionTerminating", "DisruptionTerminating"]
    assert progress.completed
    texts = [action.message for action in progress.plan.actions if isinstance(action, Event)]
    assert texts == ["Disrupting Node: Drifted", "Disrupting NodeClaim: Drifted"]


def test_the_events_of_a_replacement_are_about_it() -> None:
    launching, waiting = look(STARTING).plan.actions
    assert isinstance(launching, Event)
    assert isinstance(waiting, Event)
    assert (launching.kind, launching.name, launching.message) == (
        "NodeClaim",
        NEW_NAME,
        "Launching NodeClaim: Drifted",
    )
    assert waiting.message == "Waiting on readiness to continue disruption"


@pytest.mark.row("karpenter:Q05")
def test_without_replacements_the_old_claim_goes_at_once() -> None:
    progress = look(command=drift_command(OLD, (), NOW), after=timedelta(0))
    assert progress.completed
    assert DeleteNodeClaim(MARKED, "drifted") in progress.plan.actions


def test_all_replacements_have_to_be_initialized() -> None:
    both = drift_command(OLD, (PLACEMENT, PLACEMENT), NOW)
    second = both.replacements[1].name
    assert not look(READY, replacement(name=second), command=both).completed
    assert look(READY, replacement(names.INITIALIZED_CONDITION, name=second), command=both).completed


def test_a_replacement_that_was_initialized_once_is_never_checked_again() -> None:
    both = drift_command(OLD, (PLACEMENT, PLACEMENT), NOW)
    first, second = (item.name for item in both.replacements)
    seen, starting = frozenset({first, second}), replacement(names.LAUNCHED, name=second)
    ready = replacement(names.LAUNCHED, names.INITIALIZED_CONDITION, name=second)
    assert look(starting, command=both, seen=seen).failure == "replacement was deleted"
    waits = look(starting, command=both, seen=seen, ready=frozenset({first}))
    assert (waits.failure, waits.completed, waits.create) == ("", False, ())
    assert look(ready, command=both, seen=seen, ready=frozenset({first})).completed
    late = look(starting, command=both, seen=seen, ready=frozenset({first}), after=10 * MINUTE)
    assert (late.failure, late.uninitialized) == ("command reached timeout", 1)


def test_once_ready_no_timeout_counts() -> None:
    assert look(READY, after=timedelta(days=1)).completed


@pytest.mark.row("karpenter:T02")
def test_a_replacement_that_was_deleted_ends_the_command() -> None:
    progress = look(seen=frozenset({NEW_NAME}))
    assert progress.failure == "replacement was deleted"
    assert progress.uninitialized == 1
    assert progress.create == ()
    assert rolled_back(progress)


def test_another_s_claim_under_the_name_is_never_taken_for_the_replacement() -> None:
    stranger = replacement(names.LAUNCHED, names.INITIALIZED_CONDITION, replaces="somebody")
    progress = look(stranger)
    assert not progress.completed
    assert progress.failure == f"NodeClaim {NEW_NAME} is no replacement"
    assert rolled_back(progress)
    assert look(claim(NEW_NAME)).failure


def test_a_claim_that_is_going_already_needs_nothing_more() -> None:
    assert look(of=claim("old", deleted_at=NOW)) == Progress(completed=True)


def test_on_a_fast_clock_a_command_has_ten_real_seconds() -> None:
    fast = Timeline(datetime(2026, 6, 1, tzinfo=UTC), NOW, 600.0)
    assert look(STARTING, after=99 * MINUTE, timeline=fast).plan.wake_at == NOW + 100 * MINUTE
    assert look(STARTING, after=100 * MINUTE, timeline=fast).failure


@pytest.mark.parametrize(
    ("queued", "expected"),
    [
        pytest.param(100, timedelta(minutes=10), id="karpenter:Q07"),
        pytest.param(4000, timedelta(minutes=10), id="karpenter:Q08"),
        pytest.param(7500, timedelta(minutes=10), id="exactly"),
        pytest.param(7501, timedelta(minutes=10, milliseconds=80), id="one-more"),
        pytest.param(40000, timedelta(minutes=53, seconds=20), id="karpenter:Q10"),
        pytest.param(45000, timedelta(hours=1), id="the-most"),
        pytest.param(100000, timedelta(hours=1), id="karpenter:Q12"),
        pytest.param(0, timedelta(minutes=10), id="none"),
    ],
)
def test_how_long_a_command_may_take(queued: int, expected: timedelta) -> None:
    assert timeout(queued) == expected


# --- healing ------------------------------------------------------------------------------------------------------


@pytest.mark.row("karpenter:T01")
def test_marks_without_a_command_are_taken_off() -> None:
    left = node(of="old", taints=(DISRUPTED,))
    status, patch = heal(left, MARKED, NOW)
    assert isinstance(status, SetNodeClaimStatus)
    assert isinstance(patch, PatchNode)
    assert not is_true(with_status(MARKED, status).status.conditions, names.DISRUPTION_REASON)
    assert patched_node(left, patch).spec.taints == ()


@pytest.mark.parametrize("claim_", [None, OLD], ids=["without-claim", "with-claim"])
def test_there_is_nothing_to_heal_on_a_node_without_marks(claim_: NodeClaim | None) -> None:
    assert heal(node(), claim_, NOW) == ()


@pytest.mark.parametrize(
    ("found", "seen"),
    [({}, ()), ({NEW_NAME: STARTING}, (NEW_NAME,)), ({NEW_NAME: READY}, (NEW_NAME,)), ({}, (NEW_NAME,))],
    ids=["not-made", "starting", "ready", "deleted"],
)
@pytest.mark.parametrize("minutes", [0, 1, 9, 10, 11])
def test_every_look_ends_the_command_or_says_when_to_look_again(
    found: Mapping[str, NodeClaim], seen: tuple[str, ...], minutes: int
) -> None:
    now = NOW + minutes * MINUTE
    progress = advance(COMMAND, TAKEN, MARKED, found, frozenset(seen), 1, WALL_CLOCK, now)
    if not (progress.completed or progress.failure):
        assert progress.plan.wake_at is not None
        assert progress.plan.wake_at > now


def test_a_taken_node_is_one_that_budgets_see() -> None:
    def has_record(item: Node) -> bool:
        return names.COMMAND in item.metadata.annotations

    assert has_record(TAKEN)
    assert not has_record(node())


def test_a_replacement_never_gets_a_name_that_another_claim_has() -> None:
    drawn = drift_command(OLD, (PLACEMENT, PLACEMENT), NOW)
    names_drawn = [item.name for item in drawn.replacements]
    beside = drift_command(OLD, (PLACEMENT, PLACEMENT), NOW, taken={names_drawn[0]}.__contains__)
    assert names_drawn[0] not in {item.name for item in beside.replacements}
    assert beside.replacements[1].name == names_drawn[1], "the others keep theirs"
    assert beside == drift_command(OLD, (PLACEMENT, PLACEMENT), NOW, taken={names_drawn[0]}.__contains__)
