"""Conditions of an AKSNodeClass: when they may be read, how they are set, and the root condition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from napsim.api import names
from napsim.core.nodeclasses import (
    NodeClassState,
    ready_condition,
    unreadable,
    unreadable_kubernetes_version,
    with_condition,
)
from napsim.core.objects import Condition

NOW = datetime(2025, 1, 8, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(days=1)
DEPENDENTS = (names.KUBERNETES_VERSION_READY, names.IMAGES_READY)


def state(*conditions: Condition, version: str = "1.33.2") -> NodeClassState:
    return NodeClassState("default", 2, kubernetes_version=version, conditions=conditions)


def stated(type_: str, status: str, generation: int = 2) -> Condition:
    return Condition(type_, status, "Test", "so it is", BEFORE, generation)


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        (
            (),
            "NodeClass condition ImagesReady, is in Ready=Unknown, object is awaiting reconciliation",
        ),
        ((stated(names.IMAGES_READY, "False"),), "NodeClass condition ImagesReady, is in Ready=False, so it is"),
        (
            (stated(names.IMAGES_READY, "True", 1),),
            "NodeClass condition ImagesReady ObservedGeneration 1 does not match the NodeClass Generation 2",
        ),
        ((stated(names.IMAGES_READY, "True"),), ""),
    ],
)
def test_images_are_read_only_when_they_are_ready_at_the_current_generation(
    conditions: tuple[Condition, ...], message: str
) -> None:
    assert unreadable(state(*conditions), names.IMAGES_READY) == message


def test_an_empty_kubernetes_version_is_not_read() -> None:
    ready = stated(names.KUBERNETES_VERSION_READY, "True")
    assert unreadable_kubernetes_version(state(ready)) == ""
    assert unreadable_kubernetes_version(state(ready, version="")) == "NodeClass KubernetesVersion is uninitialized"


def test_a_condition_keeps_its_age_until_its_status_changes() -> None:
    old = (stated(names.IMAGES_READY, "True"), stated(names.READY, "True"))
    reworded = with_condition(old, Condition(names.IMAGES_READY, "True", "Other"), 2, NOW)
    assert reworded == (Condition(names.IMAGES_READY, "True", "Other", "", BEFORE, 2), old[1])
    turned = with_condition(old, Condition(names.IMAGES_READY, "False", "Other"), 2, NOW)
    assert turned[0].last_transition_time == NOW
    assert with_condition(old, old[0], 2, NOW) is old
    assert with_condition((), Condition(names.READY, "True"), 2, NOW) == (
        Condition(names.READY, "True", "", "", NOW, 2),
    )


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (("True", "True"), ("True", "Ready", "")),
        (("True", "False"), ("False", "UnhealthyDependents", "ImagesReady=False")),
        (("Unknown", "False"), ("False", "UnhealthyDependents", "KubernetesVersionReady=Unknown, ImagesReady=False")),
        (("True", "Unknown"), ("Unknown", "ReconcilingDependents", "ImagesReady=Unknown")),
    ],
)
def test_the_root_condition_follows_its_dependents(statuses: tuple[str, str], expected: tuple[str, str, str]) -> None:
    conditions = tuple(stated(type_, status) for type_, status in zip(DEPENDENTS, statuses, strict=True))
    ready = ready_condition(state(*conditions), DEPENDENTS, NOW)
    assert (ready.status, ready.reason, ready.message) == expected


def test_a_dependent_of_an_older_generation_counts_as_unknown() -> None:
    conditions = (stated(names.KUBERNETES_VERSION_READY, "True"), stated(names.IMAGES_READY, "False", 1))
    assert ready_condition(state(*conditions), DEPENDENTS, NOW).reason == "ReconcilingDependents"
