"""Where two traces of one story first differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from napsim.core.divergence import diverge, renamed
from napsim.core.trace import Record, RecordKind

NOON = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TOLERANCE = 15 * SECOND


def rollout(new: str = "new", late: float = 0, first: str = "a", second: str = "b") -> list[Record]:
    """Two nodes go one after another; the first has a replacement of that name."""

    def at(seconds: float) -> datetime:
        return NOON + timedelta(seconds=seconds + late)

    def created(name: str, of: str, seconds: float) -> Record:
        details = {"nodePool": "default", "replaces": of}
        return Record(at(seconds), RecordKind.CLAIM_CREATED, f"NodeClaim/{name}", details=details)

    def started(node: str, replacement: str, seconds: float) -> Record:
        details = {"nodePool": "default", "replacements": replacement}
        return Record(at(seconds), RecordKind.COMMAND_STARTED, node, "Drifted", details=details)

    return [
        Record(at(0), RecordKind.PICKED_UP, "AKSNodeClass/default", "WindowOpen", "an image"),
        started(f"Node/aks-{first}", new, 1),
        created(new, first, 1),
        Record(at(2), RecordKind.BLOCKED, f"NodeClaim/{second}", "NotAllPodsWouldSchedule", f"no room on aks-{new}"),
        Record(at(40), RecordKind.CLAIM_INITIALIZED, f"NodeClaim/{new}"),
        Record(at(41), RecordKind.UNBLOCKED, f"NodeClaim/{second}", "NotAllPodsWouldSchedule"),
        started(f"Node/aks-{second}", "other", 41),
        created("other", second, 41),
        Record(at(60), RecordKind.CLAIM_GONE, f"NodeClaim/{first}"),
    ]


def found(one: Sequence[Record], other: Sequence[Record], tolerance: timedelta = TOLERANCE) -> tuple[str, str] | None:
    difference = diverge(one, other, tolerance)
    return None if difference is None else (difference.of, difference.what)


def test_the_same_trace_is_the_same() -> None:
    assert found(rollout(), rollout()) is None


def test_generated_names_are_mapped_wherever_they_stand() -> None:
    one, other = rollout("new-x1"), rollout("new-z9")
    assert renamed(one, other) == one
    assert found(one, other) is None


def test_a_name_that_is_given_again_is_mapped_to_another() -> None:
    """Two claims are refused and made anew, while one of their names is still taken in one trace alone."""

    def refused(*names: str) -> list[Record]:
        created = [
            Record(NOON, RecordKind.CLAIM_CREATED, f"NodeClaim/{name}", details={"nodePool": "p"}) for name in names
        ]
        gone = [Record(NOON + SECOND, RecordKind.CLAIM_GONE, f"NodeClaim/{name}") for name in names]
        return [*created[:2], *gone[:2], *created[2:], *gone[2:]]

    one, other = refused("a", "b", "a", "c"), refused("x", "y", "x", "y")
    assert found(one, other) is None
    assert found(other, one) is None
    assert renamed(one, other) == one


def test_a_replacement_of_a_replacement_is_mapped_too() -> None:
    def again(new: str, newer: str) -> list[Record]:
        details = {"nodePool": "default", "replaces": new}
        return [
            *rollout(new),
            Record(NOON + 90 * SECOND, RecordKind.CLAIM_CREATED, f"NodeClaim/{newer}", details=details),
        ]

    assert found(again("one", "two"), again("eins", "zwei")) is None


@pytest.mark.parametrize(("late", "expected"), [(15.0, None), (15.5, ("pick-ups", "15.5 s apart"))])
def test_instants_may_differ_within_the_tolerance(late: float, expected: tuple[str, str] | None) -> None:
    assert found(rollout(), rollout(late=late)) == expected


def test_another_order_of_nodes_of_one_pool_is_a_difference() -> None:
    assert found(rollout(), rollout(first="b", second="a")) == ("commands of NodePool default", "another object")


def test_nodes_of_two_pools_may_change_places_within_the_tolerance() -> None:
    def started(pool: str, seconds: float) -> Record:
        at, details = NOON + seconds * SECOND, {"nodePool": pool, "replacements": ""}
        return Record(at, RecordKind.COMMAND_STARTED, f"Node/aks-{pool}", "Drifted", details=details)

    assert found([started("one", 4), started("two", 5)], [started("two", 4), started("one", 5)]) is None
    apart = [started("two", 4), started("one", 19.5)]
    assert found([started("one", 4), started("two", 5)], apart) == ("commands of NodePool one", "15.5 s apart")


def test_commands_of_a_trace_that_names_no_pool_are_compared_in_one_order() -> None:
    def started(name: str) -> Record:
        return Record(NOON, RecordKind.COMMAND_STARTED, f"Node/aks-{name}", "Drifted")

    assert found([started("a"), started("b")], [started("b"), started("a")]) == ("commands", "another object")


def test_records_of_different_objects_may_come_in_another_order() -> None:
    one = rollout()
    other = [*one[:4], one[5], one[4], *one[6:]]
    assert found(one, other) is None


@pytest.mark.parametrize(
    ("position", "change", "expected"),
    [
        (0, {"reason": "NoWindow"}, ("pick-ups", "another reason")),
        (0, {"message": "another image"}, ("pick-ups", "another message")),
        (3, {"message": "no room at all"}, None),
        (3, {"reason": "PodDisruptionBudget"}, ("NodeClaim/b", "another reason")),
        (7, {"details": {"nodePool": "large", "replaces": "b"}}, ("NodeClaim/other", "other details")),
        (8, {"kind": RecordKind.CLAIM_DELETED}, ("NodeClaim/a", "another kind")),
    ],
    ids=["reason", "message", "any pod without room", "verdict", "details", "kind"],
)
def test_what_counts(position: int, change: dict[str, object], expected: tuple[str, str] | None) -> None:
    other = rollout()
    other[position] = replace(other[position], **change)
    assert found(rollout(), other) == expected


def test_the_earliest_difference_is_the_one_that_is_told() -> None:
    other = rollout()
    other[8] = replace(other[8], reason="why")
    other[5] = replace(other[5], reason="why")
    difference = diverge(rollout(), other, TOLERANCE)
    assert difference is not None
    assert (difference.of, difference.first, difference.index_second) == ("NodeClaim/b", rollout()[5], 5)


def test_what_only_one_of_them_has_is_a_difference() -> None:
    assert found(rollout(), rollout()[:-1]) == ("NodeClaim/a", "only in the first")
    assert found(rollout()[:-1], rollout()) == ("NodeClaim/a", "only in the second")


def test_pods_are_not_compared_nor_what_is_left_out() -> None:
    evicted = Record(NOON, RecordKind.POD_EVICTED, "Pod/default/web-1")
    assert found([evicted, *rollout()], rollout()) is None
    unblocked = [record for record in rollout() if record.kind is not RecordKind.UNBLOCKED]
    assert diverge(rollout(), unblocked, TOLERANCE, lambda record: record.kind is RecordKind.UNBLOCKED) is None
