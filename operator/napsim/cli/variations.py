"""What a sweep varies: ``pool/default:budget=5%..50%/5%`` as values of a field, and manifests that have them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

from napsim.core.recurrence import Weekday
from napsim.reading.kinds import is_known, namespace_of
from napsim.reading.sources import Document, parts_of

MOST_POINTS: Final = 2000
_VARY: Final = re.compile(r"([^:=]+):([^=]+)=(.+)")
_NUMBERS: Final = re.compile(r"([0-9]+)(%|h|m|s|)\.\.([0-9]+)\2(?:/([0-9]+)\2)?")
_TIMES: Final = re.compile(r"([0-2][0-9]):([0-5][0-9])\.\.([0-2][0-9]):([0-5][0-9])(?:/([0-9]+)(h|m))?")
_DAYS: Final = re.compile(r"([A-Za-z]{3,9})\.\.([A-Za-z]{3,9})")
_KINDS: Final[Mapping[str, str]] = {
    "pool": "NodePool",
    "window": "MaintenanceConfiguration",
    "class": "AKSNodeClass",
    "pdb": "PodDisruptionBudget",
    "nap": "NodeAutoProvisioning",
}
BUDGET: Final = "budget"
# Fields by a short name: of which kind, and where they are.
FIELDS: Final[Mapping[tuple[str, str], str]] = {
    ("NodePool", BUDGET): "spec.disruption.budgets",
    ("NodePool", "expireAfter"): "spec.template.spec.expireAfter",
    ("NodePool", "terminationGracePeriod"): "spec.template.spec.terminationGracePeriod",
    ("MaintenanceConfiguration", "day"): "spec.maintenanceWindow.schedule.weekly.dayOfWeek",
    ("MaintenanceConfiguration", "start"): "spec.maintenanceWindow.startTime",
    ("MaintenanceConfiguration", "duration"): "spec.maintenanceWindow.durationHours",
    ("PodDisruptionBudget", "maxUnavailable"): "spec.maxUnavailable",
    ("PodDisruptionBudget", "minAvailable"): "spec.minAvailable",
}


_NUMBER_OR_SHARE: Final = frozenset({"maxUnavailable", "minAvailable"})
_TRUTH: Final[Mapping[str, bool]] = {"true": True, "false": False}


class VariationError(ValueError):
    """A variation that cannot be read, or that no object of the input has. The message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Variation:
    """One field of the objects of a kind and name (``*``: all of that kind), and the values that it takes in turn."""

    text: str
    kind: str
    name: str
    field: str
    values: tuple[str, ...]

    @property
    def label(self) -> str:
        return self.text.partition("=")[0]

    def concerns(self, document: Document) -> bool:
        """Names are ``name`` or ``namespace/name``; of a window also that of its configuration."""
        manifest = document.manifest
        if not is_known(manifest) or manifest["kind"] != self.kind:
            return False
        name = manifest["metadata"].get("name")
        named = {"*", name, f"{namespace_of(manifest)}/{name}"}
        return self.name in named or (
            self.kind == "MaintenanceConfiguration" and manifest["spec"].get("configName") == self.name
        )


def variation(text: str) -> Variation:
    """Reads one. Raises VariationError."""
    match = _VARY.fullmatch(text)
    if match is None:
        raise VariationError(f"{text!r}: must be TARGET:FIELD=VALUES, such as pool/default:budget=5%..50%/5%")
    target, field, values = match.groups()
    short, _, name = target.partition("/")
    kind = _KINDS.get(short, short)
    path = FIELDS.get((kind, field), field)
    known = sorted(name for its, name in FIELDS if its == kind)
    if not name or not kind[:1].isupper():
        raise VariationError(f"{text!r}: the target must be {', '.join(f'{it}/NAME' for it in _KINDS)} or Kind/NAME")
    if "." not in path:
        allowed = ", ".join((*known, "or a path such as spec.weight"))
        raise VariationError(f"{text!r}: the field {field!r} of a {kind} must be {allowed}")
    found = tuple(value for item in values.split(",") for value in _values(item.strip(), text))
    return Variation(text, kind, name, path, tuple(dict.fromkeys(found)))


def _values(item: str, text: str) -> Iterator[str]:
    """Of one value, or of a range: of numbers with one unit, of times of day, of days of the week."""
    if ".." not in item:
        yield item
    elif (match := _NUMBERS.fullmatch(item)) is not None:
        first, unit, last, step = int(match[1]), match[2], int(match[3]), int(match[4] or 1)
        yield from (f"{number}{unit}" for number in _stepped(first, last, step, item, text))
    elif (match := _TIMES.fullmatch(item)) is not None:
        first, last = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
        step = int(match[5] or 1) * (1 if match[6] == "m" else 60)
        yield from (f"{minute // 60:02d}:{minute % 60:02d}" for minute in _stepped(first, last, step, item, text))
    elif (match := _DAYS.fullmatch(item)) is not None:
        start, end = (_weekday(name, text) for name in match.groups())
        yield from (Weekday((start + ahead) % 7).label for ahead in range((end - start) % 7 + 1))
    else:
        raise VariationError(
            f"{text!r}: {item!r} must be a range such as 5%..50%/5%, 4..12/2, 20:00..23:00/1h or Mon..Fri"
        )


def _stepped(first: int, last: int, step: int, item: str, text: str) -> range:
    if not step or last < first or (last - first) // step >= MOST_POINTS:
        raise VariationError(f"{text!r}: {item!r} must go up, by at least 1, in at most {MOST_POINTS} steps")
    return range(first, last + 1, step)


def _weekday(name: str, text: str) -> Weekday:
    for day in Weekday:
        if name.capitalize() in {day.short, day.label}:
            return day
    raise VariationError(f"{text!r}: {name!r} must be a day of the week, such as Sat")


def points(variations: Sequence[Variation]) -> list[tuple[str, ...]]:
    """Every combination, a value of each variation. Raises VariationError where they are too many."""
    count = 1
    for item in variations:
        count *= len(item.values)
    if count > MOST_POINTS:
        raise VariationError(
            f"--vary: {count} combinations: at most {MOST_POINTS} are forecast: give fewer values, or larger steps"
        )
    return list(product(*(item.values for item in variations)))


# --- manifests --------------------------------------------------------------------------------------------------------


def varied(documents: Sequence[Document], variations: Sequence[Variation], values: Sequence[str]) -> list[Document]:
    """The documents with those values. Raises VariationError where a variation concerns none of them."""
    made = list(documents)
    for item, value in zip(variations, values, strict=True):
        concerned = [index for index, document in enumerate(made) if item.concerns(document)]
        if not concerned:
            ours = (it.manifest for it in made if is_known(it.manifest) and it.manifest["kind"] == item.kind)
            names = sorted(str(manifest["metadata"].get("name")) for manifest in ours)
            there = f"there are {', '.join(names)}" if names else f"there is no {item.kind}"
            raise VariationError(f"{item.text!r}: {item.kind}/{item.name} is not in the input; {there}")
        for index in concerned:
            manifest = deepcopy(made[index].manifest)
            _set(manifest, item, value)
            made[index] = replace(made[index], manifest=manifest)
    return made


def _set(manifest: dict[str, Any], item: Variation, value: str) -> None:
    if item.field == FIELDS["NodePool", BUDGET]:
        _set_budget(manifest["spec"].setdefault("disruption", {}), value)
        return
    *way, last = parts_of(item.field)
    try:
        inner: Any = manifest
        for part in way:
            inner = inner.setdefault(part, {}) if isinstance(inner, dict) else inner[part]
        inner[last] = _typed(value, inner.get(last) if isinstance(inner, dict) else inner[last], last)
    except (IndexError, TypeError) as error:  # of a list that is shorter, or of a value that has no fields
        named = f"{item.kind}/{manifest['metadata'].get('name')}"
        raise VariationError(f"{item.text!r}: there is no {item.field} in {named}") from error


def _typed(value: str, old: object, field: object) -> object:
    """A number or a truth value where none of text was; a time of day, a duration, a percentage stays text."""
    if value.isdecimal() and (field in _NUMBER_OR_SHARE or not isinstance(old, str)):
        return int(value)
    if value in _TRUTH and not isinstance(old, str):
        return _TRUTH[value]
    return value


def _set_budget(disruption: dict[str, Any], value: str) -> None:
    """``nodes`` of every budget that allows some; what closes stays. Where there is none, a budget that is always."""
    budgets = disruption.get("budgets") or []
    allowing = [budget for budget in budgets if str(budget.get("nodes")) not in {"0", "0%"}]
    for budget in allowing:
        budget["nodes"] = value
    disruption["budgets"] = budgets if allowing else [{"nodes": value}, *budgets]
