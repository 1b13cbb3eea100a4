"""``napsim why``: why a node, a pool or an image has not moved, link by link, and the one edit that would move it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from napsim.cli.endings import ending
from napsim.cli.loading import loading
from napsim.cli.options import Cluster, Context, Form, Kubeconfig, LiveChoice, Output, Zone, instant

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim why default manifests/examples --at 2026-02-15T03:00:00Z",
        "napsim why image/AKSUbuntu-2404gen2containerd-202602.13.0 manifests/examples",
        "napsim why pool/default",
        notes="Without PATH it is the live cluster of your kubeconfig. Reads only.",
        exits={
            0: "answered, whatever the answer",
            2: "wrong usage, bad input, a name that does not exist, or a cluster that cannot be read",
        },
    )
)
def why(
    target: Annotated[
        str, typer.Argument(metavar="NODE|POOL|IMAGE", help="A name or version; node/, pool/ or image/ before it.")
    ],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Manifests or a snapshot; without any, the live cluster. Reads only."),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant, metavar="INSTANT", help="RFC 3339; the forecast up to then. By default its start."
        ),
    ] = None,
    cluster: Cluster = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    time_zone: Zone = None,
    output: Form = Output.TEXT,
) -> None:
    """Why has this not moved? Every link from the published image to the evicted pod, and the first that blocks."""
    choice = LiveChoice(cluster, kubeconfig, context)
    choice.is_made(paths)  # manifests and a cluster at once are refused
    with loading():
        from napsim.cli.explaining import explain  # noqa: PLC0415 - the help does without

    explain(target, paths, at, choice, time_zone, output)
