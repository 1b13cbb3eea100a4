"""The base of every model: frozen, snake_case in Python, Kubernetes' camelCase on the wire, and rules across fields.

A rule that spans several fields is written twice, side by side: in CEL, for the API server, and in Python, for
everything that reads manifests without one. ``crd.py`` turns the first into ``x-kubernetes-validations``; the validator
here runs the second. One table of cases runs through both (tests/api/cases.py), so they cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Self, get_args, get_origin

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from napsim.api.scalars import Bool, Instant, Int64, LabelKey, LabelValue, matching

_ACRONYMS: Final = {
    "cfs": "CFS",
    "dns": "DNS",
    "gb": "GB",
    "gc": "GC",
    "id": "ID",
    "ip": "IP",
    "ipv4": "IPv4",
    "os": "OS",
    "sku": "SKU",
    "tcp": "TCP",
}
_IRREGULAR: Final = {
    "begins": "from",
    "from_version": "from",
    "to_version": "to",
    "net_ipv4_neigh_default_gc_thresh1": "netIPv4NeighDefaultGcThresh1",
    "net_ipv4_neigh_default_gc_thresh2": "netIPv4NeighDefaultGcThresh2",
    "net_ipv4_neigh_default_gc_thresh3": "netIPv4NeighDefaultGcThresh3",
}


def wire_name(attribute: str) -> str:
    """The field name in a manifest of a Python attribute: ``vnet_subnet_id`` is ``vnetSubnetID``."""
    if attribute in _IRREGULAR:
        return _IRREGULAR[attribute]
    first, *rest = attribute.split("_")
    return first + "".join(_ACRONYMS.get(word, word.capitalize()) for word in rest)


class Rule(msgspec.Struct, frozen=True):
    """One rule over the fields of a model: ``cel`` for the API server, ``holds`` for Python. Both are true when it is
    kept.

    ``message`` says what is allowed. ``field`` is the wire name below the model that the message is about, when it is
    one.
    """

    message: str
    cel: str
    holds: Callable[[Any], bool]
    field: str = ""

    def schema(self) -> dict[str, JsonValue]:
        """The entry in ``x-kubernetes-validations``."""
        place: dict[str, JsonValue] = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, "message": self.message, **place}


class Transition(msgspec.Struct, frozen=True):
    """One rule over an update: ``holds(old, new)`` in Python, ``self`` and ``oldSelf`` in CEL."""

    message: str
    cel: str
    holds: Callable[[Any, Any], bool]

    def schema(self) -> dict[str, JsonValue]:
        """The entry in ``x-kubernetes-validations``."""
        return {"rule": self.cel, "message": self.message}


def _without_nulls(value: Mapping[object, object]) -> dict[object, object]:
    return {key: item for key, item in value.items() if item is not None}


class Model(BaseModel):
    """Base of all parts of manifests.

    Frozen. ``null`` means absent, as the API server prunes it. Unknown fields are skipped here, so that objects of a
    newer Karpenter can be read; ``validation.errors_of`` refuses them, as the API server does for ``kubectl apply``.

    Defaults of fields are made with ``model_construct``, which checks nothing: to check one would build its validator
    while modules are loaded, whether or not it is ever needed. A test checks them all.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=wire_name,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
        arbitrary_types_allowed=False,
        defer_build=True,  # what is only part of another model needs no validator of its own
    )

    RULES: ClassVar[tuple[Rule, ...]] = ()
    TRANSITIONS: ClassVar[tuple[Transition, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        known = {field.alias for field in cls.model_fields.values()} if None in data.values() else ()
        return {
            key: _without_nulls(value) if cls._is_map(key, value) else value
            for key, value in data.items()
            if value is not None or key not in known
        }

    @classmethod
    def _is_map(cls, key: object, value: object) -> bool:
        """Whether a value with nulls is a map of texts or quantities: there they are pruned too."""
        if not isinstance(value, Mapping) or None not in value.values():
            return False
        found = next((field.annotation for field in cls.model_fields.values() if field.alias == key), None)
        return get_origin(found) is Mapping and JsonValue not in get_args(found)

    @model_validator(mode="after")
    def _keep_the_rules(self) -> Self:
        broken = [rule for rule in type(self).RULES if not rule.holds(self)]
        if broken:
            raise ValidationError.from_exception_data(type(self).__name__, [_details(rule, self) for rule in broken])
        return self

    @classmethod
    def parse(cls, manifest: Mapping[str, object], *, strict: bool = False) -> Self:
        """The model of a manifest. Raises ValidationError with every mistake, unknown fields if ``strict``."""
        return cls.model_validate(manifest, by_alias=True, by_name=False, extra="forbid" if strict else "ignore")

    def stored(self) -> dict[str, JsonValue]:
        """The manifest as written: only what was set, empty lists and maps included. This is what drift hashes read."""
        return self.model_dump(mode="json", exclude_unset=True, exclude_none=True)

    def to_manifest(self) -> dict[str, JsonValue]:
        """The manifest with every default filled in; lists and maps that are empty appear as empty."""
        return self.model_dump(mode="json", exclude_none=True)


def _details(rule: Rule, model: Model) -> InitErrorDetails:
    value: object = model
    for attribute, field in type(model).model_fields.items():
        if field.alias == rule.field:
            value = getattr(model, attribute)
    location = (rule.field,) if rule.field else ()
    # The message is a parameter and not the template: a template would read the braces of a message as placeholders.
    error = PydanticCustomError("rule", "{message}", {"message": rule.message})
    return InitErrorDetails(type=error, loc=location, input=value)


def broken_transitions(old: Model, new: Model, path: str = "") -> Iterator[tuple[str, Model, str]]:
    """Every transition rule that the update from ``old`` to ``new`` breaks: (field path, new value, message)."""
    for transition in type(new).TRANSITIONS:
        if not transition.holds(old, new):
            yield path, new, transition.message
    for attribute in type(new).model_fields:
        before, after = getattr(old, attribute), getattr(new, attribute)
        if isinstance(before, Model) and isinstance(after, Model):
            yield from broken_transitions(before, after, f"{path}.{wire_name(attribute)}".lstrip("."))


NAME_MESSAGE: Final = (
    "must be a lowercase RFC 1123 subdomain: lower case letters, digits, '-' and '.', starting and ending with a letter"
    " or digit. For example, example.com"
)
_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
Name = Annotated[str, Field(max_length=253), matching(rf"{_LABEL}(\.{_LABEL})*", NAME_MESSAGE)]


class OwnerReference(Model):
    """An object that owns this one."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: Bool | None = None
    block_owner_deletion: Bool | None = None


class ObjectMeta(Model):
    """Kubernetes' object metadata, as far as anything here reads it. Times are the API server's wall clock, in UTC."""

    name: Name = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: Int64 = 0
    creation_timestamp: Instant | None = None
    deletion_timestamp: Instant | None = None
    deletion_grace_period_seconds: Int64 | None = None
    labels: Mapping[LabelKey, LabelValue] = {}
    annotations: Mapping[str, str] = {}
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    managed_fields: tuple[Mapping[str, JsonValue], ...] = ()
    self_link: str = ""


class KubeObject(Model):
    """What every kind has. The schema of ``metadata`` is the API server's own."""

    api_version: str
    kind: str
    metadata: ObjectMeta = ObjectMeta.model_construct()

    @property
    def name(self) -> str:
        """The object's name, unique among its (cluster-scoped) kind."""
        return self.metadata.name
