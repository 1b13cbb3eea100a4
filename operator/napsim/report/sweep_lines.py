"""A sweep as lines for a terminal: the front first, then every point, and how the finish goes with each value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from napsim.report.marked import WIDTH, Marked, Tone, wrapped
from napsim.report.phrases import plural
from napsim.report.sweep import Point, Sweep, by_finish
from napsim.report.times import full, span

_BARS: Final = "▁▂▃▄▅▆▇█"
_NEVER: Final = "×"
_MOST: Final = 60  # points; --output json has all of them
_HEADS: Final = ("FINISH", "NODES", "PODS", "AN HOUR", "BLOCKED")
_WIDTHS: Final = (10, 6, 6, 8, 8)


def lines(sweep: Sweep) -> Iterator[Marked]:
    """The whole sweep for a terminal."""
    yield Marked(
        f"{plural(len(sweep.points), 'forecast')} from {full(sweep.start)} UTC, seed {sweep.seed}", Tone.HEADING
    )
    yield from wrapped(f"finish against {sweep.against.words}; ends {full(sweep.until)} UTC at the latest", Tone.ASIDE)
    yield Marked()
    yield Marked("PARETO FRONT: quicker only with more disruption, gentler only with more time", Tone.HEADING)
    if not sweep.front:
        yield from wrapped("none of them finishes by the end", Tone.BAD)
    yield from _table(sweep, sweep.front)
    yield Marked()
    yield Marked("ALL", Tone.HEADING)
    yield from _table(sweep, list(by_finish(sweep.points, sweep.against)))
    yield from _sparks(sweep)
    for note in sweep.notes:
        yield from wrapped(f"- {note}", Tone.ASIDE, "")


def _table(sweep: Sweep, points: Sequence[Point]) -> Iterator[Marked]:
    if not points:
        return
    columns = list(zip(_short(sweep.varied), *(point.values for point in points), strict=True))
    widths = [max(map(len, column)) for column in columns]
    heads = "".join(f"{head:>{width}}" for head, width in zip(_HEADS, _WIDTHS, strict=True))
    yield Marked(f"  {heads}  {_values(_short(sweep.varied), widths)}"[:WIDTH], Tone.ASIDE)
    for point in points[:_MOST]:
        mark = "*" if point.front else " "
        shown = (finished(point), point.nodes, point.pods, point.hour, point.blocked)
        figures = "".join(f"{figure:>{width}}" for figure, width in zip(shown, _WIDTHS, strict=True))
        tone = Tone.BAD if point.finish_seconds is None else Tone.GOOD if point.front else Tone.PLAIN
        yield Marked(f"{mark} {figures}  {_values(point.values, widths)}"[:WIDTH], tone)
    if len(points) > _MOST:
        yield Marked(f"  … {len(points) - _MOST} more; --output json has all of them", Tone.ASIDE)


def _short(varied: Sequence[str]) -> list[str]:
    """``budget`` of ``pool/default:budget``, of a path its last two parts; in full where two are the same."""
    fields = [".".join(name.rpartition(":")[2].split(".")[-2:]) for name in varied]
    return fields if len(set(fields)) == len(fields) else list(varied)


def _values(values: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{value:{width}}" for value, width in zip(values, widths, strict=True)).rstrip()


def finished(point: Point) -> str:
    """``2d23h52m``; of several runs that do not all finish how many do."""
    if point.finish_seconds is not None:
        return duration(point.finish_seconds)
    return "never" if point.runs == 1 else f"{point.finished}/{point.runs}"


def duration(seconds: float) -> str:
    """``2d23h52m``, ``14h23m``, ``45s``: to the minute."""
    days, rest = divmod(int(seconds), 86400)
    return f"{days}d{rest // 3600:02}h{rest // 60 % 60:02}m" if days else span(timedelta(seconds=rest))


def _sparks(sweep: Sweep) -> Iterator[Marked]:
    """For each field that is varied: the quickest finish, and the least disruption, at each of its values."""
    for position, name in enumerate(sweep.varied):
        groups: dict[str, list[Point]] = {}
        for point in sweep.points:
            groups.setdefault(point.values[position], []).append(point)
        if len(groups) < 2:
            continue
        labels = list(groups)
        ends = [[it.finish_seconds for it in group if it.finish_seconds is not None] for group in groups.values()]
        finish = [min(found) if found else None for found in ends]
        weight = [float(min(it.weight(sweep.against) for it in group)) for group in groups.values()]
        yield Marked()
        yield Marked(f"{name}: {labels[0]} to {labels[-1]}"[:WIDTH], Tone.HEADING)
        yield Marked(f"  quickest finish    {sparkline(finish)}"[:WIDTH])
        yield Marked(f"  least disruption   {sparkline(weight)}"[:WIDTH])


def sparkline(values: Sequence[float | None]) -> str:
    """A bar for each value, from the lowest to the highest of them; ``×`` for none."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return "".join(_NEVER if value is None else _BARS[_height(value, low, high)] for value in values)


def _height(value: float, low: float, high: float) -> int:
    return round((value - low) / (high - low) * (len(_BARS) - 1)) if high > low else 0
