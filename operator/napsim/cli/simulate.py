"""``napsim simulate``: the forecast of a scenario."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from napsim.api.scalars import parse_instant
from napsim.cli.forecasting import forecast_of
from napsim.cli.passage import Passage
from napsim.core.trace import line
from napsim.report.forecast import Forecast, document
from napsim.report.forecast_lines import Tone, lines
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate as simulated
from napsim.sim.sources import BadInput, read

_NOT_FINISHED: Final = 1
_BAD_INPUT: Final = 2
_STYLES: Final[Mapping[Tone, Mapping[str, Any]]] = {
    Tone.HEADING: {"bold": True},
    Tone.GOOD: {"fg": "green", "bold": True},
    Tone.BAD: {"fg": "red", "bold": True},
    Tone.WARNING: {"fg": "yellow"},
    Tone.ASIDE: {"dim": True},
    Tone.PLAIN: {},
}

app = typer.Typer(add_completion=False)


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command(
    epilog=(
        "Example: napsim simulate manifests/examples. Exit codes: 0 all nodes are on the newest image by the end; "
        "1 they are not, and what stands in the way is said; 2 wrong usage or bad input, every mistake with its place."
    )
)
def simulate(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Manifests: files, folders, or - for standard input.")
    ],
    output: Annotated[Output, typer.Option("--output", "-o", help="text, or json.")] = Output.TEXT,
    start: Annotated[
        datetime | None,
        typer.Option(parser=_instant, metavar="TIME", help="RFC 3339; by default the scenario's, or now."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=_instant, metavar="TIME", help="The end; by default the scenario's, or 120 days on."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="What every draw is made from.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="So many seeds, from the first on, in parallel.")] = 1,
    ics: Annotated[Path | None, typer.Option(help="Write windows and disruptions as a calendar.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page of charts that opens without a network.")] = None,
    trace: Annotated[Path | None, typer.Option(help="Write every decision, as JSON lines.")] = None,
) -> None:
    """Forecast a rollout: when nodes are on the new image, what is disrupted when, what stands in the way."""
    logging.getLogger("napsim").addHandler(logging.NullHandler())  # what controllers log is in the report
    scenario = _scenario(paths, start, until, seed)
    forecast = _forecast(scenario, runs, trace)
    if ics is not None:
        from napsim.report.forecast_calendar import calendar  # noqa: PLC0415 - few want one and loading it takes long

        _write(ics, calendar(forecast))
    if html is not None:
        from napsim.report.forecast_page import page  # noqa: PLC0415 - few want one and loading it takes long

        _write(html, page(forecast).encode())
    _show(forecast, output)
    finished = forecast.finishes if forecast.runs is None else forecast.runs.finished == forecast.runs.count
    if not finished:
        raise typer.Exit(_NOT_FINISHED)


def _scenario(paths: Iterable[str], start: datetime | None, until: datetime | None, seed: int | None) -> Scenario:
    documents, mistakes = read(paths, sys.stdin.read)
    try:
        return scenario_of(documents, Asked(datetime.now(UTC), start, until, seed), mistakes)
    except BadInput as error:
        for mistake in error.mistakes:
            typer.echo(f"napsim simulate: {mistake}", err=True)
        raise typer.Exit(_BAD_INPUT) from error


def _forecast(scenario: Scenario, runs: int, trace: Path | None) -> Forecast:
    if runs > 1:
        from napsim.cli.repetition import repeated  # noqa: PLC0415 - few want it and loading takes long

        return repeated(scenario, runs)
    with Passage(scenario.start, scenario.until) as passage:
        outcome = simulated(scenario, passage, pods_in_trace=trace is not None)
    if trace is not None:
        _write(trace, "".join(f"{line(record)}\n" for record in outcome.trace).encode())
    return forecast_of(scenario, outcome)


def _show(forecast: Forecast, output: Output) -> None:
    if output is Output.JSON:
        typer.echo(document(forecast))
        return
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for item in lines(forecast):
        typer.echo(typer.style(item.text, **_STYLES[item.tone]) if coloured and item.text else item.text)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        typer.echo(f"napsim simulate: {path}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(_BAD_INPUT) from error
