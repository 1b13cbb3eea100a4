"""``napsim crds``: the CustomResourceDefinitions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napsim.api.crd import render, write
from napsim.api.registry import KINDS

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Examples: napsim crds | kubectl apply --server-side -f -; napsim crds crds/, one file for each kind."
)
def crds(
    directory: Annotated[
        Path | None, typer.Argument(help="Write one file per kind there, instead of printing.")
    ] = None,
) -> None:
    """Print the CustomResourceDefinitions, for kubectl apply -f -."""
    if directory is None:
        typer.echo("---\n".join(render(kind) for kind in KINDS), nl=False)
    else:
        write(directory)
