"""``napsim simulate``: the forecast of a scenario."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from napsim.cli.endings import WRONG_INPUT, ending
from napsim.cli.loading import loading
from napsim.cli.options import MOST_SPEED, Form, Output, Paths, instant

_NOT_FINISHED: Final = 1
_SPEED: Final = 600.0  # virtual seconds a second

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim simulate manifests/examples",
        "napsim simulate manifests/examples --html rollout.html",
        "napsim simulate manifests/examples --until 2026-03-07T00:00:00Z -o json",
        "napsim examples | napsim simulate -",
        exits={
            0: "all nodes are on the newest image by the end, or --follow was ended before",
            1: "they are not; the report says what stands in the way",
            2: WRONG_INPUT,
        },
    )
)
def simulate(
    paths: Paths,
    output: Form = Output.TEXT,
    start: Annotated[
        datetime | None,
        typer.Option(
            parser=instant,
            metavar="TIME",
            help="RFC 3339; by default the scenario's, the clock's of NodeAutoProvisioning, or now.",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="TIME", help="The end; by default the scenario's, or 120 days on."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of all random choices: the same seed gives the same forecast.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="How many forecasts, with seeds from --seed on, in parallel.")] = 1,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show it while it happens, as napsim watch does; lines without a terminal.")
    ] = False,
    speed: Annotated[
        float | None,
        typer.Option(min=1, max=MOST_SPEED, help="With --follow: virtual seconds per second; by default 600."),
    ] = None,
    ics: Annotated[
        Path | None, typer.Option(help="Write windows and disruptions as a calendar; - is standard output.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page of charts that zooms and opens without a network; or -.")
    ] = None,
    trace: Annotated[Path | None, typer.Option(help="Write every decision, as JSON lines; or -.")] = None,
) -> None:
    """Forecast a rollout: when nodes are on the new image, what is disrupted when, what stands in the way."""
    with loading():
        from napsim.cli.answers import takes_stdout, write  # noqa: PLC0415 - the help does without
        from napsim.cli.forecasts import Following, composed, forecast_of, show  # noqa: PLC0415 - as above

    scenario = composed(paths, start, until, seed)
    if follow and runs > 1:
        raise typer.BadParameter("shows one run: leave --runs out", param_hint="--follow")
    if speed is not None and not follow:
        raise typer.BadParameter(
            "is for --follow, and without it nothing is shown while it happens", param_hint="--speed"
        )
    files = {"--ics": ics, "--html": html, "--trace": trace}
    aside = takes_stdout(output, files)
    asked = tuple(path for path in files.values() if path is not None)
    following = Following(speed or _SPEED, aside or output is Output.JSON, asked) if follow else None
    forecast = forecast_of(scenario, runs, trace, following)
    if ics is not None:
        from napsim.report.forecast_calendar import calendar  # noqa: PLC0415 - few want one and loading it takes long

        write("simulate", ics, calendar(forecast))
    if html is not None:
        from napsim.report.forecast_page import page  # noqa: PLC0415 - few want one and loading it takes long

        write("simulate", html, page(forecast).encode())
    show(forecast, output, aside=aside)
    finished = forecast.finishes if forecast.runs is None else forecast.runs.finished == forecast.runs.count
    if not finished:
        raise typer.Exit(_NOT_FINISHED)
