"""``napsim snapshot``: a live cluster as a scenario to simulate. Reads only."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from napsim.api import names
from napsim.cli.connections import connection_for
from napsim.cli.endings import BAD_INPUT, NO_ANSWER, NO_KUBECONFIG, ending
from napsim.cli.options import STDOUT, Context, Kubeconfig
from napsim.cli.unanswered import told
from napsim.controllers.resources import Resource
from napsim.core.clock import Timeline, parse_rfc3339, rfc3339
from napsim.live.client import Client
from napsim.live.clock import wall_clock
from napsim.live.errors import ApiError, TransportError
from napsim.live.kubeconfig import ConnectionConfig
from napsim.live.pseudonyms import Pseudonyms
from napsim.live.snapshot import RESOURCES, NotAllowed, Page, Snapshot, cluster_role, taken, timeline_anchor

_FAILED: Final = 1
_REAL_TIMES: Final = frozenset({"creationTimestamp", "deletionTimestamp", "startTime", "lastTransitionTime"})

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim snapshot --output cluster.yaml && napsim simulate cluster.yaml",
        "napsim snapshot --anonymize --salt secret > cluster.yaml",
        "napsim snapshot --rbac",
        exits={0: "written", 1: NO_ANSWER, 2: NO_KUBECONFIG},
    )
)
def snapshot(
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; by default standard output.")] = None,
    anonymize: Annotated[
        bool, typer.Option("--anonymize", help="Replace names, namespaces and labels by hashes.")
    ] = False,
    salt: Annotated[str, typer.Option(help="What the hashes depend on besides the names: keep it to yourself.")] = "",
    rbac: Annotated[
        bool, typer.Option("--rbac", help="Print the ClusterRole that is needed, and look at no cluster.")
    ] = False,
) -> None:
    """Write nodes, claims, pools, classes, budgets and pods as a scenario. Never reads Secrets and ConfigMaps."""
    if rbac:
        typer.echo(yaml.safe_dump(cluster_role(), sort_keys=False), nl=False)
        return
    found = read_cluster(kubeconfig, context, "snapshot")
    text = document(found, wall_clock(), Pseudonyms(salt).manifests if anonymize else list)
    for note in found.notes:
        typer.echo(f"napsim snapshot: {note}", err=True)
    _write(output, text)


def document(
    found: Snapshot,
    now: datetime,
    renamed: Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[str, Any]]] = list,
) -> str:
    """The scenario: one document of JSON a line, which is YAML too, and a Scenario that starts now on top."""
    start, manifests = _on_its_clock(found.manifests, now)
    scenario = {
        "apiVersion": "napsim.dev/v1alpha1",
        "kind": "Scenario",
        "metadata": {"name": "snapshot", "annotations": {names.SNAPSHOT: "true"}},
        "spec": {"start": rfc3339(start)},
    }
    documents = [scenario, *renamed(manifests)]
    return "".join(f"---\n{msgspec.json.encode(it).decode()}\n" for it in documents)


def _on_its_clock(manifests: tuple[dict[str, Any], ...], now: datetime) -> tuple[datetime, list[Mapping[str, Any]]]:
    """Now on the cluster's clock, and the objects with the API server's times on it."""
    anchor = timeline_anchor(manifests)
    if anchor is None:
        return now, list(manifests)
    timeline = Timeline(
        parse_rfc3339(anchor["anchorReal"]), parse_rfc3339(anchor["anchorVirtual"]), float(anchor["factor"])
    )
    return timeline.virtual(now), [_moved(it, timeline) for it in manifests]


def _moved(manifest: Mapping[str, Any], timeline: Timeline) -> Mapping[str, Any]:
    """The object with what the API server and kubelets dated on the cluster's clock; napsim's own dates are on it."""
    moved = {**manifest, "metadata": _dated(manifest["metadata"], timeline)}
    if manifest["kind"] == "Pod" and "status" in manifest:
        conditions = [_dated(it, timeline) for it in manifest["status"].get("conditions", ())]
        moved["status"] = {**_dated(manifest["status"], timeline), "conditions": conditions}
    return moved


def _dated(part: Mapping[str, Any], timeline: Timeline) -> dict[str, Any]:
    instants = {key: timeline.virtual(parse_rfc3339(part[key])) for key in _REAL_TIMES & part.keys()}
    return {**part, **{key: rfc3339(instant) for key, instant in instants.items()}}


# --- reading and writing ----------------------------------------------------------------------------------------------


def read_cluster(
    kubeconfig: Path | None, context: str | None, command: str, resources: Iterable[Resource] = RESOURCES
) -> Snapshot:
    """Every object that a scenario has, or of these kinds, for one command.

    Raises ``typer.Exit`` when it cannot be read, and says why.
    """
    connection = connection_for(command, kubeconfig, context)
    try:
        return asyncio.run(_read(connection, f"napsim-{command}", resources))
    except NotAllowed as error:
        hint = "napsim snapshot --rbac prints the ClusterRole that is needed"
        raise _failure(f"{error}; {hint}", _FAILED, command) from error
    except (ApiError, TransportError) as error:
        raise _failure(f"{connection.server}: {told(error)}", _FAILED, command) from error


async def _read(connection: ConnectionConfig, user_agent: str, resources: Iterable[Resource]) -> Snapshot:
    async with Client(connection, user_agent=user_agent) as client:
        with _shown() as told:
            return await taken(client, told, resources)


@contextmanager
def _shown() -> Iterator[Page]:
    """A bar for each kind on a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = {}

        def told(resource: Resource, so_far: int, of: int) -> None:
            if resource not in tasks:
                tasks[resource] = bars.add_task(resource.plural, total=of)
            bars.update(tasks[resource], completed=so_far, total=of)

        yield told


def _write(output: Path | None, text: str) -> None:
    if output is None or output == STDOUT:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _failure(f"{output}: cannot be written: {error.strerror}", BAD_INPUT) from error


def _failure(message: str, code: int, command: str = "snapshot") -> typer.Exit:
    typer.echo(f"napsim {command}: {message}", err=True)
    return typer.Exit(code)
