"""Offerings that were refused for want of capacity: they are not asked for again for an hour.

Mirrors karpenter-provider-azure ``pkg/cache/unavailableofferings.go`` and ``pkg/providers/instance/offerings/``: an
allocation that fails makes the instance type in that zone and capacity type unavailable. Kept in memory, as there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.core.instancetypes import ON_DEMAND
from napsim.core.nodetemplates import NodeTemplate, Option
from napsim.core.requirements import AllowedValues

UNAVAILABLE_FOR: Final = timedelta(hours=1)
OfferingKey = tuple[str, str, str]
"""Instance type, zone, capacity type."""
ON_DEMAND_ONLY: Final = AllowedValues(frozenset({ON_DEMAND}))
_NONE: Final[frozenset[OfferingKey]] = frozenset()


class UnavailableOfferings(msgspec.Struct):
    """Instants are virtual."""

    _until: dict[OfferingKey, datetime] = msgspec.field(default_factory=dict)
    _now: frozenset[OfferingKey] = _NONE
    _left: tuple[tuple[NodeTemplate, ...], frozenset[OfferingKey], tuple[NodeTemplate, ...]] = ((), _NONE, ())

    def mark(self, labels: Mapping[str, str], now: datetime) -> None:
        """What a NodeClaim with these labels asked for was refused."""
        key = (labels.get(names.INSTANCE_TYPE, ""), labels.get(names.ZONE, ""), labels.get(names.CAPACITY_TYPE, ""))
        self._until[key] = now + UNAVAILABLE_FOR

    def at(self, now: datetime) -> frozenset[OfferingKey]:
        """Those that are unavailable now: the same set as before while nothing has changed."""
        if not self._until:
            return _NONE
        self._until = {key: until for key, until in self._until.items() if now < until}
        if self._until.keys() != self._now:
            self._now = frozenset(self._until)
        return self._now

    def next_end(self, now: datetime) -> datetime | None:
        """When the next of them is available again."""
        return min((self._until[key] for key in self.at(now)), default=None)

    def left_of(self, templates: tuple[NodeTemplate, ...], now: datetime) -> tuple[NodeTemplate, ...]:
        """What can be launched now: the same tuple as before while nothing has changed."""
        unavailable = self.at(now)
        if not unavailable:
            return templates
        if self._left[0] is not templates or self._left[1] is not unavailable:
            left = tuple(item for item in (_left_of(template, unavailable) for template in templates) if item.options)
            self._left = (templates, unavailable, left)
        return self._left[2]


def _left_of(template: NodeTemplate, unavailable: frozenset[OfferingKey]) -> NodeTemplate:
    """The template without what is unavailable. A pool that names no capacity type is launched on demand."""
    if not any(option.type.name == name for name, _, _ in unavailable for option in template.options):
        return template
    kinds = template.requirements.get(names.CAPACITY_TYPE, ON_DEMAND_ONLY)
    options = (_offered(option, kinds, unavailable) for option in template.options)
    left = tuple(option for option in options if option.offered(template.requirements))
    return replace(template, options=left, remembered={})


def _offered(option: Option, kinds: AllowedValues, unavailable: frozenset[OfferingKey]) -> Option:
    left = (
        item
        for item in option.offerings
        if kinds.allows(item.capacity_type) and (option.type.name, item.zone, item.capacity_type) not in unavailable
    )
    return replace(option, offerings=tuple(left))
