"""``napsim metrics``: what the operator serves to Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napsim.cli.answers import write
from napsim.cli.endings import ending
from napsim.report.metrics_page import page

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim metrics",
        "napsim metrics metrics.md",
        exits={0: "printed or written", 2: "wrong usage, or the file cannot be written"},
    )
)
def metrics(
    file: Annotated[Path | None, typer.Argument(help="Write the page there, instead of printing it.")] = None,
) -> None:
    """Print the page that lists every metric, in Markdown."""
    if file is None:
        typer.echo(page(), nl=False)
    else:
        write("metrics", file, page().encode())
