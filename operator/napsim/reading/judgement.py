"""What is wrong with a document of a scenario, in words a person can act on, all at once.

Kinds of Karpenter, the Azure provider and napsim are judged by their models (``api.validation``), as the API server
judges them by schema and CEL. Of Kubernetes' own kinds only what a simulation reads is judged, by the rules of the API
server's validation (kubernetes v1.36 ``pkg/apis/{core,apps,policy}/validation``): the table below, and the types.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any, Final

import msgspec

from napsim.api.base import NAME_MESSAGE
from napsim.api.registry import kind_of
from napsim.api.scalars import BITS_32, BITS_64, Bits
from napsim.api.scenario import SCENARIO
from napsim.api.validation import errors_of
from napsim.core.objects import (
    KubeObject,
    Node,
    ObjectMeta,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    PodTemplate,
)
from napsim.core.objects import StorageClass as Class
from napsim.core.objects import VolumeAttachment as Attachment
from napsim.reading.fields import Fault, faults_of
from napsim.reading.kinds import KINDS, WORKLOADS
from napsim.reading.sources import Document, Mistake, parts_of

SCENARIO_KIND: Final = "Scenario"
CHECKS_KIND: Final = "Checks"
_ABSENT: Final = object()


# --- checks: what is allowed if the value is not, else nothing --------------------------------------------------------

Check = Callable[[Any], str]


def _is(type_: type, name: str) -> Check:
    return lambda value: "" if isinstance(value, type_) and not isinstance(value, bool) else f"must be of type {name}"


_OBJECT: Final = _is(dict, "object")
_TEXT: Final = _is(str, "string")
_NAME_FORM: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_PERCENTAGE: Final = re.compile(r"[0-9]+%")


def _name(value: object) -> str:
    return "" if isinstance(value, str) and _NAME_FORM.fullmatch(value) and len(value) <= 253 else NAME_MESSAGE


def _counts(bits: Bits) -> Check:
    """An integer of so many bits that is not negative."""

    def check(value: object) -> str:
        told = bits.explain(value)
        if told.startswith("must be of type integer, from"):
            return f"must be an integer, 0 or greater, up to {bits.limits[1]}"
        return "" if not told and int(str(value)) >= 0 else "must be an integer, 0 or greater"

    return check


_count: Final = _counts(BITS_32)
_seconds: Final = _counts(BITS_64)


def _share(value: object) -> str:
    if isinstance(value, str):
        return (
            ""
            if _PERCENTAGE.fullmatch(value)
            else "must be an integer, 0 or greater, or a percentage. For example, 25%"
        )
    return _count(value)


def _containers(value: object) -> str:
    return "" if isinstance(value, list) and value else "must be an array of at least one container"


class _Row(msgspec.Struct, frozen=True):
    """A field of some kinds. Where it is required and missing, ``check`` is not asked."""

    kinds: tuple[str, ...]
    field: str
    check: Check
    required: bool = False


_ROWS: Final = (
    _Row((), "metadata.name", _name, required=True),
    _Row((), "metadata.namespace", _name),
    _Row(("Deployment", "ReplicaSet", "StatefulSet"), "spec.replicas", _count),
    _Row(WORKLOADS, "spec.selector", _OBJECT, required=True),
    _Row(WORKLOADS, "spec.template", _OBJECT, required=True),
    _Row(WORKLOADS, "spec.template.spec.containers", _containers, required=True),
    _Row(WORKLOADS, "spec.template.spec.terminationGracePeriodSeconds", _seconds),
    _Row(("Pod",), "spec.containers", _containers, required=True),
    _Row(("Pod",), "spec.terminationGracePeriodSeconds", _seconds),
    _Row(("StatefulSet",), "spec.serviceName", _TEXT),
    _Row(("StatefulSet",), "spec.ordinals", _OBJECT),
    _Row(("StatefulSet",), "spec.ordinals.start", _count),
    _Row(("PodDisruptionBudget",), "spec", _OBJECT, required=True),
    _Row(("PodDisruptionBudget",), "spec.minAvailable", _share),
    _Row(("PodDisruptionBudget",), "spec.maxUnavailable", _share),
)

# The types of the fields that decisions read: where they stand in each kind, and what they are read as.
_READ_AS: Final[Mapping[str, tuple[tuple[str, Any], ...]]] = {
    **dict.fromkeys(WORKLOADS, (("metadata", ObjectMeta), ("spec.template", PodTemplate))),
    "Pod": (("", Pod),),
    "Node": (("", Node),),
    "PodDisruptionBudget": (("", PodDisruptionBudget),),
    "Namespace": (("", KubeObject),),
    "PersistentVolumeClaim": (("", PersistentVolumeClaim),),
    "PersistentVolume": (("", PersistentVolume),),
    "StorageClass": (("", Class),),
    "VolumeAttachment": (("", Attachment),),
}


def mistakes_of(document: Document) -> Iterator[Mistake]:
    """Every mistake of a document of a kind that a scenario has; what else it holds is for ``composition`` to note."""
    manifest = document.manifest
    if not isinstance(manifest, dict):
        yield document.mistake("", manifest, "a manifest must be an object")
        return
    unnamed = [
        field for field in ("apiVersion", "kind") if not isinstance(manifest.get(field), str) or not manifest[field]
    ]
    for field in unnamed:
        yield document.mistake(field, manifest.get(field), f"Required value: {field} must be set, to text")
    if unnamed:
        return
    for field, value, message in judged(manifest):
        yield document.mistake(field, value, message)


def pruned(manifest: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str]]:
    """An object that an API server has accepted (it has a uid) without the fields unknown here, and which these are.

    A newer Karpenter has fields that this program does not know. What a person wrote stays as it is: there an unknown
    field is a mistake.
    """
    if not value_at(manifest, "metadata.uid") or value_at(manifest, "metadata.uid") is _ABSENT:
        return manifest, []
    unknown = [fault.field for fault in errors_of(manifest) if fault.message.startswith("unknown field")]
    kept = deepcopy(dict(manifest)) if unknown else manifest
    for field in unknown:
        *way, last = parts_of(field)
        inner: Any = kept
        for part in way:
            inner = inner[part]
        del inner[last]
    return kept, unknown


def known_part(document: Document) -> tuple[Document, list[str]]:
    """The document without the fields of a live object that are unknown here; and of each of those, what to say."""
    if not isinstance(document.manifest, dict):
        return document, []
    manifest, unknown = pruned(document.manifest)
    if not unknown:
        return document, []
    told = [f"{document.named}: {field} is not known here, and was left out" for field in unknown]
    return replace(document, manifest=manifest), told


def judged(manifest: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """(field, value, what is allowed) for every mistake of a manifest that has a kind."""
    kind = manifest.get("kind")
    ours = str(manifest.get("apiVersion", "")).startswith("napsim.dev/")
    if kind == SCENARIO_KIND and ours:
        faults = errors_of(manifest, kind=SCENARIO)
        yield from _of_events(manifest)
    elif kind == CHECKS_KIND and ours:
        from napsim.api.checks import CHECKS  # noqa: PLC0415 - few inputs have any, and loading it takes long

        faults = errors_of(manifest, kind=CHECKS)
    else:
        faults = errors_of(manifest)
    for fault in faults:
        yield fault.field, fault.value, fault.message
    if kind in KINDS and kind_of(manifest) is None and manifest.get("apiVersion") in KINDS[str(kind)]:
        yield from _builtin(str(kind), manifest)


def _of_events(scenario: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """What is wrong with the manifests that events apply, and with what they delete."""
    events = value_at(scenario, "spec.events")
    for index, event in enumerate(events if isinstance(events, list) else ()):
        applied = event.get("apply") if isinstance(event, dict) else None
        if isinstance(applied, dict):
            yield from _applied(f"spec.events[{index}].apply", applied)
        gone = value_at(event, "delete.kind") if isinstance(event, dict) else None
        if isinstance(gone, str) and gone not in KINDS:
            yield f"spec.events[{index}].delete.kind", gone, f"must be one of {', '.join(KINDS)}"


def _applied(place: str, manifest: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    kind = str(manifest.get("kind", ""))
    if manifest.get("apiVersion") not in KINDS.get(kind, ()):
        served = ", ".join(f"{name} ({' or '.join(versions)})" for name, versions in KINDS.items())
        yield f"{place}.kind", kind, f"must be one of {served}"
        return
    for where, value, message in judged(manifest):
        yield f"{place}.{where}", value, message


def _builtin(kind: str, manifest: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    found = [*_by_table(kind, manifest), *_across(kind, manifest)]
    yield from found
    told = {field for field, _, _ in found}
    for fault in _types(kind, manifest):
        if fault.field not in told:
            yield fault.field, fault.value, fault.message


@cache
def _rows_of(kind: str) -> tuple[tuple[tuple[str, ...], _Row], ...]:
    """The rows for a kind, each with the names that lead to its field."""
    return tuple((tuple(row.field.split(".")), row) for row in _ROWS if not row.kinds or kind in row.kinds)


def _by_table(kind: str, manifest: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    for way, row in _rows_of(kind):
        value = _followed(manifest, way)
        if value is _ABSENT or value is None:
            if row.required:
                yield row.field, None, f"Required value: {row.field.rpartition('.')[2]} must be set"
        elif told := row.check(value):
            yield row.field, value, told


def value_at(manifest: Mapping[str, Any], location: str) -> object:
    """The value at a path of names; ``_ABSENT`` where a part of it is missing."""
    return _followed(manifest, location.split("."))


def _followed(manifest: Mapping[str, Any], way: Sequence[str]) -> object:
    """The value that names lead to; ``_ABSENT`` where a part is missing."""
    value: Any = manifest
    for part in way:
        if not isinstance(value, dict) or part not in value:
            return _ABSENT
        value = value[part]
    return value


# --- rules over several fields ----------------------------------------------------------------------------------------


def _across(kind: str, manifest: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    if kind in WORKLOADS:
        yield from _selected(manifest)
    if kind == "PodDisruptionBudget":
        spec = manifest.get("spec")
        if isinstance(spec, dict) and spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
            yield "spec.maxUnavailable", spec["maxUnavailable"], "must not be set together with minAvailable"


def _selected(manifest: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """The pods of a workload must be its own."""
    wanted, labels = (
        value_at(manifest, "spec.selector.matchLabels"),
        value_at(manifest, "spec.template.metadata.labels"),
    )
    if not isinstance(wanted, dict):
        return
    carried = labels if isinstance(labels, dict) else {}
    for key, value in wanted.items():
        if carried.get(key) != value:
            place = (
                f"spec.template.metadata.labels.{key}" if "." not in key else f"spec.template.metadata.labels[{key}]"
            )
            yield place, carried.get(key), f"must be {value!r}, as spec.selector.matchLabels has it"


def _types(kind: str, manifest: Mapping[str, Any]) -> Iterator[Fault]:
    """What has not the type that it is read as."""
    for field, type_ in _READ_AS.get(kind, ()):
        value = value_at(manifest, field) if field else manifest
        if value is not _ABSENT and value is not None:
            yield from faults_of(value, type_, field)
