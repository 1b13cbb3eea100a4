"""``napsim timings``: how long the nodes of a cluster took to launch, to join and to be ready. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import typer

from napsim.cli.answers import refuse
from napsim.cli.endings import NO_ANSWER, WRONG_INPUT, ending
from napsim.cli.options import Context, Form, Kubeconfig, Output
from napsim.cli.snapshot import read_cluster
from napsim.controllers.resources import EVENTS, NODE_AUTO_PROVISIONINGS, NODE_CLAIMS, PODS
from napsim.core.measurements import Said, measured
from napsim.core.objects import NodeClaim, Pod, Value
from napsim.live.snapshot import timeline_anchor
from napsim.reading.fields import faults_of
from napsim.reading.sources import BadInput, Document, Mistake, read, standard_input
from napsim.report.timings_table import document, lines

RESOURCES: Final = (NODE_AUTO_PROVISIONINGS, NODE_CLAIMS, PODS, EVENTS)
_NOTHING: Final = 1


class About(Value, frozen=True):
    """What an event is of."""

    kind: str = ""
    name: str = ""


class Event(Value, frozen=True):
    """Of both APIs: ``events.k8s.io`` names its object ``regarding``."""

    regarding: About | None = None
    involved_object: About = About()
    reason: str = ""
    event_time: datetime | None = None
    deprecated_first_timestamp: datetime | None = None
    first_timestamp: datetime | None = None


_TYPES: Final[Mapping[str, type[Value]]] = {"NodeClaim": NodeClaim, "Pod": Pod, "Event": Event}

app = typer.Typer(add_completion=False)


@app.command(
    epilog=ending(
        "napsim timings",
        "napsim snapshot --output cluster.yaml && napsim timings cluster.yaml",
        exits={
            0: "shown",
            1: f"no NodeClaim has been launched, or {NO_ANSWER}",
            2: WRONG_INPUT,
        },
    )
)
def timings(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="A snapshot: files, folders, or - for standard input; else a cluster."),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    output: Form = Output.TEXT,
) -> None:
    """Measure launch, registration, initialization, detach and pod start, and print them as a Scenario's timings."""
    manifests = _from_files(paths) if paths else read_cluster(kubeconfig, context, "timings", RESOURCES).manifests
    of_kind = {kind: [it for it in manifests if it.get("kind") == kind] for kind in ("NodeClaim", "Pod", "Event")}
    notes: list[str] = []
    if timeline_anchor(manifests) is not None:
        of_kind["Pod"] = of_kind["Event"] = []  # dated by the real clock, which is not the cluster's
        notes.append("The cluster is on a clock of its own: its pods and events tell nothing of it.")
    found = measured(
        [msgspec.convert(it, NodeClaim, strict=False) for it in of_kind["NodeClaim"]],
        [msgspec.convert(it, Pod, strict=False) for it in of_kind["Pod"]],
        _said(msgspec.convert(it, Event, strict=False) for it in of_kind["Event"]),
    )
    if not any(item.step == "launch" for item in found):
        typer.echo(
            "napsim timings: no NodeClaim has been launched: there is nothing to measure; take a snapshot of a"
            " cluster in which nodes were, or name it by --context",
            err=True,
        )
        raise typer.Exit(_NOTHING)
    typer.echo(document(found, notes) if output is Output.JSON else "\n".join(lines(found, notes)))


def _from_files(paths: Iterable[str]) -> tuple[dict[str, Any], ...]:
    documents, mistakes = read(paths, standard_input)
    found = [it for it in documents if isinstance(it.manifest, dict)]
    mistakes += [mistake for document_ in found for mistake in _mistakes(document_)]
    if mistakes:
        raise refuse("timings", BadInput(sorted(mistakes, key=lambda mistake: (mistake.file, mistake.line))))
    return tuple(document_.manifest for document_ in found)


def _mistakes(found: Document) -> Iterator[Mistake]:
    type_ = _TYPES.get(str(found.manifest.get("kind")))
    for fault in faults_of(found.manifest, type_) if type_ is not None else ():
        yield found.mistake(fault.field, fault.value, fault.message)


def _said(events: Iterable[Event]) -> list[Said]:
    found = []
    for event in events:
        at = event.event_time or event.deprecated_first_timestamp or event.first_timestamp
        about = event.regarding or event.involved_object
        if at is not None:
            found.append(Said(about.kind, about.name, event.reason, at))
    return found
