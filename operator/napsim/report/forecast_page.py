"""A forecast as one page that opens without a network: charts, the text of the report, and the events with a filter.

Everything is in the file: no script, style, font or image of anybody else. Without JavaScript only the filter is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from napsim.report.forecast import Blocked, Forecast, Pool
from napsim.report.forecast_charts import COLOURS, Scale, patterns, pool_chart, versions_of, workloads_chart
from napsim.report.forecast_lines import lines
from napsim.report.times import full, span, zone_of

_MOST_EVENTS: Final = 5000
_MOST_WORKLOADS: Final = 60

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --line: #ccc; --soft: #f3f3f3; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --paper: #161616; --line: #555; --soft: #262626; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 66rem;
  margin: 1.5rem auto; padding: 0 1rem; }
svg { display: block; width: 100%; height: auto; margin: .4rem 0 1rem; overflow: visible; }
.label { font-size: 11px; fill: var(--ink); } .tick { stroke: var(--line); stroke-width: .6; }
.window { fill: #009E73; fill-opacity: .25; } .used { fill: #D55E00; fill-opacity: .75; }
.allowed { fill: none; stroke: var(--ink); stroke-width: 1.4; stroke-dasharray: 5 2; } .evicted { fill: #CC79A7; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .15rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top; }
pre { background: var(--soft); padding: .8rem; overflow-x: auto; }
.key { display: inline-block; width: 1em; height: 1em; margin: 0 .3em 0 1em; vertical-align: -2px; }
input { font: inherit; padding: .2rem .4rem; width: 20rem; } :focus-visible { outline: 2px solid #0072B2; }
@media print { input, label { display: none; } body { max-width: none; } section { break-inside: avoid; } }
"""
_SCRIPT: Final = """
const field = document.getElementById("filter"), rows = document.querySelectorAll("#events tbody tr");
field.addEventListener("input", () => {
  const wanted = field.value.toLowerCase();
  rows.forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
});
"""


def page(forecast: Forecast) -> str:
    """The whole file. The same forecast gives the same bytes."""
    title = escape(f"Forecast of {forecast.name}" if forecast.name else "Forecast")
    body = "".join(_body(forecast))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"/><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{patterns()}<h1>{title}</h1>{body}"
        f"<script>{_SCRIPT}</script></body></html>\n"
    )


def _body(forecast: Forecast) -> Iterator[str]:
    scale = Scale(forecast.start, forecast.ended_at, zone_of(forecast.time_zone))
    colours = versions_of(forecast.pools)
    yield f"<p>{escape(_verdict(forecast))}</p>"
    yield f"<p>{''.join(_keys(colours))}</p>"
    for pool in forecast.pools:
        chart = pool_chart(pool, forecast.windows, colours, scale)
        yield f"<section><h2>NodePool {escape(pool.name)}</h2>{chart}{_blocked(forecast, pool)}</section>"
    evicted = sorted((it for it in forecast.workloads if it.evicted), key=lambda it: (-it.evicted, it.name))
    if evicted:
        shown = evicted[:_MOST_WORKLOADS]
        more = f"<p>{len(evicted) - len(shown)} more are in the JSON.</p>" if len(evicted) > len(shown) else ""
        yield f"<section><h2>Evictions</h2>{workloads_chart(shown, scale)}{more}</section>"
    report = escape("\n".join(line.text for line in lines(forecast)))
    yield f"<section><h2>Report</h2><pre>{report}</pre></section>"
    yield "".join(_events(forecast))


def _verdict(forecast: Forecast) -> str:
    zone = zone_of(forecast.time_zone)
    if forecast.finished_at is None:
        return f"Not all nodes are on the newest image by {full(forecast.ended_at, zone)}."
    after = span(forecast.finished_at - forecast.start)
    return f"All nodes are on the newest image {full(forecast.finished_at, zone)}, {after} after the start."


def _keys(colours: dict[str, int]) -> Iterator[str]:
    for version, number in colours.items():
        colour = COLOURS[number % len(COLOURS)]
        yield f'<span class="key" style="background:{colour}"></span>{escape(version)}'
    yield '<span class="key window" style="background:#009E7366"></span>maintenance window'


def _blocked(forecast: Forecast, pool: Pool) -> str:
    """By reason, each with its nodes; the message is that of the last."""
    groups: dict[str, list[Blocked]] = {}
    for item in forecast.blocked:
        if item.node_pool == pool.name:
            groups.setdefault(item.reason, []).append(item)
    rows = []
    for reason, group in groups.items():
        nodes = ", ".join(sorted({item.node for item in group}))
        lasting = "still so at the end" if any(item.until is None for item in group) else "ended"
        told = f"{reason}: {len({item.node for item in group})} nodes, {lasting}"
        rows.append(
            f"<details><summary>{escape(told)}</summary><p>{escape(group[-1].message)}</p><p>{escape(nodes)}</p></details>"
        )
    return "".join(rows)


def _events(forecast: Forecast) -> Iterator[str]:
    zone = zone_of(forecast.time_zone)
    yield '<section><h2>Events</h2><label for="filter">Filter </label><input id="filter" type="search"/>'
    yield '<table id="events"><thead><tr><th>Time</th><th>What</th><th>Object</th><th>Why</th></tr></thead><tbody>'
    for moment in forecast.timeline[:_MOST_EVENTS]:
        cells = (full(moment.at, zone), moment.kind, moment.object, moment.message or moment.reason)
        yield f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
    yield "</tbody></table>"
    if len(forecast.timeline) > _MOST_EVENTS:
        yield f"<p>{len(forecast.timeline) - _MOST_EVENTS} more are in the JSON.</p>"
    yield "</section>"
