"""``napsim windows``: when the windows of maintenance configurations are, and what cuts or moves them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from napsim.cli.endings import WRONG_INPUT, ending
from napsim.cli.loading import loading
from napsim.cli.options import Cluster, Context, Form, Html, Ics, Kubeconfig, LiveChoice, Output, Zone, instant

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim windows manifests/examples --time-zone Europe/Berlin",
        "napsim windows manifests/examples --html windows.html --ics windows.ics",
        exits={0: "answered", 2: WRONG_INPUT},
    )
)
def windows(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Manifests: files, folders, or -; none for a live cluster."),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="INSTANT", help="RFC 3339; by default now."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=366, help="How many windows are shown, an open one included.")] = 5,
    time_zone: Zone = None,
    output: Form = Output.TEXT,
    html: Html = None,
    ics: Ics = None,
    cluster: Cluster = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """When are the windows, in UTC and in your time, and what cuts or moves them?"""
    with loading():
        from napsim.cli.configurations import answer  # noqa: PLC0415 - the help does without

    found = answer(paths, at, count, time_zone, LiveChoice(cluster, kubeconfig, context))
    found.tell(output, html, ics)
