"""Documents become a scenario: what was not said is filled in, and what was filled in or left out is noted.

Policy: napsim's own. Raises ``BadInput`` with all mistakes of all documents at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.api.nodeautoprovisioning import NodeAutoProvisioning, NodeAutoProvisioningSpec
from napsim.api.scalars import write_instant
from napsim.api.scenario import Scenario as Declared
from napsim.api.scenario import ScenarioEvent, ScenarioSpec
from napsim.api.timings import Timing
from napsim.controllers.settings import distribution_of, from_spec
from napsim.core.definitions import GalleryKind
from napsim.core.nodeclasses import is_foreign
from napsim.core.objects import NodeClassRef
from napsim.core.pace import MEASURED
from napsim.core.retries import KARPENTER
from napsim.core.timings import STEPS
from napsim.core.versions import at_least
from napsim.reading.judgement import SCENARIO_KIND, known_part, mistakes_of
from napsim.reading.kinds import KINDS, NAMESPACED
from napsim.reading.sources import BadInput, Document, Mistake
from napsim.sim.publications import from_event, supply
from napsim.sim.scenario import (
    Applied,
    Deleted,
    Event,
    Manifest,
    NodeFailed,
    PodTimings,
    Scenario,
    Stopped,
)

DEFAULT_LENGTH: Final = timedelta(days=120)
DEFAULT_KUBERNETES: Final = "1.35.0"
_NAP: Final = "NodeAutoProvisioning"
_MOST_WEST: Final = 12  # hours behind UTC for which IANA has a zone


class Asked(msgspec.Struct, frozen=True):
    """What the command line says, which goes before what the documents say. ``now`` is the wall clock's time."""

    now: datetime
    start: datetime | None = None
    until: datetime | None = None
    seed: int | None = None


def scenario_of(documents: Sequence[Document], asked: Asked, mistakes: Iterable[Mistake] = ()) -> Scenario:
    """The scenario that documents describe. ``mistakes`` are those of reading them, told with all others."""
    told = _Told()
    known = [known_part(document) for document in documents]
    documents = [document for document, _ in known]
    told.notes += [f"{note}." for _, notes in known for note in notes]
    found = [*mistakes, *chain.from_iterable(mistakes_of(document) for document in documents)]
    for document in documents:
        if isinstance(document.manifest, dict):
            _sort_in(document, told, found)
    if not found:
        found += _missing(told, documents)
    if found:
        raise BadInput(sorted(found, key=lambda mistake: (mistake.file, mistake.line)))
    return _Composition(told, _declared(told), asked).scenario(told.scenario_name)


def is_of_snapshot(scenario: Mapping[str, Any]) -> bool:
    """Whether ``napsim snapshot`` wrote it: then it gives way to one of the user's."""
    annotations = scenario["metadata"].get("annotations")
    return isinstance(annotations, Mapping) and names.SNAPSHOT in annotations


def _declared(told: _Told) -> ScenarioSpec:
    """That of the user, field by field before that of a snapshot. Together they need not be in order: see the end."""
    spec = ScenarioSpec()
    for document in filter(None, (told.snapshot, told.scenario)):
        own = Declared.parse(document.manifest).spec
        spec = spec.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
    return spec


class _Told(msgspec.Struct):
    """The documents by what they are."""

    objects: dict[tuple[str, str, str], Manifest] = msgspec.field(default_factory=dict)  # kind, namespace, name
    places: dict[tuple[str, str, str], Document] = msgspec.field(default_factory=dict)
    scenario: Document | None = None
    snapshot: Document | None = None  # the Scenario of one, which the other goes before
    ignored: dict[str, int] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)
    of_kind: dict[str, dict[tuple[str, str, str], Manifest]] = msgspec.field(default_factory=dict)  # the objects again

    def put(self, key: tuple[str, str, str], document: Document, manifest: Manifest) -> None:
        """The object, as the last of those that are there."""
        for objects in (self.objects, self.of_kind.setdefault(key[0], {})):
            objects.pop(key, None)
            objects[key] = manifest
        self.places[key] = document

    @property
    def scenario_place(self) -> Document | None:
        return self.scenario or self.snapshot

    @property
    def scenario_name(self) -> str:
        place = self.scenario_place
        return str(place.manifest["metadata"]["name"]) if place is not None else ""

    def of(self, kind: str) -> list[Manifest]:
        return list(self.of_kind.get(kind, {}).values())


def _sort_in(document: Document, told: _Told, found: list[Mistake]) -> None:
    manifest = document.manifest
    kind, version = str(manifest.get("kind", "")), str(manifest.get("apiVersion", ""))
    if kind == SCENARIO_KIND and version.startswith("napsim.dev/"):
        found += _scenario_in(document, told)
    elif version in KINDS.get(kind, ()):
        if isinstance(manifest.get("metadata"), dict):
            _put(document, told)
    elif not version.startswith(("napsim.dev/", "karpenter.sh/", "karpenter.azure.com/")):
        told.ignored[kind] = told.ignored.get(kind, 0) + 1


def _scenario_in(document: Document, told: _Told) -> Iterator[Mistake]:
    """Takes it, and yields a mistake where there is one already: of the user's and of snapshots', one each."""
    written = isinstance(document.manifest.get("metadata"), dict) and is_of_snapshot(document.manifest)
    first = told.snapshot if written else told.scenario
    if first is not None:
        besides = " of a snapshot" if written else " besides that of a snapshot"
        message = f"there is at most one Scenario{besides}, and one is in {first.file}:{first.line}"
        yield document.mistake("kind", document.manifest["kind"], message)
    elif written:
        told.snapshot = document
    else:
        told.scenario = document


def _put(document: Document, told: _Told) -> None:
    manifest = _with_namespace(document.manifest)
    key = _key(manifest)
    if key in told.places:
        first = told.places[key]
        told.notes.append(
            f"{document.named} comes twice: that of {document.file}:{document.line} holds,"
            f" not that of {first.file}:{first.line}"
        )
    told.put(key, document, manifest)


def _key(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return str(manifest["kind"]), str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def _with_namespace(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    if manifest["kind"] in NAMESPACED and not metadata.get("namespace"):
        return {**manifest, "metadata": {**metadata, "namespace": "default"}}
    return manifest


def _missing(told: _Told, documents: Sequence[Document]) -> list[Mistake]:
    if any(kind == "NodePool" for kind, _, _ in told.objects):
        return []
    files = sorted({document.file for document in documents})
    return [Mistake(files[0] if files else "(no input)", 0, "", "", None, "there must be at least one NodePool")]


# --- filling in -------------------------------------------------------------------------------------------------------


class _Composition:
    """One scenario in the making: the settings first, then the images that its classes could use."""

    def __init__(self, told: _Told, spec: ScenarioSpec, asked: Asked) -> None:
        self._told = told
        self._spec = spec
        self._notes = list(told.notes)
        nap = told.objects.get((_NAP, "", "default"))
        declared = NodeAutoProvisioning.parse(nap).spec if nap else NodeAutoProvisioningSpec()
        self._start = asked.start or spec.start or declared.clock.start or asked.now.replace(microsecond=0)
        said_until = asked.until or spec.until
        self._until = said_until or self._start + DEFAULT_LENGTH
        self._ends_early = spec.ends_early if spec.ends_early is not None else said_until is None
        self._seed = next(seed for seed in (asked.seed, spec.seed, declared.seed) if seed is not None)
        self._kubernetes = declared.kubernetes_version or self._kubernetes_of_objects()
        self._nap: dict[str, Any] = self._settings(nap)
        self._check_end(asked)

    def scenario(self, name: str) -> Scenario:
        settings = from_spec(NodeAutoProvisioning.parse(self._nap, strict=True).spec)
        images = self._images(settings.pickup.kind)
        self._note_what_is_left_out()
        return Scenario(
            start=self._start,
            until=self._until,
            manifests=(*self._objects(), self._nap, *images),
            seed=self._seed,
            timings=settings.timings,
            pods=self._pod_timings(),
            events=self._events(),
            ends_early=self._ends_early,
            settles=not self._told.of("Node"),
            time_zone=self._spec.time_zone or self._zone_of_windows(),
            subscription=self._subscription(),
            name=name,
            notes=tuple(self._notes),
            pace=replace(MEASURED, retries=KARPENTER if self._spec.eviction_retries == "BackOff" else None),
        )

    def _check_end(self, asked: Asked) -> None:
        if self._until > self._start:
            return
        message = f"must be after the start, {write_instant(self._start)}"
        place = self._told.scenario_place
        if place is not None and asked.until is None:
            raise BadInput([place.mistake("spec.until", write_instant(self._until), message)])
        raise BadInput([Mistake("--until", 0, "", "", write_instant(self._until), message)])

    # --- settings -----------------------------------------------------------------------------------------------------

    def _settings(self, nap: Manifest | None) -> dict[str, Any]:
        given = dict(nap or {"apiVersion": "napsim.dev/v1alpha1", "kind": _NAP, "metadata": {"name": "default"}})
        spec = dict(given.get("spec") or {})
        spec.pop("clock", None)
        given.pop("status", None)
        timings = dict(spec.get("timings") or {})
        for step in STEPS:
            timing: Timing | None = getattr(self._spec.timings, step)
            if timing is not None:
                timings[step] = timing.stored()
        if timings:
            spec["timings"] = timings
        failures = [*(spec.get("failures") or ()), *_without_capacity(self._spec.events)]
        if failures:
            spec["failures"] = failures
        if "imageGallery" not in spec and self._subscription():
            spec["imageGallery"] = "Shared"
            self._notes.append("Images are those of the shared gallery, as AKS lists them: the classes hold such.")
        return {**given, "spec": {**spec, "seed": self._seed, "kubernetesVersion": self._kubernetes}}

    def _subscription(self) -> str:
        """Of the shared gallery whose images the classes hold, as NAP's do: any other would be all new to them."""
        held = [image for it in self._told.of("AKSNodeClass") for image in (it.get("status") or {}).get("images") or ()]
        parts = (str(image.get("id", "")).split("/") for image in held)
        return next((part[2] for part in parts if len(part) > 2 and part[1].lower() == "subscriptions"), "")

    def _kubernetes_of_objects(self) -> str:
        classes = [str((it.get("status") or {}).get("kubernetesVersion", "")) for it in self._told.of("AKSNodeClass")]
        nodes = [
            str(((it.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", ""))
            for it in self._told.of("Node")
        ]
        known = sorted({version.removeprefix("v") for version in (*classes, *nodes) if at_least(version, 1, 0)})
        if known:
            return max(
                known, key=lambda version: [int(part) for part in version.split("-")[0].split("+")[0].split(".")]
            )
        self._notes.append(f"Kubernetes {DEFAULT_KUBERNETES}: no object names a version.")
        return DEFAULT_KUBERNETES

    def _pod_timings(self) -> PodTimings:
        default, timings = PodTimings(), self._spec.timings
        return PodTimings(
            distribution_of(timings.pod_start) if timings.pod_start else default.start,
            distribution_of(timings.pod_termination) if timings.pod_termination else default.termination,
        )

    def _zone_of_windows(self) -> str:
        zones = sorted({str(it["spec"]["timeZone"]) for it in self._windows() if it["spec"].get("timeZone")})
        return zones[0] if zones else next(filter(None, map(_zone_of_offset, self._windows())), "UTC")

    def _windows(self) -> list[Manifest]:
        return self._told.of("MaintenanceConfiguration")

    def _objects(self) -> list[Manifest]:
        return [manifest for (kind, _, _), manifest in self._told.objects.items() if kind not in {_NAP, "NodeImage"}]

    # --- images and events --------------------------------------------------------------------------------------------

    def _images(self, gallery: GalleryKind) -> tuple[Manifest, ...]:
        given = [*self._told.of("NodeImage")]
        given += [from_event(event.image, event.at) for event in self._spec.events if event.image is not None]
        applied = [dict(event.apply) for event in self._spec.events if event.apply is not None]
        classes = [*self._told.of("AKSNodeClass"), *(it for it in applied if it.get("kind") == "AKSNodeClass")]
        span = (self._start, self._until)
        found = supply(self._spec.images, given, classes, self._told.of("Node"), (self._kubernetes, gallery), span)
        self._notes += found.notes
        return found.images

    def _events(self) -> tuple[Event, ...]:
        declared = [event for item in self._spec.events if (event := _event(item)) is not None]
        found = [replace(event, at=max(event.at, self._start)) for event in declared if not self._is_over(event)]
        self._note_events(len(declared) - len(found), "that are over before the start, and left out")
        early = sum(event.at < self._start and not self._is_over(event) for event in declared)
        self._note_events(early, "before the start, which happen at it")
        self._note_events(sum(event.at > self._until for event in found), "after the end, which never happen")
        return tuple(sorted(found, key=lambda event: event.at))

    def _is_over(self, event: Event) -> bool:
        until = event.until if isinstance(event, NodeFailed | Stopped) else None
        return until is not None and until <= self._start

    def _note_events(self, count: int, what: str) -> None:
        if count:
            self._notes.append(f"Events {what}: {count}.")

    def _note_what_is_left_out(self) -> None:
        for kind, count in sorted(self._told.ignored.items()):
            self._notes.append(f"{count} {kind or 'object without a kind'} left out: a forecast does not depend on it.")
        self._note_pools_without_capacity()
        classes = {str(it["metadata"].get("name")) for it in self._told.of("AKSNodeClass")}
        for pool in self._told.of("NodePool"):
            wanted = pool["spec"]["template"]["spec"]["nodeClassRef"]
            if is_foreign(msgspec.convert(wanted, NodeClassRef)):
                self._notes.append(self._of_foreign(f"NodePool/{pool['metadata']['name']}", wanted["kind"]))
            elif wanted.get("name") not in classes:
                self._notes.append(
                    f"NodePool/{pool['metadata']['name']}: there is no AKSNodeClass {wanted.get('name')},"
                    " so that it launches no node."
                )

    def _of_foreign(self, pool: str, kind: str) -> str:
        told = f"{pool}: images of its {kind} are not known, so that nodes drift by their NodePool alone"
        labels = ((node.get("metadata") or {}).get("labels") or {} for node in self._told.of("Node"))
        types = sorted({str(found[names.INSTANCE_TYPE]) for found in labels if names.INSTANCE_TYPE in found})
        if not types:
            return f"{told}. No Node shows an instance type: none is launched."
        return f"{told}. What is launched is of a type that a Node has: {', '.join(types)}."

    def _note_pools_without_capacity(self) -> None:
        applied = [event.apply for event in self._spec.events if event.apply is not None]
        pools = [*self._told.of("NodePool"), *(it for it in applied if it.get("kind") == "NodePool")]
        known = {str(it["metadata"]["name"]) for it in pools}
        wanted = {event.no_capacity.node_pool for event in self._spec.events if event.no_capacity is not None}
        for name in sorted(filter(None, wanted - known)):
            self._notes.append(f"noCapacity of NodePool/{name}: there is no such NodePool.")


def _zone_of_offset(window: Manifest) -> str:
    """The zone of a window's fixed offset: IANA's ``Etc/GMT-1`` for ``+01:00``, ``UTC+05:30`` where there is none."""
    offset = str((window["spec"].get("maintenanceWindow") or {}).get("utcOffset") or "")
    if not offset or offset[1:] == "00:00":
        return ""
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    if minutes or (hours > _MOST_WEST and offset[0] == "-"):
        return f"UTC{offset}"
    return f"Etc/GMT{'-' if offset[0] == '+' else '+'}{hours}"


def _without_capacity(events: Iterable[ScenarioEvent]) -> Iterator[dict[str, Any]]:
    """``noCapacity`` as NodeAutoProvisioning says it."""
    for event in events:
        if event.no_capacity is not None and event.until is not None:
            pool = event.no_capacity.node_pool
            span = {"from": write_instant(event.at), "until": write_instant(event.until)}
            yield {"kind": "NoCapacity", **span, **({"nodePools": [pool]} if pool else {})}


def _event(declared: ScenarioEvent) -> Event | None:
    """An event as a value; None for an image, which is a NodeImage, and for noCapacity, which is in the settings."""
    at, until = declared.at, declared.until
    if declared.apply is not None:
        return Applied(at, _with_namespace(dict(declared.apply)))
    if declared.delete is not None:
        gone = declared.delete
        namespace = gone.namespace or ("default" if gone.kind in NAMESPACED else "")
        return Deleted(at, gone.kind, gone.name, namespace)
    if declared.node_fails is not None:
        fails = declared.node_fails
        return NodeFailed(at, until, fails.node or "", fails.node_pool or "", fails.count)
    return Stopped(at, until) if until is not None and declared.stopped else None
