"""What changes in effect, as lines for a terminal. What comes is marked ``+``, what goes ``-``, what changes ``~``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from napsim.report.budget_calendar import UNLIMITED, Allowed
from napsim.report.difference import Budgets, Difference, Level, Object, Outlook, Risk, Span, Windows, outlook_changes
from napsim.report.marked import Marked, Tone, headed, wrapped
from napsim.report.times import DAYS, full, span, zone_of

MOST: Final = 8  # windows, nodes or fields of one kind; --output json has all of them
MARKS: Final = {"added": "+", "gone": "-", "changed": "~"}


def lines(difference: Difference) -> Iterator[Marked]:
    """The whole difference for a terminal."""
    yield from wrapped(f"{difference.before} → {difference.after}", Tone.HEADING, "")
    yield Marked(f"from {full(difference.start)} UTC on", Tone.ASIDE)
    if not difference.changed:
        yield Marked("Nothing changes in effect.", Tone.GOOD)
    yield from _section("OBJECTS", _objects(difference))
    for windows in difference.windows:
        yield from _section(f"WINDOWS {windows.config_name}", _windows(windows, difference))
    for budgets in difference.budgets:
        title = f"BUDGETS NodePool/{budgets.pool}: {', '.join(budgets.reasons)}"
        yield from _section(title, _budgets(budgets))
    if difference.outlook is not None:
        yield from _section("NEXT ROLLOUT, by the forecast", _outlook(difference.outlook, difference.time_zone))
        yield from _section("AT RISK", _risks(difference.outlook))
    for note in difference.notes:
        yield from wrapped(f"- {note}", Tone.ASIDE, "")


def _section(title: str, body: Iterable[Marked]) -> Iterator[Marked]:
    found = list(body)
    if found:
        yield Marked()
        yield Marked(title, Tone.HEADING)
        yield from found


# --- objects ----------------------------------------------------------------------------------------------------------


def _objects(difference: Difference) -> Iterator[Marked]:
    for item in difference.objects:
        yield from headed(f"  {MARKS[item.change]} {item.named}", f"{item.file}:{item.line}")
        yield from _fields(item)
        for effect in item.effects:
            yield from wrapped(f"! {effect}", Tone.WARNING, "      ")
    for count in difference.counts:
        yield Marked(f"  {count.kind}: {count.added} come, {count.gone} go")


def _fields(item: Object) -> Iterator[Marked]:
    for field in item.fields[:MOST]:
        yield from wrapped(f"{field.field}: {field.before or 'absent'} → {field.after or 'absent'}", indent="      ")
    yield from _more(len(item.fields))


def _more(count: int) -> Iterator[Marked]:
    if count > MOST:
        yield Marked(f"      … {count - MOST} more; --output json has all of them", Tone.ASIDE)


# --- windows and budgets ----------------------------------------------------------------------------------------------


def _windows(windows: Windows, difference: Difference) -> Iterator[Marked]:
    yield from wrapped(windows.governs, Tone.ASIDE)
    yield from wrapped(hours_a_year(windows))
    for mark, tone, spans in (("-", Tone.WARNING, windows.lost), ("+", Tone.GOOD, windows.gained)):
        for item in spans[:MOST]:
            yield Marked(f"  {mark} {both_clocks(item, difference.time_zone)}", tone)
        yield from _more(len(spans))


def hours_a_year(windows: Windows) -> str:
    """``208 h → 416 h open a year; 52 windows, or parts of them, are gained, none is lost``."""
    before, after = (_open(it) for it in (windows.before_seconds, windows.after_seconds))
    gained, lost = len(windows.gained), len(windows.lost)
    return f"{before} → {after}; windows, or parts of them: {gained or 'none'} gained, {lost or 'none'} lost"


def _open(seconds: float | None) -> str:
    return "not there" if seconds is None else f"{hours(seconds)} h a year"


def both_clocks(item: Span, zone: str) -> str:
    """``Sun 2026-02-01 01:00–05:00 UTC   02:00–06:00 Berlin``, with the local day where it is another one."""
    told = f"{full(item.start)}–{_clock(item)} UTC"
    if zone == "UTC":
        return told
    start, end = (at.astimezone(zone_of(zone)) for at in (item.start, item.end))
    day = "" if start.date() == item.start.date() else f"{DAYS[start.weekday()]} "
    return f"{told:39}{day}{start:%H:%M}–{end:%H:%M} {zone.rpartition('/')[2]}"


def _clock(item: Span) -> str:
    """The end: the time of day, after another day with that day."""
    if item.start.date() == item.end.date():
        return f"{item.end:%H:%M}"
    if item.end - item.start < timedelta(days=6):
        return f"{DAYS[item.end.weekday()]} {item.end:%H:%M}"
    return f"{item.end:%Y-%m-%d %H:%M}"


def hours(seconds: float) -> str:
    return f"{round(seconds / 3600, 2):g}"


def words(allowed: Allowed | None) -> str:
    """A level in words; ``no pool`` where there is none."""
    if allowed is None:
        return "no pool"
    return "UNLIMITED" if allowed == UNLIMITED else "none" if allowed == 0 else str(allowed)


def _budgets(budgets: Budgets) -> Iterator[Marked]:
    yield Marked(f"  {'AT ONCE':12}{'HOURS A WEEK':>14}{'THEN':>10}{'CHANGE':>10}", Tone.ASIDE)
    for level in budgets.levels:
        yield _level(level)
    yield from wrapped(differs(budgets))
    if budgets.nodes_before != budgets.nodes_after and None not in (budgets.nodes_before, budgets.nodes_after):
        yield from wrapped(f"nodes that percentages are of: {budgets.nodes_before} → {budgets.nodes_after}")


def _level(level: Level) -> Marked:
    before, after = (_cell(it) for it in (level.before_seconds, level.after_seconds))
    text = f"  {words(level.allowed):12}{before:>14}{after:>10}{change(level):>10}"
    return Marked(text, Tone.BAD if level.allowed == UNLIMITED else Tone.PLAIN)


def _cell(seconds: float | None) -> str:
    return "no pool" if seconds is None else hours(seconds)


def change(level: Level) -> str:
    """``+48``, ``-12.5``, nothing where it is the same."""
    moved = (level.after_seconds or 0) - (level.before_seconds or 0)
    return f"{moved / 3600:+g}" if moved else ""


def differs(budgets: Budgets) -> str:
    """In how many hours of the year another level holds, and when for the first time."""
    first = budgets.first
    told = f"{words(first.before)} → {words(first.after)}"
    length = hours(budgets.differs_seconds)
    return f"another level in {length} h of the year, first from {full(first.start)} UTC: {told}"


# --- the forecast -----------------------------------------------------------------------------------------------------


def _outlook(outlook: Outlook, zone_name: str) -> Iterator[Marked]:
    if not outlook_changes(outlook):
        whole = finished(outlook.finish[0].before, outlook.ended_before, outlook.start, zone_name)
        yield from wrapped(f"as before; all nodes done: {whole}")
        return
    yield Marked(f"  {'':18}{'BEFORE':30}AFTER", Tone.ASIDE)
    for item in outlook.finish:
        before = finished(item.before, outlook.ended_before, outlook.start, zone_name)
        after = finished(item.after, outlook.ended_after, outlook.start, zone_name)
        tone = Tone.BAD if item.after is None and item.before is not None else Tone.PLAIN
        yield Marked(f"  {item.pool or 'all nodes done':17.17} {before:30}{after}", tone)
    for title, (old, new) in (
        ("nodes at once", outlook.most_disrupting),
        ("pods evicted", outlook.evicted),
    ):
        yield Marked(f"  {title:18}{old!s:30}{new}")
    yield from wrapped(f"{later(outlook)}; both from {full(outlook.start)} UTC, seed {outlook.seed}", Tone.ASIDE)


def finished(at: datetime | None, ended: datetime, start: datetime, zone_name: str) -> str:
    """When; where not, that it is not by the end."""
    zone = zone_of(zone_name)
    if at is not None and at <= start:
        return "from the start"
    return full(at, zone) if at is not None else f"not by {full(ended, zone)}"


def later(outlook: Outlook) -> str:
    """How much later or earlier the whole rollout is over."""
    whole = outlook.finish[0]
    if whole.before is None and whole.after is None:
        return "neither rollout finishes"
    if whole.after is None:
        return "it does not finish any more"
    if whole.before is None:
        return "it finishes now, which it did not before"
    moved = whole.after - whole.before
    if not moved:
        return "both finish at the same time"
    return f"it finishes {span(abs(moved))} {'later' if moved > timedelta(0) else 'earlier'}"


def risks(outlook: Outlook) -> Iterator[tuple[str, str, tuple[Risk, ...]]]:
    """(mark, what, which) of each kind of risk that comes or goes."""
    for mark, what, found in (
        ("+", "blocked to the end", outlook.blocked_gained),
        ("-", "no longer blocked to the end", outlook.blocked_lost),
        ("+", "a pod is evicted more than once", outlook.evicted_twice_gained),
        ("-", "no pod is evicted more than once any more", outlook.evicted_twice_lost),
    ):
        if found:
            yield mark, what, found


def _risks(outlook: Outlook) -> Iterator[Marked]:
    for mark, what, found in risks(outlook):
        tone = Tone.BAD if mark == "+" else Tone.GOOD
        for item in found[:MOST]:
            yield from wrapped(f"{mark} {item.name}: {what}: {item.why}", tone, more="    ")
        yield from _more(len(found))
