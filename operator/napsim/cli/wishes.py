"""Wishes from the command line, and the budgets that they are compiled into, as a patch of a NodePool with comments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final

import msgspec
import typer
import yaml

from napsim.api import names
from napsim.api.durations import format_duration
from napsim.api.scalars import parse_date, write_instant, write_offset
from napsim.cli.answers import found_in
from napsim.cli.configurations import configurations_of, settings_in
from napsim.core.budget_wishes import (
    Compiled,
    Disagreement,
    Explained,
    Freeze,
    WeekSpan,
    Wish,
    WishError,
    compiled,
    disagreements,
    week_span,
)
from napsim.core.budgets import REASONS, UNLIMITED, Budget
from napsim.core.configurations import NODE_OS, Configuration
from napsim.core.periods import midnight
from napsim.core.recurrence import Daily, Weekday, Weekly
from napsim.core.windows import exclusions
from napsim.reading.sources import BadInput, Document
from napsim.report.parts import indented
from napsim.report.times import DAYS, full, zone_of

_CONFIGURATION: Final = "MaintenanceConfiguration"
_KINDS: Final = {_CONFIGURATION: names.NAPSIM_GROUP, "NodeAutoProvisioning": names.NAPSIM_GROUP}
_NODES: Final = re.compile(r"(100|[0-9]{1,2})%|[0-9]{1,9}")
_DAY: Final = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_TIME: Final = r"(?:[01][0-9]|2[0-4]):[0-5][0-9]"
_DAY_LIST: Final = rf"{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*"
_DAILY: Final = re.compile(rf"(daily|{_DAY_LIST})(?: ({_TIME})-({_TIME}))?", re.IGNORECASE)
_FROM_TO: Final = re.compile(rf"({_DAY}) ({_TIME})-({_DAY}) ({_TIME})", re.IGNORECASE)
_WHOLE_DAY: Final = 24 * 60
_VERIFIED_NODES: Final = 100  # a percentage is then the number
_WEEK: Final = timedelta(weeks=1)
_AROUND: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line wishes. ``zone`` is an IANA name; ``verified`` is how much is looked at, or nothing."""

    now: datetime
    zone: str
    only: tuple[str, ...]
    windows: Path | None
    freezes: tuple[str, ...]
    nodes: str
    reasons: tuple[str, ...]
    verified: timedelta | None


class Patch(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The answer as a document: ``napsim.dev/wish/v1``. ``validUntil`` is null where it holds for good."""

    schema: str = "napsim.dev/wish/v1"
    time_zone: str
    since: datetime
    valid_until: datetime | None
    because: str
    patch: dict[str, Any]
    verified: bool | None
    disagreements: tuple[dict[str, Any], ...] = ()
    after: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The budgets, and where they disagree with the wish: in the spans looked at, and in the week after validity."""

    wish: Wish
    found: Compiled
    asked: Asked
    looked_at: tuple[tuple[datetime, datetime], ...] = ()
    wrong: tuple[Disagreement, ...] = ()
    after: tuple[Disagreement, ...] = ()

    @property
    def holds(self) -> bool:
        return not self.wrong


# --- the wish ---------------------------------------------------------------------------------------------------------


def answer(asked: Asked) -> Answer:
    """Raises ``BadParameter`` for a wish that cannot be read or said, and ``BadInput`` for windows that cannot."""
    wish = _wish(asked)
    try:
        found = compiled(wish, asked.now)
    except WishError as error:
        raise typer.BadParameter(str(error)) from error
    if asked.verified is None:
        return Answer(wish, found, asked)
    looked_at = _looked_at(found, asked.verified)
    wrong = tuple(it for start, end in looked_at for it in _disagreements(wish, found, start, end))
    after = _disagreements(wish, found, found.valid_until, found.valid_until + _WEEK) if found.valid_until else ()
    return Answer(wish, found, asked, looked_at, wrong, after)


def _looked_at(found: Compiled, length: timedelta) -> tuple[tuple[datetime, datetime], ...]:
    """From now on for that length, and six hours around both ends of each freeze, while the budgets are valid."""
    last = found.valid_until or datetime.max.replace(tzinfo=UTC)
    spans = [(found.since, found.since + length)]
    spans += [(at - _AROUND, at + _AROUND) for freeze in found.frozen for at in (freeze.start, freeze.end)]
    cut = [(max(start, found.since), min(end, last)) for start, end in spans]
    return tuple(sorted((start, end) for start, end in cut if start < end))


def _disagreements(wish: Wish, found: Compiled, start: datetime, end: datetime) -> tuple[Disagreement, ...]:
    """For the first reason that the wish is about: the others are the same to it."""
    reason = next(it for it in REASONS if wish.reasons is None or it in wish.reasons)
    return disagreements(wish, found.plain, reason, _VERIFIED_NODES, start, end)


def _wish(asked: Asked) -> Wish:
    if not _NODES.fullmatch(asked.nodes) or not int(asked.nodes.rstrip("%")):
        message = f"{asked.nodes!r}: must be how many nodes may be disrupted at once while it is open, such as 10% or 3"
        raise typer.BadParameter(message, param_hint="--nodes")
    spans, zone, freezes = list[WeekSpan](), zone_of(asked.zone), list[Freeze]()
    for text in asked.only:
        spans += _spans(text)
    if asked.windows is not None:
        its_spans, zone, freezes = _of_windows(asked.windows, asked.now)
        if asked.only:
            raise typer.BadParameter("--only and --only-windows exclude each other", param_hint="--only-windows")
        spans += its_spans
    freezes += [_freeze(text, zone) for text in asked.freezes]
    reasons = frozenset(asked.reasons) if set(asked.reasons) != set(REASONS) else None
    return Wish(tuple(spans), zone, asked.nodes, tuple(freezes), reasons)


def _spans(text: str) -> Iterator[WeekSpan]:
    """``Sat,Sun``; ``Mon-Fri 22:00-06:00``; ``Sat 20:00-Mon 06:00``; ``daily 01:00-05:00``. Raises BadParameter."""
    if (match := _FROM_TO.fullmatch(text)) is not None:
        first, last = (_weekday(match[group]) * _WHOLE_DAY + _minute(match[group + 1]) for group in (1, 3))
        length = (last - first) % (7 * _WHOLE_DAY) or 7 * _WHOLE_DAY
        yield week_span(_weekday(match[1]), _minute(match[2]), timedelta(minutes=length))
        return
    match = _DAILY.fullmatch(text)
    if match is None:
        allowed = (
            "days, alone or with times: 'Sat,Sun', 'Mon-Fri 22:00-06:00', 'Sat 20:00-Mon 06:00', 'daily 01:00-05:00'"
        )
        raise typer.BadParameter(f"{text!r}: must be {allowed}", param_hint="--only")
    first, last = (_minute(match[2]), _minute(match[3])) if match[2] else (0, _WHOLE_DAY)
    length = (last - first) % _WHOLE_DAY or _WHOLE_DAY
    for day in _days(match[1]):
        yield week_span(day, first, timedelta(minutes=length))


def _days(text: str) -> Iterator[Weekday]:
    """Of a list and of ranges, which may go around the week's end."""
    if text.lower() == "daily":
        yield from Weekday
        return
    for part in text.split(","):
        first, _, last = part.partition("-")
        start = _weekday(first)
        for ahead in range((_weekday(last or first) - start) % 7 + 1):
            yield Weekday((start + ahead) % 7)


def _weekday(text: str) -> Weekday:
    return Weekday(DAYS.index(text.capitalize()))


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _freeze(text: str, zone: tzinfo) -> Freeze:
    """``2026-12-15/2027-01-07``: local days, the last included. Raises BadParameter."""
    first, _, last = text.partition("/")
    try:
        start, end = parse_date(first), parse_date(last or first)
    except ValueError as error:
        message = f"{text!r}: must be two days, the last included, such as 2026-12-15/2027-01-07"
        raise typer.BadParameter(message, param_hint="--freeze") from error
    if end < start:
        raise typer.BadParameter(f"{text!r}: must not end before it begins", param_hint="--freeze")
    return Freeze(midnight(start, zone), midnight(end + timedelta(days=1), zone), text)


# --- from a maintenance configuration ---------------------------------------------------------------------------------


def _of_windows(file: Path, now: datetime) -> tuple[list[WeekSpan], tzinfo, list[Freeze]]:
    """Of the one configuration in it, or else that of the node OS. Raises ``BadInput``."""
    found = found_in([str(file)], _KINDS, _CONFIGURATION)
    read = configurations_of(found.of(_CONFIGURATION), now, settings_in(found.of("NodeAutoProvisioning")))
    chosen = read if len(read) == 1 else [pair for pair in read if pair[1].name == NODE_OS]
    if len(chosen) != 1:
        document = read[0][0]
        raise BadInput([document.mistake("", None, f"there must be one configuration, or one {NODE_OS}, in {file}")])
    document, configuration = chosen[0]
    spans = list(_spans_of(document, configuration, now))
    frozen = [Freeze(it.span.start, it.span.until, it.text) for it in exclusions(configuration)]
    return spans, configuration.zone, frozen


def _spans_of(document: Document, configuration: Configuration, now: datetime) -> Iterator[WeekSpan]:
    window = configuration.window
    if window is None:
        for entry in configuration.time_in_week:
            for slot in entry.hour_slots:
                yield week_span(entry.day, slot * 60, timedelta(hours=1))
        return
    if window.start_date > now.astimezone(window.zone).date():
        message = "it has not begun yet: compile as of that day, with --at"
        raise BadInput([document.mistake("spec.maintenanceWindow.startDate", str(window.start_date), message)])
    match window.schedule:
        case Weekly(interval_weeks=1, day_of_week=day):
            days: Sequence[Weekday] = (day,)
        case Daily(interval_days=1):
            days = tuple(Weekday)
        case _:
            message = "schedules of budgets repeat by the week: it must be every week on a day, or every day"
            raise BadInput([document.mistake("spec.maintenanceWindow.schedule", None, message)])
    for day in days:
        yield week_span(day, window.start_time.hour * 60 + window.start_time.minute, window.duration)


# --- telling ----------------------------------------------------------------------------------------------------------


def manifest_of(budget: Budget) -> dict[str, Any]:
    """As a NodePool has it."""
    made: dict[str, Any] = {"nodes": budget.nodes}
    if budget.schedule is not None and budget.duration is not None:
        made |= {"schedule": budget.schedule, "duration": _duration(budget.duration)}
    if budget.reasons is not None:
        made["reasons"] = [reason for reason in REASONS if reason in budget.reasons]
    return made


def _duration(length: timedelta) -> str:
    """``48h``, ``1h30m``: hours and minutes, the only form that the API server takes."""
    text = format_duration(length)
    text = text.removesuffix("0s") if text.endswith("m0s") else text
    return text.removesuffix("0m") if text.endswith("h0m") else text


def text(told: Answer) -> str:
    """A patch in YAML: ``kubectl patch nodepool NAME --type merge --patch-file FILE``. All else in it are comments."""
    lines = [f"# {line}" for line in _head(told)]
    lines += ["spec:", "  disruption:", "    budgets:"]
    for item in told.found.budgets:
        lines.append(f"      # {_comment(item, told)}")
        dumped = yaml.safe_dump([manifest_of(item.budget)], sort_keys=False, default_flow_style=None, width=1000)
        lines += [f"      {line}" for line in dumped.splitlines()]
    lines += [f"# {line}" for line in _verdict(told)]
    return "\n".join(lines) + "\n"


def _comment(item: Explained, told: Answer) -> str:
    budget = item.budget
    if budget.schedule is None:
        return item.why
    return f"{item.why}: in UTC, as of an offset of {write_offset(_ahead(told))}" if item.why == "closed" else item.why


def _ahead(told: Answer) -> timedelta:
    return told.found.since.astimezone(told.wish.zone).utcoffset() or timedelta(0)


def _head(told: Answer) -> Iterator[str]:
    asked, found = told.asked, told.found
    what = "the windows of " + str(asked.windows) if asked.windows else ", ".join(asked.only)
    yield f"Disruption only {what} by the clocks of {told.wish.zone}, {told.wish.nodes} at once; else none."
    if asked.reasons and told.wish.reasons is not None:
        yield f"For {', '.join(sorted(told.wish.reasons))}; other reasons are bounded by the first budget alone."
    if found.valid_until is None:
        yield f"Valid from {write_instant(found.since)} on, for good: {found.because}."
    else:
        yield f"VALID UNTIL {write_instant(found.valid_until)}, from {write_instant(found.since)} on: {found.because}."
        yield "Compile it anew then, with --at of that instant."
    for freeze in found.left_out:
        over = "is over" if freeze.end <= asked.now else "is more than a year ahead"
        yield f"Freeze {freeze.text} is not in it: it {over}."


def _verdict(told: Answer) -> Iterator[str]:
    asked, found = told.asked, told.found
    if asked.verified is None:
        return
    minutes = sum((end - start) // timedelta(minutes=1) for start, end in told.looked_at)
    spans = "; ".join(f"{write_instant(start)} to {write_instant(end)}" for start, end in told.looked_at)
    verdict = "all as wished" if told.holds else f"NOT as wished in {len(told.wrong)} stretches"
    yield f"Verified, minute by minute: {verdict}. {minutes} minutes: {spans}."
    yield from (f"  {_told(it, told)}" for it in told.wrong)
    if found.valid_until is None:
        return
    if not told.after:
        yield f"In the week from {write_instant(found.valid_until)} on it would still be as wished."
        return
    yield f"In the week from {write_instant(found.valid_until)} on it would not be as wished:"
    yield from (f"  {_told(it, told)}" for it in told.after)


def _told(it: Disagreement, told: Answer) -> str:
    local = full(it.start, told.wish.zone)
    length = _duration(it.end - it.start)
    return (
        f"{full(it.start)} UTC ({local} {told.wish.zone}) for {length}: {_level(it.allowed)}, not {_level(it.wished)}"
    )


def _level(allowed: int) -> str:
    if allowed == UNLIMITED:
        return "unlimited"
    return "open" if allowed else "closed"


def document(told: Answer) -> str:
    """The same as JSON."""
    found = told.found
    patch = {"spec": {"disruption": {"budgets": [manifest_of(it) for it in found.plain]}}}
    made = Patch(
        time_zone=str(told.wish.zone),
        since=found.since,
        valid_until=found.valid_until,
        because=found.because,
        patch=patch,
        verified=None if told.asked.verified is None else told.holds,
        disagreements=tuple(map(_plain, told.wrong)),
        after=tuple(map(_plain, told.after)),
    )
    return indented(made)


def _plain(it: Disagreement) -> dict[str, Any]:
    return {"start": it.start, "end": it.end, "wished": it.wished, "allowed": it.allowed}
