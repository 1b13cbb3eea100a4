"""A sweep as a plot of finish against disruption: an SVG of its own, or a page with the table. Nothing is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise
from typing import Final

from napsim.report.sweep import Point, Sweep, by_finish
from napsim.report.sweep_lines import duration, finished
from napsim.report.times import full

_WIDTH: Final = 900
_HEIGHT: Final = 460
_LEFT: Final = 70
_BOTTOM: Final = 50
_TOP: Final = 20
_RIGHT: Final = 50
_TICKS: Final = 5
_LABELLED: Final = 12  # points of the front that are named in the plot
_STYLE: Final = """
text { font: 12px system-ui, sans-serif; fill: currentColor; } .grid { stroke: #999; stroke-width: .5; opacity: .6; }
.point { fill: #999; fill-opacity: .65; } .front { fill: #D55E00; stroke: #000; stroke-width: .6; }
.line { fill: none; stroke: #D55E00; stroke-width: 1.5; stroke-dasharray: 5 3; }
"""
_PAGE: Final = """
:root { color-scheme: light dark; } body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto;
  max-width: 64rem; padding: 0 1rem; }
svg { width: 100%; height: auto; } table { border-collapse: collapse; }
th, td { text-align: right; padding: .15rem .8rem .15rem 0; border-bottom: 1px solid #999; }
.named { text-align: left; }
tr.front { font-weight: 600; } @media print { body { max-width: none; } tr { break-inside: avoid; } }
"""


def svg(sweep: Sweep) -> str:
    """The plot alone, as a file."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{_svg(sweep)}\n'


def page(sweep: Sweep) -> str:
    """The plot and all points as a table."""
    title = escape(f"Finish against {sweep.against.words}")
    from_when = f"{len(sweep.points)} forecasts from {full(sweep.start)} UTC, seed {sweep.seed}"
    told = f"{from_when}; on the Pareto front: {len(sweep.front)}."
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"/><title>{title}</title><style>{_PAGE}</style>'
        f"</head><body><h1>{title}</h1><p>{escape(told)}</p>{_svg(sweep)}{''.join(_table(sweep))}</body></html>\n"
    )


def _table(sweep: Sweep) -> Iterator[str]:
    heads = ("Finish", "Nodes at once", "Pods", "Pods an hour", "Blocked")
    names = "".join(f'<th class="named">{escape(name)}</th>' for name in sweep.varied)
    yield f"<table><thead><tr>{''.join(f'<th>{it}</th>' for it in heads)}{names}</tr></thead><tbody>"
    for point in by_finish(sweep.points, sweep.against):
        figures = (finished(point), point.nodes, point.pods, point.hour, point.blocked)
        cells = "".join(f"<td>{figure}</td>" for figure in figures)
        values = "".join(f'<td class="named">{escape(value)}</td>' for value in point.values)
        marked = ' class="front"' if point.front else ""
        yield f"<tr{marked}>{cells}{values}</tr>"
    yield "</tbody></table>"


class _Axes:
    """From figures to places: time from a little before the quickest to the slowest, disruption from none."""

    def __init__(self, sweep: Sweep) -> None:
        self._against = sweep.against
        ends = [it.finish_seconds for it in sweep.points if it.finish_seconds is not None] or [0.0]
        margin = max((max(ends) - min(ends)) / 10, 60.0)
        self.first = max(min(ends) - margin, 0.0)
        self.last = max(ends) + margin
        self.step = -(-max((it.weight(sweep.against) for it in sweep.points), default=0) // _TICKS) or 1

    def x(self, seconds: float) -> float:
        share = (seconds - self.first) / (self.last - self.first)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(self, weight: float) -> float:
        return round(_HEIGHT - _BOTTOM - weight / (self.step * _TICKS) * (_HEIGHT - _BOTTOM - _TOP), 1)

    def place(self, point: Point) -> tuple[float, float]:
        return self.x(point.finish_seconds or 0.0), self.y(point.weight(self._against))


def _svg(sweep: Sweep) -> str:
    axes = _Axes(sweep)
    inner = "".join((*_grid(sweep, axes), *_line(sweep, axes), *_points(sweep, axes), *_names(sweep, axes)))
    title = f"Finish against {sweep.against.words}, {len(sweep.points)} points"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{inner}</svg>"
    )


def _grid(sweep: Sweep, axes: _Axes) -> Iterator[str]:
    for number in range(_TICKS + 1):
        seconds, weight = axes.first + (axes.last - axes.first) * number / _TICKS, axes.step * number
        x, y = axes.x(seconds), axes.y(weight)
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'
        length = duration(seconds)
        yield f'<text x="{x}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{length}</text>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{weight:g}</text>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    below = "all nodes on the newest image, after the start"
    yield f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{below}</text>'
    turned = f'transform="rotate(-90 16 {_HEIGHT / 2})"'
    yield f'<text x="16" y="{_HEIGHT / 2}" text-anchor="middle" {turned}>{escape(sweep.against.words)}</text>'


def _line(sweep: Sweep, axes: _Axes) -> Iterator[str]:
    """The front as steps: between two of its points nothing better was found."""
    places = [axes.place(point) for point in sweep.front]
    if len(places) > 1:
        steps = [f"{places[0][0]},{places[0][1]}"]
        for (_, before), (x, y) in pairwise(places):
            steps += [f"{x},{before}", f"{x},{y}"]
        yield f'<polyline class="line" points="{" ".join(steps)}"/>'


def _points(sweep: Sweep, axes: _Axes) -> Iterator[str]:
    for point in sorted(sweep.points, key=lambda it: it.front):
        if point.finish_seconds is None:
            continue
        x, y = axes.place(point)
        values = ", ".join(f"{name} {value}" for name, value in zip(sweep.varied, point.values, strict=True))
        told = escape(f"{values}: {finished(point)}, {point.weight(sweep.against)}")
        if point.front:
            yield f'<rect class="front" x="{x - 5}" y="{y - 5}" width="10" height="10"><title>{told}</title></rect>'
        else:
            yield f'<circle class="point" cx="{x}" cy="{y}" r="4"><title>{told}</title></circle>'


def _names(sweep: Sweep, axes: _Axes) -> Iterator[str]:
    for point in sweep.front[:_LABELLED]:
        x, y = axes.place(point)
        at_the_end = x > _WIDTH * 0.75
        anchor, moved = ("end", x - 9) if at_the_end else ("start", x + 9)
        yield f'<text x="{moved}" y="{y - 8}" text-anchor="{anchor}">{escape(", ".join(point.values))}</text>'
