"""What of napsim's manifests goes to Azure: configurations as REST has them, and the two upgrade channels.

Each format adds what it cannot say to the mistakes; nothing is left out without a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from napsim.azure.imports import CHANNELS, CONFIGURATION, SETTINGS
from napsim.azure.rest import BODY, of_default
from napsim.reading.sources import Document, Mistake

REST_VERSION: Final = "2026-05-01"


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster that the configurations are for, as the formats name it, and the version of the REST API."""

    cluster: str = "CLUSTER"
    resource_group: str = "RESOURCE_GROUP"
    version: str = REST_VERSION


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration: its name in AKS, and ``properties`` of the REST resource."""

    document: Document
    name: str
    properties: Mapping[str, Any]

    @property
    def window(self) -> Mapping[str, Any]:
        """``maintenanceWindow``, or an empty mapping."""
        found: Mapping[str, Any] = self.properties.get("maintenanceWindow") or {}
        return found


@dataclass(slots=True)
class Exports:
    """What is exported, in the order of the input. ``notes`` are mistakes in form only."""

    configurations: list[Configuration] = field(default_factory=list)
    channels: dict[str, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[Mistake] = field(default_factory=list)


def exports_of(documents: Sequence[Document], today: date) -> Exports:
    """Those of MaintenanceConfigurations and NodeAutoProvisionings that are right. ``today``: UTC."""
    found = Exports()
    for document in documents:
        if document.manifest["kind"] == CONFIGURATION:
            _configuration(found, document, today)
        elif document.manifest["kind"] == SETTINGS:
            _settings(found, document)
    return found


def _configuration(found: Exports, document: Document, today: date) -> None:
    spec = set_fields(document.manifest["spec"])
    name = spec["configName"]
    other = next((it for it in found.configurations if it.name == name), None)
    if other is not None:
        there = f"{other.document.file}:{other.document.line}"
        found.mistakes.append(
            document.mistake("spec.configName", name, f"AKS has one of that name, and {there} is it too")
        )
    if spec.get("timeZone"):
        told = "AKS has no time zones: write utcOffset instead; `napsim windows` says which, and when it changes"
        found.mistakes.append(document.mistake("spec.timeZone", spec["timeZone"], told))
    found.notes += [document.mistake(f"spec.{place}", None, told) for place, told in of_default(spec)]
    started = (spec.get("maintenanceWindow") or {}).get("startDate")
    if started and date.fromisoformat(started) < today:
        told = "is in the past: AKS is said to refuse it when it is sent anew"
        found.notes.append(document.mistake("spec.maintenanceWindow.startDate", started, told))
    properties = {key: spec[key] for key in BODY if spec.get(key)}
    found.configurations.append(Configuration(document, name, properties))


def _settings(found: Exports, document: Document) -> None:
    spec = set_fields(document.manifest.get("spec") or {})
    found.channels |= {key: spec[key] for key in CHANNELS if key in spec}
    others = [key for key in spec if key not in CHANNELS]
    if others:
        told = f"left out, as they are napsim's own: {', '.join(others)}"
        found.notes.append(document.mistake("spec", None, told))


def set_fields(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    """A copy without nulls and empty lists: both are absent, and the API server fills in the second."""
    if isinstance(value, Mapping):
        return {key: set_fields(inner) for key, inner in value.items() if inner is not None and inner != []}
    return [set_fields(inner) for inner in value] if isinstance(value, list) else value
