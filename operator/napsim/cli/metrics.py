"""``napsim metrics``: what the operator serves to Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napsim.report.metrics_page import page

app = typer.Typer(add_completion=False)


@app.command(epilog="Examples: napsim metrics | less; napsim metrics docs/metrics.md, as make metrics does.")
def metrics(
    file: Annotated[Path | None, typer.Argument(help="Write the page there, instead of printing it.")] = None,
) -> None:
    """Print the page that lists every metric, in Markdown."""
    if file is None:
        typer.echo(page(), nl=False)
    else:
        file.write_text(page())
