"""Everything that is wrong with a manifest, at once, in words a person can act on.

What the API server refuses is refused here (unknown fields and updates included), and so is what it cannot judge: a
time zone that does not exist. A cron schedule that no parser accepts is let through, as Karpenter's own CRD does; the
pool's budget then fails closed.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import msgspec
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from napsim.api.base import KubeObject, broken_transitions
from napsim.api.crd import object_schema
from napsim.api.kinds import Kind
from napsim.api.maintenanceconfiguration import MaintenanceConfiguration
from napsim.api.nodeclaim import DURATION, DURATION_OR_NEVER
from napsim.api.nodepool import BUDGET_DURATION, BUDGET_NODES, BUDGET_SCHEDULE
from napsim.api.openapi import Schema
from napsim.api.registry import GROUPS, KINDS, kind_of


class FieldError(msgspec.Struct, frozen=True):
    """One mistake. ``object`` is ``Kind/name``; ``field`` a path (``spec.disruption.budgets[0].nodes``) or empty."""

    object: str
    field: str
    value: Any
    message: str

    def __str__(self) -> str:
        place = f" {self.field}:" if self.field else ""
        shown = f" {self.value!r:.80}:" if isinstance(self.value, str | int | float | bool) else ""
        return f"{self.object}:{place}{shown} {self.message}"


def errors_of(
    manifest: Mapping[str, Any], old: Mapping[str, Any] | None = None, kind: Kind | None = None
) -> list[FieldError]:
    """Every mistake in a manifest of one of our groups; none for those of other groups, which are not ours to judge.

    With ``old``, the object as it is now, also what the update may not change. ``kind`` is that of a document which no
    API server serves.
    """
    kind = kind or kind_of(manifest)
    if kind is None:
        return _unknown_kind(manifest)
    try:
        parsed = kind.model.parse(manifest, strict=True)
    except ValidationError as error:
        told = [details for details in error.errors(include_url=False) if not _is_of_items(details)]
        return [_field_error(kind, manifest, details) for details in told]
    name = _object(manifest)
    found = [FieldError(name, field, value, message) for field, value, message in _beyond_the_schema(parsed)]
    if old is not None:
        changes = broken_transitions(kind.model.parse(old), parsed)
        found += [FieldError(name, field, None, message) for field, _, message in changes]
    return found


def _object(manifest: Mapping[str, Any]) -> str:
    metadata = manifest.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return f"{manifest.get('kind', 'object')}/{name or '(no name)'}"


def _unknown_kind(manifest: Mapping[str, Any]) -> list[FieldError]:
    version = str(manifest.get("apiVersion", ""))
    if version.split("/", maxsplit=1)[0] not in GROUPS:
        return []
    served = ", ".join(f"{kind.name} ({api})" for kind in KINDS for api in kind.api_versions)
    message = f"no such kind in {version}; served are {served}"
    return [FieldError(_object(manifest), "kind", manifest.get("kind"), message)]


# --- What pydantic says, in Kubernetes' words -------------------------------------------------------------------------


def _is_of_items(details: ErrorDetails) -> bool:
    """Whether a list is too short only because pydantic counts the items that are right; the others are told."""
    given = details["input"]
    return details["type"] == "too_short" and isinstance(given, Sequence) and len(given) >= details["ctx"]["min_length"]


def _field_error(kind: Kind, manifest: Mapping[str, Any], details: ErrorDetails) -> FieldError:
    location = [part for part in details["loc"] if part != "[key]"]
    describe = _DESCRIPTIONS.get(details["type"])
    message = describe(kind, location, details) if describe else details["msg"]
    value = None if details["type"] in {"missing", "extra_forbidden"} else details["input"]
    return FieldError(_object(manifest), path_of(location), value, message)


def path_of(location: Sequence[int | str]) -> str:
    """A location as Kubernetes writes it: ``spec.budgets[0].nodes``, ``spec.limits[a.b/c]`` for a key with dots."""
    path = ""
    for part in location:
        if isinstance(part, int) or "." in part or "/" in part:
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path


Describe = Callable[[Kind, Sequence[int | str], ErrorDetails], str]


def _unknown_field(kind: Kind, location: Sequence[int | str], _details: ErrorDetails) -> str:
    allowed = _fields_at(kind, location[:-1])
    close = difflib.get_close_matches(str(location[-1]), allowed, n=1)
    if close:
        return f"unknown field; did you mean {close[0]}?"
    return f"unknown field; allowed are {', '.join(allowed)}" if allowed else "unknown field"


def _required(_kind: Kind, location: Sequence[int | str], _details: ErrorDetails) -> str:
    return f"Required value: {location[-1]} must be set"


def _saying(template: str) -> Describe:
    """A description from a template, which may use what pydantic says of the limit that was broken."""
    return lambda _kind, _location, details: template.format(**details.get("ctx", {}))


# What the patterns of NodePools mean, for those who do not read patterns.
_SUCH_AS: Final = {
    BUDGET_NODES: "3 or 10%",
    BUDGET_SCHEDULE: "0 8 * * mon-fri or @daily",
    BUDGET_DURATION: "8h or 1h30m",
    DURATION: "30s or 1h30m",
    DURATION_OR_NEVER: "30s, 720h or Never",
}


def _pattern(_kind: Kind, _location: Sequence[int | str], details: ErrorDetails) -> str:
    pattern = details["ctx"]["pattern"]
    example = f", such as {_SUCH_AS[pattern]}" if pattern in _SUCH_AS else ""
    return f"must match '{pattern}'{example}"


def _string(_kind: Kind, _location: Sequence[int | str], details: ErrorDetails) -> str:
    return string_message(details["input"])


def string_message(found: object) -> str:
    """What is allowed where text has to be, and is not."""
    hint = ""
    if isinstance(found, bool):
        hint = ": write it in quotes; in YAML y, n, yes, no, on and off are true and false too"
    elif type(found) in {int, float}:
        hint = f': write it in quotes, "{found}"'
    return f"must be of type string{hint}"


_DESCRIPTIONS: Final[Mapping[str, Describe]] = {
    "extra_forbidden": _unknown_field,
    "missing": _required,
    "string_type": _string,
    "int_type": _saying("must be of type integer"),
    "float_type": _saying("must be of type number"),
    "bool_type": _saying("must be of type boolean"),
    "tuple_type": _saying("must be of type array"),
    "mapping_type": _saying("must be of type object"),
    "model_type": _saying("must be of type object"),
    "literal_error": _saying("Unsupported value: must be {expected}"),
    "string_pattern_mismatch": _pattern,
    "string_too_short": _saying("must have at least {min_length} characters"),
    "string_too_long": _saying("Too long: must have at most {max_length} characters"),
    "too_short": _saying("must have at least {min_length} items"),
    "too_long": _saying("Too many: must have at most {max_length} items"),
    "greater_than": _saying("must be greater than {gt}"),
    "greater_than_equal": _saying("must be greater than or equal to {ge}"),
    "less_than": _saying("must be less than {lt}"),
    "less_than_equal": _saying("must be less than or equal to {le}"),
}


@cache
def _schema(model: type[KubeObject]) -> Schema:
    return object_schema(model)


def _fields_at(kind: Kind, location: Sequence[int | str]) -> list[str]:
    """The fields that the schema has at a location."""
    schema = _schema(kind.model)
    for part in location:
        inner = schema.get("items") if isinstance(part, int) else schema.get("properties", {}).get(part)
        schema = inner or {}
    return list(schema.get("properties", {}))


# --- What no schema can say -------------------------------------------------------------------------------------------


def _beyond_the_schema(parsed: KubeObject) -> Iterator[tuple[str, object, str]]:
    if not parsed.metadata.name and not parsed.metadata.generate_name:
        yield "metadata.name", None, "Required value: name or generateName must be set"
    if isinstance(parsed, MaintenanceConfiguration) and parsed.spec.time_zone is not None:
        yield from _unknown_time_zone(parsed.spec.time_zone)


def _unknown_time_zone(name: str) -> Iterator[tuple[str, object, str]]:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = difflib.get_close_matches(name, available_timezones(), n=1)
        hint = f"did you mean {close[0]}?" if close else "for example, Europe/Berlin"
        yield "spec.timeZone", name, f"no such zone in the IANA time zone database; {hint}"
