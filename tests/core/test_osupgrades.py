"""What a channel does to an agent pool, and when (planned-maintenance.md 7.2, 7.3 and 8)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.core.agentpools import AgentPool, Phase
from napsim.core.channels import Channel, Means, UpgradeReason
from napsim.core.configurations import NODE_OS, Configuration, MaintenanceWindow, NotAllowedDates
from napsim.core.osupgrades import (
    LIVE_AT_ONCE,
    RETRY_AFTER,
    AgentPoolSettings,
    Change,
    Circumstances,
    look,
    newest,
    split_label,
)
from napsim.core.recurrence import Weekday, Weekly
from napsim.core.windows import Window, WindowVerdict, verdict
from tests.core.agents import (
    DEFINITION,
    MADE,
    NEW,
    NEWEST,
    OLD,
    SUNDAY,
    agent,
    catalogue,
    image,
    label,
    names_of,
    pool_of,
    with_record,
)

HOUR, DAY, WEEK, TICK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1), timedelta(microseconds=1)
NONE, UNMANAGED, PATCH, IMAGE = Channel.NONE, Channel.UNMANAGED, Channel.SECURITY_PATCH, Channel.NODE_IMAGE
IMAGES = catalogue(image(OLD, MADE), image(NEW, SUNDAY - 2 * WEEK))
OPEN_AT, CLOSES_AT = SUNDAY.replace(hour=1), SUNDAY.replace(hour=5)


def window(at: datetime, *blocked: NotAllowedDates) -> WindowVerdict:
    """Sunday 01:00 to 05:00."""
    recurring = MaintenanceWindow(Weekly(1, Weekday.SUNDAY), 4, date(2026, 1, 1), time(1), not_allowed_dates=blocked)
    return verdict(Configuration(NODE_OS, recurring), at)


def around(at: datetime = SUNDAY, channel: Channel = IMAGE, *, windows: bool = True, **more: Any) -> Circumstances:
    settings = {key: more.pop(key) for key in ("urgent", "stopped", "catch_up") if key in more}
    images = more.pop("images", IMAGES)
    return Circumstances(
        channel, images, AgentPoolSettings(play=True, **settings), window(at) if windows else None, **more
    )


TWO = (agent("a-0"), agent("a-1"))


# --- the image --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "AKSUbuntu-2204gen2containerd-202410.27.0-2024.12.01",
            ("AKSUbuntu", "2204gen2containerd", "202410.27.0-2024.12.01"),
        ),
        ("AKSAzureLinux-V3gen2-202512.18.0", ("AKSAzureLinux", "V3gen2", "202512.18.0")),
        ("AKSWindows-2022-containerd-20348.4529.251212", ("AKSWindows", "2022-containerd", "20348.4529.251212")),
        ("202512.18.0", ("", "", "202512.18.0")),
        ("", ("", "", "")),
    ],
)
def test_the_label_says_gallery_definition_and_version(text: str, parts: tuple[str, str, str]) -> None:
    assert split_label(text) == parts


def test_a_patch_of_the_image_that_a_node_has_comes_before_another_image_of_the_same_date() -> None:
    """So that it goes on live; a later date is another matter."""
    both = catalogue(image(OLD, MADE, "2026.02.10"), image(NEW, MADE, "2026.02.10"))
    assert newest(DEFINITION, OLD, around(channel=PATCH, images=both), SUNDAY) == f"{OLD}-2026.02.10"
    later = catalogue(image(OLD, MADE, "2026.02.10"), image(NEW, MADE, "2026.02.11"))
    assert newest(DEFINITION, OLD, around(channel=PATCH, images=later), SUNDAY) == f"{NEW}-2026.02.11"
    assert newest("other", OLD, around(channel=PATCH, images=both), SUNDAY) == OLD


# --- which nodes ------------------------------------------------------------------------------------------------------


@pytest.mark.row("pm:8-node-image")
def test_one_node_after_another_is_reimaged() -> None:
    found = look(pool_of(*TWO), around(), SUNDAY)
    assert found.verdict.allowed
    assert found.due == 2
    assert found.reimage is not None
    name, step = found.reimage
    assert (name, step.means, step.from_image, step.to_image) == ("a-0", Means.REIMAGE, label(OLD), label(NEW))
    begun = look(pool_of(with_record(TWO[0], Phase.DRAINING, SUNDAY), TWO[1]), around(), SUNDAY)
    assert (begun.verdict.allowed, begun.reimage) == (True, None)


@pytest.mark.row("pm:8-security-patch", "pm:8-live-patch")
def test_patches_go_on_live_everywhere_at_once_and_only_another_image_by_reimage() -> None:
    patched = catalogue(image(OLD, MADE, "2026.02.10"))
    nodes = tuple(agent(f"a-{number:03}") for number in range(LIVE_AT_ONCE + 1))
    found = look(pool_of(*nodes), around(channel=PATCH, images=patched), SUNDAY)
    assert (len(found.live), found.reimage, found.due) == (LIVE_AT_ONCE, None, LIVE_AT_ONCE + 1)
    assert found.live[0][1].to_image == label(f"{OLD}-2026.02.10")
    newer = catalogue(image(NEW, MADE, "2026.02.10"))
    found = look(pool_of(*TWO), around(channel=PATCH, images=newer), SUNDAY)
    assert (found.live, found.reimage is not None and found.reimage[0]) == ((), "a-0")


def test_patches_beyond_the_first_hundred_follow_at_the_same_instant_without_a_window() -> None:
    patched = catalogue(image(OLD, MADE, "2026.02.10"))
    done = with_record(agent("a-0", f"{OLD}-2026.02.10"), Phase.DONE, SUNDAY)
    found = look(pool_of(done, TWO[1]), around(channel=PATCH, images=patched, windows=False), SUNDAY)
    assert names_of(found.live) == ["a-1"]


@pytest.mark.row("pm:8-none")
@pytest.mark.parametrize("channel", [NONE, UNMANAGED])
def test_no_other_channel_touches_a_node(channel: Channel) -> None:
    found = look(pool_of(*TWO), around(channel=channel), SUNDAY)
    assert (found.verdict.allowed, found.due, found.live, found.reimage) == (False, 0, (), None)


@pytest.mark.row("pm:8-limits")
def test_where_a_channel_is_not_to_be_had_is_said_and_nothing_is_done() -> None:
    patched = catalogue(image(OLD, MADE, "2026.02.10"))
    nodes = (
        agent("w", labels={names.OS: "windows"}),
        agent("l"),
        agent("odd", labels={names.NODE_IMAGE_VERSION: "mine"}),
    )
    found = look(pool_of(*nodes), around(channel=PATCH, images=patched), SUNDAY)
    assert (names_of(found.live), found.due) == (["l"], 1)
    assert found.limits == (
        "1 nodes: SecurityPatch is not available on Windows",
        f"1 nodes: label {names.NODE_IMAGE_VERSION} 'mine' names no image",
    )


def test_the_operators_own_node_is_patched_live_and_never_drained() -> None:
    found = look(pool_of(*TWO), around(skip=frozenset({"a-0"})), SUNDAY)
    assert found.reimage is not None
    assert found.reimage[0] == "a-1"
    assert look(pool_of(TWO[0]), around(skip=frozenset({"a-0"})), SUNDAY).reimage is None
    patched = around(channel=PATCH, images=catalogue(image(OLD, MADE, "2026.02.10")), skip=frozenset({"a-0"}))
    assert names_of(look(pool_of(*TWO), patched, SUNDAY).live) == ["a-0", "a-1"]


@pytest.mark.row("pm:8-no-downgrade")
def test_a_node_on_a_newer_image_keeps_it() -> None:
    assert look(pool_of(agent(version=NEWEST)), around(), SUNDAY).due == 0


# --- when -------------------------------------------------------------------------------------------------------------


def test_outside_the_window_nothing_begins_and_the_first_look_is_when_it_opens() -> None:
    saturday = SUNDAY - DAY
    found = look(pool_of(*TWO), around(saturday), saturday)
    assert (found.verdict.reason, found.due, found.reimage) == (UpgradeReason.CLOSED, 2, None)
    assert found.wake_at == OPEN_AT + TICK


@pytest.mark.row("pm:7.3-second-image")
def test_a_second_image_in_the_same_window_goes_on_too() -> None:
    images = catalogue(image(NEW, MADE), image(NEWEST, SUNDAY))
    done = with_record(agent(version=NEW), Phase.DONE, SUNDAY - HOUR)
    before = look(pool_of(done), around(SUNDAY - TICK, images=images), SUNDAY - TICK)
    assert (before.reimage, before.wake_at) == (None, SUNDAY)
    assert look(pool_of(done), around(images=images), SUNDAY).reimage is not None


@pytest.mark.row("pm:7.2-cadence")
def test_without_a_window_one_upgrade_a_week_takes_in_what_was_published_when_it_began() -> None:
    images = catalogue(image(NEW, MADE), image(NEWEST, SUNDAY + HOUR))
    begun = with_record(agent("a-0", NEW), Phase.DONE, SUNDAY)
    later = SUNDAY + DAY
    goes_on = look(pool_of(begun, TWO[1]), around(later, windows=False, images=images), later)
    assert goes_on.reimage is not None
    assert (goes_on.begun, goes_on.reimage[0], goes_on.reimage[1].to_image) == (SUNDAY, "a-1", label(NEW))
    over = pool_of(begun, with_record(agent("a-1", NEW), Phase.DONE, SUNDAY))
    waits = look(over, around(later, windows=False, images=images), later)
    assert (waits.verdict.reason, waits.due, waits.wake_at) == (UpgradeReason.CADENCE, 2, SUNDAY + WEEK)
    assert not waits.verdict.allowed
    week = SUNDAY + WEEK
    another = look(over, around(week, windows=False, images=images), week)
    assert another.reimage is not None
    assert (another.begun, another.reimage[1].to_image) == (week, label(NEWEST))


@pytest.mark.row("pm:8-unmanaged")
def test_on_unmanaged_the_next_look_is_at_six() -> None:
    found = look(pool_of(*TWO), around(channel=UNMANAGED), SUNDAY)
    assert (found.verdict.reason, found.wake_at) == (UpgradeReason.CADENCE, SUNDAY.replace(hour=6))
    six = SUNDAY.replace(hour=6)
    assert look(pool_of(*TWO), around(six, UNMANAGED), six).wake_at == six + DAY


# --- what is prevented ------------------------------------------------------------------------------------------------


def failed(since: datetime, name: str = "a-0") -> AgentPool:
    return pool_of(with_record(agent(name), Phase.PREVENTED, since), *(item for item in TWO if item.name != name))


def test_a_pool_waits_for_a_day_after_a_drain_was_given_up() -> None:
    found = look(failed(SUNDAY - HOUR), around(), SUNDAY)
    assert (found.verdict.reason, found.reimage) == (UpgradeReason.PREVENTED, None)
    assert found.verdict.wake_at == SUNDAY - HOUR + RETRY_AFTER
    assert "a-0" in found.verdict.message


@pytest.mark.row("pm:7.2-catch-up")
@pytest.mark.parametrize("windows", [True, False])
def test_what_was_prevented_is_made_up_for_outside_the_window_the_node_that_failed_last(windows: bool) -> None:
    monday = SUNDAY + DAY
    found = look(failed(SUNDAY), around(monday, windows=windows), monday)
    assert found.reimage is not None
    assert found.verdict.reason is (UpgradeReason.CATCH_UP if windows else UpgradeReason.CADENCE)
    assert found.reimage[0] == "a-1"
    alone = pool_of(with_record(agent("a-0"), Phase.PREVENTED, SUNDAY))
    found = look(alone, around(monday, windows=windows), monday)
    assert (found.verdict.reason, found.reimage and found.reimage[0]) == (UpgradeReason.CATCH_UP, "a-0")


@pytest.mark.row("pm:7.2-catch-up")
def test_without_catch_up_it_waits_for_the_next_window() -> None:
    monday, next_sunday = SUNDAY + DAY, SUNDAY + WEEK
    found = look(failed(SUNDAY), around(monday, catch_up=False), monday)
    assert (found.verdict.reason, found.wake_at) == (UpgradeReason.CLOSED, OPEN_AT + WEEK + TICK)
    assert look(failed(SUNDAY), around(next_sunday, catch_up=False), next_sunday).reimage is not None


def test_a_node_that_always_fails_does_not_keep_the_others_from_newer_images() -> None:
    images = catalogue(image(NEW, MADE), image(NEWEST, SUNDAY + HOUR))
    later = SUNDAY + 2 * WEEK
    nodes = (
        with_record(agent("a-0"), Phase.PREVENTED, SUNDAY, since=later - DAY),
        with_record(agent("a-1", NEW), Phase.DONE, SUNDAY),
    )
    found = look(pool_of(*nodes), around(later, windows=False, images=images), later)
    assert found.reimage is not None
    assert (found.reimage[0], found.reimage[1].to_image) == ("a-1", label(NEWEST))


# --- urgent, stopped --------------------------------------------------------------------------------------------------


@pytest.mark.row("pm:5.3-urgent")
def test_urgent_maintenance_breaks_into_days_that_are_not_allowed() -> None:
    urgent = (Window(SUNDAY, SUNDAY + HOUR),)
    frozen = replace(
        around(urgent=urgent), window=window(SUNDAY, NotAllowedDates(date(2026, 2, 20), date(2026, 3, 10)))
    )
    found = look(pool_of(*TWO), frozen, SUNDAY)
    assert (found.verdict.reason, found.reimage is not None) == (UpgradeReason.URGENT, True)
    assert found.wake_at == SUNDAY + HOUR
    before = look(pool_of(*TWO), frozen, SUNDAY - TICK)
    assert (before.verdict.reason, before.wake_at) == (UpgradeReason.CLOSED, SUNDAY)


@pytest.mark.row("pm:7.2-stopped")
def test_a_cluster_that_is_stopped_as_the_window_opens_misses_it() -> None:
    stopped = (Window(OPEN_AT - HOUR, SUNDAY),)
    two = SUNDAY - HOUR
    found = look(pool_of(*TWO), around(two, stopped=stopped), two)
    assert (found.verdict.reason, found.wake_at) == (UpgradeReason.STOPPED, SUNDAY)
    missed = look(pool_of(*TWO), around(stopped=stopped), SUNDAY)
    assert (missed.verdict.reason, missed.reimage, missed.wake_at) == (UpgradeReason.MISSED, None, CLOSES_AT)
    in_it = (Window(OPEN_AT + TICK, SUNDAY),)
    assert look(pool_of(*TWO), around(stopped=in_it), SUNDAY).reimage is not None


# --- a change of channel ----------------------------------------------------------------------------------------------


@pytest.mark.row("pm:8-change")
def test_a_change_to_unmanaged_reimages_every_node_that_is_older_once() -> None:
    change = Change(SUNDAY, SUNDAY)
    found = look(pool_of(*TWO), around(channel=UNMANAGED, change=change), SUNDAY)
    assert found.reimage is not None
    assert (found.verdict.reason, found.due, found.reimage[0]) == (UpgradeReason.CHANGED, 2, "a-0")
    assert found.reimage[1].to_image == label(NEW), "to the newest there is"
    done = with_record(agent("a-0", NEWEST), Phase.DONE, SUNDAY, imaged=SUNDAY)
    newest_one = look(pool_of(done, agent("a-1", NEWEST)), around(channel=UNMANAGED, change=change), SUNDAY)
    assert newest_one.reimage is not None
    assert (newest_one.due, newest_one.reimage[0], newest_one.reimage[1].to_image) == (1, "a-1", label(NEWEST))
    after = look(pool_of(done), around(channel=UNMANAGED, change=change), SUNDAY)
    assert (after.due, after.reimage) == (0, None)


@pytest.mark.row("pm:8-change")
def test_it_waits_for_the_window_where_there_is_one() -> None:
    monday, change = SUNDAY + DAY, Change(SUNDAY, SUNDAY)
    assert look(pool_of(*TWO), around(monday, NONE, change=change), monday).reimage is None
    assert look(pool_of(*TWO), around(monday, NONE, change=change, windows=False), monday).reimage is not None


# --- wake_at ----------------------------------------------------------------------------------------------------------

_POOLS = st.sampled_from(
    (
        pool_of(*TWO),
        failed(SUNDAY - HOUR),
        pool_of(with_record(agent("a-0", NEW), Phase.DONE, SUNDAY - 2 * DAY), TWO[1]),
        pool_of(with_record(agent("a-0", NEW), Phase.DONE, SUNDAY - 2 * DAY)),
    )
)
_SPANS = st.sampled_from(
    ((), (Window(SUNDAY - HOUR, SUNDAY + HOUR),), (Window(SUNDAY - 3 * HOUR, SUNDAY - 90 * timedelta(minutes=1)),))
)


@given(_POOLS, st.sampled_from(Channel), st.integers(-100, 200), _SPANS, _SPANS, st.booleans(), st.booleans())
def test_nothing_changes_before_wake_at(
    pool: AgentPool,
    channel: Channel,
    hours: int,
    urgent: tuple[Window, ...],
    stopped: tuple[Window, ...],
    windows: bool,
    catch_up: bool,
) -> None:
    images = catalogue(image(OLD, MADE), image(NEW, SUNDAY - 3 * DAY), image(NEWEST, SUNDAY + 30 * HOUR))
    now = SUNDAY + hours * HOUR

    def seen(at: datetime) -> tuple[bool, int, object]:
        found = look(
            pool,
            around(at, channel, windows=windows, images=images, urgent=urgent, stopped=stopped, catch_up=catch_up),
            at,
        )
        return found.verdict.allowed, found.due, found.reimage

    wake_at = look(
        pool,
        around(now, channel, windows=windows, images=images, urgent=urgent, stopped=stopped, catch_up=catch_up),
        now,
    ).wake_at
    assert wake_at is None or wake_at > now
    end = wake_at - TICK if wake_at else now + 4 * WEEK
    for at in (end, now + (end - now) / 2, now + (end - now) / 7):
        assert seen(at) == seen(now)
