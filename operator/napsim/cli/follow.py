"""What ``watch`` and ``demo`` see of a cluster: followed by watches, whoever runs in it.

Kinds that the cluster does not have (napsim's, where the real Karpenter runs alone) are looked for again from time to
time; no collection is ever listed twice without need.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from napsim.cli.unanswered import told
from napsim.controllers import resources
from napsim.controllers.resources import Resource
from napsim.core.nodepools import NodePool
from napsim.core.objects import KubeObject, Node, NodeClaim
from napsim.live.client import Client
from napsim.live.errors import NotFound
from napsim.live.informer import Informer
from napsim.report import observed
from napsim.report.assembly import is_shown, view_of
from napsim.report.observed import Observed
from napsim.report.view import View

_LOOK_AGAIN_SECONDS: Final = 30.0
_LISTED_SECONDS: Final = 5.0
_ESSENTIAL: Final = ("nodes", "nodeclaims", "nodepools")
_INFORMER_LOG: Final = logging.getLogger("napsim.live.informer")
# Events on pods and their owners outnumber all others by far; the API server leaves them out.
_EVENTS_ON: Final = ",".join(
    f"regarding.kind!={kind}" for kind in ("Pod", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job")
)


@dataclass(frozen=True, slots=True)
class _Source:
    """A kind that is followed, and the field of Observed that holds it."""

    resource: Resource
    kind: type[KubeObject]
    field: str
    selectors: dict[str, str] | None = None


_SOURCES: Final = (
    _Source(resources.NODE_CLAIMS, NodeClaim, "claims"),
    _Source(resources.NODES, Node, "nodes"),
    _Source(resources.NODE_POOLS, NodePool, "pools"),
    _Source(resources.AKS_NODE_CLASSES, observed.NodeClass, "classes"),
    _Source(resources.NODE_IMAGES, observed.NodeImage, "images"),
    _Source(resources.MAINTENANCE_CONFIGURATIONS, observed.MaintenanceConfiguration, "windows"),
    _Source(resources.NODE_AUTO_PROVISIONINGS, observed.NodeAutoProvisioning, "nap"),
    _Source(resources.EVENTS, observed.Event, "events", {"fieldSelector": _EVENTS_ON}),
    # In kube-system, or where the chart is installed.
    _Source(resources.LEASES, observed.Lease, "leases", {"fieldSelector": "metadata.name=napsim"}),
)


class _ResourceName(msgspec.Struct, frozen=True):
    name: str


class _ResourceList(msgspec.Struct, frozen=True):
    resources: tuple[_ResourceName, ...] = ()


class Follower:
    """Follows one cluster: ``run`` until cancelled; ``changed`` is set whenever something is different."""

    def __init__(self, client: Client, name: str) -> None:
        self.observed = Observed()
        self.changed = asyncio.Event()
        self.synced = asyncio.Event()
        self._client = client
        self._name = name
        self._informers: dict[str, Informer[Any]] = {}
        self._problems = _Problems(self._informers, self.changed)

    async def run(self) -> None:
        """Until cancelled. Raises ApiError or TransportError when the API server cannot be asked what it has."""
        _INFORMER_LOG.addHandler(self._problems)
        _INFORMER_LOG.propagate = False
        try:
            async with asyncio.TaskGroup() as group:
                missing = await self._start(group, _SOURCES)
                await self._until_listed()
                self.synced.set()
                while missing:
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                    missing = await self._start(group, missing)
        finally:
            _INFORMER_LOG.removeHandler(self._problems)
            _INFORMER_LOG.propagate = True

    async def _until_listed(self) -> None:
        """Until all was listed, or else what a view cannot do without: RBAC may forbid the others."""
        waiting = {plural: asyncio.create_task(item.synced.wait()) for plural, item in self._informers.items()}
        try:
            await asyncio.wait(waiting.values(), timeout=_LISTED_SECONDS)
            await asyncio.gather(*(task for plural, task in waiting.items() if plural in _ESSENTIAL))
        finally:
            for task in waiting.values():
                task.cancel()

    def view(self) -> View:
        """The view now."""
        return view_of(self.observed, datetime.now(UTC), self._name, self.notes())

    def notes(self) -> tuple[str, ...]:
        """What is wrong with the view itself, for people."""
        found = list(self._problems.current())
        if self.synced.is_set() and resources.NODE_POOLS.plural not in self._informers:
            found.append("this cluster has no NodePools: neither napsim's CRDs nor Karpenter's are installed")
        return tuple(found)

    def unsynced(self) -> list[str]:
        """The kinds that have not been listed yet."""
        return sorted(name for name, informer in self._informers.items() if not informer.synced.is_set())

    async def _start(self, group: asyncio.TaskGroup, sources: Sequence[_Source]) -> list[_Source]:
        """Follow those of ``sources`` that the cluster has; the others are returned."""
        versions = {(source.resource.group, source.resource.version) for source in sources}
        present = {version: await self._plurals(*version) for version in sorted(versions)}
        missing = []
        for source in sources:
            resource = source.resource
            if resource.plural not in present[resource.group, resource.version]:
                missing.append(source)
                continue
            informer = self._informer(source)
            self._informers[resource.plural] = informer
            setattr(self.observed, source.field, informer.store)
            group.create_task(informer.run())
        return missing

    def _informer(self, source: _Source) -> Informer[Any]:
        return Informer[Any](
            self._client,
            source.resource,
            source.kind,
            self._on_change,
            jitter=random.random,
            selectors=source.selectors,
            keep=_is_kept if source.kind is observed.Event else None,
        )

    async def _plurals(self, group: str, version: str) -> set[str]:
        """The resources of an API group; none when the cluster does not have the group."""
        path = f"/apis/{group}/{version}" if group else f"/api/{version}"
        try:
            answer = await self._client.get_path(path)
        except NotFound:
            return set()
        return {item.name for item in msgspec.json.decode(answer, type=_ResourceList).resources}

    def _on_change(self, _old: KubeObject | None, _new: KubeObject | None) -> None:
        self.changed.set()


def _is_kept(item: KubeObject) -> bool:
    return isinstance(item, observed.Event) and is_shown(item)


class _Problems(logging.Handler):
    """The last complaint of each informer, until that informer has heard from the API server again."""

    def __init__(self, informers: dict[str, Informer[Any]], changed: asyncio.Event) -> None:
        super().__init__(logging.WARNING)
        self._informers = informers
        self._changed = changed
        self._last: dict[str, tuple[float, str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.args, tuple) and len(record.args) == 2 and record.args[0] in self._informers:
            plural, error = record.args
            self._last[str(plural)] = (time.monotonic(), str(error))
            self._changed.set()

    def current(self) -> list[str]:
        """One line for all that cannot be read now."""
        failing = {
            plural: message for plural, (at, message) in self._last.items() if self._informers[plural].last_contact < at
        }
        if not failing:
            return []
        which = "everything" if len(failing) == len(self._informers) else ", ".join(sorted(failing))
        return [f"not up to date ({which}): {next(iter(failing.values()))}"]


async def until_synced(follower: Follower, running: asyncio.Task[None], within_seconds: float) -> str:
    """Wait until all was listed once; "" then, else why it was not."""
    synced = asyncio.create_task(follower.synced.wait())
    try:
        await asyncio.wait({synced, running}, timeout=within_seconds, return_when=asyncio.FIRST_COMPLETED)
        if running.done() and not running.cancelled() and (error := running.exception()):
            return describe(error)
        if follower.synced.is_set():
            return ""
        return "; ".join(follower.notes()) or f"no answer in {within_seconds:.0f} s on {', '.join(follower.unsynced())}"
    finally:
        synced.cancel()


def describe(error: BaseException) -> str:
    """The first API or transport error in a group of errors."""
    if isinstance(error, BaseExceptionGroup):
        return describe(error.exceptions[0])
    return told(error)
