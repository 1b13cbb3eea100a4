"""A page of days as strips of time, that opens without a network: what holds when is seen at a glance.

Everything is in the file. Colours are Okabe and Ito's, which differ for every kind of colour vision, and each meaning
has a pattern and words too. A row is a day on the clocks of the reader, to the minute; an hour that the clocks repeat
is drawn in two halves, the second one below, and one that they skip stays empty. By keyboard: Tab enters a drawing, the
arrow keys go from part to part, and the line above it tells what each of them is.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from html import escape
from typing import Final

from napsim.core.clock_changes import next_clock_change
from napsim.core.periods import midnight
from napsim.report.times import DAYS, full, span

_DAY_MINUTES: Final = 1440
_LABELLED: Final = 75  # minutes that a number needs to be readable in a strip
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --line: #bbb; --none: #e9e9e9; --soft: #f4f4f4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eee; --paper: #161616; --line: #555; --none: #2c2c2c; --soft: #222; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 64rem;
  margin: 1.5rem auto; padding: 0 1rem; }
h2 { margin-bottom: .2rem; } section { margin-bottom: 2rem; } .place { opacity: .7; overflow-wrap: anywhere; }
.days { display: grid; grid-template-columns: 6.2rem 1fr; row-gap: 3px; margin: .6rem 0; }
.days > b { font: inherit; font-variant-numeric: tabular-nums; line-height: 24px; }
.day { position: relative; height: 24px; background-image: repeating-linear-gradient(90deg, var(--line) 0 1px,
  transparent 1px 12.5%); }
.Mon { margin-top: 7px; }
.scale { height: 18px; background: none; font-size: 12px; } .scale span { position: absolute; }
.part { position: absolute; top: 0; bottom: 0; min-width: 2px; overflow: hidden; text-align: center;
  font: 600 12px/24px system-ui, sans-serif; box-shadow: inset 1px 0 var(--paper); }
.first { bottom: 50%; line-height: 12px; } .again { top: 50%; line-height: 12px; }
.part:focus-visible { outline: 3px solid var(--ink); outline-offset: 1px; z-index: 2; overflow: visible; }
.none { background: var(--none); color: var(--ink); }
.some { background: #56B4E9; color: #000; } .more { background: #0072B2; color: #fff; }
.all { background: repeating-linear-gradient(0deg, #0072B2 0 3px, #004a75 3px 6px); color: #fff; }
.unlimited { background: repeating-linear-gradient(45deg, #D55E00 0 6px, #8c3d00 6px 9px); color: #fff; }
.open { background: #009E73; color: #000; }
.cut { background: repeating-linear-gradient(-45deg, #E69F00 0 5px, #ffd27a 5px 9px); color: #000; }
.key { display: inline-block; width: 1.6em; height: 1.1em; margin: 0 .4em 0 1.2em; vertical-align: -3px; }
.told { min-height: 1.5em; font-variant-numeric: tabular-nums; } .bad { color: #B34700; font-weight: 600; }
@media (prefers-color-scheme: dark) { .bad { color: #FF9D5C; } }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { text-align: left; padding: .15rem .8rem .15rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; } td.number { text-align: right; }
@media print { body { max-width: none; } section { break-inside: avoid; } .told { display: none; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""
_SCRIPT: Final = """
for (const drawing of document.querySelectorAll(".days")) {
  const parts = [...drawing.querySelectorAll(".part")], told = drawing.previousElementSibling;
  const tell = (part) => { told.textContent = part.getAttribute("aria-label"); };
  const go = (to) => {
    for (const part of parts) part.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  };
  drawing.addEventListener("focusin", (event) => tell(event.target));
  drawing.addEventListener("mouseover", (event) => { if (event.target.matches(".part")) tell(event.target); });
  drawing.addEventListener("keydown", (event) => {
    const at = parts.indexOf(event.target), box = event.target.getBoundingClientRect();
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key], row = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step && parts[at + step]) go(parts[at + step]);
    if (row) {
      const rows = parts.filter((part) => (part.getBoundingClientRect().top - box.top) * row > 4);
      const near = rows.sort((a, b) => distance(a, box) - distance(b, box))[0];
      if (near) go(near);
    }
    if (step || row) event.preventDefault();
  });
}
function distance(part, box) {
  const other = part.getBoundingClientRect(), middle = (box.left + box.right) / 2;
  return Math.abs(other.top - box.top) * 1000 + Math.max(other.left - middle, middle - other.right, 0);
}
"""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a part of a strip is: its class of style, a word or number that fits in, and the same in words."""

    style: str
    label: str
    words: str


@dataclass(frozen=True, slots=True)
class Part:
    """From ``start`` to ``end`` (aware UTC, ``end`` excluded)."""

    start: datetime
    end: datetime
    meaning: Meaning


def page(title: str, body: Iterable[str]) -> str:
    """The whole file. The same body gives the same bytes."""
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src '{_digest(_SCRIPT)}'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}"/><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>{''.join(body)}</main>"
        f"<script>{_SCRIPT}</script></body></html>\n"
    )


def _digest(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def keys(meanings: Iterable[Meaning]) -> str:
    """What the styles stand for."""
    shown = {(it.style, it.words): it for it in meanings}
    listed = (f'<span><span class="key {it.style}"></span>{escape(it.words)}</span>' for it in shown.values())
    return f"<p>{' '.join(listed)}</p>"


def drawing(parts: Sequence[Part], zone: tzinfo, zone_name: str, name: str) -> str:
    """The days that the parts (in order) touch, one below the other, and a line that tells what has the focus."""
    rows: dict[date, list[str]] = {}
    number = 0
    for part in parts:
        for piece in _pieces(part, zone):
            cell = _cell(piece, zone, zone_name, focusable=number == 0)
            rows.setdefault(piece.start.astimezone(zone).date(), []).append(cell)
            number += 1
    marks = "".join(f'<span style="left:{hour / 24:.2%}">{hour:02d}</span>' for hour in range(0, 24, 3))
    days = "".join(
        f'<b class="{DAYS[day.weekday()]}" role="rowheader">{DAYS[day.weekday()]} {day:%m-%d}</b>'
        f'<div class="day {DAYS[day.weekday()]}" role="row">{"".join(cells)}</div>'
        for day, cells in rows.items()
    )
    head = f'<b>{escape(zone_name.rpartition("/")[2])}</b><div class="day scale">{marks}</div>'
    return (
        '<p class="told" aria-live="polite">Tab, then the arrow keys, tell what holds when.</p>'
        f'<div class="days" role="grid" aria-label="{escape(name)}">{head}{days}</div>'
    )


def _pieces(part: Part, zone: tzinfo) -> Iterator[Part]:
    """Cut at midnights, where the clocks change, and around what they then repeat."""
    at = part.start
    while at < part.end:
        today = at.astimezone(zone).date()
        bounds = (midnight(today, zone), midnight(today + timedelta(days=1), zone))
        until = min(cut for cut in (*_cuts(*bounds, zone), bounds[1], part.end) if cut > at)
        yield Part(at, until, part.meaning)
        at = until


@lru_cache(maxsize=1024)
def _cuts(start: datetime, end: datetime, zone: tzinfo) -> tuple[datetime, ...]:
    """Within a day: where its clocks change, and the ends of the time that they show twice."""
    change = next_clock_change(zone, start, end)
    if change is None:
        return ()
    twice = max(change.before - change.after, timedelta(0))
    return change.at - twice, change.at, change.at + twice


def _cell(piece: Part, zone: tzinfo, zone_name: str, *, focusable: bool) -> str:
    start, end = piece.start.astimezone(zone), (piece.end - timedelta(microseconds=1)).astimezone(zone)
    first = start.hour * 60 + start.minute + start.second / 60
    length = (piece.end - piece.start) / timedelta(minutes=1)
    half = " again" if start.fold else " first" if _comes_twice(start) and _comes_twice(end) else ""
    told = f"{full(piece.start, zone)} {zone_name}"
    if zone_name != "UTC":
        told += f" = {full(piece.start)} UTC"
    told += f", for {span(piece.end - piece.start)}: {piece.meaning.words}"
    label = escape(piece.meaning.label) if length >= _LABELLED else ""
    place = f"left:{first / _DAY_MINUTES:.3%};width:{min(length, _DAY_MINUTES - first) / _DAY_MINUTES:.3%}"
    keyboard = f'role="gridcell" tabindex="{0 if focusable else -1}"'
    words = f'title="{escape(told)}" aria-label="{escape(told)}"'
    return f'<div class="part {piece.meaning.style}{half}" style="{place}" {keyboard} {words}>{label}</div>'


def _comes_twice(local: datetime) -> bool:
    return local.utcoffset() != local.replace(fold=1).utcoffset()
