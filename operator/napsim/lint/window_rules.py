"""Maintenance configurations: windows that AKS refuses or does not read, that miss images, or that move.

What a window is, is what ``core.windows`` says. Where AKS documents nothing, the page of the rule says what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise, takewhile
from typing import Final
from zoneinfo import ZoneInfo

from napsim.core.configurations import AUTO_UPGRADE, NODE_OS, Configuration
from napsim.core.kubernetes_upgrades import AUTOMATIC_CHANNELS
from napsim.core.lead_times import lead_time_warning
from napsim.core.local_clocks import extension, shifts
from napsim.core.window_findings import FINDINGS, WARNINGS, ClockChange, FindingReason, clock_notes
from napsim.core.windows import Exclusion, Window, describe_instant, exclusions, occurrences, upcoming, windows
from napsim.lint.findings import Found
from napsim.lint.subjects import Read, Subjects

WINDOW: Final = "spec.maintenanceWindow"
_NAME: Final = "spec.configName"
_YEAR: Final = timedelta(days=366)
_WORTH_SAYING: Final = timedelta(days=14)
_MOVED: Final = frozenset({ClockChange.START_SKIPPED, ClockChange.START_REPEATED})


def _field_of(reason: FindingReason, configuration: Configuration) -> str:
    """Where what a finding is about stands."""
    schedule = f"{WINDOW}.schedule"
    if configuration.window is None:
        return "spec.timeInWeek"
    return {
        FindingReason.DAY_ABOVE_28: f"{schedule}.absoluteMonthly.dayOfMonth",
        FindingReason.TIME_IN_WEEK_IGNORED: "spec.timeInWeek",
        FindingReason.WEEKLY_ANCHOR: f"{schedule}.weekly.intervalWeeks",
        FindingReason.ALWAYS_OPEN: f"{WINDOW}.durationHours",
        FindingReason.SHORT_WINDOW: f"{WINDOW}.notAllowedDates",
    }.get(reason, schedule)


def _known(reason: FindingReason, told: str, subjects: Subjects) -> Iterator[Found]:
    """What ``window_findings`` says of each configuration."""
    for item in subjects.configurations:
        ahead = upcoming(item.value, subjects.now)
        for check in (*WARNINGS, *FINDINGS):
            found = check(item.value, ahead)
            if found is not None and found.reason is reason:
                field = _field_of(reason, item.value)
                yield Found(item.document, field, found.message, None, told)


def known(reason: FindingReason, told: str = "") -> Callable[[Subjects], Iterator[Found]]:
    """A check of ``window_findings`` as a rule; ``told`` is what to do."""
    return partial(_known, reason, told)


# --- images that are missed -------------------------------------------------------------------------------------------


def misses_images(subjects: Subjects) -> Iterator[Found]:
    for item in _of(subjects, NODE_OS):
        cache = subjects.settings_near(item.document).pickup.cache_duration
        opened = _starts(item.value, subjects.now)
        longest = max((later - earlier for earlier, later in pairwise(opened)), default=timedelta(0))
        if longest and longest + cache > _WORTH_SAYING:
            message = (
                f"an image ships about every week, but windows are up to {_days(longest)} apart, and the list of images"
                f" can be {_days(cache)} old: an image waits up to {_days(longest + cache)}, and images in between are"
                " never picked up"
            )
            yield Found(
                item.document,
                f"{WINDOW}.schedule",
                message,
                None,
                "have a window each week, so that each image is picked up",
            )


def _starts(configuration: Configuration, now: datetime) -> list[datetime]:
    """When occurrences begin within a year, as the schedule gives them."""
    found = takewhile(lambda item: item.start < now + _YEAR, occurrences(configuration, now))
    return [item.start for item in found]


def freeze_outlasts_images(subjects: Subjects) -> Iterator[Found]:
    for item in _of(subjects, NODE_OS):
        forced = subjects.settings_near(item.document).pickup.forced
        gap = max(_gaps(item.value, subjects.now), key=lambda gap: gap.until - gap.start, default=None)
        if gap is None or gap.end is None or gap.end - gap.start <= timedelta(days=forced.days):
            continue
        then = (
            "the newest image is picked up by force, in the middle of it"
            if forced.enabled
            else "nodes run an image that is not supported any more"
        )
        message = (
            f"closed for {_days(gap.end - gap.start)}, from {describe_instant(gap.start)} to"
            f" {describe_instant(gap.end)}: once the image is {forced.days} days old, {then}"
        )
        yield Found(item.document, _closed_by(item.value, gap), message, None, "allow a window in between")


def _gaps(configuration: Configuration, now: datetime) -> Iterator[Window]:
    """Between windows that are near; before the first one only the time that is left."""
    around = list(
        takewhile(lambda item: item.start < now + 2 * _YEAR, windows(configuration, now - timedelta(days=100)))
    )
    before = now
    for window in around:
        if window.start > max(before, now):
            yield Window(before, window.start)
        before = window.until


def _closed_by(configuration: Configuration, gap: Window) -> str:
    """The entry that cuts the most out of a gap, if any does."""

    def share(exclusion: Exclusion) -> timedelta:
        return min(exclusion.span.until, gap.until) - max(exclusion.span.start, gap.start)

    most = max(exclusions(configuration), key=share, default=None)
    if most is None or share(most) < timedelta(days=14):
        return f"{WINDOW}.schedule"
    return f"spec.{most.field}" if most.field.startswith("notAllowedTime") else f"{WINDOW}.{most.field}"


# --- clocks -----------------------------------------------------------------------------------------------------------


def start_skipped(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.configurations:
        year = Window(subjects.now, subjects.now + _YEAR)
        notes = [note.message for note in clock_notes(item.value, year) if note.change in _MOVED]
        if notes:
            told = "choose a time that every day has once"
            yield Found(item.document, f"{WINDOW}.startTime", "; ".join(notes), None, told)


def moves_for_reader(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.configurations:
        window = item.value.window
        if not subjects.zone or window is None or window.time_zone is not None:
            continue
        found = list(shifts(item.value, Window(subjects.now, subjects.now + _YEAR), ZoneInfo(subjects.zone)))
        if found:
            message = f"the offset is fixed, the clocks of {subjects.zone} are not. {found[0].message}"
            told = "change the offset with the clocks, or choose a time at which an hour does not matter"
            written = "utcOffset" in item.document.manifest["spec"]["maintenanceWindow"]
            yield Found(item.document, f"{WINDOW}.{'utcOffset' if written else 'startTime'}", message, None, told)


def time_zone_extension(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.configurations:
        message = extension(item.value, Window(subjects.now, subjects.now + _YEAR))
        if message:
            outer = "timeZone" in item.document.manifest["spec"]
            yield Found(item.document, "spec.timeZone" if outer else f"{WINDOW}.timeZone", message)


# --- several configurations -------------------------------------------------------------------------------------------


def no_window(subjects: Subjects) -> Iterator[Found]:
    """Where windows are written down, or a whole cluster is, but not the one that counts for NAP."""
    if _of(subjects, NODE_OS) or subjects.windows_unknown or not (subjects.pools or subjects.classes):
        return
    beside = [it.document for it in subjects.configurations] + [it.document for it in subjects.settings]
    if not beside:
        return
    settings = subjects.settings_near(beside[0])
    if settings.fallback_mode != "AlwaysOpen":
        return
    message = f"there is no {NODE_OS}, and nothing else gates NAP: it picks up a new image at once, at any time"
    field = _NAME if subjects.configurations else "metadata.name"
    yield Found(beside[0], field, message, None, f"add a MaintenanceConfiguration with configName {NODE_OS}")


def configuration_twice(subjects: Subjects) -> Iterator[Found]:
    first: dict[tuple[str, str], Read[Configuration]] = {}
    for item in sorted(subjects.configurations, key=lambda item: str(item.document.manifest["metadata"].get("name"))):
        known_as = first.setdefault((item.folder, item.value.name), item)
        same_object = known_as.document.named == item.document.named
        if known_as is item or same_object:
            continue
        place = known_as.document
        message = (
            f"AKS has one configuration of a name: {place.named} ({place.file}:{place.line}) is read, this one is not"
        )
        told = "a window has one weekday: for several days use daily; lint the folders of several clusters one by one"
        yield Found(item.document, _NAME, message, item.value.name, told)


def several_clusters(subjects: Subjects) -> Iterator[Found]:
    found = _of(subjects, NODE_OS)
    folders = {item.folder: item for item in reversed(found)}
    for item in list(folders.values())[::-1][1:]:
        first = found[0].document
        if item.folder == found[0].folder or subjects.layout.together(first, item.document):
            continue
        message = (
            f"this cluster and that of {first.file}:{first.line} pick up what is newest when their windows open: they"
            " need not get the same image, and NAP pins none"
        )
        yield Found(item.document, _NAME, message, item.value.name, "let the cluster that tests open first, and watch")


def upgrade_bypasses_window(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.settings:
        channel = item.value.upgrade_channel
        gated = subjects.configurations_near(item.document, NODE_OS)
        if channel in AUTOMATIC_CHANNELS and gated and not subjects.configurations_near(item.document, AUTO_UPGRADE):
            message = (
                f"upgradeChannel {channel} upgrades Kubernetes at any time, patch versions too, and with each upgrade"
                f" NAP takes the newest image whatever {NODE_OS} says"
            )
            told = f"add a MaintenanceConfiguration with configName {AUTO_UPGRADE}"
            yield Found(item.document, "spec.upgradeChannel", message, channel, told)


# --- dates ------------------------------------------------------------------------------------------------------------


def start_date_past(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.configurations:
        window, manifest = item.value.window, item.document.manifest
        written = (manifest["spec"].get("maintenanceWindow") or {}).get("startDate")
        new = not manifest["metadata"].get("creationTimestamp")
        if window is None or not written or not new:
            continue
        if window.start_date < subjects.now.astimezone(window.zone).date():
            message = f"{written} is in the past: AKS has refused such a date when a configuration was sent again"
            told = "leave it out (it is then the day of creation), or name a day in the future"
            yield Found(item.document, f"{WINDOW}.startDate", message, written, told)


def counts_too_late(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.configurations:
        found = lead_time_warning(item.value, subjects.now, subjects.now)
        if found is not None and not item.document.manifest["metadata"].get("creationTimestamp"):
            yield Found(item.document, f"{WINDOW}.startTime", f"if it is applied now: {found.message}")


def _of(subjects: Subjects, name: str) -> list[Read[Configuration]]:
    return [item for item in subjects.configurations if item.value.name == name]


def _days(length: timedelta) -> str:
    """``17 days``; of less than one ``30 min``."""
    if length < timedelta(days=1):
        return f"{round(length / timedelta(minutes=1))} min"
    return f"{round(length / timedelta(days=1), 1):g} days"
