"""``napsim why``: why a node, a pool or an image has not moved, link by link, and the one edit that would move it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from napsim.cli.answers import Form, Output, Zone, instant, local_zone, refuse, show
from napsim.cli.endings import ending
from napsim.cli.livecluster import live_cluster
from napsim.cli.options import Cluster, Context, Kubeconfig, LiveChoice
from napsim.controllers.chains import IMAGE, NODE, POOL, Chains, Target
from napsim.core.clock import parse_rfc3339
from napsim.reading.sources import BadInput, Document, Mistake, read
from napsim.report import why as report
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Scenario
from napsim.sim.standing import standing

_PREFIXES: Final = {"node": NODE, "nodepool": POOL, "pool": POOL, "image": IMAGE, "nodeimage": IMAGE}

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim why default manifests/examples --at 2026-02-15T03:00:00Z",
        "napsim why image/AKSUbuntu-2404gen2containerd-202602.13.0 manifests/examples",
        "napsim why pool/default",
        notes="Without PATH it is the live cluster of your kubeconfig. Reads only.",
        exits={
            0: "answered, whatever the answer",
            2: "wrong usage, bad input, a name that there is not, or a cluster that cannot be read",
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
    documents, mistakes = read(paths, sys.stdin.read) if paths else ([*live_cluster(choice, "why").documents], [])
    try:
        scenario = scenario_of(documents, Asked(datetime.now(UTC)), mistakes)
        answer = _answer(target, scenario, at, _played(documents), time_zone or local_zone(os.environ))
    except BadInput as error:
        raise refuse("why", error) from error
    if output is Output.JSON:
        typer.echo(report.document(answer))
    else:
        show(report.lines(answer))


@dataclass(frozen=True, slots=True)
class _Played:
    """What napsim's operator, where it plays the cluster, has written down: when it listed images last."""

    operator: bool = False
    listed_at: datetime | None = None


def _played(documents: Sequence[Document]) -> _Played:
    for item in documents:
        manifest = item.manifest
        if isinstance(manifest, dict) and manifest.get("kind") == "NodeAutoProvisioning" and manifest.get("status"):
            filled = (manifest["status"].get("listCache") or {}).get("filledAt")
            return _Played(operator=True, listed_at=parse_rfc3339(filled) if filled else None)
    return _Played()


def _answer(text: str, scenario: Scenario, at: datetime | None, played: _Played, zone: str) -> report.Answer:
    """Raises ``BadInput`` for an instant before the scenario, and for a name that there is not, or several of."""
    if at is not None and at < scenario.start:
        allowed = f"must not be before the start, {scenario.start.isoformat()}"
        raise BadInput([Mistake("(command line)", 0, "", "at", at.isoformat(), allowed)])
    cluster = standing(scenario, at, played.listed_at)
    chains = Chains(cluster, played.operator)
    target = _meant(text, chains)
    return report.Answer(
        at=cluster.kernel.now,
        time_zone=zone,
        chains=tuple(map(report.chain_of, chains.of(target))),
        notes=scenario.notes,
    )


def _meant(text: str, chains: Chains) -> Target:
    prefix, _, name = text.partition("/")
    kind = _PREFIXES.get(prefix.lower()) if name else None
    found = [item for item in chains.named(name if kind else text) if kind in (None, item.kind)]
    if len(found) == 1:
        return found[0]
    if found:
        allowed = f"is several: say {', '.join(f'{item.kind.lower()}/{item.name}' for item in found)}"
    else:
        allowed = f"is neither a Node, a NodePool nor an image here; there are {'; '.join(chains.known())}"
    raise BadInput([Mistake("(command line)", 0, "", "NODE|POOL|IMAGE", text, allowed)])
