"""What budgets allow over a span, as a page: for each pool and reason its days, at a glance, and its totals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from html import escape

from napsim.report.budget_calendar import UNLIMITED, Allowed, BudgetCalendar, Course, Pool
from napsim.report.facts import BUDGET_IS_NO_SPEED, BUDGET_RESTRICTS_WHILE_ACTIVE, WINDOW_GATES_PICK_UP
from napsim.report.phrases import plural
from napsim.report.times import full, span, zone_of
from napsim.report.week_page import Meaning, Part, drawing, keys
from napsim.report.week_page import page as framed


def page(calendar: BudgetCalendar) -> str:
    """The whole file."""
    return framed("Budgets: how many nodes may be disrupted when", _body(calendar))


def _body(calendar: BudgetCalendar) -> Iterator[str]:
    told = f"From {full(calendar.start)} to {full(calendar.end)} UTC, drawn by the clocks of {calendar.time_zone}."
    yield f"<p>{escape(told)} Schedules of budgets are UTC.</p>"
    for pool in calendar.pools:
        yield from _pool(pool, calendar)
    yield from (f"<p>{escape(fact)}</p>" for fact in (BUDGET_RESTRICTS_WHILE_ACTIVE, WINDOW_GATES_PICK_UP))
    yield f"<p>{escape(BUDGET_IS_NO_SPEED)}</p>"
    if calendar.notes:
        yield f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in calendar.notes)}</ul>"


def _pool(pool: Pool, calendar: BudgetCalendar) -> Iterator[str]:
    yield f"<h2>NodePool {escape(pool.name)}</h2>"
    place = f"{pool.file}:{pool.line}; {plural(pool.nodes, 'node')}: {pool.nodes_from}"
    yield f'<p class="place">{escape(place)}</p>'
    budgets = "".join(f"<li value={number}>{escape(text)}</li>" for number, text in enumerate(pool.budgets))
    yield f"<ol>{budgets}</ol>" if budgets else "<p>No budgets.</p>"
    for course in pool.courses:
        yield f"<section>{''.join(_course(course, pool, calendar))}</section>"


def _course(course: Course, pool: Pool, calendar: BudgetCalendar) -> Iterator[str]:
    reasons = ", ".join(course.reasons)
    yield f"<h3>{escape(reasons)}</h3>"
    yield keys(meaning(level.allowed, pool.nodes) for level in course.levels)
    parts = [Part(it.start, it.end, meaning(it.allowed, pool.nodes)) for it in course.stretches]
    yield drawing(parts, zone_of(calendar.time_zone), calendar.time_zone, f"{pool.name}: {reasons}")
    yield from _levels(course, pool, calendar)
    for finding in course.findings:
        bad = ' class="bad"' if finding.reason.startswith(("Unlimited", "FailsClosed")) else ""
        yield f"<p{bad}>{escape(finding.message)}</p>"


def _levels(course: Course, pool: Pool, calendar: BudgetCalendar) -> Iterator[str]:
    whole = (calendar.end - calendar.start).total_seconds()
    head = "".join(f"<th>{title}</th>" for title in ("At once", "Hours", "Share", "Longest stretch, UTC"))
    yield f"<table><thead><tr>{head}</tr></thead><tbody>"
    for level in course.levels:
        longest = span(timedelta(seconds=level.longest_seconds))
        stretch = f"{'at least ' if level.at_least else ''}{longest} from {full(level.longest_from)}"
        numbers = (f"{round(level.seconds / 3600, 2):g}", f"{level.seconds / whole:.0%}")
        cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
        yield f"<tr><td>{escape(meaning(level.allowed, pool.nodes).words)}</td>{cells}<td>{escape(stretch)}</td></tr>"
    yield "</tbody></table>"


def meaning(allowed: Allowed, nodes: int) -> Meaning:
    """A level as it is drawn: darker the larger its share of the nodes."""
    if not isinstance(allowed, int):
        return Meaning("unlimited", "unlimited", UNLIMITED.upper())
    if not allowed:
        return Meaning("none", "0", "none")
    if allowed >= nodes:
        return Meaning("all", str(allowed), f"{allowed} at once, which is all")
    return Meaning("more" if allowed * 4 > nodes else "some", str(allowed), f"{allowed} at once")
