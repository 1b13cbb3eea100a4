"""``wake_at`` is the first instant at which an answer changes by itself, held against a look at every second."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napsim.api import names
from napsim.core.actions import SetNodeClaimStatus, with_status
from napsim.core.configurations import (
    DEFAULT,
    NODE_OS,
    Configuration,
    MaintenanceWindow,
    NotAllowedDates,
    NotAllowedTime,
)
from napsim.core.definitions import DEFINITIONS, ImageSelection, cig_image_id
from napsim.core.drift import (
    ConditionEdit,
    DriftReason,
    InstanceTypes,
    Offering,
    PoolView,
    drift_condition,
    drift_of,
)
from napsim.core.images import Catalogue, PublishedImage
from napsim.core.lead_times import effective, gate
from napsim.core.nodeclasses import NodeClassState, StatusImage
from napsim.core.objects import Condition, NodeClaim, Requirement
from napsim.core.pickup import ForcedPickup, NodeClassPass, PickupRule, PickupSettings, Window, reconcile
from napsim.core.recurrence import Daily
from napsim.core.requirements import requirements_of
from napsim.core.windows import verdict
from tests.core.drawn import MINUTE, SECOND, holds_until, same_before
from tests.core.examples import claim, true

MIDNIGHT: Final = datetime(2025, 1, 7, tzinfo=UTC)  # at which an image of 2024-10-09 is ninety days old
NEAR: Final = st.integers(-600, 600).map(lambda seconds: MIDNIGHT + seconds * SECOND)

# --- windows ----------------------------------------------------------------------------------------------------------


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    """A window of four hours or a day that begins or ends near midnight, with a piece cut out of it, perhaps."""
    begins = time(draw(st.sampled_from([0, 20])), draw(st.integers(0, 9)))
    hours = draw(st.sampled_from([4, 24]))
    days = draw(st.lists(st.sampled_from([date(2025, 1, 6), date(2025, 1, 7)]), max_size=1))
    cut = draw(st.lists(st.tuples(NEAR, st.integers(0, 300)), max_size=2))
    return Configuration(
        draw(st.sampled_from([NODE_OS, DEFAULT])),
        MaintenanceWindow(
            Daily(draw(st.integers(1, 2))), hours, date(2025, 1, 6), begins,
            not_allowed_dates=tuple(NotAllowedDates(day, day) for day in days),
        ),
        not_allowed_time=tuple(NotAllowedTime(at, at + seconds * SECOND) for at, seconds in cut),
    )  # fmt: skip


@settings(max_examples=20)
@given(configurations(), NEAR)
def test_a_window_opens_and_closes_at_its_wake_at_and_at_no_second_before(found: Configuration, now: datetime) -> None:
    wake_at = verdict(found, now).wake_at

    assert wake_at is None or wake_at > now
    assert holds_until(lambda at: verdict(found, at).open, now, wake_at, 400)


@settings(max_examples=20)
@given(st.none() | configurations(), st.none() | configurations(), NEAR, st.integers(0, 40))
def test_a_change_of_configuration_counts_at_the_wake_at_of_its_gate_and_at_no_second_before(
    old: Configuration | None, new: Configuration | None, changed_at: datetime, minutes: int
) -> None:
    now = changed_at + minutes * MINUTE
    first = gate(effective(old, new, changed_at, now), now)

    assert same_before(lambda at: gate(effective(old, new, changed_at, at), at).open, now, first.wake_at, 300)
    assert same_before(lambda at: gate(effective(old, new, changed_at, at), at).message, now, first.told_until, 300)
    assert first.wake_at is None or (first.told_until is not None and now < first.told_until <= first.wake_at)
    if first.wake_at is not None:
        state = effective(old, new, changed_at, first.wake_at)
        assert state.takes_effect_at is None or gate(state, first.wake_at).open is not first.open


# --- pick-up ----------------------------------------------------------------------------------------------------------

GEN2, GEN1, ARM = "2204gen2containerd", "2204containerd", "2204gen2arm64containerd"
VERSIONS: Final = ("202410.09.0", "202411.12.0", "202501.02.0")
BYPASSES: Final = frozenset(PickupRule) - {PickupRule.WINDOW_OPEN, PickupRule.NO_WINDOW}
HELD: Final = st.lists(
    st.tuples(st.sampled_from([GEN2, GEN1, ARM]), st.sampled_from(VERSIONS)), unique_by=lambda pair: pair[0]
)
PUBLISHED: Final = st.lists(
    st.tuples(st.sampled_from([GEN2, GEN1, ARM]), st.sampled_from(VERSIONS), NEAR),
    max_size=5,
    unique_by=lambda item: item[2],
)
RULES: Final = st.builds(ForcedPickup, st.booleans(), st.just(90))


def node_class(held: Any) -> NodeClassState:
    since = MIDNIGHT - timedelta(days=9)
    ready = (names.KUBERNETES_VERSION_READY, names.IMAGES_READY) if held else ()
    images = tuple(
        StatusImage(cig_image_id(DEFINITIONS[of], version), DEFINITIONS[of].requirements) for of, version in held
    )
    return NodeClassState(
        "default", 1, ImageSelection("Ubuntu2204"), images, "1.33.2" if held else "",
        tuple(Condition(type_, "True", type_, "", since, 1) for type_ in ready),
    )  # fmt: skip


def window_at(found: Configuration | None, now: datetime) -> Window:
    state = verdict(found, now)
    return Window(state.open, state.wake_at, found is not None)


@settings(max_examples=25)
@given(HELD, PUBLISHED, st.none() | configurations(), st.sampled_from([0, 90, 3600]), RULES, NEAR)
@example(
    [(GEN2, "202410.09.0")],
    [(GEN2, "202501.02.0", MIDNIGHT - 5 * MINUTE)],
    Configuration(NODE_OS, MaintenanceWindow(Daily(2), 4, date(2025, 1, 6), time(0, 5))),
    0,
    ForcedPickup(),
    MIDNIGHT - MINUTE,
)
def test_nothing_is_picked_up_before_wake_at_nor_while_closed_without_a_rule_that_says_so(
    held: Any, published: Any, found: Configuration | None, kept_seconds: int, rule: ForcedPickup, now: datetime
) -> None:
    catalogue = Catalogue(PublishedImage(of, version, "Ubuntu2204", at) for of, version, at in published)
    chosen = PickupSettings(forced=rule, cache_duration=kept_seconds * SECOND)

    def status_pass(at: datetime, before: NodeClassPass | None = None) -> NodeClassPass:
        state, cache = (before.state, before.cache) if before else (node_class(held), None)
        return reconcile(state, "1.33.2", catalogue, cache, window_at(found, at), chosen, at)

    first = status_pass(now)
    closed = found is not None and not verdict(found, now).open
    assert not closed or all(change.rule in BYPASSES for change in first.pickup.changes)
    assert status_pass(now, first).state is first.state
    assert first.pickup.wake_at is None or first.pickup.wake_at > now
    assert same_before(lambda at: status_pass(at, first).state, now, first.pickup.wake_at, 200)


# --- drift ------------------------------------------------------------------------------------------------------------

HERE: Final = Offering("westeurope-1", "on-demand")
LABELS: Final = {names.INSTANCE_TYPE: "Standard_D4s_v5", names.ZONE: HERE.zone, names.CAPACITY_TYPE: HERE.capacity_type}
HASHED: Final = {names.NODEPOOL_HASH: "1", names.NODEPOOL_HASH_VERSION: "v3"}
MARKS: Final = st.sampled_from([
    (),
    (Condition(names.DRIFTED, "True", "ImageDrift", "ImageDrift", MIDNIGHT),),
    (Condition(names.DRIFTED, "True", "InstanceTypeNotFound", "InstanceTypeNotFound", MIDNIGHT),),
    (Condition(names.DRIFTED, "False", "x", "y", MIDNIGHT),),
])  # fmt: skip


@settings(max_examples=20)
@given(
    st.booleans(),
    MARKS,
    st.sampled_from([{}, HASHED, {**HASHED, names.NODEPOOL_HASH: "2"}]),
    st.sampled_from([[], [{"key": names.ARCH, "operator": "Exists"}]]),
    st.sampled_from([{}, {"Standard_D4s_v5": [HERE]}]),
    st.integers(0, 70),
    st.none() | st.integers(0, 35),
)
def test_drift_is_found_at_its_wake_at_and_at_no_second_before_and_marked_once(
    launched: bool, marks: Any, hashed: Any, wanted: Any, offered: Any, age: int, found: int | None
) -> None:
    before = claim(
        "c", conditions=(*(true(names.LAUNCHED) if launched else ()), *marks), labels=LABELS, annotations=hashed
    )
    pool = PoolView("default", requirements_of(msgspec.convert(wanted, list[Requirement])), "1", "v3")
    types = InstanceTypes(offered, MIDNIGHT - age * MINUTE, None if found is None else MIDNIGHT - found * MINUTE)

    def look(at: datetime, of: NodeClaim = before) -> tuple[DriftReason, datetime | None]:
        answer = drift_of(of, pool, None, (), types, at)
        return answer.reason, answer.wake_at

    reason, wake_at = look(MIDNIGHT)
    assert wake_at is None or wake_at > MIDNIGHT
    assert same_before(lambda at: look(at)[0], MIDNIGHT, wake_at, 300)
    assert wake_at is None or look(wake_at)[0] is not reason

    edit = drift_condition(before, drift_of(before, pool, None, (), types, MIDNIGHT), MIDNIGHT)
    after = before
    if edit is ConditionEdit.REMOVE:
        after = with_status(before, SetNodeClaimStatus(before, MIDNIGHT, remove=(names.DRIFTED,)))
    elif isinstance(edit, Condition):
        after = with_status(before, SetNodeClaimStatus(before, MIDNIGHT, (edit,)))
    assert drift_condition(after, drift_of(after, pool, None, (), types, MIDNIGHT), MIDNIGHT) is ConditionEdit.UNCHANGED
