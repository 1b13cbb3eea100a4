"""A forecast as one page that opens without a network: charts that zoom, a calendar, all events, the report.

Everything is in the file: no script, style, font or image of anybody else, and its Content-Security-Policy lets nothing
else in. The charts are drawn in the browser, from the numbers that ``forecast_series`` makes; without JavaScript the
calendar, the tables and the report are there. The drawing is our own: libraries that draw stacks, steps, patterns and
intervals on one axis, print well and work by keyboard are many times the size of the page itself.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from string import Template
from textwrap import shorten
from typing import Final

import msgspec

from napsim.api.names import MAX_INT32
from napsim.report.forecast import Blocked, BudgetWait, Forecast, Pool
from napsim.report.forecast_lines import lines
from napsim.report.forecast_months import months
from napsim.report.forecast_series import Charts, charts
from napsim.report.phrases import opens, plural
from napsim.report.times import full, span, zone_of

_ASSETS: Final = Path(__file__).parent / "assets"
_SCRIPTS: Final = ("time.js", "model.js", "lanes.js", "page.js")
_MOST_BLOCKED: Final = 200  # in the table; the chart has more
_MESSAGE: Final = 220  # characters


def page(forecast: Forecast) -> str:
    """The whole file. The same forecast gives the same bytes."""
    drawn = charts(forecast)
    script = "(() => {\n" + "\n".join((_ASSETS / name).read_text() for name in _SCRIPTS) + "})();\n"
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template((_ASSETS / "page.html").read_text()).substitute(
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        title=escape(f"Forecast of {forecast.name}" if forecast.name else "Forecast"),
        style=(_ASSETS / "page.css").read_text(),
        head="\n".join(_head(forecast)),
        pools="\n".join(_pools(forecast, drawn)),
        workloads="\n".join(_workloads(drawn)),
        months=months(forecast),
        left_out="\n".join(f'<p class="quiet">Left out: {escape(text)}.</p>' for text in drawn.left_out),
        report=escape("\n".join(line.text for line in lines(forecast))),
        data=_data(drawn),
        script=script,
    )


def _data(drawn: Charts) -> str:
    """JSON in which no text ends the element that it is in."""
    return msgspec.json.encode(drawn).decode().replace("<", "\\u003c")


def _table(columns: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in columns)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


# --- what it comes to -------------------------------------------------------------------------------------------------


def _head(forecast: Forecast) -> Iterator[str]:
    zone = zone_of(forecast.time_zone)
    length = span(forecast.ended_at - forecast.start)
    between = f"{full(forecast.start, zone)} to {full(forecast.ended_at, zone)} ({forecast.time_zone}), {length}"
    yield f'<p class="quiet">{escape(between)}; seed {forecast.seed}</p>'
    sign, kind = ("✓", "good") if forecast.finishes else ("✗", "bad")
    yield f'<p class="verdict {kind}">{sign} {escape(_verdict(forecast))}</p>'
    if forecast.runs is not None:
        runs = plural(forecast.runs.count, "run")
        yield f"<p>{forecast.runs.finished} of {runs} finish; the charts show the first.</p>"
    columns = ("NodePool", "Nodes", "Replaced", "Most disrupted at once", "Done")
    yield _table(columns, (_row(forecast, pool) for pool in forecast.pools))


def _verdict(forecast: Forecast) -> str:
    zone = zone_of(forecast.time_zone)
    if forecast.finished_at is None:
        return f"Not all nodes are {forecast.goal} by {full(forecast.ended_at, zone)}."
    after = span(forecast.finished_at - forecast.start)
    return f"All nodes are {forecast.goal} {full(forecast.finished_at, zone)}, {after} after the start."


def _row(forecast: Forecast, pool: Pool) -> str:
    zone = zone_of(forecast.time_zone)
    most = str(pool.most_disrupting)
    if pool.allowed_then is not None and pool.most_disrupting_at is not None:
        allowed = "unlimited" if pool.allowed_then >= MAX_INT32 else f"{pool.allowed_then} allowed"
        most += f" ({allowed}), {full(pool.most_disrupting_at, zone)}"
    done = full(pool.finished_at, zone) if pool.finished_at is not None else _why_not(pool)
    cells = (escape(pool.name), str(pool.nodes), str(pool.replaced), most, done)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _why_not(pool: Pool) -> str:
    told = "".join(f"<br>{escape(cause)}" for cause in pool.unfinished)
    remedies = "".join(f"<br>→ {escape(remedy)}" for remedy in pool.remedies)
    return f'<span class="bad">✗ not by the end</span>{told}{remedies}'


# --- charts -----------------------------------------------------------------------------------------------------------


def _chart(number: object, told: str) -> str:
    return (
        f'<svg class="chart" data-chart="{number}" tabindex="0" role="application" aria-label="{escape(told)}"></svg>'
    )


def _pools(forecast: Forecast, drawn: Charts) -> Iterator[str]:
    for number, (pool, series) in enumerate(zip(forecast.pools, drawn.pools, strict=True)):
        count = plural(pool.nodes, "node")
        if series.merged > 1:
            count += f"; a step stands for up to {2 * series.merged} changes"
        yield f'<section><h2>NodePool {escape(pool.name)} <span class="count">{count}</span></h2>'
        yield from _pool(forecast, pool, number)


def _pool(forecast: Forecast, pool: Pool, number: int) -> Iterator[str]:
    yield _chart(number, f"NodePool {pool.name}: nodes by image version, disruptions against budget, blocked nodes")
    waits = [it for it in forecast.budget_waits if it.node_pool == pool.name]
    if waits:
        most = plural(max(it.nodes for it in waits), "node")
        yield f"<details><summary>{most} blocked by a disruption budget</summary>"
        yield _table(("Nodes", "From", "For", "Why"), (_held(forecast, item) for item in waits[:_MOST_BLOCKED]))
        yield from _more(len(waits))
        yield "</details>"
    held = sorted((it for it in forecast.blocked if it.node_pool == pool.name), key=lambda it: (it.since, it.node))
    if held:
        yield f"<details><summary>{plural(len({item.node for item in held}), 'blocked node')}</summary>"
        yield _table(("Node", "From", "For", "Why"), (_held(forecast, item) for item in held[:_MOST_BLOCKED]))
        yield from _more(len(held))
        yield "</details>"
    yield "</section>"


def _more(rows: int) -> Iterator[str]:
    if rows > _MOST_BLOCKED:
        yield f"<p>{rows - _MOST_BLOCKED} more are in --output json.</p>"


def _held(forecast: Forecast, item: Blocked | BudgetWait) -> str:
    length = span(forecast.length_of(item)) + ("" if item.until else ", still so at the end")
    why = shorten(f"{item.reason}: {item.message}" if item.message else item.reason, _MESSAGE, placeholder=" …")
    zone = zone_of(forecast.time_zone)
    if isinstance(item, BudgetWait) and item.until is None:
        why += f"; {opens(item.opens_at, zone)}"
    which = str(item.nodes) if isinstance(item, BudgetWait) else item.node
    cells = (which, full(item.since, zone), length, why)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _workloads(drawn: Charts) -> Iterator[str]:
    if not drawn.workloads:
        return
    yield f'<section><h2>Pods evicted <span class="count">{plural(len(drawn.workloads), "workload")}</span></h2>'
    yield _chart("workloads", "Evictions by workload")
    yield '<button type="button" id="more-lanes" class="screen"></button></section>'
