"""The REST resource, as ``az aks maintenanceconfiguration`` prints it, takes it in a file, and Azure keeps it.

Shapes that are read: ``show`` and ``list`` (also ``--output yaml``), a ``--config-file`` with or without the level
``properties``, the ``value`` list of the REST API, and ``az aks show`` or its ``autoUpgradeProfile``.
Mirrors REST stable 2026-05-01 and the messages of azure-cli 2.91.0, ``acs/maintenanceconfiguration.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final

from napsim.api.maintenanceconfiguration import CONFIG_NAMES, DEFAULT
from napsim.api.validation import FieldError
from napsim.azure import messages
from napsim.azure.imports import TOLD, Imports, Origin, joined, unknown_fields
from napsim.reading.sources import Document

BODY: Final = ("maintenanceWindow", "timeInWeek", "notAllowedTime")
_SERVERS: Final = ("id", "name", "resourceGroup", "systemData", "type")
_SHARED: Final = "maintenanceWindowId"
_NO_PROPERTIES: Final = "az 2.91 sends a file as it is, and Azure's fields are below `properties`: put them there"
# az prints the first spelling of the channel, the REST API has the second.
_CHANNELS: Final = {
    "upgradeChannel": "upgradeChannel",
    "nodeOsUpgradeChannel": "nodeOSUpgradeChannel",
    "nodeOSUpgradeChannel": "nodeOSUpgradeChannel",
}


def read(found: Imports, document: Document, name: str) -> None:
    """Every configuration of a document. ``name``: that of a configuration which has none, or empty."""
    manifest = document.manifest
    if isinstance(manifest, Mapping) and isinstance(manifest.get("value"), list):
        _list(found, document, "value", manifest["value"], name)
    elif isinstance(manifest, list):
        _list(found, document, "", manifest, name)
    elif isinstance(manifest, Mapping):
        _one(found, document, "", manifest, name)
    else:
        origin = Origin(document, "")
        found.mistakes.append(origin.mistake("", manifest, "must be an object, or a list of objects"))


def _list(found: Imports, document: Document, at: str, items: list[Any], name: str) -> None:
    for index, item in enumerate(items):
        place = f"{at}[{index}]"
        if isinstance(item, Mapping):
            _one(found, document, place, item, name)
        else:
            found.mistakes.append(Origin(document, "", place).mistake("", item, "must be an object"))


def _one(found: Imports, document: Document, at: str, item: Mapping[str, Any], name: str) -> None:
    profile = next((path for path in _PROFILES if isinstance(_at(item, path), Mapping)), None)
    if profile is not None:
        _cluster(found, Origin(document, f"cluster {item.get('name', '')}".strip(), at), item, profile)
    elif any(key in item for key in _CHANNELS):
        _profile(found, Origin(document, "autoUpgradeProfile", at), "", item)
    else:
        _configuration(found, document, at, item, name)


_PROFILES: Final = ("autoUpgradeProfile", "properties.autoUpgradeProfile")


def _at(item: Mapping[str, Any], path: str) -> object:
    value: object = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _cluster(found: Imports, origin: Origin, item: Mapping[str, Any], path: str) -> None:
    _profile(found, origin, path, _at(item, path))
    found.notes.append(origin.mistake("", None, f"of a cluster {path} alone is read"))


def _profile(found: Imports, origin: Origin, at: str, profile: Any) -> None:  # noqa: ANN401 - JSON is any value
    found.mistakes += unknown_fields(origin, at, profile, tuple(_CHANNELS))
    given = {ours: profile[theirs] for theirs, ours in _CHANNELS.items() if profile.get(theirs) is not None}
    places = {ours: joined(at, theirs) for theirs, ours in _CHANNELS.items() if theirs in profile}
    if not given:
        found.notes.append(origin.mistake(at, None, "no upgrade channel is set"))
    found.channels(origin, given, places)


def _configuration(found: Imports, document: Document, at: str, item: Mapping[str, Any], name: str) -> None:
    own = own_name(item)
    told = own or name or _stem(document.file)
    origin = Origin(document, f"configuration {told or '(no name)'}", at)
    if not told:
        message = f"a file for --config-file has no name: give --name with one of {', '.join(CONFIG_NAMES)}"
        found.mistakes.append(origin.mistake("name", None, message))
    if own and name and own != name:
        found.mistakes.append(origin.mistake("name", own, f"--name says {name}"))
    inner = item.get("properties")
    if isinstance(inner, Mapping):
        found.mistakes += unknown_fields(origin, "", item, ("properties", *_SERVERS))
        body(found, origin, told, "properties", inner)
    else:
        left = {key: value for key, value in item.items() if key not in _SERVERS}
        body(found, origin, told, "", left)
        if len(left) == len(item):  # a file: what Azure gives has a name
            found.notes.append(origin.mistake("", None, _NO_PROPERTIES))


def own_name(item: Mapping[str, Any]) -> str:
    """The name that a configuration carries: its own, or that at the end of its id."""
    return str(item.get("name") or str(item.get("id") or "").rpartition("/maintenanceConfigurations/")[2])


def _stem(file: str) -> str:
    """A file that is called as a configuration is that configuration."""
    stem = PurePath(file).stem
    return stem if stem in CONFIG_NAMES else ""


def body(found: Imports, origin: Origin, name: str, at: str, given: Mapping[str, Any]) -> None:
    """A configuration from the fields of ``properties``, which stand at ``at`` of the object.

    ``name`` is empty where it is told already that there is none.
    """
    known = [key for key in given if key in BODY]
    if given.get(_SHARED) is not None:
        message = "a shared window (preview) is not read: write its schedule as maintenanceWindow"
        found.mistakes.append(origin.mistake(joined(at, _SHARED), given[_SHARED], message))
    others = {key: value for key, value in given.items() if key != _SHARED}
    found.mistakes += unknown_fields(origin, at, others, BODY)
    if given.get(_SHARED) is not None:
        return
    spec = {"configName": name or TOLD, **{key: given[key] for key in known if given[key] not in (None, [])}}
    places = {"": at, "configName": "name", **{key: joined(at, key) for key in BODY}}
    before = len(found.mistakes)
    found.configuration(origin, spec, places, _worded)
    if len(found.mistakes) == before:
        found.notes += [origin.mistake(joined(at, field), None, told) for field, told in of_default(spec)]


# --- in the words of az -----------------------------------------------------------------------------------------------


def of_default(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(field, message) for a window of ``default`` that AKS is said not to take: weekly, every week alone."""
    schedule = (spec.get("maintenanceWindow") or {}).get("schedule") or {}
    if spec.get("configName") != DEFAULT or not schedule:
        return
    if not schedule.get("weekly"):
        told = f"of default AKS is said to refuse what is not weekly (az: {messages.DEFAULT_NOT_WEEKLY})"
        yield "maintenanceWindow.schedule", told
    elif schedule["weekly"].get("intervalWeeks") != 1:
        told = f"of default AKS is said to refuse what is not every week (az: {messages.DEFAULT_INTERVAL})"
        yield "maintenanceWindow.schedule.weekly.intervalWeeks", told


def _worded(error: FieldError) -> str:
    """What is wrong, and what az says of the same mistake."""
    told = az_message(error)
    return f"{error.message} (az: {told})" if told else error.message


def az_message(error: FieldError) -> str:
    """What az says when the same mistake is made with options; empty where it checks nothing."""
    path = error.field.removeprefix("spec.")
    if path == "configName":
        return messages.NAME.format(name=error.value)
    if path == "maintenanceWindow.schedule":
        return messages.SCHEDULE_TYPE
    for known, form, message in _SAME:
        if path == known and _breaks(error.value, form):
            return message
    kind, _, field = path.removeprefix("maintenanceWindow.schedule.").partition(".")
    if kind not in messages.KINDS or not field:
        return ""
    if error.message.startswith("Required value"):
        return messages.MISSING[messages.KINDS[kind]]
    return messages.EXCESS[messages.KINDS[kind]] if error.message.startswith("unknown field") else ""


def _breaks(value: object, form: str) -> bool:
    """Whether az refuses a value: for its form where it looks at that, else where there is none."""
    return not re.fullmatch(form, value) if form and isinstance(value, str) else (value is None) is not bool(form)


_WINDOW: Final = "maintenanceWindow."
# Path, the form that az asks for (none: it must be there), what it says.
_SAME: Final = (
    (_WINDOW + "startTime", "", messages.NO_START_TIME),
    (_WINDOW + "startTime", messages.TIME_FORM, messages.START_TIME),
    (_WINDOW + "durationHours", "", messages.NO_DURATION),
    (_WINDOW + "utcOffset", messages.OFFSET_FORM, messages.UTC_OFFSET),
    (_WINDOW + "startDate", messages.DATE_FORM, messages.START_DATE),
)
