"""The charts of a forecast's page, as SVG: nodes by image version, budget allowed and used, evictions, on one axis.

Each chart is drawn from columns, at most one for two units of width: a column stands for all that happens in its time,
with the most disrupted of it. So a page is as large for 5,000 nodes as for 20.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from html import escape
from itertools import groupby
from typing import Final

from napsim.api.names import MAX_INT32
from napsim.report.forecast import Pool, Step, Window, Workload

WIDTH: Final = 1000
_COLUMNS: Final = 500
_STACK: Final = 140  # height of the nodes by version
_LANE: Final = 60  # of budget allowed and used
_ROW: Final = 22  # of one workload
# Okabe and Ito's colours, which differ for every kind of colour vision; each version has a pattern of its own too.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#F0E442")
_TICKS: Final = (
    timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=7),
    timedelta(days=14), timedelta(days=30), timedelta(days=90), timedelta(days=365),
)  # fmt: skip
_MOST_TICKS: Final = 10


@dataclass(frozen=True, slots=True)
class Scale:
    """From instants to x. ``zone`` is that of the labels."""

    start: datetime
    end: datetime
    zone: tzinfo

    def x(self, at: datetime) -> float:
        share = (at - self.start) / max(self.end - self.start, timedelta(seconds=1))
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)

    def edges(self) -> list[datetime]:
        """The ends of all columns."""
        length = max(self.end - self.start, timedelta(seconds=1))
        return [self.start + length * (number + 1) / _COLUMNS for number in range(_COLUMNS)]

    def ticks(self) -> list[datetime]:
        step = next((it for it in _TICKS if (self.end - self.start) / it <= _MOST_TICKS), _TICKS[-1])
        local = self.start.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        found = []
        while local <= self.end:
            if local >= self.start:
                found.append(local)
            local += step
        return found


@dataclass(frozen=True, slots=True)
class _Column:
    """One step of width: how the pool stands at its end, and the most disrupted in it."""

    versions: tuple[tuple[str, int], ...]
    disrupting: int
    allowed: int


def chart(title: str, height: int, body: Iterable[str], scale: Scale) -> str:
    """An SVG with the axis below ``body``."""
    inner = "".join((*body, *_axis(scale, height)))
    return (
        f'<svg viewBox="0 0 {WIDTH} {height + 18}" role="img" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(title)}</title>{inner}</svg>"
    )


def _axis(scale: Scale, height: int) -> Iterator[str]:
    hours = scale.end - scale.start < timedelta(days=3)
    for at in scale.ticks():
        x = scale.x(at)
        text = f"{at:%m-%d %H:%M}" if hours else f"{at:%Y-%m-%d}"
        yield f'<line class="tick" x1="{x}" x2="{x}" y1="0" y2="{height}"/>'
        yield f'<text class="label" x="{min(x + 2, WIDTH - 70)}" y="{height + 13}">{text}</text>'


# --- pools ------------------------------------------------------------------------------------------------------------


def versions_of(pools: Iterable[Pool]) -> dict[str, int]:
    """Every image version that a node runs, with the number of its colour, the oldest first."""
    seen = dict.fromkeys(version for pool in pools for step in pool.steps for version in step.versions)
    return {version: number for number, version in enumerate(sorted(seen, key=lambda it: it.rsplit("-", 1)[-1]))}


def pool_chart(pool: Pool, windows: Sequence[Window], colours: dict[str, int], scale: Scale) -> str:
    """Nodes by version, stacked, and below them what the budget allows and what of it is used. Windows are shaded."""
    columns = _columns(pool.steps, scale)
    most = max((sum(nodes for _, nodes in column.versions) for column in columns), default=0) or 1
    height = _STACK + 10 + _LANE
    body = [*_stacked(columns, most, colours), *_shaded(windows, height, scale), *_budget(columns, most)]
    body.append(f'<text class="label" x="2" y="11">{most} nodes</text>')
    body.append(f'<text class="label" x="2" y="{_STACK + 21}">disrupted (filled), allowed (line)</text>')
    return chart(f"NodePool {pool.name}: nodes by image version, and its budget", height, body, scale)


def _columns(steps: Sequence[Step], scale: Scale) -> list[_Column]:
    instants = [step.at for step in steps]
    found, first = [], 0
    for edge in scale.edges():
        after = bisect_right(instants, edge)
        if not after:
            found.append(_Column((), 0, 0))
            continue
        here = steps[max(first - 1, 0) : after]
        last = steps[after - 1]
        allowed = max(it.allowed for it in here) if here else last.allowed
        found.append(_Column(tuple(last.versions.items()), max(it.disrupting for it in here), allowed))
        first = after
    return found


def _shaded(windows: Iterable[Window], height: int, scale: Scale) -> Iterator[str]:
    for window in windows:
        since, until = scale.x(window.since), scale.x(window.until or scale.end)
        told = f"{window.configuration}: {window.since:%Y-%m-%d %H:%M} UTC, {_hours(window, scale)}"
        size = f'x="{since}" y="0" width="{max(until - since, 1.0):.1f}" height="{height}"'
        yield f'<rect class="window" {size}><title>{escape(told)}</title></rect>'


def _hours(window: Window, scale: Scale) -> str:
    return f"open for {((window.until or scale.end) - window.since) / timedelta(hours=1):g} h"


def _stacked(columns: Sequence[_Column], most: int, colours: dict[str, int]) -> Iterator[str]:
    for version, number in colours.items():
        lower = [_below(column, colours, number) for column in columns]
        upper = [low + dict(column.versions).get(version, 0) for low, column in zip(lower, columns, strict=True)]
        if upper == lower:
            continue
        outline = [*_corners(upper, most), *reversed(list(_corners(lower, most)))]
        points = " ".join(f"{x},{y}" for x, y in outline)
        yield (
            f'<polygon points="{points}" fill="url(#version{number % len(COLOURS)})">'
            f"<title>{escape(version)}</title></polygon>"
        )


def _below(column: _Column, colours: dict[str, int], number: int) -> int:
    return sum(nodes for version, nodes in column.versions if colours[version] < number)


def _corners(values: Sequence[int], most: int) -> Iterator[tuple[float, float]]:
    """The outline of steps, equal columns in one."""
    yield from _outline(values, lambda value: round(_STACK * (1 - value / most), 1))


def _outline(values: Sequence[int], y: Callable[[int], float]) -> Iterator[tuple[float, float]]:
    width = WIDTH / len(values)
    x = 0.0
    for value, run in groupby(values):
        end = round(x + len(list(run)) * width, 1)
        yield x, y(value)
        yield end, y(value)
        x = end


def _budget(columns: Sequence[_Column], most: int) -> Iterator[str]:
    """Unlimited is drawn at the top."""
    bottom = _STACK + 10 + _LANE
    top = max((column.disrupting for column in columns), default=0)
    top = max(top, *(column.allowed for column in columns if column.allowed < MAX_INT32), 1)

    def y(value: int) -> float:
        return round(bottom - (_LANE - 16) * min(value, top) / top, 1)

    used = " ".join(f"{x},{height}" for x, height in _outline([column.disrupting for column in columns], y))
    allowed = " ".join(f"{x},{height}" for x, height in _outline([column.allowed for column in columns], y))
    told = f"most disrupted at once: {max((column.disrupting for column in columns), default=0)} of {most} nodes"
    yield f'<polygon class="used" points="0,{bottom} {used} {WIDTH},{bottom}"><title>{told}</title></polygon>'
    yield f'<polyline class="allowed" points="{allowed}"><title>what the budgets allow</title></polyline>'


# --- workloads --------------------------------------------------------------------------------------------------------


def workloads_chart(workloads: Sequence[Workload], scale: Scale) -> str:
    """A lane for each workload; a mark for the evictions of one column, the darker the more."""
    rows = []
    for number, workload in enumerate(workloads):
        top = number * _ROW
        counts: dict[float, int] = {}
        for eviction in workload.evictions:
            column = scale.x(eviction.at) // 2 * 2
            counts[column] = counts.get(column, 0) + eviction.pods
        most = max(counts.values(), default=1)
        rows.append(f'<line class="tick" x1="0" x2="{WIDTH}" y1="{top + _ROW}" y2="{top + _ROW}"/>')
        for x, pods in sorted(counts.items()):
            size = f'x="{x}" y="{top + 3}" width="3" height="{_ROW - 6}" opacity="{0.4 + 0.6 * pods / most:.2f}"'
            told = escape(f"{workload.name}: {pods} evicted")
            rows.append(f'<rect class="evicted" {size}><title>{told}</title></rect>')
        rows.append(f'<text class="label" x="4" y="{top + 15}">{escape(workload.name)}</text>')
    return chart("Evictions by workload", len(workloads) * _ROW, rows, scale)


def patterns() -> str:
    """What versions are filled with: a colour, and lines of one direction each, for print and for every eye."""
    made = []
    for number, colour in enumerate(COLOURS):
        turned = f'patternTransform="rotate({number * 45 % 180})"'
        lines = f'<line x1="0" y1="0" x2="0" y2="8" stroke="#fff" stroke-opacity="{0.35 if number else 0}"/>'
        made.append(
            f'<pattern id="version{number}" width="8" height="8" patternUnits="userSpaceOnUse" {turned}>'
            f'<rect width="8" height="8" fill="{colour}"/>{lines}</pattern>'
        )
    return f'<svg width="0" height="0" aria-hidden="true"><defs>{"".join(made)}</defs></svg>'
