"""``python -m tests.bench [--nodes 20,100,300] [--thousand] [--budget 10%,100%]``: what a rollout costs.

``--forecast`` measures ``napsim simulate`` instead, without a cluster.
"""

from __future__ import annotations

import os
import platform
import shlex
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console, RenderableType

from tests.bench import forecasts
from tests.bench.results import Report, tables
from tests.bench.scenario import Plan, measure_all
from tests.e2e.auditor import constant


def main(
    nodes: Annotated[str, typer.Option(help="sizes to measure, as in 20,100,300")] = "20,100,300",
    thousand: Annotated[bool, typer.Option("--thousand", help="measure 1,000 nodes too")] = False,
    budget: Annotated[str, typer.Option(help="budgets of the NodePool, a rollout for each")] = "10%,100%",
    output: Annotated[Literal["table", "json"], typer.Option(help="for people, or for programs")] = "table",
    logs: Annotated[Path | None, typer.Option(help="folder for the operator's logs, kept")] = None,
    operator_options: Annotated[str, typer.Option(help="options for napsim run, as one string")] = "",
    forecast: Annotated[bool, typer.Option("--forecast", help="measure napsim simulate instead")] = False,
    forecast_nodes: Annotated[str, typer.Option(help="sizes of forecasts to measure")] = "50,500,5000",
    seconds: Annotated[int, typer.Option(min=1, help="CPU that a forecast of one size may take")] = 120,
) -> None:
    """Measure rollouts of full nodes: CPU, requests and memory of the operator, beside a client that only writes.

    Exit codes: 0 measured and every rule held; 1 a rule was broken or a rollout did not end; 2 wrong usage.
    """
    if forecast:
        found = forecasts.costs([int(text) for text in forecast_nodes.split(",")], seconds)
        _show(forecasts.tables(found), found, output)
        return
    sizes = [int(text) for text in nodes.split(",")] + ([1000] if thousand else [])
    budgets = tuple(budget.split(","))
    for text in budgets:
        constant(text)
    signal.signal(signal.SIGTERM, _interrupted)
    told, begun = Console(stderr=True, highlight=False), time.monotonic()

    def tell(text: str) -> None:
        told.print(f"[dim]{time.monotonic() - begun:6.0f} s[/] {text}")

    plans = [Plan(size, budgets, tuple(shlex.split(operator_options)), logs) for size in sizes]
    report = Report(os.cpu_count() or 0, platform.python_version(), measure_all(plans, tell))
    _show(tables(report), report, output)
    raise typer.Exit(1 if report.failed else 0)


def _show(shown: Iterable[RenderableType], measured: object, output: str) -> None:
    if output == "json":
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(measured)) + b"\n")
    else:
        # Where there is no terminal to fit into, a table is as wide as its columns need.
        Console(width=None if sys.stdout.isatty() else 160).print(*shown)


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does, so that clusters and processes are ended on the way out."""
    raise KeyboardInterrupt


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)

if __name__ == "__main__":
    app()
