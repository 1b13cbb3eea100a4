"""The forecast that ``napsim simulate`` makes, from files to what is shown. Loading this takes longer than the help."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import typer

from napsim.cli.answers import refuse, write
from napsim.cli.answers import show as show_lines
from napsim.cli.forecasting import forecast_of as made_of
from napsim.cli.options import Output
from napsim.cli.passage import Passage
from napsim.core.trace import line
from napsim.reading.sources import BadInput, Mistake, read, standard_input
from napsim.report.forecast import Forecast, Runs, document
from napsim.report.forecast_lines import lines
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate as simulated

_RARELY: Final = (50_000, 20, 20)


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """A forecast keeps most of what it makes or reads, and leaves few cycles: to look for them takes a tenth of it."""
    before = gc.get_threshold()
    gc.set_threshold(*_RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@_rarely_collected()
def composed(paths: Iterable[str], start: datetime | None, until: datetime | None, seed: int | None) -> Scenario:
    """The scenario of the command line. Raises Exit for bad input, which is told."""
    paths = list(paths)
    documents, mistakes = read(paths, standard_input)
    if not documents and not mistakes:
        mistakes = [Mistake(", ".join(paths), 0, "", "", None, "there is no YAML or JSON document in it")]
    try:
        return scenario_of(documents, Asked(datetime.now(UTC), start, until, seed), mistakes)
    except BadInput as error:
        raise refuse("simulate", error) from error


class Following(msgspec.Struct, frozen=True):
    """How a forecast is looked on while it happens: ``speed`` virtual seconds a second.

    ``aside``: on standard error. ``files`` are those that are not written where the show is ended early.
    """

    speed: float
    aside: bool
    files: tuple[Path, ...]


def forecast_of(scenario: Scenario, runs: int, trace: Path | None, following: Following | None) -> Forecast:
    """Of the scenario's own seed; with ``runs`` above 1, and what so many seeds come to.

    ``following`` None: nobody looks on. Whoever ends the show early gets no forecast, and exit code 0 as with watch.
    """
    found = _runs(scenario, runs) if runs > 1 else None
    if following is not None:
        outcome = _replayed(scenario, following, pods_in_trace=trace is not None)
    else:
        with _rarely_collected(), Passage(scenario.start, scenario.until) as passage:
            outcome = simulated(scenario, passage, pods_in_trace=trace is not None, brief_trace=trace is None)
    if trace is not None:
        write("simulate", trace, "".join(f"{line(record)}\n" for record in outcome.trace).encode())
    return msgspec.structs.replace(made_of(scenario, outcome), runs=found)


def _runs(scenario: Scenario, runs: int) -> Runs:
    from napsim.cli.repetition import runs_of  # noqa: PLC0415 - few want it and loading takes long

    return runs_of(scenario, runs)


def _replayed(scenario: Scenario, following: Following, *, pods_in_trace: bool) -> Outcome:
    from napsim.cli.replay import replayed  # noqa: PLC0415 - few want it and loading takes long

    outcome = replayed(scenario, following.speed, pods_in_trace=pods_in_trace, aside=following.aside)
    if outcome is None:
        for path in following.files:
            typer.echo(f"napsim simulate: {path} is not written: the forecast was ended early", err=True)
        raise typer.Exit
    return outcome


def show(forecast: Forecast, output: Output, *, aside: bool) -> None:
    """On standard output; ``aside``: the text on standard error."""
    if output is Output.JSON:
        typer.echo(document(forecast))
        return
    show_lines(lines(forecast), aside=aside)
