"""The kinds of text and number that manifests hold, each with its Python value and its OpenAPI schema.

Durations, dates, times and offsets of napsim's own kinds become Python values. Karpenter's durations stay as written,
because drift hashes and ``Never`` need the text; ``durations.parse_duration`` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Generic, TypeVar, cast

import msgspec
from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, JsonValue, Strict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from napsim.api.durations import format_duration, parse_duration

VALIDATIONS: Final = "x-kubernetes-validations"
T = TypeVar("T")


def _refuse(kind: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(kind, "{message}", {"message": message})


class Check(msgspec.Struct, frozen=True, eq=False):
    """A rule of one field, in CEL and in Python. ``explain`` and ``explain_cel`` make the message of the value."""

    message: str
    cel: str
    holds: Callable[[Any], bool]
    explain: Callable[[Any], str] | None = None
    explain_cel: str = ""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._verify, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        result = handler(schema)
        extra = {"messageExpression": self.explain_cel} if self.explain_cel else {}
        entry = {"rule": self.cel, "message": self.message, **extra}
        return {**result, VALIDATIONS: [*result.get(VALIDATIONS, []), entry]}

    def _verify(self, value: T) -> T:
        if self.holds(value):
            return value
        raise _refuse("rule", self.explain(value) if self.explain else self.message)


def matching(pattern: str, message: str) -> Check:
    """A check that the text matches ``pattern`` from start to end, with a message a person can act on.

    ``pattern`` must mean the same to RE2 and to Python (no ``\\d``, ``\\s``, ``\\w``) and come without ``^`` and ``$``.
    """
    compiled = re.compile(pattern)
    quoted = pattern.replace("\\", "\\\\").replace("'", "\\'")
    return Check(message, f"self.matches('^({quoted})$')", lambda text: compiled.fullmatch(text) is not None)


class Parsed(msgspec.Struct, Generic[T], frozen=True, eq=False):
    """Text on the wire, a ``T`` in Python. ``parse`` raises ValueError with a message that says what is allowed."""

    type_: type[T]
    parse: Callable[[str], T]
    write: Callable[[T], str]
    schema: Mapping[str, JsonValue] = msgspec.field(default_factory=dict)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        writer = core_schema.plain_serializer_function_ser_schema(self.write, when_used="json")
        return core_schema.no_info_plain_validator_function(self._read, serialization=writer)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", **self.schema}

    def _read(self, value: object) -> T:
        if isinstance(value, self.type_):
            return value
        try:
            found = self.parse(value if isinstance(value, str) else str(value))
        except ValueError as error:
            raise _refuse("format", str(error)) from error
        if not isinstance(value, str):  # only quotes are missing
            raise PydanticCustomError("string_type", "must be of type string")
        return found


class Distinct(msgspec.Struct, frozen=True, eq=False):
    """A list without equal elements (list type set), or without elements that agree in ``keys`` (list type map)."""

    keys: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._verify, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        result = handler(schema)
        if not self.keys:
            return {**result, "x-kubernetes-list-type": "set"}
        return {**result, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(self.keys)}

    def _identity(self, item: object) -> Hashable:
        return tuple(getattr(item, key) for key in self.keys) if self.keys else item

    def _verify(self, items: Sequence[T]) -> Sequence[T]:
        seen: set[Hashable] = set()
        for index, item in enumerate(items):
            identity = self._identity(item)
            if identity in seen:
                what = f" of its {', '.join(self.keys)}" if self.keys else ""
                raise _refuse(
                    "duplicate", f"Duplicate value at index {index}: every element must be the only one{what}"
                )
            seen.add(identity)
        return items


# --- Numbers ----------------------------------------------------------------------------------------------------------


class Bits(msgspec.Struct, frozen=True, eq=False):
    """An integer of so many bits, two's complement. A schema says ``format``, by which an API server knows the limits.

    Mirrors kube-openapi's ``pkg/validation/validate`` (``IsValueValidAgainstRange``). A closer limit of a field holds.
    """

    count: int

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest."""
        return -(1 << (self.count - 1)), (1 << (self.count - 1)) - 1

    def explain(self, value: object) -> str:
        """What is allowed; empty if the value is such an integer. ``True`` is none, and neither is ``5.0``."""
        if not isinstance(value, int) or isinstance(value, bool):
            return "must be of type integer"
        least, greatest = self.limits
        return "" if least <= value <= greatest else f"must be of type integer, from {least} to {greatest}"

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        below, above = self._beyond
        schema: Any = {"gt": below, "lt": above, **handler(source)}
        return cast("CoreSchema", schema)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        kept = {key: value for key, value in handler(schema).items() if value not in self._beyond}
        return {**kept, "format": f"int{self.count}"}

    @property
    def _beyond(self) -> tuple[int, int]:
        """The first on each side that is none: ``gt`` and ``lt``, which no field has for a limit of its own."""
        least, greatest = self.limits
        return least - 1, greatest + 1


BITS_32: Final = Bits(32)
BITS_64: Final = Bits(64)
Int32 = Annotated[int, Strict(), BITS_32]
Int64 = Annotated[int, Strict(), BITS_64]
Bool = Annotated[bool, Strict()]
Number = Annotated[float, Strict()]
MAX_INT32: Final = 2_147_483_647

QUALIFIED_NAME: Final = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*(\/))?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$"
)
LABEL_VALUE: Final = r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"
LabelKey = Annotated[str, Field(max_length=317, pattern=QUALIFIED_NAME)]
LabelValue = Annotated[str, Field(max_length=63, pattern=LABEL_VALUE)]

QUANTITY_PATTERN: Final = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)


def _quantity(value: object) -> object:
    return value if BITS_64.explain(value) else str(value)


class _QuantitySchema:
    @staticmethod
    def __get_pydantic_json_schema__(schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        either = [{"type": "integer"}, {"type": "string"}]
        return {"anyOf": either, "pattern": QUANTITY_PATTERN, "x-kubernetes-int-or-string": True}


Quantity = Annotated[str, Field(pattern=QUANTITY_PATTERN), BeforeValidator(_quantity), _QuantitySchema()]
"""A Kubernetes quantity as text: ``4``, ``500m``, ``16Gi``. An integer on the wire becomes its text."""

Resources = Mapping[str, Quantity]

# --- Times ------------------------------------------------------------------------------------------------------------

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_TIME_OF_DAY: Final = "([01][0-9]|2[0-3]):[0-5][0-9]"
_OFFSET: Final = r"[+-](0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00"
_DURATION: Final = r"([0-9]+(\.[0-9]+)?(ms|s|m|h))+"


def parse_date(text: str) -> date:
    """A date written ``yyyy-MM-dd``. Raises ValueError."""
    wrong = "must be of type date: yyyy-MM-dd, such as 2026-02-15"
    if not _DATE.fullmatch(text):
        raise ValueError(wrong)
    try:
        return date.fromisoformat(text)
    except ValueError as error:  # no such day, as 30 February
        raise ValueError(wrong) from error


def parse_instant(text: str) -> datetime:
    """An RFC 3339 instant, in UTC. Raises ValueError."""
    wrong = "must be of type date-time: RFC 3339, such as 2026-02-15T01:00:00Z"
    if not _INSTANT.fullmatch(text):
        raise ValueError(wrong)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # no such day, or none in UTC at an end of the calendar
        raise ValueError(wrong) from error


def write_instant(instant: datetime) -> str:
    """An aware datetime as RFC 3339 in UTC, with a fraction only if it has one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_offset(text: str) -> timedelta:
    """``+05:30`` as a timedelta; ``-00:00`` is zero. Raises ValueError beyond 14 hours."""
    if not re.fullmatch(_OFFSET, text):
        raise ValueError(OFFSET_MESSAGE)
    size = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return -size if text[0] == "-" else size


def write_offset(offset: timedelta) -> str:
    """A timedelta as ``+05:30``."""
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def _parse_time_of_day(text: str) -> time:
    if not re.fullmatch(_TIME_OF_DAY, text):
        raise ValueError(TIME_OF_DAY_MESSAGE)
    return time.fromisoformat(text)


def _parse_duration(text: str) -> timedelta:
    if not re.fullmatch(_DURATION, text):
        raise ValueError(DURATION_MESSAGE)
    return parse_duration(text)


def write_duration(duration: timedelta) -> str:
    """A timedelta in the shortest form: ``30m`` and ``72h``, not ``30m0s`` and ``72h0m0s``."""
    text = format_duration(duration)
    return re.sub(r"(?<=h)0m$", "", re.sub(r"(?<=[hm])0s$", "", text))


TIME_OF_DAY_MESSAGE: Final = "must be in format HH:mm, from 00:00 to 23:59. For example, 09:30 and 17:00"
OFFSET_MESSAGE: Final = "must be in format +/-HH:mm, from -14:00 to +14:00. For example, +05:30 and -12:00"
DURATION_MESSAGE: Final = (
    "must be a duration: numbers with the units h, m, s or ms, not negative. For example, 30m and 1h30m"
)


def _text_schema(pattern: str, message: str) -> dict[str, JsonValue]:
    escaped = pattern.replace("\\", "\\\\")
    return {"maxLength": 64, VALIDATIONS: [{"rule": f"self.matches('^({escaped})$')", "message": message}]}


Date = Annotated[date, Parsed(date, parse_date, date.isoformat, {"format": "date"})]
Instant = Annotated[datetime, Parsed(datetime, parse_instant, write_instant, {"format": "date-time"})]
TimeOfDay = Annotated[
    time,
    Parsed(
        time, _parse_time_of_day, lambda value: value.strftime("%H:%M"), _text_schema(_TIME_OF_DAY, TIME_OF_DAY_MESSAGE)
    ),
]
UtcOffset = Annotated[timedelta, Parsed(timedelta, parse_offset, write_offset, _text_schema(_OFFSET, OFFSET_MESSAGE))]
Duration = Annotated[
    timedelta, Parsed(timedelta, _parse_duration, write_duration, _text_schema(_DURATION, DURATION_MESSAGE))
]
