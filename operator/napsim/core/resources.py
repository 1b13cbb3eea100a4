"""Amounts of resources: CPU in millicores, everything else in its base unit (bytes, pods, devices), as integers.

Integers, because first fit compares them millions of times; quantities are parsed once per distinct text.
Mirrors ``k8s.io/apimachinery/pkg/api/resource`` for the forms that manifests use (sums round up, as ``Value`` does).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

CPU: Final = "cpu"
MEMORY: Final = "memory"
PODS: Final = "pods"

Resources = dict[str, int]

_PLAIN: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SUFFIXES: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_MOST_DIGITS: Final = 50  # before the point, or after it: beyond any amount that there is


@lru_cache(maxsize=16384)
def parse_quantity(text: str | float) -> Decimal:
    """A Kubernetes quantity (``380m``, ``1.5Gi``, ``2``, ``1e3``) as an exact number.

    Raises ValueError naming the text when it is no quantity.
    """
    plain = str(text)
    for length in (2, 1, 0):
        suffix = plain[len(plain) - length :] if length else ""
        if suffix in _SUFFIXES and (number := _number(plain[: len(plain) - length])) is not None:
            return number * _SUFFIXES[suffix]
    raise ValueError(f"{text!r} is not a quantity such as 500m, 2, 1.5Gi or 1e3")


def _number(text: str) -> Decimal | None:
    """An exponent may be as large as anybody writes it: what it comes to is kept within what can be counted."""
    if not _PLAIN.fullmatch(text):
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent that is beyond Go's integers too
        return None
    if not number or abs(number.adjusted()) <= _MOST_DIGITS:
        return number
    digits = _MOST_DIGITS if number.adjusted() > 0 else -_MOST_DIGITS
    return Decimal(1).scaleb(digits).copy_sign(number)


@lru_cache(maxsize=16384)
def amount(resource: str, quantity: str | float) -> int:
    """A quantity in the unit of its resource: millicores for cpu, base units otherwise; rounded up."""
    scale = 1000 if resource == CPU else 1
    return math.ceil(parse_quantity(quantity) * scale)


def amounts(quantities: Mapping[str, str | int | float]) -> Resources:
    """All quantities of a ResourceList."""
    return {resource: amount(resource, quantity) for resource, quantity in quantities.items()}


def format_amount(resource: str, value: int) -> str:
    """As text again, in the unit of ``amount``: ``380m`` or ``4`` for cpu; ``Mi`` for memory where it divides."""
    if resource == CPU:
        return str(value // 1000) if value % 1000 == 0 else f"{value}m"
    if resource in (MEMORY, "ephemeral-storage") and value and value % 2**20 == 0:
        return f"{value // 2**20}Mi"
    return str(value)


def total(parts: Iterable[Mapping[str, int]]) -> Resources:
    """The sum of all parts, per resource."""
    result: Resources = {}
    for part in parts:
        for resource, value in part.items():
            result[resource] = result.get(resource, 0) + value
    return result


def largest(parts: Iterable[Mapping[str, int]]) -> Resources:
    """The maximum of all parts, per resource."""
    result: Resources = {}
    for part in parts:
        for resource, value in part.items():
            result[resource] = max(result.get(resource, 0), value)
    return result


def fits(request: Mapping[str, int], free: Mapping[str, int]) -> bool:
    """Whether every requested resource is there. A resource that ``free`` does not name counts as absent."""
    for resource, value in request.items():  # noqa: SIM110 - a generator costs more than what it asks
        if value and value > free.get(resource, 0):
            return False
    return True


def subtract(free: Resources, request: Mapping[str, int]) -> None:
    """Take ``request`` out of ``free``, in place."""
    for resource, value in request.items():
        free[resource] = free.get(resource, 0) - value
