"""Whether a manifest of Kubernetes' own kinds has the types that an API server decodes it into, field by field.

Mirrors how the API server reads built-in kinds (kubernetes v1.36, ``sigs.k8s.io/json``, ``apimachinery``'s
``meta/v1.Time``, ``util/intstr``, ``api/resource``): integers have 32 or 64 bits, times are RFC 3339 with a zone and a
capital T and Z, amounts are quantities. Fields that nothing here reads are not looked at. All mistakes are told, where
msgspec stops at the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from napsim.api.scalars import BITS_32, BITS_64, parse_instant
from napsim.api.validation import path_of, string_message
from napsim.core.objects import OwnerReference, Requirement, SelectorRequirement
from napsim.core.resources import parse_quantity

QUANTITY_MESSAGE: Final = "must be a quantity. For example, 500m, 2, 1.5Gi"

_OF_LABELS: Final = ("In", "NotIn", "Exists", "DoesNotExist")
_OPERATORS: Final[Mapping[type, tuple[str, ...]]] = {
    SelectorRequirement: _OF_LABELS,
    Requirement: (*_OF_LABELS, "Gt", "Lt"),  # of Nodes; NodePools and NodeClaims have others, and models of their own
}

# ``ValidateOwnerReferences`` (``apimachinery``, ``pkg/api/validation/objectmeta.go``); here they may be absent.
_FULL: Final[Mapping[type, tuple[str, ...]]] = {OwnerReference: ("apiVersion", "kind", "name", "uid")}

Path = tuple[Any, ...]
"""Back to front, so that a path is written only where something is wrong: ``(rest, last part)``; empty at the top."""


class Fault(msgspec.Struct, frozen=True):
    """One mistake: the field as Kubernetes writes it, what stands there, what is allowed."""

    field: str
    value: object
    message: str


Judge = Callable[[Any, Path, list[Fault]], None]


def faults_of(value: object, type_: Any, field: str = "") -> list[Fault]:  # noqa: ANN401 - a type of msgspec
    """Every mistake of a value that is to be read as that type, which stands at ``field``."""
    found: list[Fault] = []
    _judge(type_)(value, (), found)
    return [Fault(_below(field, fault.field), fault.value, fault.message) for fault in found] if field else found


def _below(field: str, path: str) -> str:
    return field + path if path.startswith("[") or not path else f"{field}.{path}"


@cache
def _judge(type_: Any) -> Judge:  # noqa: ANN401 - a type of msgspec
    return _of(inspect.type_info(type_))


def _of(info: inspect.Type) -> Judge:
    """What judges values of that type; of one that no field here has nothing is asked."""
    if isinstance(info, inspect.Metadata):
        return _FORMATS[(info.extra or {})["format"]]
    if isinstance(info, inspect.UnionType):
        return _either([it for it in info.types if not isinstance(it, inspect.NoneType)])
    if isinstance(info, inspect.StructType):
        return _struct(info)
    if isinstance(info, inspect.DictType):
        return _map(_of(info.value_type))
    if isinstance(info, inspect.VarTupleType):
        return _list(_of(info.item_type))
    return _SCALARS[type(info)]


# --- what has parts ---------------------------------------------------------------------------------------------------


def _struct(info: inspect.StructType) -> Judge:
    fields = {field.encode_name: _of(field.type) for field in info.fields}
    required = _FULL.get(info.cls) or [field.encode_name for field in info.fields if field.required]
    operators = _OPERATORS.get(info.cls, ())

    def judge(value: object, path: Path, found: list[Fault]) -> None:
        if not isinstance(value, dict):
            found.append(_fault(path, value, "must be of type object"))
            return
        for name in required:
            if value.get(name) in (None, ""):
                told = f"Required value: {name} must be set"
                found.append(_fault((path, name), None, told))
        for name, item in value.items():
            inner = fields.get(name)
            if inner is not None and item is not None:
                inner(item, (path, name), found)
        if operators:
            _selects(value, operators, path, found)

    return judge


def _selects(term: Mapping[str, Any], operators: tuple[str, ...], path: Path, found: list[Fault]) -> None:
    """A requirement of a selector: its operator, and how many values go with it.

    Mirrors ``ValidateNodeSelectorRequirement`` (kubernetes v1.36 ``pkg/apis/core/validation``) and
    ``ValidateLabelSelectorRequirement`` (``apimachinery``): what ``Gt`` compares with may be no number.
    """
    operator, values = term.get("operator"), term.get("values") or ()
    if not isinstance(operator, str) or not isinstance(values, list | tuple):
        return
    if operator not in operators:
        found.append(_fault((path, "operator"), operator, f"must be one of {', '.join(operators)}"))
    elif operator in {"In", "NotIn"} and not values:
        found.append(_fault((path, "values"), None, f"must have at least one value for {operator}"))
    elif operator in {"Exists", "DoesNotExist"} and values:
        found.append(_fault((path, "values"), None, f"must have no value for {operator}"))
    elif operator in {"Gt", "Lt"} and len(values) != 1:
        found.append(_fault((path, "values"), None, f"must have exactly one value for {operator}"))


def _map(inner: Judge) -> Judge:
    def judge(value: object, path: Path, found: list[Fault]) -> None:
        if not isinstance(value, dict):
            found.append(_fault(path, value, "must be of type object"))
            return
        for name, item in value.items():
            if item is not None:
                inner(item, (path, name), found)

    return judge


def _list(inner: Judge) -> Judge:
    def judge(value: object, path: Path, found: list[Fault]) -> None:
        if not isinstance(value, list | tuple):
            found.append(_fault(path, value, "must be of type array"))
            return
        for index, item in enumerate(value):
            inner(item, (path, index), found)

    return judge


def _either(types: list[inspect.Type]) -> Judge:
    """One type that may be absent; or a whole number or text, which is the one union there is besides quantities."""
    if len(types) == 1:
        return _of(types[0])
    number = next(_of(it) for it in types if not isinstance(it, inspect.StrType))

    def judge(value: object, path: Path, found: list[Fault]) -> None:
        if not isinstance(value, str):
            number(value, path, found)

    return judge


# --- what has none ----------------------------------------------------------------------------------------------------


def _scalar(check: Callable[[object], str]) -> Judge:
    def judge(value: object, path: Path, found: list[Fault]) -> None:
        if told := check(value):
            found.append(_fault(path, value, told))

    return judge


def _text(value: object, path: Path, found: list[Fault]) -> None:
    if not isinstance(value, str):
        found.append(_fault(path, value, string_message(value)))


def _boolean(value: object, path: Path, found: list[Fault]) -> None:
    if not isinstance(value, bool):
        found.append(_fault(path, value, "must be of type boolean"))


def _instant_message(value: object) -> str:
    if not isinstance(value, str):
        return "must be of type date-time: RFC 3339, such as 2026-02-15T01:00:00Z"
    try:
        parse_instant(value)
    except ValueError as error:
        return str(error)
    return "" if value == value.upper() else "must be of type date-time, with a capital T and Z: 2026-02-15T01:00:00Z"


def _quantity_message(value: object) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return QUANTITY_MESSAGE
    try:
        return "" if parse_quantity(value) >= 0 else QUANTITY_MESSAGE
    except ValueError:
        return QUANTITY_MESSAGE


_FORMATS: Final = {"int32": _scalar(BITS_32.explain), "quantity": _scalar(_quantity_message)}
_SCALARS: Final[Mapping[type[inspect.Type], Judge]] = {
    inspect.StrType: _text,
    inspect.IntType: _scalar(BITS_64.explain),
    inspect.BoolType: _boolean,
    inspect.DateTimeType: _scalar(_instant_message),
}


def _fault(path: Path, value: object, message: str) -> Fault:
    parts: list[int | str] = []
    while path:
        path, part = path
        parts.append(part)
    return Fault(path_of(parts[::-1]), value, message)
