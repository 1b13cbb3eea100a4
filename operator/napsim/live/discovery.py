"""Waits for the kinds whose CRDs may be applied after the operator was started."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

import msgspec

from napsim.live.client import Client
from napsim.live.errors import ApiError, NotFound, TransportError

log: Final = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0

GroupKind = tuple[str, str, str]
"""Group, version and plural."""


class _Resource(msgspec.Struct, frozen=True):
    name: str


class _ResourceList(msgspec.Struct, frozen=True):
    resources: tuple[_Resource, ...] = ()


async def until_served(client: Client, kinds: Iterable[GroupKind]) -> None:
    """Return once the API server's discovery names all of them; what is missing is logged when it changes."""
    said: list[str] = []
    wanted = tuple(kinds)
    while True:
        try:
            missing = await _missing(client, wanted)
        except (ApiError, TransportError) as error:
            missing = [str(error)]
        if not missing:
            return
        if missing != said:
            log.warning("waiting for the API server to serve: %s", ", ".join(missing))
            said = missing
        await asyncio.sleep(_LOOK_SECONDS)


async def _missing(client: Client, kinds: tuple[GroupKind, ...]) -> list[str]:
    served: set[GroupKind] = set()
    for group, version in sorted({(group, version) for group, version, _ in kinds}):
        try:
            answer = await client.get_path(f"/apis/{group}/{version}")
        except NotFound:
            continue
        listed = msgspec.json.decode(answer, type=_ResourceList).resources
        served.update((group, version, item.name) for item in listed)
    return [f"{plural}.{group}/{version}" for group, version, plural in kinds if (group, version, plural) not in served]
