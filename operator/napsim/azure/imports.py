"""What is read of other tools' files: manifests of napsim, and what is wrong or left out, each with its place.

A reader turns one object into a spec of ours and says where each field of it came from. The models judge the spec
(``api.validation``), and what they say is told of the field that a person wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from napsim.api.maintenanceconfiguration import AUTO_UPGRADE, DEFAULT, NODE_OS
from napsim.api.validation import FieldError, errors_of
from napsim.reading.sources import Document, Mistake

CONFIGURATION: Final = "MaintenanceConfiguration"
SETTINGS: Final = "NodeAutoProvisioning"
API_VERSION: Final = "napsim.dev/v1alpha1"
OBJECT_NAMES: Final = {
    DEFAULT: "default",
    AUTO_UPGRADE: "aks-managed-auto-upgrade-schedule",
    NODE_OS: "aks-managed-node-os-upgrade-schedule",
}
CHANNELS: Final = ("upgradeChannel", "nodeOSUpgradeChannel")
Manifest = dict[str, Any]
Explain = Callable[[FieldError], str]


@dataclass(frozen=True, slots=True)
class Expression:
    """What stands where a literal value is needed: a variable, a function, a dynamic block."""

    text: str

    def __str__(self) -> str:
        return self.text


def message_of(error: FieldError) -> str:
    """What is allowed, without the names that our own manifest gives the object."""
    return error.message


TOLD: Final = Expression("")
"""Stands for a value that is wrong, which is told already."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One object of a document: how it is named in messages, and the path that leads to it."""

    document: Document
    named: str
    at: str = ""

    def mistake(self, location: str, value: object, message: str) -> Mistake:
        line = self.document.line_of(joined(self.at, location))
        return Mistake(self.document.file, line, self.named, location, value, message)


def joined(*parts: str) -> str:
    """Paths one after the other: ``properties``, ``timeInWeek[0]``, ``day``."""
    path = ""
    for part in parts:
        path += part if not path or part.startswith("[") or not part else f".{part}"
    return path


@dataclass(slots=True)
class Imports:
    """All that was found. ``notes`` are mistakes in form only: what was left out or assumed."""

    manifests: list[tuple[Origin, Manifest]] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[Mistake] = field(default_factory=list)

    def configuration(
        self, origin: Origin, spec: Mapping[str, object], places: Mapping[str, str], explain: Explain = message_of
    ) -> None:
        """Takes a MaintenanceConfiguration. ``places``: from paths in its spec to fields of the object.

        A path that is not in it belongs to the nearest one above it that is. ``explain`` words what is wrong.
        """
        name = OBJECT_NAMES.get(str(spec.get("configName")), "unnamed")
        self._take(origin, _manifest(CONFIGURATION, name, spec), places, explain)

    def channels(self, origin: Origin, channels: Mapping[str, object], places: Mapping[str, str]) -> None:
        """Takes the cluster's upgrade channels, those of CHANNELS that are set."""
        given = {key: value for key, value in channels.items() if value is not None}
        if given:
            self._take(origin, _manifest(SETTINGS, "default", given), places, message_of)

    def _take(self, origin: Origin, manifest: Manifest, places: Mapping[str, str], explain: Explain) -> None:
        literal, expressions = _literals(manifest["spec"], "")
        unread = [place_of(path, places) for path, _ in expressions]
        for place, (_, expression) in zip(unread, expressions, strict=True):
            if expression is not TOLD:
                self.mistakes.append(origin.mistake(place, None, f"{expression}: {NOT_LITERAL}"))
        for error in errors_of({**manifest, "spec": literal}):
            place = place_of(error.field.removeprefix("spec").removeprefix("."), places)
            if not any(_concerns(place, other) for other in unread):
                self.mistakes.append(origin.mistake(place, error.value, explain(error)))
        self.manifests.append((origin, {**manifest, "spec": literal}))

    def judged(self) -> list[Manifest]:
        """Every manifest, unless two are the same object: that is one more mistake."""
        first: dict[str, Origin] = {}
        for origin, manifest in self.manifests:
            name = manifest["spec"].get("configName", "")
            what = f"configuration {name}" if name else "pair of upgrade channels"
            if what in first and (name or manifest["kind"] != CONFIGURATION):
                other = first[what]
                there = f"{other.document.file}:{other.document.line_of(other.at)}"
                self.mistakes.append(origin.mistake("", None, f"a cluster has one {what}, and {there} has it too"))
            first.setdefault(what, origin)
        return [manifest for _, manifest in self.manifests]


NOT_LITERAL: Final = "napsim reads literal values only; `terraform show -json` prints what this comes to"


def place_of(path: str, places: Mapping[str, str]) -> str:
    """Where a path of the spec was written: of the longest part of it that is known, the rest as it is."""
    head = path
    while head and head not in places:
        head = head[: max(head.rfind("."), head.rfind("["), 0)]
    return joined(places.get(head, ""), path[len(head) :].removeprefix("."))


def _concerns(place: str, other: str) -> bool:
    """Whether one is the other, or a part of it."""
    return (
        place == other or place.startswith((f"{other}.", f"{other}[")) or other.startswith((f"{place}.", f"{place}["))
    )


def _manifest(kind: str, name: str, spec: Mapping[str, object]) -> Manifest:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


def _literals(value: Any, path: str) -> tuple[Any, list[tuple[str, Expression]]]:  # noqa: ANN401 - JSON is any value
    """The value without expressions and nulls, and the expressions with their paths."""
    found: list[tuple[str, Expression]] = []
    if isinstance(value, Mapping):
        kept = {}
        for key, inner in value.items():
            if isinstance(inner, Expression):
                found.append((joined(path, key), inner))
            elif inner is not None:
                kept[key], more = _literals(inner, joined(path, key))
                found += more
        return kept, found
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = []
        for index, inner in enumerate(value):
            if isinstance(inner, Expression):
                found.append((f"{path}[{index}]", inner))
            else:
                item, more = _literals(inner, f"{path}[{index}]")
                items.append(item)
                found += more
        return items, found
    return value, found


def yaml_text(manifest: Mapping[str, object]) -> str:
    """A manifest as YAML, its fields in the order that they have."""
    text: str = yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=120)
    return text


class _Dumper(yaml.SafeDumper):
    """Puts what begins like a number into quotes: times, dates and offsets are text to every reader of YAML."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = '"' if value[:1] in "0123456789+-" else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def unknown_fields(origin: Origin, at: str, given: Mapping[str, object], known: Sequence[str]) -> Iterator[Mistake]:
    """A mistake for each field that is not known: one that is misspelt would be ignored otherwise."""
    for key in given:
        if key not in known:
            message = f"unknown field; known are {', '.join(known)}"
            yield origin.mistake(joined(at, key), None, message)
