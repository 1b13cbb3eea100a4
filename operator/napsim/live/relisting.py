"""The low-count kinds held to the API server: by a LIST at the start, and from time to time.

Kopf tells of changes. What it cannot tell is a deletion while its watch was down for so long, or the API server was
started anew, that it has to list again: what is there then it tells, what is not there any more nobody does. A window
that somebody has deleted would hold until the operator ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final, Protocol

import msgspec

from napsim.controllers.declared import Declared, Manifest
from napsim.controllers.resources import Resource
from napsim.live.client import Client
from napsim.live.errors import ApiError, TransportError

log: Final = logging.getLogger(__name__)

EVERY_SECONDS: Final = 60.0
"""Real. No window, pool or image that is gone holds for longer."""


class Observe(Protocol):
    """Takes the object as it is now, or as it was last."""

    def __call__(self, manifest: Manifest, *, deleted: bool = False) -> None: ...


class Relisting:
    """``observe`` is told of every object that is there, and of each that was known and is not there any more."""

    def __init__(self, client: Client, declared: Declared, observe: Observe) -> None:
        self._client = client
        self._declared = declared
        self._observe = observe

    async def kind(self, resource: Resource) -> None:
        """One kind. Raises ApiError and TransportError."""
        known = self._declared.known(resource.kind)
        named = {"apiVersion": resource.api_version, "kind": resource.kind}
        there = set()
        for item in await self._client.list_all(resource, msgspec.Raw):
            manifest = msgspec.json.decode(item)
            there |= {(manifest["metadata"]["name"], uid) for uid in ("", manifest["metadata"]["uid"])}
            self._observe({**named, **manifest})
        for name, uid in known.items():
            is_same = self._declared.known(resource.kind).get(name) == uid  # it has not come anew meanwhile
            if (name, uid) not in there and is_same:
                log.info("%s %s is gone; nobody has told of that", resource.kind, name)
                self._observe({**named, "metadata": {"name": name, "uid": uid}}, deleted=True)

    async def forever(self, resources: Iterable[Resource]) -> None:
        """All of these kinds, time and again. Where the API server does not answer, the next time."""
        kinds = tuple(resources)
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                for resource in kinds:
                    await self.kind(resource)
            except (ApiError, TransportError) as error:
                log.warning("what is declared could not be listed: %s", error)
