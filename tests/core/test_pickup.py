"""Pick-up: which image versions an AKSNodeClass adopts, by which rule, and until when it holds the old ones."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.core.configurations import NODE_OS, Configuration, MaintenanceWindow
from napsim.core.definitions import DEFINITIONS, GalleryKind, ImageSelection, base_id, cig_image_id, definitions_for
from napsim.core.images import Catalogue, ListCache, PublishedImage
from napsim.core.nodeclasses import NodeClassState, StatusImage, unreadable_kubernetes_version
from napsim.core.objects import Condition, condition
from napsim.core.pickup import (
    NO_WINDOW,
    ForcedPickup,
    NodeClassPass,
    Pickup,
    PickupRule,
    PickupSettings,
    Window,
    pick_up,
    reconcile,
)
from napsim.core.recurrence import Daily
from napsim.core.windows import verdict

NOW = datetime(2025, 1, 8, 12, tzinfo=UTC)
HOUR, DAY, TICK = timedelta(hours=1), timedelta(days=1), timedelta(microseconds=1)
OLD, NEW = "202410.09.0", "202501.02.0"
KUBERNETES = "1.33.2"
UBUNTU2204 = ImageSelection("Ubuntu2204")
GEN2, GEN1, ARM = "2204gen2containerd", "2204containerd", "2204gen2arm64containerd"
TRIPLE = (GEN2, GEN1, ARM)
OPEN = Window(open=True, changes_at=NOW + HOUR)
CLOSED = Window(open=False, changes_at=NOW + HOUR)
SETTINGS = PickupSettings(forced=ForcedPickup(days=365))  # the fixture's old version is 91 days old


def entry(version: str, definition: str = GEN2) -> StatusImage:
    return StatusImage(cig_image_id(DEFINITIONS[definition], version), DEFINITIONS[definition].requirements)


def entries(version: str, *definitions: str) -> tuple[StatusImage, ...]:
    return tuple(entry(version, definition) for definition in definitions or TRIPLE)


def published(version: str, *definitions: str, at: datetime = NOW - DAY) -> list[PublishedImage]:
    return [PublishedImage(definition, version, "Ubuntu2204", at) for definition in definitions or TRIPLE]


def true(type_: str, generation: int = 1, since: datetime = NOW - DAY) -> Condition:
    return Condition(type_, "True", type_, "", since, generation)


def node_class(images: tuple[StatusImage, ...] = ()) -> NodeClassState:
    ready = (true(names.KUBERNETES_VERSION_READY), true(names.IMAGES_READY)) if images else ()
    return NodeClassState("default", 1, UBUNTU2204, images, KUBERNETES if images else "", ready)


def look(
    state: NodeClassState,
    window: Window,
    version: str = NEW,
    now: datetime = NOW,
    settings: PickupSettings = SETTINGS,
) -> Pickup:
    """A look of ``state`` at the triple of its family in that version."""
    selected = definitions_for(state.selection, state.kubernetes_version or KUBERNETES, settings.kind)
    return pick_up(state, entries(version, *(one.name for one in selected)), window, settings, now)


def status_pass(
    state: NodeClassState,
    window: Window,
    images: list[PublishedImage] | None = None,
    server: str = KUBERNETES,
    cache: ListCache | None = None,
    now: datetime = NOW,
    settings: PickupSettings = SETTINGS,
) -> NodeClassPass:
    catalogue = Catalogue(published(NEW) if images is None else images)
    return reconcile(state, server, catalogue, cache, window, settings, now)


def versions(images: tuple[StatusImage, ...]) -> list[str]:
    return [image.id.rsplit("/", 1)[-1] for image in images]


def rules(pickup: Pickup) -> list[tuple[str, str, str, PickupRule]]:
    return [(change.definition, change.from_version, change.to_version, change.rule) for change in pickup.changes]


def images_ready(pickup: Pickup) -> tuple[str, str]:
    found = condition(pickup.conditions, names.IMAGES_READY)
    return (found.status, found.reason) if found else ("", "")


# --- the window -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "window", "expected", "rule"),
    [
        pytest.param(node_class(), CLOSED, NEW, PickupRule.NEW_NODE_CLASS, id="nap:P1"),
        pytest.param(node_class(entries(OLD)), NO_WINDOW, NEW, PickupRule.NO_WINDOW, id="nap:P2"),
        pytest.param(node_class(entries(OLD)), CLOSED, OLD, None, id="nap:P5"),
        pytest.param(node_class(entries(OLD)), OPEN, NEW, PickupRule.WINDOW_OPEN, id="nap:P8"),
    ],
)
def test_images_are_adopted_when_there_is_no_window_or_it_is_open(
    state: NodeClassState, window: Window, expected: str, rule: PickupRule | None
) -> None:
    pickup = look(state, window)
    assert pickup.images == entries(expected)
    assert images_ready(pickup) == ("True", "ImagesReady")
    assert {change.rule for change in pickup.changes} == ({rule} if rule else set())
    assert len(pickup.changes) == (3 if rule else 0)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            "error parsing maintenance window end time for channel aksManagedNodeOSUpgradeSchedule, invalid",
            id="nap:P10",
        )
    ],
)
def test_a_window_that_cannot_be_read_is_an_error_and_changes_nothing(error: str) -> None:
    state = node_class(entries(OLD))
    pickup = look(state, Window(open=False, error=error))
    assert pickup.error == f"checking maintenance window, {error}"
    assert pickup.images is state.images
    assert pickup.conditions is state.conditions


@pytest.mark.parametrize("window", [pytest.param(Window(open=False, error="unexpected state"), id="nap:X12")])
def test_a_new_node_class_does_not_ask_the_window(window: Window) -> None:
    pickup = look(node_class(), window)
    assert (pickup.error, versions(pickup.images)) == ("", [NEW] * 3)


def test_a_change_names_its_definition_its_versions_and_its_rule() -> None:
    change = look(node_class(entries(OLD)), OPEN).changes[0]
    assert change.message == f"{GEN2}: {OLD} to {NEW} (WindowOpen: the maintenance window is open)"
    assert (change.from_id, change.to_id) == (entry(OLD).id, entry(NEW).id)


def test_what_a_closed_window_holds_back_is_said_with_the_end_of_it() -> None:
    pickup = look(node_class(entries(OLD)), CLOSED)
    assert [(held.definition, held.version, held.latest) for held in pickup.held] == [(d, OLD, NEW) for d in TRIPLE]
    assert pickup.held[0].message.startswith("held: window closed until 2025-01-08T13:00:00Z, or until 2025-10-09")
    assert pickup.wake_at == NOW + HOUR


def test_a_closed_window_without_a_next_opening_leaves_the_forced_pick_up_as_the_end() -> None:
    pickup = look(node_class(entries(OLD)), Window(open=False), settings=PickupSettings(forced=ForcedPickup(days=120)))
    assert pickup.wake_at == datetime(2025, 2, 6, tzinfo=UTC) + TICK
    no_rule = PickupSettings(forced=ForcedPickup(enabled=False))
    assert look(node_class(entries(OLD)), Window(open=False), settings=no_rule).wake_at is None


def test_at_an_edge_of_the_window_the_next_look_is_just_after_it() -> None:
    assert look(node_class(entries(OLD)), Window(open=False, changes_at=NOW)).wake_at == NOW + TICK


def test_an_edge_that_is_past_is_not_waited_for() -> None:
    window = Window(open=False, changes_at=NOW - TICK)
    pickup = look(node_class(entries(OLD)), window, settings=PickupSettings(forced=ForcedPickup(enabled=False)))
    assert pickup.wake_at is None
    assert pickup.held[0].message == "held: window closed"


@pytest.mark.parametrize("window", [pytest.param(CLOSED, id="nap:X10")])
def test_what_was_adopted_stays_adopted_after_the_window_closed(window: Window) -> None:
    during = look(node_class(entries(OLD)), OPEN)
    after = look(node_class(during.images), window, now=NOW + HOUR)
    assert (after.images, after.changes, after.held) == (entries(NEW), (), ())


ONE_OCLOCK = datetime(2025, 1, 5, 1, tzinfo=UTC)
DAILY = Configuration(NODE_OS, MaintenanceWindow(Daily(1), 4, ONE_OCLOCK.date(), ONE_OCLOCK.time()))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(ONE_OCLOCK, OLD, id="nap:X7 start"),
        pytest.param(ONE_OCLOCK + TICK, NEW, id="after the start"),
        pytest.param(ONE_OCLOCK + 4 * HOUR - TICK, NEW, id="before the end"),
        pytest.param(ONE_OCLOCK + 4 * HOUR, OLD, id="nap:X7 end"),
    ],
)
def test_a_maintenance_configuration_is_open_strictly_between_start_and_end(now: datetime, expected: str) -> None:
    found = verdict(DAILY, now)
    pickup = look(node_class(entries(OLD)), Window(found.open, found.wake_at), now=now)
    assert versions(pickup.images) == [expected] * 3
    assert pickup.wake_at == found.wake_at


# --- what bypasses the window, and what does not --------------------------------------------------------------------


@pytest.mark.parametrize(
    "server", [pytest.param("1.33.3", id="nap:X1"), pytest.param("v1.34.0", id="a minor, with its v")]
)
def test_a_kubernetes_upgrade_takes_all_images_in_one_pass(server: str) -> None:
    state = node_class(entries(OLD))
    done = status_pass(state, CLOSED, server=server)
    assert done.state.kubernetes_version == server.removeprefix("v")
    assert versions(done.state.images) == [NEW] * 3
    assert {change.rule for change in done.pickup.changes} == {PickupRule.KUBERNETES_UPGRADE}
    assert condition(done.state.conditions, names.IMAGES_READY) == true(names.IMAGES_READY, since=NOW)
    assert condition(done.state.conditions, names.KUBERNETES_VERSION_READY) == true(names.KUBERNETES_VERSION_READY)


@pytest.mark.parametrize("server", [pytest.param("1.32.9", id="nap:X15")])
def test_a_lower_version_of_the_api_server_is_not_followed(server: str) -> None:
    state = node_class(entries(OLD))
    done = status_pass(state, CLOSED, server=server)
    assert done.state is state
    assert "lower" in done.message


@pytest.mark.parametrize("generation", [pytest.param(2, id="nap:X2")])
def test_an_edit_of_the_spec_is_no_reason_to_pick_up(generation: int) -> None:
    state = replace(node_class(entries(OLD)), generation=generation)
    pickup = look(state, CLOSED)
    assert (pickup.images, pickup.changes) == (entries(OLD), ())
    assert condition(pickup.conditions, names.IMAGES_READY) == true(names.IMAGES_READY, generation)


@pytest.mark.parametrize("selection", [pytest.param(ImageSelection("AzureLinux"), id="nap:X3")])
def test_another_family_brings_new_definitions_at_their_latest(selection: ImageSelection) -> None:
    pickup = look(replace(node_class(entries(OLD)), selection=selection), CLOSED)
    assert pickup.images == entries(NEW, "V3gen2", "V3", "V3gen2arm64")
    new = [(name, "", NEW, PickupRule.NEW_DEFINITION) for name in ("V3gen2", "V3", "V3gen2arm64")]
    gone = [(name, OLD, "", PickupRule.DEFINITION_GONE) for name in TRIPLE]
    assert rules(pickup) == new + gone


@pytest.mark.parametrize("server", [pytest.param("1.34.0", id="nap:X5")])
def test_a_kubernetes_upgrade_can_change_the_family(server: str) -> None:
    ubuntu2404 = ("2404gen2containerd", "2404containerd", "2404gen2arm64containerd")
    state = replace(node_class(entries(OLD)), selection=ImageSelection("Ubuntu"))
    done = status_pass(state, CLOSED, published(OLD, *ubuntu2404) + published(NEW, *ubuntu2404, at=NOW), server)
    assert done.state.images == entries(NEW, *ubuntu2404)
    assert [rule for *_, rule in rules(done.pickup)] == [PickupRule.KUBERNETES_UPGRADE] * 3 + [
        PickupRule.DEFINITION_GONE
    ] * 3


def test_a_definition_that_is_new_comes_at_its_latest_and_the_others_stay() -> None:
    pickup = look(node_class(entries(OLD, GEN2, ARM)), CLOSED)
    assert pickup.images == (entry(OLD, GEN2), entry(NEW, GEN1), entry(OLD, ARM))
    assert rules(pickup) == [(GEN1, "", NEW, PickupRule.NEW_DEFINITION)]


def test_a_held_entry_is_kept_whole_in_a_closed_window() -> None:
    bare = tuple(replace(image, requirements=()) for image in entries(OLD))
    assert look(node_class(bare), CLOSED).images == bare


def test_images_that_were_not_ready_are_all_refreshed() -> None:
    conditions = (Condition(names.IMAGES_READY, "False", "ImagesNotFound", "", NOW - DAY, 1),)
    pickup = look(replace(node_class(entries(OLD)), conditions=conditions), CLOSED)
    assert {change.rule for change in pickup.changes} == {PickupRule.IMAGES_WERE_NOT_READY}
    assert condition(pickup.conditions, names.IMAGES_READY) == true(names.IMAGES_READY, since=NOW)


@pytest.mark.parametrize(("before", "after"), [(OLD, f"{OLD}-2024.12.01"), (f"{OLD}-2024.12.01", OLD)])
@pytest.mark.parametrize("switched", [pytest.param(True, id="nap:S10"), pytest.param(False, id="not switched")])
def test_a_switch_of_the_catalogue_refreshes_all_images(before: str, after: str, switched: bool) -> None:
    state = node_class(entries(before))
    pickup = pick_up(state, entries(after), CLOSED, SETTINGS, NOW, catalogue_switched=switched)
    assert pickup.images == entries(after if switched else before)
    assert {change.rule for change in pickup.changes} == ({PickupRule.CATALOGUE_SWITCHED} if switched else set())


# --- no images ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [OPEN, CLOSED])
def test_no_image_at_all_empties_the_status(window: Window) -> None:
    pickup = pick_up(node_class(entries(OLD)), (), window, SETTINGS, NOW)
    assert (pickup.images, images_ready(pickup)) == ((), ("False", "ImagesNotFound"))
    assert {change.rule for change in pickup.changes} == {PickupRule.DEFINITION_GONE}


def test_fips_without_the_shared_gallery_empties_the_status() -> None:
    state = replace(node_class(entries(OLD)), selection=ImageSelection("Ubuntu", fips=True))
    done = status_pass(state, OPEN)
    assert (done.state.images, images_ready(done.pickup)) == ((), ("False", "SIGRequiredForFIPS"))
    assert {change.rule for change in done.pickup.changes} == {PickupRule.SIG_REQUIRED_FOR_FIPS}
    assert done.pickup.error == ""


def test_fips_with_the_shared_gallery_has_images() -> None:
    settings = PickupSettings(kind=GalleryKind.SIG, subscription="s-1")
    state = replace(node_class(), selection=ImageSelection("Ubuntu", fips=True))
    images = published(NEW, "2004gen2fipscontainerd", "2004fipscontainerd")
    done = status_pass(state, CLOSED, images, settings=settings)
    assert [image.id.split("/")[2] for image in done.state.images] == ["s-1", "s-1"]
    assert versions(done.state.images) == [NEW, NEW]


@pytest.mark.parametrize(
    ("ready", "message"),
    [
        pytest.param(
            Condition(names.KUBERNETES_VERSION_READY, "False", "Test", "no answer"),
            "NodeClass condition KubernetesVersionReady, is in Ready=False, no answer",
            id="nap:L1",
        ),
        pytest.param(
            true(names.KUBERNETES_VERSION_READY, generation=0),
            "NodeClass condition KubernetesVersionReady ObservedGeneration 0 does not match the NodeClass Generation 1",
            id="stale",
        ),
    ],
)
def test_images_cannot_be_listed_without_a_kubernetes_version_that_is_ready(ready: Condition, message: str) -> None:
    assert unreadable_kubernetes_version(replace(node_class(entries(OLD)), conditions=(ready,))) == message


def test_errors_of_both_parts_of_a_pass_are_combined_and_nothing_changes() -> None:
    stale = (true(names.KUBERNETES_VERSION_READY, generation=0), true(names.IMAGES_READY))
    state = replace(node_class(entries(OLD)), conditions=stale)
    done = status_pass(state, OPEN, server="nonsense")
    assert done.state is state
    assert "parsing discovered kubernetes version, 'nonsense'; getting nodeimages, NodeClass" in done.pickup.error
    assert done.pickup.requeue == NOW + timedelta(minutes=1)


# --- the 90-day rule ------------------------------------------------------------------------------------------------

PUBLISHED = datetime(2024, 10, 9, tzinfo=UTC)  # the day in OLD
UPSTREAM = ForcedPickup(margin=timedelta(minutes=30))


@pytest.mark.parametrize(
    ("rule", "age", "latest", "expected"),
    [
        pytest.param(UPSTREAM, 30 * DAY, NEW, None, id="nap:F2"),
        pytest.param(UPSTREAM, 90 * DAY - timedelta(minutes=30), NEW, None, id="nap:F3"),
        pytest.param(UPSTREAM, 90 * DAY - timedelta(minutes=30) + TICK, NEW, PickupRule.IMAGE_EXPIRED, id="after F3"),
        pytest.param(ForcedPickup(), 90 * DAY, NEW, None, id="nap:F5"),
        pytest.param(ForcedPickup(), 90 * DAY + timedelta(seconds=1), NEW, PickupRule.IMAGE_EXPIRED, id="nap:F6"),
        pytest.param(ForcedPickup(enabled=False), 200 * DAY, NEW, None, id="nap:F7"),
        pytest.param(ForcedPickup(days=30), 31 * DAY, NEW, PickupRule.IMAGE_EXPIRED, id="nap:F8"),
        pytest.param(ForcedPickup(), 91 * DAY, OLD, None, id="nap:F9"),
    ],
)
def test_an_image_over_the_limit_is_picked_up_in_a_closed_window(
    rule: ForcedPickup, age: timedelta, latest: str, expected: PickupRule | None
) -> None:
    now = PUBLISHED + age
    window = Window(open=False, changes_at=now + DAY)
    pickup = look(node_class(entries(OLD)), window, latest, now, PickupSettings(forced=rule))
    assert pickup.images == entries(latest if expected else OLD)
    assert {change.rule for change in pickup.changes} == ({expected} if expected else set())


def test_only_the_definitions_over_the_limit_are_forced_and_the_message_says_so() -> None:
    held = (entry(OLD, GEN2), entry("202412.01.0", GEN1), entry(OLD, ARM))
    pickup = look(node_class(held), CLOSED, settings=PickupSettings())
    assert versions(pickup.images) == [NEW, "202412.01.0", NEW]
    assert [change.definition for change in pickup.changes] == [GEN2, ARM]
    assert pickup.changes[0].message.endswith("(ImageExpired: 202410.09.0 is of 2024-10-09, more than 90 days ago)")


def test_a_latest_image_that_is_over_the_limit_itself_is_taken_once() -> None:
    first = look(node_class(entries("202401.03.0")), CLOSED, OLD, settings=PickupSettings())
    second = look(node_class(first.images), CLOSED, OLD, settings=PickupSettings())
    assert (versions(first.images), second.changes) == ([OLD] * 3, ())


@pytest.mark.parametrize("version", ["2022.10.03", "nonsense", ""])
def test_a_version_that_does_not_parse_is_replaced(version: str) -> None:
    pickup = look(node_class(entries(version)), CLOSED)
    assert {change.rule for change in pickup.changes} == {PickupRule.MALFORMED_IMAGE_VERSION}
    assert versions(pickup.images) == [NEW] * 3


# --- the list of images is kept for 72 hours ------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [pytest.param(71, id="nap:X8")])
def test_a_new_version_is_picked_up_when_the_list_expires_and_not_before(hours: int) -> None:
    images = published(OLD, at=NOW - 30 * DAY) + published(NEW, at=NOW)
    first = status_pass(node_class(), NO_WINDOW, images, now=NOW - HOUR)
    early = status_pass(first.state, NO_WINDOW, images, cache=first.cache, now=NOW + hours * HOUR - TICK)
    assert early.state is first.state
    assert early.pickup.wake_at == NOW + hours * HOUR
    assert early.pickup.held[0].message == "held: not listed before 2025-01-11T11:00:00Z (a list is kept for 72h0m0s)"
    late = status_pass(early.state, NO_WINDOW, images, cache=early.cache, now=NOW + hours * HOUR)
    assert versions(late.state.images) == [NEW] * 3


def test_a_healthy_pass_is_repeated_after_three_minutes() -> None:
    assert status_pass(node_class(entries(OLD)), CLOSED).pickup.requeue == NOW + timedelta(minutes=3)


# --- properties -----------------------------------------------------------------------------------------------------

VERSIONS = ["202408.01.0", "202410.09.0", "202411.12.0", "202501.02.0", "2022.10.03"]
HELD = st.lists(st.tuples(st.sampled_from(TRIPLE), st.sampled_from(VERSIONS)), unique_by=lambda pair: pair[0]).map(
    lambda pairs: tuple(entry(version, definition) for definition, version in pairs)
)
HOURS = st.integers(0, 400) | st.integers(0, 8).map(lambda days: 48 * days)  # the latter: edges of every_other_day()
RULES = st.builds(ForcedPickup, st.booleans(), st.integers(1, 200))


@st.composite
def publications(draw: st.DrawFn) -> list[PublishedImage]:
    hours = draw(st.lists(HOURS, max_size=10, unique=True))
    return [
        PublishedImage(draw(st.sampled_from(TRIPLE)), draw(st.sampled_from(VERSIONS)), "Ubuntu2204", NOW + h * HOUR)
        for h in hours
    ]


def every_other_day(now: datetime) -> Window:
    """Open strictly within the first four hours of every second day, counted from NOW."""
    since = (now - NOW) % (2 * DAY)
    start = now - since
    if timedelta(0) < since < 4 * HOUR:
        return Window(open=True, changes_at=start + 4 * HOUR)
    return Window(open=False, changes_at=start if not since else start + 2 * DAY)


@given(HELD.filter(bool), st.sampled_from(VERSIONS))
def test_with_the_window_closed_and_no_bypass_nothing_changes(held: tuple[StatusImage, ...], latest: str) -> None:
    state = node_class(held)
    listed = tuple(replace(image, id=f"{base_id(image.id)}/versions/{latest}") for image in held)
    pickup = pick_up(state, listed, CLOSED, PickupSettings(forced=ForcedPickup(enabled=False)), NOW)
    assert pickup.images is state.images
    assert pickup.conditions is state.conditions
    assert pickup.changes == ()


@given(HELD, publications(), HOURS, RULES)
def test_a_second_look_without_change_does_nothing(
    held: tuple[StatusImage, ...], images: list[PublishedImage], hour: int, rule: ForcedPickup
) -> None:
    now, settings = NOW + hour * HOUR, PickupSettings(forced=rule)
    first = status_pass(node_class(held), every_other_day(now), images, now=now, settings=settings)
    second = status_pass(first.state, every_other_day(now), images, cache=first.cache, now=now, settings=settings)
    assert second.state is first.state
    assert second.pickup.changes == ()


@given(HELD, publications(), HOURS, RULES)
def test_what_is_picked_up_is_the_latest_of_its_definition(
    held: tuple[StatusImage, ...], images: list[PublishedImage], hour: int, rule: ForcedPickup
) -> None:
    now, settings = NOW + hour * HOUR, PickupSettings(forced=rule)
    done = status_pass(node_class(held), every_other_day(now), images, now=now, settings=settings)
    assert done.cache is not None
    latest = {image.definition: image.version for image in done.cache.images}
    assert {change.to_version for change in done.pickup.changes if change.to_id} <= set(latest.values())
    for change in done.pickup.changes:
        assert change.to_version == latest.get(change.definition, "")


@given(HELD, publications(), HOURS, st.integers(1, 400 * 60), RULES)
def test_nothing_comes_out_differently_before_wake_at_which_is_never_past(
    held: tuple[StatusImage, ...], images: list[PublishedImage], hour: int, minutes: int, rule: ForcedPickup
) -> None:
    now, settings = NOW + hour * HOUR, PickupSettings(forced=rule)
    first = status_pass(node_class(held), every_other_day(now), images, now=now, settings=settings)
    wake_at = first.pickup.wake_at
    assert wake_at is not None
    assert wake_at > now
    later = now + timedelta(minutes=minutes)
    assume(later < wake_at)
    second = status_pass(first.state, every_other_day(later), images, cache=first.cache, now=later, settings=settings)
    assert second.state is first.state
    assert second.cache == first.cache


@given(HELD, publications(), HOURS, RULES, st.randoms(use_true_random=False))
def test_the_order_of_the_published_images_does_not_matter(
    held: tuple[StatusImage, ...],
    images: list[PublishedImage],
    hour: int,
    rule: ForcedPickup,
    shuffler: random.Random,
) -> None:
    now, settings = NOW + hour * HOUR, PickupSettings(forced=rule)
    shuffled = list(images)
    shuffler.shuffle(shuffled)
    one = status_pass(node_class(held), every_other_day(now), images, now=now, settings=settings)
    other = status_pass(node_class(held), every_other_day(now), shuffled, now=now, settings=settings)
    assert (one.state, one.pickup) == (other.state, other.pickup)
