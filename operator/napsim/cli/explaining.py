"""What ``napsim why`` answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import typer

from napsim.api.scalars import write_instant
from napsim.cli.answers import local_zone, refuse, show
from napsim.cli.livecluster import live_cluster
from napsim.cli.options import LiveChoice, Output
from napsim.controllers.chains import IMAGE, NODE, POOL, Chains, Target
from napsim.core.clock import parse_rfc3339
from napsim.reading.sources import BadInput, Document, Mistake, read, standard_input
from napsim.report import why as report
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Scenario
from napsim.sim.standing import standing

_PREFIXES: Final = {"node": NODE, "nodepool": POOL, "pool": POOL, "image": IMAGE, "nodeimage": IMAGE}


def explain(
    target: str, paths: list[str] | None, at: datetime | None, choice: LiveChoice, time_zone: str | None, output: Output
) -> None:
    """Answer, from manifests or, without any, from the live cluster. Raises ``Exit`` where there is no answer."""
    documents, mistakes = read(paths, standard_input) if paths else ([*live_cluster(choice, "why").documents], [])
    try:
        scenario = scenario_of(documents, Asked(datetime.now(UTC)), mistakes)
        answer = _answer(target, scenario, at, _played(documents), time_zone or local_zone(os.environ))
    except BadInput as error:
        raise refuse("why", error) from error
    if output is Output.JSON:
        typer.echo(report.document(answer))
    else:
        show(report.lines(answer))


_START: Final = "this is the start of the forecast; --at INSTANT asks about a later instant"


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
    """Raises ``BadInput`` for an instant before the scenario, and for a name that does not exist, or several of."""
    if at is not None and at < scenario.start:
        allowed = f"must not be before the start, {write_instant(scenario.start)}"
        raise BadInput([Mistake("--at", 0, "", "", write_instant(at), allowed)])
    cluster = standing(scenario, at, played.listed_at)
    chains = Chains(cluster, played.operator)
    target = _meant(text, chains)
    return report.Answer(
        at=cluster.kernel.now,
        time_zone=zone,
        chains=tuple(map(report.chain_of, chains.of(target))),
        notes=scenario.notes if at is not None or not scenario.settles else (*scenario.notes, _START),
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
    raise BadInput([Mistake("NODE|POOL|IMAGE", 0, "", "", text, allowed)])
