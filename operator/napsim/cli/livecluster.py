"""A live cluster in place of manifests, for the commands that answer from either. It is only read.

What is read, and what must be allowed for it, is what ``napsim snapshot`` reads; little is imported before it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import typer

from napsim.api.scalars import parse_instant
from napsim.cli.answers import Found, found_among, found_in
from napsim.cli.endings import BAD_INPUT
from napsim.cli.options import LiveChoice
from napsim.reading.kinds import namespace_of
from napsim.reading.sources import Document, Text, documents_of

CLUSTER: Final = "(cluster)"
_CLOCK: Final = "NodeAutoProvisioning"  # where napsim plays the cluster, it says what time it is there
_KEPT: Final = ("creationTimestamp", "generation")
_Key = tuple[str, str, str, str]  # group, kind, namespace, name


@dataclass(frozen=True, slots=True)
class LiveCluster:
    """Its objects as manifests, below a Scenario that starts at ``now``: now on the cluster's clock, UTC."""

    text: Text
    documents: tuple[Document, ...]
    now: datetime

    def after(self, changes: Iterable[Document]) -> tuple[Document, ...]:
        """With these manifests applied: each takes the place of the object of its name, whose age and status stay."""
        there = {_key(item.manifest): item for item in self.documents}
        for item in changes:
            named = isinstance(item.manifest, dict) and isinstance(item.manifest.get("metadata"), dict)
            key = _key(item.manifest) if named else ("", "", item.file, str(item.line))
            there[key] = _applied(item, there[key]) if key in there else item
        return tuple(there.values())


def live_cluster(choice: LiveChoice, command: str, kinds: Iterable[str] | None = None) -> LiveCluster:
    """All that a snapshot has, or only these kinds.

    Raises ``typer.Exit`` when it cannot be read, and says why: with 2, as 1 is an answer of many commands.
    """
    from napsim.cli.snapshot import document, read_cluster  # noqa: PLC0415 - loading it takes as long as 500 files
    from napsim.live.clock import wall_clock  # noqa: PLC0415 - as above
    from napsim.live.snapshot import RESOURCES  # noqa: PLC0415 - as above

    wanted = None if kinds is None else {*kinds, _CLOCK}
    resources = [it for it in RESOURCES if wanted is None or it.kind in wanted]
    try:
        found = read_cluster(choice.kubeconfig, choice.context, command, resources)
    except typer.Exit as error:
        if not choice.is_made(()):
            typer.echo(f"napsim {command}: or name manifests (files or folders) to answer from", err=True)
        raise typer.Exit(BAD_INPUT) from error
    for note in found.notes:
        typer.echo(f"napsim {command}: {note}", err=True)
    text = Text(CLUSTER, document(found, wall_clock()))
    documents, _ = documents_of([text])
    return LiveCluster(text, tuple(documents), parse_instant(documents[0].manifest["spec"]["start"]))


def found_of(live: LiveCluster | None, paths: Sequence[str] | None, kinds: Mapping[str, str], wanted: str) -> Found:
    """The objects of those kinds, of the cluster or else of manifests, as ``found_in`` says.

    Raises ``BadInput``, and BadParameter where there is neither.
    """
    if live is not None:
        return found_among(live.documents, [], kinds, wanted, CLUSTER)
    if not paths:
        raise typer.BadParameter(
            "name manifests (files, folders or -), or a live cluster by --cluster", param_hint="PATH…"
        )
    return found_in(paths, kinds, wanted)


def _key(manifest: dict[str, Any]) -> _Key:
    group, metadata = str(manifest.get("apiVersion", "")).rpartition("/")[0], manifest["metadata"]
    name = str(metadata.get("name") or metadata.get("generateName"))
    return group, str(manifest.get("kind")), namespace_of(manifest), name


def _applied(change: Document, there: Document) -> Document:
    """What a person writes, with what the cluster knows of the object besides."""
    old, new = there.manifest, change.manifest
    metadata = {key: old["metadata"][key] for key in _KEPT if key in old["metadata"]} | new["metadata"]
    for texts in ("annotations", "labels"):
        both = {**old["metadata"].get(texts, {}), **(new["metadata"].get(texts) or {})}
        metadata |= {texts: both} if both else {}
    status = {"status": old["status"]} if "status" in old else {}
    return replace(change, manifest={**status, **new, "metadata": metadata})
