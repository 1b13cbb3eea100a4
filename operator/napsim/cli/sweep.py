"""``napsim sweep``: forecasts over ranges of values, and which of them are worth choosing from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec.structs import replace

from napsim.cli.answers import refuse, show, write
from napsim.cli.endings import BAD_INPUT, WRONG_INPUT, ending
from napsim.cli.executors import Executor, Unreachable, executor_of, told_results
from napsim.cli.forecasting import most_in_an_hour
from napsim.cli.options import Dask, Form, Output, Paths, Processes, instant
from napsim.cli.repetition import with_seed
from napsim.cli.variations import Variation, VariationError, points, variation, varied
from napsim.reading.sources import BadInput, Document, Mistake, read, standard_input
from napsim.report import sweep as report
from napsim.report.sweep_lines import lines
from napsim.report.sweep_plot import page, svg
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Scenario
from napsim.sim.simulation import simulate

NONE_FINISHES: Final = 1
_PLOTS: Final = (".svg", ".html")

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim sweep manifests/examples --vary pdb/ledger:minAvailable=0..2",
        "napsim sweep manifests/examples --plot a.svg --vary pool/default:budget=1..3",
        exits={0: "some of them finish", 1: "none does", 2: WRONG_INPUT},
    )
)
def sweep(
    paths: Paths,
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="TARGET:FIELD=VALUES", help="What to vary, such as pool/default:budget=5%..50%/5%; several times."
        ),
    ],
    against: Annotated[
        report.Against, typer.Option(help="Most nodes at once, pods evicted, or most pods within an hour.")
    ] = report.Against.NODES,
    runs: Annotated[int, typer.Option(min=1, help="How many seeds for each; the worst of them counts.")] = 1,
    start: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="As for napsim simulate.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="INSTANT", help="As for napsim simulate.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of all random choices: the same seed gives the same forecasts.")
    ] = None,
    processes: Processes = None,
    dask: Dask = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write finish against disruption, .svg or .html.")
    ] = None,
    output: Form = Output.TEXT,
) -> None:
    """What if? Time to finish against disruption, over ranges of budgets, windows and durations."""
    if plot is not None and plot.suffix not in _PLOTS:
        raise typer.BadParameter(f"{str(plot)!r}: must end in {' or '.join(_PLOTS)}", param_hint="--plot")
    executor = executor_of(processes, dask)
    asked = Asked(datetime.now(UTC).replace(microsecond=0), start, until, seed)
    try:
        told = swept(*read(paths, standard_input), vary, asked, against, runs, executor)
    except BadInput as error:
        raise refuse("sweep", error) from error
    except (VariationError, Unreachable) as error:
        typer.echo(f"napsim sweep: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    if plot is not None:
        write("sweep", plot, (svg(told) if plot.suffix == ".svg" else page(told)).encode())
    if output is Output.JSON:
        typer.echo(report.document(told))
    else:
        show(lines(told))
    if all(point.finish_seconds is None for point in told.points):
        raise typer.Exit(NONE_FINISHES)


def swept(
    documents: Sequence[Document],
    mistakes: Iterable[Mistake],
    vary: Sequence[str],
    asked: Asked,
    against: report.Against,
    runs: int,
    executor: Executor,
) -> report.Sweep:
    """All of it. Raises ``BadInput``, VariationError and Unreachable."""
    scenario = scenario_of(documents, asked, mistakes)
    variations = [variation(text) for text in vary]
    combinations = points(variations)
    scenarios = [_scenario(documents, variations, values, asked) for values in combinations]
    seeded = [with_seed(it, it.seed + number) for it in scenarios for number in range(runs)]
    found = told_results(executor, _one, seeded)
    grouped = [found[index * runs : (index + 1) * runs] for index in range(len(combinations))]
    told = [_point(values, group) for values, group in zip(combinations, grouped, strict=True)]
    return report.Sweep(
        start=scenario.start,
        until=scenario.until,
        seed=scenario.seed,
        varied=tuple(item.label for item in variations),
        against=against,
        points=report.with_front(told, against),
        notes=scenario.notes,
    )


def _scenario(
    documents: Sequence[Document], variations: Sequence[Variation], values: Sequence[str], asked: Asked
) -> Scenario:
    """Raises ``BadInput`` with the combination in each mistake."""
    objects = [
        it for it in documents if isinstance(it.manifest, dict) and isinstance(it.manifest.get("metadata"), dict)
    ]
    others = [it for it in documents if it not in objects]
    try:
        return scenario_of([*varied(objects, variations, values), *others], asked)
    except BadInput as error:
        named = ", ".join(f"{item.label}={value}" for item, value in zip(variations, values, strict=True))
        raise BadInput([replace(it, message=f"{it.message} (with {named})") for it in error.mistakes]) from error


# --- running ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Result:
    """What is kept of one run. ``finish_seconds`` from the start; None where it does not finish."""

    finish_seconds: float | None
    nodes: int
    pods: int
    hour: int
    blocked: int


def _one(scenario: Scenario) -> _Result:
    outcome = simulate(scenario, pods_in_trace=False)
    ended = outcome.finished_at
    return _Result(
        finish_seconds=max((ended - outcome.started_at).total_seconds(), 0.0) if ended is not None else None,
        nodes=outcome.most_disrupting,
        pods=sum(item.evicted + item.deleted for item in outcome.workloads),
        hour=most_in_an_hour(sorted(it for item in outcome.workloads for it in item.evictions)),
        blocked=len({item.node for item in outcome.blocked if item.until is None})
        + sum(item.nodes for item in outcome.budget_waits if item.until is None),
    )


def _point(values: Sequence[str], results: Sequence[_Result]) -> report.Point:
    """The worst of each figure; without one run that finishes, or where one does not, there is no finish."""
    ends = [it.finish_seconds for it in results if it.finish_seconds is not None]
    return report.Point(
        values=tuple(values),
        runs=len(results),
        finished=len(ends),
        finish_seconds=max(ends) if len(ends) == len(results) else None,
        nodes=max(it.nodes for it in results),
        pods=max(it.pods for it in results),
        hour=max(it.hour for it in results),
        blocked=max(it.blocked for it in results),
    )
