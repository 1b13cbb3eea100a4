"""``napsim crds``: the CustomResourceDefinitions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napsim.api.crd import render, write
from napsim.api.registry import KINDS
from napsim.cli.endings import BAD_INPUT, ending

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim crds | kubectl apply --server-side -f -",
        "napsim crds crds",
        exits={0: "printed or written", 2: "wrong usage, or the folder cannot be written"},
    )
)
def crds(
    directory: Annotated[
        Path | None, typer.Argument(help="Write one file per kind there, instead of printing.")
    ] = None,
) -> None:
    """Print the CustomResourceDefinitions, for kubectl apply -f -."""
    if directory is None:
        typer.echo("---\n".join(render(kind) for kind in KINDS), nl=False)
        return
    try:
        write(directory)
    except OSError as error:
        typer.echo(f"napsim crds: {directory}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(BAD_INPUT) from error
