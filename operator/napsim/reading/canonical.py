"""An object in the one form that decisions see of it, so that two texts that mean the same are the same.

Defaults are filled in, what no decision reads is left out, lists that are sets are sorted. Schedules of budgets and of
maintenance windows are left out too: what those come to is told by hours, not by fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from napsim.api.durations import parse_duration
from napsim.api.registry import kind_of
from napsim.core.objects import PodDisruptionBudget, PodTemplate, StorageClass
from napsim.core.resources import parse_quantity
from napsim.reading.kinds import WORKLOADS

_SETS: Final = frozenset({"requirements", "taints", "startupTaints", "values", "reasons", "tolerations"})
_QUANTITIES: Final = re.compile(r"\.(limits|requests|capacity|allocatable)\.")
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field: its path, and its values as compact JSON, empty where it is not there."""

    field: str
    before: str
    after: str


def canonical(manifest: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON is any value
    """The form of a manifest that was judged to be right."""
    form = _FORMS.get(str(manifest["kind"]), _declared)
    return _sorted_sets(form(manifest))


def _declared(manifest: Mapping[str, Any]) -> dict[str, Any]:
    declared = kind_of(manifest)
    spec = manifest.get("spec") if declared is None else declared.model.parse(manifest).to_manifest().get("spec")
    return {"spec": spec}


def _node_pool(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Without its budgets."""
    declared = kind_of(manifest)
    assert declared is not None
    spec: Any = declared.model.parse(manifest).to_manifest()["spec"]
    return {"spec": {**spec, "disruption": {key: it for key, it in spec["disruption"].items() if key != "budgets"}}}


def _configuration(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {"spec": {"configName": manifest["spec"]["configName"]}}


def _workload(manifest: Mapping[str, Any]) -> dict[str, Any]:
    spec = manifest["spec"]
    kept = {name: spec[name] for name in ("selector", "podManagementPolicy", "volumeClaimTemplates") if name in spec}
    replicas = {} if manifest["kind"] == "DaemonSet" else {"replicas": spec.get("replicas", 1)}
    template = msgspec.to_builtins(msgspec.convert(spec["template"], PodTemplate, strict=False))
    return {"spec": {**kept, **replicas, "template": template}}


def _disruption_budget(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {"spec": msgspec.to_builtins(msgspec.convert(manifest, PodDisruptionBudget, strict=False).spec)}


def _storage_class(manifest: Mapping[str, Any]) -> dict[str, Any]:
    found = msgspec.to_builtins(msgspec.convert(manifest, StorageClass, strict=False))
    return {key: value for key, value in found.items() if key != "metadata"}


_FORMS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "NodePool": _node_pool,
    "MaintenanceConfiguration": _configuration,
    **dict.fromkeys(WORKLOADS, _workload),
    "PodDisruptionBudget": _disruption_budget,
    "StorageClass": _storage_class,
}


def _sorted_sets(value: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON is any value
    if isinstance(value, Mapping):
        return {key: _sorted_sets(inner, key) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        found = [_sorted_sets(item) for item in value]
        return sorted(found, key=msgspec.json.encode) if name in _SETS else found
    return value


# --- comparing --------------------------------------------------------------------------------------------------------


def changed_fields(before: object, after: object, path: str = "") -> Iterator[FieldChange]:
    """Each field of two canonical forms that differs, by path; of a part that is new or gone the part as a whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(key for key in after if key not in before)]:
            below = f"{path}[{key}]" if "." in key or "/" in key else f"{path}.{key}".lstrip(".")
            yield from changed_fields(before.get(key, _ABSENT), after.get(key, _ABSENT), below)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (first, second) in enumerate(zip(before, after, strict=True)):
            yield from changed_fields(first, second, f"{path}[{index}]")
    elif not _same(before, after, path):
        yield FieldChange(path, _shown(before), _shown(after))


def _same(before: object, after: object, path: str) -> bool:
    """Whether two values mean the same there: ``24h`` and ``1440m``; of resources ``1`` and ``1000m``."""
    if before == after:
        return True
    if all(value is _ABSENT or (not value and value is not False and value != 0) for value in (before, after)):
        return True  # nothing, and an empty list or map
    parse: Callable[[str], object] = parse_quantity if _QUANTITIES.search(path) else _length
    try:
        return parse(str(before)) == parse(str(after))
    except ValueError:
        return False


def _length(text: str) -> object:
    if not text.endswith(("s", "m", "h")):
        raise ValueError(text)
    return parse_duration(text)


def _shown(value: object) -> str:
    return "" if value is _ABSENT else value if isinstance(value, str) else msgspec.json.encode(value).decode()
