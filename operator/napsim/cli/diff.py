"""``napsim diff``: what changes in effect between two folders, files or revisions of git."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from napsim.cli.endings import WRONG_INPUT, ending
from napsim.cli.loading import loading
from napsim.cli.options import Cluster, Context, Kubeconfig, LiveChoice, Zone, instant

app = typer.Typer(add_completion=False)


class Output(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


@app.command(
    epilog=ending(
        "napsim diff HEAD -- manifests/examples",
        "napsim diff --output markdown main.. -- manifests/examples",
        "napsim diff before after --no-forecast",
        notes="Two folders or files; or revisions of git: one against the files as they are, or two. With --cluster:"
        " what applying files would change in it.",
        exits={0: "nothing changes in effect", 1: "something does", 2: WRONG_INPUT},
    )
)
def diff(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="A B | REV [REV] [PATH…] | REV..[REV] [PATH…]",
            help="Before and after; with --cluster PATH…: what is applied to it.",
        ),
    ],
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant, metavar="INSTANT", help="The instant to compare from; else a Scenario's start, else now."
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="INSTANT", help="The forecasts' end; else 120 days on."),
    ] = None,
    forecast: Annotated[
        bool, typer.Option("--forecast/--no-forecast", help="Simulate the next rollout of both, or do not.")
    ] = True,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all random choices, in both forecasts.")] = None,
    nodes: Annotated[
        list[str] | None,
        typer.Option(metavar="N|POOL=N", help="How many nodes a pool has; repeatable."),
    ] = None,
    time_zone: Zone = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="text, json, or markdown.")] = Output.TEXT,
    cluster: Cluster = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """What does a change do: to windows, budgets, the next rollout, nodes at risk?"""
    with loading():
        from napsim.cli.differences import differ  # noqa: PLC0415 - the help does without

    choice = LiveChoice(cluster, kubeconfig, context)
    differ(arguments, choice, at, (until, seed) if forecast else None, nodes or (), time_zone, output)
