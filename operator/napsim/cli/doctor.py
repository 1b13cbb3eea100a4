"""``napsim doctor``: what is missing or misconfigured in a cluster, by name, with the fix."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from napsim.cli.connections import connection_for
from napsim.cli.endings import BAD_INPUT, ending
from napsim.cli.examination import examined
from napsim.cli.options import Context, Form, Kubeconfig, Output
from napsim.cli.unanswered import told
from napsim.live.client import Client
from napsim.live.errors import ApiError, TransportError
from napsim.live.kubeconfig import ConnectionConfig
from napsim.report.doctor.checks import examine
from napsim.report.doctor.findings import Severity
from napsim.report.doctor.readings import Readings
from napsim.report.doctor.rendering import document, lines, page, report_of

_PROBLEMS: Final = 1

app = typer.Typer(add_completion=False)


class FailOn(StrEnum):
    """The least severity that makes the exit code 1."""

    WARNING = "warning"
    ERROR = "error"

    def fails(self, severity: Severity) -> bool:
        return severity is Severity.ERROR or (self is FailOn.WARNING and severity is Severity.WARNING)


@app.command(
    epilog=ending(
        "napsim doctor",
        "napsim doctor --fail-on error --output json",
        "napsim doctor --list-checks",
        exits={
            0: "healthy",
            1: "an error or a warning was found",
            2: "wrong usage, no usable kubeconfig, or the API server cannot be reached",
        },
    )
)
def doctor(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    namespace: Annotated[
        str,
        typer.Option("--namespace", "-n", help="Where to look for the operator and its Lease; by default everywhere."),
    ] = "",
    output: Form = Output.TEXT,
    fail_on: Annotated[
        FailOn, typer.Option(help="What makes the exit code 1: warning, or error alone.")
    ] = FailOn.WARNING,
    list_checks: Annotated[
        bool, typer.Option("--list-checks", help="Print the page that lists the checks, and look at no cluster.")
    ] = False,
) -> None:
    """Say what is missing or misconfigured in a cluster, by name, with the fix. Reads only."""
    if list_checks:
        typer.echo(page(), nl=False)
        return
    readings = _readings(kubeconfig, context, namespace)
    findings = examine(readings)
    report = report_of(readings, findings)
    if output is Output.JSON:
        typer.echo(document(report))
    else:
        console = Console(highlight=False)
        for line in lines(report):
            console.print(line, soft_wrap=True)
    if any(fail_on.fails(item.severity) for item in findings):
        raise typer.Exit(_PROBLEMS)


def _readings(kubeconfig: Path | None, context: str | None, namespace: str) -> Readings:
    connection = connection_for("doctor", kubeconfig, context)
    try:
        return asyncio.run(_examined(connection, namespace))
    except (ApiError, TransportError) as error:
        typer.echo(f"napsim doctor: {connection.server}: {told(error)}", err=True)
        raise typer.Exit(BAD_INPUT) from error


async def _examined(connection: ConnectionConfig, namespace: str) -> Readings:
    async with Client(connection, user_agent="napsim-doctor") as client:
        return await examined(client, connection.server, namespace, datetime.now(UTC))
