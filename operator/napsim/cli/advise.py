"""``napsim advise``: the smallest edit that makes broken checks hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from napsim.cli.check import FILE
from napsim.cli.endings import WRONG_INPUT, ending
from napsim.cli.loading import loading
from napsim.cli.options import (
    CheckedPaths,
    ChecksFile,
    ChecksZone,
    Cluster,
    Context,
    Dask,
    Form,
    Kubeconfig,
    LiveChoice,
    Output,
    Processes,
)

_MOST: Final = 200

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim advise --checks manifests/napsim-checks.yaml",
        exits={
            0: "all checks hold as it is",
            1: "some are broken; the smallest edit found is printed, or that there is none",
            2: WRONG_INPUT,
        },
    )
)
def advise(
    paths: CheckedPaths = None,
    checks: ChecksFile = Path(FILE),
    most: Annotated[int, typer.Option(min=1, help="How many edits are tried at most.")] = _MOST,
    processes: Processes = None,
    dask: Dask = None,
    cluster: Cluster = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    time_zone: ChecksZone = None,
    output: Form = Output.TEXT,
) -> None:
    """Which is the smallest edit that makes the broken checks hold?"""
    with loading():
        from napsim.cli.advising import advise_on  # noqa: PLC0415 - the help does without

    choice = LiveChoice(cluster, kubeconfig, context)
    advise_on(paths, checks, most, (processes, dask), choice, time_zone, output)
