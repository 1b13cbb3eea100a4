"""``napsim lint``: what in manifests is wrong, or not what it looks like."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napsim.cli.endings import ending
from napsim.cli.loading import loading
from napsim.cli.options import Cluster, Context, Kubeconfig, LiveChoice, WindowsZone, instant

app = typer.Typer(add_completion=False)


class Output(StrEnum):
    """The forms of the answer."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITHUB = "github"


@app.command(
    name="lint",
    epilog=ending(
        "napsim lint manifests/examples",
        "napsim lint manifests/examples --output sarif > lint.sarif",
        "napsim lint manifests/examples --select NAP1,NAP4 --diff",
        "napsim lint --explain NAP101",
        exits={
            0: "neither errors nor warnings",
            1: "there are",
            2: "wrong usage, a file or a cluster that cannot be read, or a folder without anything for a rule to read",
        },
    ),
)
def lint_command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Manifests: files, folders, or - for standard input."),
    ] = None,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="text, json, sarif, junit or github (annotations).")
    ] = Output.TEXT,
    select: Annotated[
        list[str] | None, typer.Option(metavar="RULES", help="Only these: codes, their beginnings, or names.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(metavar="RULES", help="Not these.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings; by default napsim.toml of this folder, if there is one.")
    ] = None,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Print how often each rule found something.")
    ] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Put right what is certain, in the files.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix would change, and change nothing.")] = False,
    explain: Annotated[str | None, typer.Option(metavar="RULE", help="Print the page of a rule.")] = None,
    admission: Annotated[
        bool,
        typer.Option(
            "--admission",
            help="Print ValidatingAdmissionPolicies, with which kubectl apply warns of what is found in one object.",
        ),
    ] = False,
    cluster: Cluster = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant, metavar="INSTANT", help="RFC 3339: windows are judged from then on; by default now."
        ),
    ] = None,
    time_zone: WindowsZone = None,
) -> None:
    """What is wrong with these manifests, or does not do what it seems to?"""
    with loading():
        from napsim.cli.linting import Asked, Shown, explained, linted  # noqa: PLC0415 - the help does without
        from napsim.lint.admission import document as policies  # noqa: PLC0415 - as above

    if explain is not None:
        typer.echo(explained(explain), nl=False)
        return
    if admission:
        typer.echo(policies(), nl=False)
        return
    choice = LiveChoice(cluster, kubeconfig, context)
    of_cluster = choice.is_made(paths)
    if bool(paths) is of_cluster or (of_cluster and (fix or diff)):
        raise typer.BadParameter("there must be files, folders or - for standard input; or --cluster, without --fix")
    if statistics and output is not Output.TEXT:
        raise typer.BadParameter("are told as text: leave --output out", param_hint="--statistics")
    asked = Asked(tuple(paths or ()), choice, config, tuple(select or ()), tuple(ignore or ()), at, time_zone or "")
    raise typer.Exit(linted(asked, Shown(output.value, fix=fix, diff=diff, statistics=statistics)))
