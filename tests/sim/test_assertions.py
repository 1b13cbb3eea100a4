"""What an outcome says of each assertion: where it breaks first, and how near it comes where it holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from napsim.api.checks import Assertion
from napsim.sim.assertions import Breach, Held, Judge
from napsim.sim.outcome import Outcome, PickUp, PoolOutcome, PoolStep, WorkloadOutcome
from tests.sim.scenarios import NEW, OLD, START, cluster, scenario, shop

HOUR: Final = timedelta(hours=1)
GALLERY: Final = "AKSUbuntu-2204gen2containerd"
IMAGE: Final = f"2204gen2containerd-{NEW}"


def step(hours: float, old: int, new: int, disrupting: int = 0) -> PoolStep:
    versions = ((f"{GALLERY}-{OLD}", old), (f"{GALLERY}-{NEW}", new))
    shown = tuple(item for item in versions if item[1])
    return PoolStep(START + hours * HOUR, old + new, disrupting, 2, shown)


def outcome(
    *steps: PoolStep, hours: float = 48, picked: float | None = 5, evictions: Mapping[float, int] | None = None
) -> Outcome:
    """Two nodes that are replaced; one workload of two pods that loses some."""
    most = max(steps, key=lambda item: item.disrupting)
    pool = PoolOutcome("default", None, (), steps, most.disrupting, most.at, 2)
    pick_ups = () if picked is None else (
        PickUp(START + picked * HOUR, "default", "2204gen2containerd", OLD, NEW, "WindowOpen", "", False),
    )  # fmt: skip
    lost = tuple((START + at * HOUR, pods) for at, pods in (evictions or {}).items())
    web = WorkloadOutcome("default/Deployment/web", sum(pods for _, pods in lost), 0, lost)
    return Outcome(
        START, START + hours * HOUR, 0, (pool,), (web,), (), (), pick_ups, (), (), (), most.disrupting, most.at, 0
    )


ROLLED_OUT: Final = (step(0, 2, 0), step(5, 2, 0, 1), step(5.5, 1, 1, 2), step(7, 0, 2))
STUCK: Final = (step(0, 2, 0), step(5, 2, 0, 1), step(5.5, 1, 1))


def held(found: Outcome, assertion: dict[str, Any], zone: str = "UTC") -> Held:
    played = scenario(cluster(shop(2)))
    return Judge(played, found, zone).held(Assertion.parse({"id": "it", **assertion}, strict=True))


def breach(found: Outcome, assertion: dict[str, Any]) -> Breach:
    broken = held(found, assertion).breach
    assert broken is not None
    return broken


@pytest.mark.parametrize(
    ("found", "assertion", "measure"),
    [
        (outcome(*ROLLED_OUT), {"finishes": {"within": "6h"}}, "at most 6h00m"),
        (outcome(*ROLLED_OUT), {"finishes": {"within": "2h", "after": "PickUp"}}, "at most 2h00m"),
        (outcome(*ROLLED_OUT), {"pickedUp": {"within": "4h"}}, "at most 4h00m"),
        (outcome(*ROLLED_OUT), {"atOnce": {"nodes": 2, "nodePools": ["default"]}}, "at most 2 at once"),
        (outcome(*ROLLED_OUT), {"atOnce": {"nodes": 2}}, "at most 2 at once"),
        (outcome(*ROLLED_OUT), {"noDisruption": {"days": "Mon-Fri"}}, "none at these times"),
        (outcome(*ROLLED_OUT), {"noDisruption": {"hours": "03:00-01:00"}}, "none at these times"),
        (outcome(*ROLLED_OUT, evictions={5: 1, 6: 1}), {"evictions": {"atMost": 1, "perReplica": True}},
         "at most 2 of one workload"),
        (outcome(step(0, 0, 2), picked=None), {"finishes": {"within": "1h"}}, "nothing had to move"),
    ],
    ids=["finishes", "from the pick-up", "picked up", "at once in a pool", "at once in all", "weekdays", "hours",
         "evictions", "nothing to do"],
)  # fmt: skip
def test_an_assertion_that_holds_tells_how_near_it_came(
    found: Outcome, assertion: dict[str, Any], measure: str
) -> None:
    assert held(found, assertion) == Held(measure)


@pytest.mark.parametrize(
    ("found", "assertion", "at", "message"),
    [
        (outcome(*ROLLED_OUT), {"finishes": {"within": "5h"}}, 6,
         f"1 of 2 nodes of pool default do not run {IMAGE} yet, nor a newer one"),
        (outcome(*STUCK), {"finishes": {"within": "1d"}}, 25,
         f"1 of 2 nodes of pool default do not run {IMAGE} yet, nor a newer one"),
        (outcome(*ROLLED_OUT), {"finishes": {"within": "1h", "after": "PickUp"}}, 6,
         f"1 of 2 nodes of pool default do not run {IMAGE} yet, nor a newer one"),
        (outcome(step(0, 2, 0), picked=None), {"pickedUp": {"within": "1d"}}, 25,
         f"AKSNodeClass default has not picked up {IMAGE}, nor a newer one"),
        (outcome(*ROLLED_OUT), {"atOnce": {"nodes": 1, "nodePools": ["default"]}}, 5.5,
         "more than 1 node of pool default disrupted at once"),
        (outcome(*ROLLED_OUT), {"atOnce": {"nodes": 0}}, 5, "more than 0 nodes disrupted at once"),
        (outcome(*ROLLED_OUT), {"noDisruption": {"days": "Sun", "hours": "02:00-04:00"}}, 6,
         "nodes of pool default are being disrupted in a time without disruption"),
        (outcome(*ROLLED_OUT), {"noDisruption": {"from": "2026-02-15", "until": "2026-02-15"}}, 5,
         "nodes of pool default are being disrupted in a time without disruption"),
        (outcome(*ROLLED_OUT, evictions={5: 1, 6: 2}), {"evictions": {"atMost": 1, "perReplica": True}}, 6,
         "3 pods of default/Deployment/web are evicted, which has 2 pods"),
        (outcome(*ROLLED_OUT, evictions={5: 1, 6: 2}), {"evictions": {"atMost": 0}}, 5,
         "3 pods of default/Deployment/web are evicted"),
    ],
    ids=["late", "never", "late after the pick-up", "not picked up", "at once in a pool", "at once in all", "hours",
         "a day of the calendar", "twice", "ever"],
)  # fmt: skip
def test_a_breach_has_its_first_instant(found: Outcome, assertion: dict[str, Any], at: float, message: str) -> None:
    broken = breach(found, assertion)
    assert (broken.at, broken.message) == (START + at * HOUR, message)


def test_a_day_of_the_week_is_one_where_the_reader_says() -> None:
    """05:00 on Sunday in Kiritimati is 15:00 on Saturday in UTC."""
    sunday = {"noDisruption": {"days": "Sat", "hours": "00:00-23:59"}}
    assert held(outcome(*ROLLED_OUT), sunday).breach is None
    west = {"noDisruption": {"days": "Sat", "timeZone": "Pacific/Honolulu"}}
    assert breach(outcome(*ROLLED_OUT), west).at == datetime.fromisoformat("2026-02-15T01:00:00+00:00")


@pytest.mark.parametrize(
    "wanted",
    [
        {"finishes": {"within": "3d"}},
        {"pickedUp": {"within": "3d"}},
        {"noDisruption": {"from": "2026-12-20", "until": "2027-01-06"}},
    ],
)
def test_what_ends_before_anything_could_break_does_not_hold(wanted: dict[str, Any]) -> None:
    broken = breach(outcome(step(0, 2, 0), picked=None), wanted)
    assert broken.undecided
    assert broken.at == START + 48 * HOUR
