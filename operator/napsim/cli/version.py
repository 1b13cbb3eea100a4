"""``napsim version``: the versions of this program, of a cluster, and of the operator in it."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

import napsim
from napsim.api.compatibility import supported
from napsim.cli.endings import BAD_INPUT, ending
from napsim.cli.examination import deployments, operator_leases, server_version
from napsim.cli.options import Context, Form, Kubeconfig, Output
from napsim.live.client import Client
from napsim.live.errors import ApiError, TransportError
from napsim.live.kubeconfig import ConnectionConfig, KubeconfigError, load_connection
from napsim.report.doctor.readings import VERSION_LABEL, Deployment
from napsim.report.parts import indented

_SECONDS: Final = 5.0
_NOT_ASKED: Final = "not asked"

app = typer.Typer(add_completion=False)


@dataclass(frozen=True, slots=True)
class Versions:
    """What is written, under these names. ``server`` is the API server's; ``operator`` is empty where it is unknown.

    ``leader`` is who holds the operator's Lease; ``note`` says where a version comes from, or why it is not known.
    """

    client: str
    python: str
    supported: str
    cluster: str = ""
    server: str = ""
    operator: str = ""
    leader: str = ""
    note: str = ""
    schema: str = "napsim.dev/version/v1"


@app.command(
    epilog=ending(
        "napsim version",
        "napsim version --client --output json",
        notes=(
            "The operator's version is that of its Deployment's label app.kubernetes.io/version; of an operator "
            "outside the cluster it is not known."
        ),
        exits={
            0: "printed, even when no cluster answers",
            2: "wrong usage, or the kubeconfig that was asked for is not usable",
        },
    )
)
def version(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    client: Annotated[bool, typer.Option("--client", help="This program's version only: ask no cluster.")] = False,
    output: Form = Output.TEXT,
) -> None:
    """Print the versions of this program, of the cluster, and of the operator in it."""
    found = Versions(napsim.__version__, platform.python_version(), supported(), note=_NOT_ASKED)
    if not client:
        found = _asked(found, kubeconfig, context)
    if output is Output.JSON:
        typer.echo(indented(found))
    else:
        typer.echo("\n".join(_lines(found)))


def _lines(found: Versions) -> list[str]:
    lines = [f"Client      {found.client}", f"Python      {found.python}", f"Supports    Kubernetes {found.supported}"]
    if found.note == _NOT_ASKED:
        return lines
    where = f" at {found.cluster}" if found.cluster else ""
    leader = f", {found.leader} leads" if found.leader else ""
    note = f" ({found.note})" if found.note else ""
    return [
        *lines,
        f"Server      {found.server or 'unknown'}{where}",
        f"Operator    {found.operator or 'unknown'}{leader}{note}",
    ]


def _asked(found: Versions, kubeconfig: Path | None, context: str | None) -> Versions:
    """With what the cluster says; without, and the reason, where there is none and none was asked for."""
    try:
        connection = load_connection(kubeconfig, context)
    except KubeconfigError as error:
        if kubeconfig is None and context is None:
            return replace(found, note=str(error))
        typer.echo(f"napsim version: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    found = replace(found, cluster=connection.server, note="")
    try:
        return asyncio.run(_of_cluster(found, connection))
    except (ApiError, TransportError, TimeoutError) as error:
        return replace(found, note=str(error) or f"no answer in {_SECONDS:g} s")


async def _of_cluster(found: Versions, connection: ConnectionConfig) -> Versions:
    async with asyncio.timeout(_SECONDS), Client(connection, user_agent="napsim-version") as client:
        found = replace(found, server=await server_version(client))
        try:
            operators = [item for item in await deployments(client, "") if item.is_operator]
            leases = await operator_leases(client, operators, "")
        except ApiError as error:
            return replace(found, note=str(error))
    leader = next((item.spec.holder_identity for item in leases if item.is_fresh(datetime.now(UTC))), "")
    return _with_operator(replace(found, leader=leader), operators)


def _with_operator(found: Versions, operators: Sequence[Deployment]) -> Versions:
    if operators:
        operator = operators[0].metadata.labels.get(VERSION_LABEL, "")
        return replace(found, operator=operator, note=f"Deployment {operators[0].key}")
    note = "it runs outside the cluster, where its version is not known" if found.leader else "none is seen"
    return replace(found, note=note)
