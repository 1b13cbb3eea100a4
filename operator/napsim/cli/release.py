"""``napsim release``: take off a cluster what napsim wrote there, before it goes."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from napsim.cli.connections import connection_for
from napsim.cli.endings import NO_ANSWER, NO_KUBECONFIG, ending
from napsim.cli.options import Context, Kubeconfig
from napsim.cli.unanswered import told
from napsim.core.release import Step
from napsim.live.client import Client
from napsim.live.errors import ApiError, TransportError
from napsim.live.kubeconfig import ConnectionConfig
from napsim.live.leadership import Elector
from napsim.live.release import OperatorLeads, Reign, Release
from napsim.live.writer import NotLeader

_FAILED = 1
_HELD = 3

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim release --dry-run",
        "napsim release --take-over",
        notes="An operator is noticed by its Lease: the chart's is in its release's namespace (--lease-namespace).",
        exits={
            0: "nothing of napsim's is left (or --dry-run has told what is)",
            1: f"something is left, or {NO_ANSWER}",
            2: NO_KUBECONFIG,
            3: "an operator leads: stop it, or use --take-over",
        },
    )
)
def release(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    keep_labels: Annotated[
        bool, typer.Option("--keep-labels", help="Leave the label napsim.dev/nodepool on Nodes.")
    ] = False,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Take the Lease from an operator that runs; it stands still from then on."),
    ] = False,
    keep_lease_seconds: Annotated[
        int, typer.Option(min=0, help="How long nobody leads afterwards; 0 gives the Lease back.")
    ] = 0,
    wait_seconds: Annotated[
        float, typer.Option(min=1, help="How long to wait for the Lease, and for a holder to be found dead.")
    ] = 20.0,
    lease_namespace: Annotated[str, typer.Option(help="Namespace of the Lease that says who leads.")] = "kube-system",
    lease_name: Annotated[str, typer.Option(help="Name of that Lease.")] = "napsim",
) -> None:
    """Undo what napsim wrote: real Nodes are restored, fake ones and their NodeClaims deleted. Nothing is drained."""
    connection = connection_for("release", kubeconfig, context)
    reign = Reign(lease_namespace, lease_name, wait_seconds, take_over, keep_lease_seconds)
    work = _look(connection, keep_labels) if dry_run else _do(connection, reign, keep_labels)
    raise typer.Exit(_ended(work))


def _ended(work: Coroutine[Any, Any, int]) -> int:
    try:
        return asyncio.run(work)
    except OperatorLeads as error:
        hint = "scale it to 0, or use --take-over"
        typer.echo(f"napsim release: {error} holds the Lease and may be writing; {hint}", err=True)
        return _HELD
    except NotLeader as error:
        typer.echo(f"napsim release: {error}", err=True)
        return _FAILED
    except (ApiError, TransportError) as error:
        typer.echo(f"napsim release: {told(error)}", err=True)
        return _FAILED


async def _look(connection: ConnectionConfig, keep_labels: bool) -> int:
    async with Client(connection) as client:
        for step in await Release(client, keep_labels, _tell).plan():
            _tell(step)
    return 0


async def _do(connection: ConnectionConfig, reign: Reign, keep_labels: bool) -> int:
    identity = f"release_{socket.gethostname()}_{uuid.uuid4().hex[:8]}"
    async with Client(connection, user_agent=f"napsim/release ({identity})") as client:
        await Release(client, keep_labels, _tell).plan()  # an API server that cannot be asked is no operator that leads
        elector = Elector(client, namespace=reign.namespace, name=reign.name, identity=identity, jitter=_no_jitter)
        async with reign.over(client, elector, identity):
            left = await Release(client, keep_labels, _tell).carry_out(elector.is_leader, identity)
    for step in left:
        typer.echo(f"left: {step.kind} {step.name}", err=True)
    return _FAILED if left else 0


def _tell(step: Step) -> None:
    typer.echo(f"{step.kind} {step.name}: {step.what}")


def _no_jitter() -> float:
    return 0.0
