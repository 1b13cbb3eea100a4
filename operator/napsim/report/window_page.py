"""When the windows are, as a page: for each configuration its days, at a glance, and its next windows in both times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from html import escape
from itertools import pairwise
from typing import Final

from napsim.core.periods import midnight
from napsim.report.facts import WINDOW_GATES_PICK_UP
from napsim.report.times import zone_of
from napsim.report.week_page import Meaning, Part, drawing, keys
from napsim.report.week_page import page as framed
from napsim.report.window_calendar import Configuration, WindowCalendar, cell

_OPEN: Final = Meaning("open", "open", "open")
_CUT: Final = Meaning("cut", "cut out", "cut out by notAllowedDates or notAllowedTime")
_CLOSED: Final = Meaning("none", "", "closed")
_WEEK: Final = timedelta(weeks=1)
_MOST: Final = timedelta(weeks=8)


def page(calendar: WindowCalendar) -> str:
    """The whole file."""
    return framed("Maintenance windows", _body(calendar))


def _body(calendar: WindowCalendar) -> Iterator[str]:
    yield f"<p>Drawn by the clocks of {escape(calendar.time_zone)}. {escape(WINDOW_GATES_PICK_UP)}</p>"
    yield from (f'<p class="bad">{escape(note)}</p>' for note in calendar.notes)
    for configuration in calendar.configurations:
        yield f"<section>{''.join(_configuration(configuration, calendar))}</section>"


def _configuration(it: Configuration, calendar: WindowCalendar) -> Iterator[str]:
    zone = zone_of(calendar.time_zone)
    yield f"<h2>{escape(it.config_name)}</h2>"
    yield f'<p class="place">MaintenanceConfiguration/{escape(it.name)}, {escape(f"{it.file}:{it.line}")}</p>'
    unread = "" if it.read else ' <span class="bad">AKS does not read it: there is another one of that name.</span>'
    state = f"Now {'open' if it.open else 'closed'}, {it.changes or 'and stays so'}."
    yield f"<p>{escape(f'{it.governs}. {it.schedule}. {state}')}{unread}</p>"
    yield keys((_OPEN, _CUT, _CLOSED))
    start = midnight(calendar.at.astimezone(zone), zone)
    yield drawing(list(_parts(it, start, _end(it, start))), zone, calendar.time_zone, it.config_name)
    rows = (f"<td>{escape(cell(window))}</td><td>{escape(cell(window, zone))}</td>" for window in it.windows)
    head = f"<thead><tr><th>UTC</th><th>{escape(calendar.time_zone)}</th></tr></thead>"
    yield f"<table>{head}<tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"
    for message in (*(cut.message for cut in it.cut_outs), *it.clocks, *(found.message for found in it.warnings)):
        yield f"<p>{escape(message)}</p>"


def _end(it: Configuration, start: datetime) -> datetime:
    """Whole weeks, until the last window that is told or cut out, one at least and eight at most."""
    ends = (*(item.end for item in it.windows), *(item.end for item in it.cut_outs))
    near = [end for end in ends if end is not None and end < start + _MOST]
    weeks = -(-(max(near, default=start) - start) // _WEEK)
    return start + max(weeks, 1) * _WEEK


def _parts(it: Configuration, start: datetime, end: datetime) -> Iterator[Part]:
    """The span in parts without gaps: open goes before cut out, and that before closed."""
    spans = [(item.start or start, item.end or end, _OPEN) for item in it.windows]
    spans += [(item.start, item.end or end, _CUT) for item in it.cut_outs]
    edges = sorted({start, end, *(at for first, last, _ in spans for at in (first, last) if start < at < end)})
    for since, until in pairwise(edges):
        held = [meaning for first, last, meaning in spans if first <= since and until <= last]
        yield Part(since, until, _OPEN if _OPEN in held else _CUT if held else _CLOSED)
