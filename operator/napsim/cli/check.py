"""``napsim check``: what must hold of windows, budgets and rollouts, for people and for CI."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from napsim.cli.endings import WRONG_INPUT, ending
from napsim.cli.loading import loading
from napsim.cli.options import (
    CheckedPaths,
    ChecksFile,
    ChecksZone,
    Cluster,
    Context,
    Dask,
    Kubeconfig,
    LiveChoice,
    Processes,
)

FILE: Final = "napsim-checks.yaml"

app = typer.Typer(add_completion=False)


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"


@app.command(
    epilog=ending(
        "napsim check --checks manifests/napsim-checks.yaml",
        "napsim check manifests/examples -c manifests/napsim-checks.yaml -o junit",
        exits={0: "all hold", 1: "at least one is broken, with its counterexample", 2: WRONG_INPUT},
    )
)
def check(
    paths: CheckedPaths = None,
    checks: ChecksFile = Path(FILE),
    runs: Annotated[int | None, typer.Option(min=1, max=10_000, help="How many seeds; else as the file says.")] = None,
    processes: Processes = None,
    dask: Dask = None,
    cluster: Cluster = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    time_zone: ChecksZone = None,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="text, json, junit, or github (annotations).")
    ] = Output.TEXT,
    summary: Annotated[
        Path | None, typer.Option(help="Add a table in Markdown to this file, such as $GITHUB_STEP_SUMMARY.")
    ] = None,
) -> None:
    """Do these assertions hold? Forecasts what needs a forecast, and shows where it breaks."""
    with loading():
        from napsim.cli.checking import check_all  # noqa: PLC0415 - the help does without

    choice = LiveChoice(cluster, kubeconfig, context)
    check_all(paths, checks, runs, (processes, dask), choice, time_zone, output, summary)
