"""Node OS upgrade channels (planned-maintenance.md 7 and 8)."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.core.channels import (
    CHANGE_DELAY,
    DEFAULT_CHANNEL,
    FACTS,
    ChangeEffect,
    Channel,
    ChannelInForce,
    Means,
    OSUpgrades,
    UpgradeReason,
    change_effect,
    chosen,
    in_force,
    may_begin,
    means_of,
    unattended_upgrade,
    unavailable,
)
from napsim.core.configurations import NODE_OS, Configuration, MaintenanceWindow, NotAllowedDates
from napsim.core.recurrence import Weekday, Weekly
from napsim.core.windows import WindowVerdict, verdict

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)  # a Sunday, inside the window
HOUR, DAY, WEEK, TICK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1), timedelta(microseconds=1)
NONE, UNMANAGED, PATCH, IMAGE = Channel.NONE, Channel.UNMANAGED, Channel.SECURITY_PATCH, Channel.NODE_IMAGE
FREEZE = NotAllowedDates(date(2026, 2, 20), date(2026, 3, 10))


def window(at: datetime = NOW, *blocked: NotAllowedDates) -> WindowVerdict:
    recurring = MaintenanceWindow(Weekly(1, Weekday.SUNDAY), 4, date(2026, 1, 1), time(1), not_allowed_dates=blocked)
    return verdict(Configuration(NODE_OS, recurring), at)


OPEN, CLOSED = window(), window(NOW + 2 * DAY)
POOL = OSUpgrades(IMAGE, last=NOW - DAY)


# --- the facts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "means", "cadence", "in_window"),
    [
        pytest.param(NONE, (), None, False, id="pm:8-none"),
        pytest.param(UNMANAGED, (Means.OS,), DAY, False, id="pm:8-unmanaged"),
        pytest.param(PATCH, (Means.LIVE_PATCH, Means.REIMAGE), WEEK, True, id="pm:8-security-patch"),
        pytest.param(IMAGE, (Means.REIMAGE,), WEEK, True, id="pm:8-node-image"),
    ],
)
def test_what_a_channel_does(
    channel: Channel, means: tuple[Means, ...], cadence: timedelta | None, in_window: bool
) -> None:
    facts = FACTS[channel]
    assert (facts.means, facts.cadence, facts.in_window) == (means, cadence, in_window)


@pytest.mark.row("pm:8-which", "pm:7.2-cadence")
def test_how_channels_differ_is_told() -> None:
    assert "faster" in FACTS[PATCH].summary
    assert "bug fixes" in FACTS[IMAGE].summary
    assert "every week" in FACTS[IMAGE].summary
    assert len({facts.summary for facts in FACTS.values()}) == len(Channel)


@pytest.mark.row("pm:8-default")
def test_a_channel_that_nobody_chose_is_node_image() -> None:
    assert chosen(None, "none").channel is DEFAULT_CHANNEL is IMAGE


@pytest.mark.row("pm:8-cluster-channel")
@pytest.mark.parametrize("asked_for", [None, *Channel])
def test_the_cluster_channel_node_image_keeps_node_image(asked_for: Channel | None) -> None:
    found = chosen(asked_for, "node-image")
    assert found.channel is IMAGE
    assert bool(found.error) is (asked_for not in (None, IMAGE))
    assert chosen(asked_for, "stable").channel is (asked_for or IMAGE)
    if found.error:
        assert found.error == f"nodeOSUpgradeChannel {asked_for}: must be NodeImage while upgradeChannel is node-image"


@pytest.mark.parametrize(
    ("channel", "os_sku", "gpu", "available"),
    [
        pytest.param(PATCH, "Windows2022", False, False, id="pm:8-limits-windows"),
        pytest.param(PATCH, "AzureLinux3", True, False, id="pm:8-limits-azure-linux-gpu"),
        pytest.param(PATCH, "AzureLinux3", False, True, id="pm:8-limits-azure-linux"),
        pytest.param(PATCH, "Ubuntu2204", True, True, id="pm:8-limits-ubuntu-gpu"),
        pytest.param(PATCH, "Flatcar", False, False, id="pm:8-limits-flatcar"),
        pytest.param(PATCH, "AzureLinuxOSGuard3", False, False, id="pm:8-limits-os-guard"),
        pytest.param(UNMANAGED, "Windows2022", False, False, id="pm:8-unmanaged-windows"),
        pytest.param(UNMANAGED, "AzureLinux3", True, False, id="pm:8-unmanaged-azure-linux-gpu"),
        pytest.param(UNMANAGED, "Ubuntu2404", False, True, id="pm:8-unmanaged-ubuntu"),
        pytest.param(IMAGE, "Windows2022", True, True, id="pm:8-node-image-windows"),
    ],
)
def test_where_a_channel_is_not_to_be_had(channel: Channel, os_sku: str, gpu: bool, available: bool) -> None:
    why = unavailable(channel, os_sku, gpu=gpu)
    assert (why == "") is available
    assert available or os_sku in why


# --- changes ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("pm:8-change")
@pytest.mark.parametrize(
    ("old", "new", "reimages_now"),
    [
        (UNMANAGED, NONE, True),
        (None, UNMANAGED, True),
        (PATCH, UNMANAGED, True),
        (IMAGE, UNMANAGED, True),
        (NONE, UNMANAGED, True),
        (IMAGE, PATCH, False),
        (PATCH, IMAGE, False),
        (NONE, IMAGE, False),
        (UNMANAGED, IMAGE, False),
    ],
)
def test_every_change_was_said_to_reimage_and_by_now_only_these(
    old: Channel | None, new: Channel, reimages_now: bool
) -> None:
    assert change_effect(old, new) == ChangeEffect(reimages=True, reimages_now=reimages_now)
    assert change_effect(new, new) == ChangeEffect(reimages=False, reimages_now=False)


@pytest.mark.row("pm:7.1-channel")
def test_a_change_of_channel_counts_within_a_day() -> None:
    assert in_force(IMAGE, PATCH, NOW, NOW + CHANGE_DELAY - TICK) == ChannelInForce(IMAGE, NOW + DAY)
    assert in_force(IMAGE, PATCH, NOW, NOW + CHANGE_DELAY) == ChannelInForce(PATCH)
    assert in_force(IMAGE, IMAGE, NOW, NOW) == ChannelInForce(IMAGE)


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pool", "found", "allowed", "reason"),
    [
        pytest.param(POOL, OPEN, True, UpgradeReason.WINDOW, id="in-the-window"),
        pytest.param(POOL, CLOSED, False, UpgradeReason.CLOSED, id="outside-of-it"),
        pytest.param(
            replace(POOL, channel=PATCH), CLOSED, False, UpgradeReason.CLOSED, id="pm:8-security-patch-window"
        ),
        pytest.param(replace(POOL, channel=NONE), OPEN, False, UpgradeReason.CHANNEL, id="pm:8-none-in-the-window"),
        pytest.param(replace(POOL, running=False), OPEN, False, UpgradeReason.STOPPED, id="pm:7.2-stopped"),
        pytest.param(
            replace(POOL, running=False, urgent=True), OPEN, False, UpgradeReason.STOPPED, id="pm:7.2-stopped-urgent"
        ),
        pytest.param(replace(POOL, urgent=True), window(NOW, FREEZE), True, UpgradeReason.URGENT, id="pm:5.3-urgent"),
        pytest.param(POOL, window(NOW, FREEZE), False, UpgradeReason.CLOSED, id="pm:5.3-urgent-not"),
        pytest.param(replace(POOL, prevented=True), CLOSED, True, UpgradeReason.CATCH_UP, id="pm:7.2-catch-up"),
        pytest.param(
            replace(POOL, prevented=True, catch_up=False), CLOSED, False, UpgradeReason.CLOSED, id="pm:7.2-catch-up-not"
        ),
        pytest.param(POOL, None, False, UpgradeReason.CADENCE, id="a-day-after-the-last"),
        pytest.param(replace(POOL, last=NOW - WEEK), None, True, UpgradeReason.CADENCE, id="pm:7.2-cadence-weekly"),
        pytest.param(replace(POOL, last=None), None, True, UpgradeReason.CADENCE, id="the-first"),
        pytest.param(
            OSUpgrades(UNMANAGED, NOW - HOUR), CLOSED, False, UpgradeReason.CADENCE, id="pm:8-unmanaged-before-six"
        ),
        pytest.param(
            OSUpgrades(UNMANAGED, NOW - DAY), CLOSED, True, UpgradeReason.CADENCE, id="pm:8-unmanaged-any-window"
        ),
    ],
)
def test_whether_an_upgrade_of_a_node_pool_begins(
    pool: OSUpgrades, found: WindowVerdict | None, allowed: bool, reason: UpgradeReason
) -> None:
    answer = may_begin(pool, found, NOW)
    assert (answer.allowed, answer.reason) == (allowed, reason)
    assert answer.message


@pytest.mark.row("pm:8-unmanaged")
@pytest.mark.parametrize(("hour", "day"), [(5, 1), (6, 2), (23, 2)])
def test_linux_patches_itself_at_six(hour: int, day: int) -> None:
    assert unattended_upgrade(datetime(2026, 3, 1, hour, tzinfo=UTC)) == datetime(2026, 3, day, 6, tzinfo=UTC)


@given(st.sampled_from(Channel), st.integers(0, 10 * 24), st.booleans())
def test_the_verdict_changes_when_it_says_and_not_before(channel: Channel, hours: int, configured: bool) -> None:
    pool = OSUpgrades(channel, last=NOW)
    now = NOW + hours * HOUR

    def look(at: datetime) -> bool:
        return may_begin(pool, window(at) if configured else None, at).allowed

    wake_at = may_begin(pool, window(now) if configured else None, now).wake_at
    if wake_at is not None:
        assert wake_at > now
        assert look(wake_at - TICK) is look(now)
        assert look(wake_at) is not look(now)


# --- onto a node ------------------------------------------------------------------------------------------------------


@pytest.mark.row("pm:8-live-patch")
def test_a_newer_patch_of_the_same_image_is_put_on_live() -> None:
    assert means_of(PATCH, "202410.27.0-2024.12.01", "202410.27.0-2024.12.09") is Means.LIVE_PATCH
    assert "nothing is drained" in Means.LIVE_PATCH


@pytest.mark.parametrize(
    ("channel", "held", "published", "means"),
    [
        pytest.param(PATCH, "202410.27.0-2024.12.01", "202411.12.0-2024.12.09", Means.REIMAGE, id="another-image"),
        pytest.param(IMAGE, "202410.27.0", "202411.12.0", Means.REIMAGE, id="a-new-image"),
        pytest.param(IMAGE, "202410.27.0", "202410.27.0-2024.12.01", None, id="a-patch-is-not-for-node-image"),
        pytest.param(NONE, "202410.27.0", "202411.12.0", None, id="pm:8-none-nothing"),
        pytest.param(UNMANAGED, "202410.27.0", "202411.12.0", None, id="pm:8-unmanaged-keeps-its-image"),
        pytest.param(IMAGE, "202411.12.0", "202410.27.0", None, id="pm:8-no-downgrade"),
        pytest.param(
            PATCH, "202411.12.0-2024.12.01", "202410.27.0-2024.12.09", None, id="pm:8-no-downgrade-with-a-newer-patch"
        ),
        pytest.param(IMAGE, "202411.12.0", "202411.12.0", None, id="the-same"),
    ],
)
def test_how_a_node_gets_to_a_published_version(
    channel: Channel, held: str, published: str, means: Means | None
) -> None:
    assert means_of(channel, held, published) is means
