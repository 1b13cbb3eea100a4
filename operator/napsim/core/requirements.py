"""Node selector requirements: which values of a label they allow, and whether two sets of them can be met together.

Mirrors karpenter v1.14.0 pkg/scheduling/requirement.go and requirements.go. A key that nothing defines is denied unless
the requirement is NotIn or DoesNotExist: it fails closed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.core.objects import Requirement

OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte")
_BOUNDS: Final = ("Gt", "Lt", "Gte", "Lte")
_MAX_INT: Final = 2**63 - 1
_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_LISTED: Final = 5  # values that a message names

# Label keys of old that mean a newer key (karpenter's NormalizedLabels, and the one the Azure provider adds).
NORMALIZED_LABELS: Final[Mapping[str, str]] = {
    "beta.kubernetes.io/arch": names.ARCH,
    "beta.kubernetes.io/os": names.OS,
    "beta.kubernetes.io/instance-type": names.INSTANCE_TYPE,
    "failure-domain.beta.kubernetes.io/zone": names.ZONE,
    "failure-domain.beta.kubernetes.io/region": names.REGION,
    "topology.disk.csi.azure.com/zone": names.ZONE,
}
_OLD_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    key: tuple(old for old, new in NORMALIZED_LABELS.items() if new == key) for key in NORMALIZED_LABELS.values()
}


class AllowedValues(msgspec.Struct, frozen=True):
    """The values one label may have: those of ``values``, or with ``complement`` all but those, within the bounds.

    ``at_least`` and ``at_most`` are inclusive; with a bound only integers are allowed. Concrete sets carry no bounds.
    ``min_values`` is how many different values the instance types of one NodeClaim must have between them.
    """

    values: frozenset[str] = frozenset()
    complement: bool = False
    at_least: int | None = None
    at_most: int | None = None
    min_values: int | None = None

    @property
    def operator(self) -> str:
        """In, NotIn, Exists or DoesNotExist; the bounded operators count as Exists (or as NotIn with values)."""
        if self.complement:
            return "NotIn" if self.values else "Exists"
        return "In" if self.values else "DoesNotExist"

    @property
    def allows_absence(self) -> bool:
        """Whether a label that is missing meets this: only NotIn and DoesNotExist."""
        return self.operator in ("NotIn", "DoesNotExist")

    def allows(self, value: str) -> bool:
        return (value in self.values) != self.complement and self._within_bounds(value)

    def intersection(self, other: AllowedValues) -> AllowedValues:
        """What both allow; of two ``min_values`` the larger."""
        at_least = _outermost(max, self.at_least, other.at_least)
        at_most = _outermost(min, self.at_most, other.at_most)
        min_values = _outermost(max, self.min_values, other.min_values)
        if at_least is not None and at_most is not None and at_least > at_most:
            return AllowedValues(min_values=min_values)
        if self.complement and other.complement:
            merged = AllowedValues(self.values | other.values, True, at_least, at_most, min_values)
            return replace(merged, values=frozenset(filter(merged._within_bounds, merged.values)))
        concrete, rest = (other, self) if self.complement else (self, other)
        return AllowedValues(frozenset(filter(rest.allows, concrete.values)), min_values=min_values)

    def _within_bounds(self, value: str) -> bool:
        if self.at_least is None and self.at_most is None:
            return True
        number = _integer(value)
        if number is None:
            return False
        return (self.at_least is None or number >= self.at_least) and (self.at_most is None or number <= self.at_most)

    def __str__(self) -> str:
        text = self.operator
        if self.values:
            shown = sorted(self.values)
            rest = [f"and {len(shown) - _LISTED} others"] if len(shown) > _LISTED else []
            text += f" [{' '.join([*shown[:_LISTED], *rest])}]"
        text += "" if self.at_least is None else f" >={self.at_least}"
        text += "" if self.at_most is None else f" <={self.at_most}"
        return text + ("" if self.min_values is None else f" minValues {self.min_values}")


Requirements = Mapping[str, AllowedValues]
"""Allowed values by label key; several requirements on one key are already intersected."""

DOES_NOT_EXIST: Final = AllowedValues()
EXISTS: Final = AllowedValues(complement=True)


def _outermost(choose: Callable[[int, int], int], one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def _integer(text: str) -> int | None:
    """``text`` as Go's ``strconv.Atoi`` reads it on 64 bits, or None."""
    if not _INTEGER.fullmatch(text):
        return None
    number = int(text)
    return number if -_MAX_INT - 1 <= number <= _MAX_INT else None


def normalized(key: str) -> str:
    """The key that ``key`` means today."""
    return NORMALIZED_LABELS.get(key, key)


def _allowed(requirement: Requirement) -> AllowedValues:
    """Of a requirement that can be read."""
    if requirement.operator in _BOUNDS:
        return replace(_bounded(requirement.operator, _bound(requirement.values[0])), min_values=requirement.min_values)
    values = frozenset(requirement.values) if requirement.operator in ("In", "NotIn") else frozenset()
    complement = requirement.operator in ("NotIn", "Exists")
    return AllowedValues(values, complement, min_values=requirement.min_values)


def _bound(text: str) -> int:
    """What a label is compared with; 0 stands for what is no number, of which an API server lets pods have any.

    Mirrors karpenter v1.14.0 ``pkg/scheduling/requirement.go``, which drops the error of ``strconv.Atoi``.
    """
    number = int(text) if _INTEGER.fullmatch(text) else 0
    return min(max(number, -_MAX_INT - 1), _MAX_INT)


def _bounded(operator: str, bound: int) -> AllowedValues:
    if operator == "Gt" and bound == _MAX_INT:
        return DOES_NOT_EXIST
    if operator in ("Gt", "Gte"):
        return AllowedValues(complement=True, at_least=bound + 1 if operator == "Gt" else bound)
    return AllowedValues(complement=True, at_most=bound - 1 if operator == "Lt" else bound)


def _problem(requirement: Requirement) -> str:
    where = f"requirement on {requirement.key}"
    if requirement.operator not in OPERATORS:
        return f"{where}: operator {requirement.operator!r} is none of {', '.join(OPERATORS)}"
    if requirement.operator in _BOUNDS and len(requirement.values) != 1:
        return f"{where}: {requirement.operator} needs exactly one integer, not {list(requirement.values)}"
    return ""


def requirements_of(items: Iterable[Requirement]) -> dict[str, AllowedValues]:
    """The requirements by (normalized) key, those on one key intersected.

    Raises ValueError that lists every requirement that cannot be read.
    """
    given = tuple(items)
    problems = [problem for problem in map(_problem, given) if problem]
    if problems:
        raise ValueError("; ".join(problems))
    merged: dict[str, AllowedValues] = {}
    for item in given:
        key, allowed = normalized(item.key), _allowed(item)
        merged[key] = allowed.intersection(merged[key]) if key in merged else allowed
    return merged


def label_requirements(labels: Mapping[str, str]) -> dict[str, AllowedValues]:
    """Labels as requirements: each key In its one value."""
    merged: dict[str, AllowedValues] = {}
    for name, value in labels.items():
        key, allowed = normalized(name), AllowedValues(frozenset({value}))
        merged[key] = allowed.intersection(merged[key]) if key in merged else allowed
    return merged


def narrowed(having: Requirements, *others: Requirements) -> dict[str, AllowedValues]:
    """``having`` with the requirements of the others added, those on one key intersected."""
    result = dict(having)
    for other in others:
        for key, allowed in other.items():
            present = result.get(key)
            result[key] = allowed if present is None else present.intersection(allowed)
    return result


def listed(requirements: Requirements) -> str:
    """All of them in one line, sorted, as messages show them (the hostname is left out)."""
    return ", ".join(sorted(f"{key} {allowed}" for key, allowed in requirements.items() if key != names.HOSTNAME))


def unmet(labels: Mapping[str, str], wanted: Requirements) -> tuple[str, ...]:
    """Why ``labels`` do not meet ``wanted``, one message for each key that fails; empty when they do.

    The same answer as ``incompatible(label_requirements(labels), wanted)``, at the cost of the wanted keys alone.
    """
    problems = []
    for key, allowed in wanted.items():
        if key not in _OLD_KEYS and (value := labels.get(key)) is not None:
            if not allowed.allows(value):
                problems.append(_disjoint(key, allowed, AllowedValues(frozenset({value}))))
            continue
        values = {labels[name] for name in (key, *_OLD_KEYS.get(key, ())) if name in labels}
        if not values:
            if not allowed.allows_absence:
                problems.append(_undefined(key))
        elif len(values) > 1:  # an old key contradicts the new one: together they allow nothing
            if not allowed.allows_absence:
                problems.append(_disjoint(key, allowed, DOES_NOT_EXIST))
        elif not allowed.allows(next(iter(values))):
            problems.append(_disjoint(key, allowed, AllowedValues(frozenset(values))))
    return tuple(problems)


def incompatible(
    having: Requirements, wanted: Requirements, allow_undefined: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Why ``wanted`` cannot be met by ``having`` (karpenter's ``Compatible``); empty when it can.

    A wanted key that ``having`` does not define is denied, unless it is in ``allow_undefined`` or may be absent. The
    message names a key of either that it may be a misspelling of.
    """
    undefined = tuple(
        _undefined(key) + _misspelling(key, (allow_undefined, having))
        for key, allowed in wanted.items()
        if key not in having and key not in allow_undefined and not allowed.allows_absence
    )
    return undefined + disjoint(having, wanted)


def disjoint(having: Requirements, wanted: Requirements) -> tuple[str, ...]:
    """The keys that both define without a common value, as messages (karpenter's ``Intersects``)."""
    return tuple(
        _disjoint(key, allowed, having[key])
        for key, allowed in wanted.items()
        if key in having
        and having[key].intersection(allowed).operator == "DoesNotExist"
        and not (allowed.allows_absence and having[key].allows_absence)
    )


def _undefined(key: str) -> str:
    return f'label "{key}" does not have known values'


def _misspelling(key: str, known: Iterable[Iterable[str]]) -> str:
    """Karpenter's guess (labelHint): a key that contains it, differs in few letters, or ends alike."""
    ending = key.partition("/")[2] or key
    for keys in known:
        for other in sorted(keys):
            if key in other or other.endswith(ending) or _edits(key, other) < len(other) // 5:
                return f' (typo of "{other}"?)'
    return ""


def _edits(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(other, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (left != right))
    return row[-1]


def _disjoint(key: str, wanted: AllowedValues, having: AllowedValues) -> str:
    return f"key {key}, {key} {wanted} not in {key} {having}"
