"""Takes off a cluster what napsim wrote there, as the leader: no operator acts meanwhile.

``Reign`` holds the Lease under an identity of its own. Taking it over from an operator that lives is safe, too: nothing
is written until the operator's last renewal has run out, as when another one follows a leader that died.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Final, TypeVar

import msgspec

from napsim.api import names
from napsim.controllers.executor import Retry
from napsim.controllers.resources import AKS_NODE_CLASSES, LEASES, NODE_CLAIMS, NODES, Resource
from napsim.core.objects import KubeObject, Node, NodeClaim
from napsim.core.release import Step, steps
from napsim.live.client import Client
from napsim.live.clock import wall_clock
from napsim.live.errors import Conflict, NotFound
from napsim.live.events import Recorder
from napsim.live.executor import Executor
from napsim.live.leadership import Elector
from napsim.live.writer import Writer

T = TypeVar("T", bound=KubeObject)

_NODE_CLASS: Final = "AKSNodeClass"
_ROUNDS: Final = 20
_PAUSE_SECONDS: Final = 0.5


class OperatorLeads(Exception):
    """The Lease is held, and nobody asked to take it over. The text is the holder's identity."""


class _LeaseSpec(msgspec.Struct, rename="camel"):
    holder_identity: str = ""
    lease_duration_seconds: int = 0


class _LeaseMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _Lease(msgspec.Struct):
    metadata: _LeaseMeta = msgspec.field(default_factory=_LeaseMeta)
    spec: _LeaseSpec = msgspec.field(default_factory=_LeaseSpec)


@dataclass(frozen=True, slots=True)
class Reign:
    """How to come to lead, and how to leave. Seconds are real.

    ``wait_seconds`` is how long a holder may take to end or to be found dead; ``keep_seconds`` is for how long after
    the end nobody else leads, so that whoever uninstalls has time to; 0 gives the Lease back at once.
    """

    namespace: str
    name: str
    wait_seconds: float
    take_over: bool = False
    keep_seconds: int = 0

    @asynccontextmanager
    async def over(self, client: Client, elector: Elector, identity: str) -> AsyncIterator[None]:
        """Lead for the length of the block. Raises OperatorLeads when somebody else does and goes on doing so."""
        if self.take_over:
            await self._take(client, identity)
        try:
            async with asyncio.timeout(self.wait_seconds):
                await elector.acquire()
        except TimeoutError as error:
            raise OperatorLeads(elector.holder or "nobody") from error
        holding = asyncio.ensure_future(elector.hold())
        try:
            yield
            if self.keep_seconds:
                holding.cancel()  # a renewal would shorten it again
                await asyncio.gather(holding, return_exceptions=True)
                await self._write(client, {"holderIdentity": identity, "leaseDurationSeconds": self.keep_seconds})
            else:
                await elector.release()
        finally:
            holding.cancel()

    async def _take(self, client: Client, identity: str) -> None:
        """Write ourselves into the Lease, and wait until whoever held it has found out."""
        before = await self._write(client, {"holderIdentity": identity})
        if before is not None and before.holder_identity:
            await asyncio.sleep(before.lease_duration_seconds)

    async def _write(self, client: Client, spec: dict[str, object]) -> _LeaseSpec | None:
        """Change the Lease; what it said before, or None when there is none."""
        while True:
            try:
                found = msgspec.json.decode(await client.get(LEASES, self.namespace, self.name), type=_Lease)
                metadata = {"resourceVersion": found.metadata.resource_version}
                body = {"metadata": metadata, "spec": {**spec, "renewTime": _micro_time()}}
                await client.patch(LEASES, self.namespace, self.name, msgspec.json.encode(body))
            except NotFound:
                return None
            except Conflict:
                continue  # renewed in between
            return found.spec


def _micro_time() -> str:
    return wall_clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(slots=True)
class Release:
    """``plan`` looks; ``carry_out`` does it until nothing is left. ``tell`` hears of each step that was done."""

    client: Client
    keep_labels: bool
    tell: Callable[[Step], None]

    async def plan(self) -> tuple[Step, ...]:
        """What there is to do now. Kinds whose CRD is not there have no objects."""
        nodes, claims = await self._all(NODES, Node), await self._all(NODE_CLAIMS, NodeClaim)
        classes = await self._all(AKS_NODE_CLASSES, KubeObject)
        held = [item for item in classes if names.NODECLASS_TERMINATION_FINALIZER in item.metadata.finalizers]
        freed = (Step(_NODE_CLASS, item.name, "finalizer taken off", ()) for item in held)
        return (*steps(nodes, claims, keep_labels=self.keep_labels), *freed)

    async def _all(self, resource: Resource, kind: type[T]) -> list[T]:
        try:
            return await self.client.list_all(resource, kind)
        except NotFound:
            return []

    async def carry_out(self, fence: Callable[[], bool], identity: str) -> tuple[Step, ...]:
        """What could not be done, after some rounds: empty when all is."""
        executor, done = self._executor(fence, identity), set[tuple[str, str]]()
        left: tuple[Step, ...] = ()
        for _ in range(_ROUNDS):
            left = await self.plan()
            if not left:
                break
            for step in left:
                if await self._do(executor, step) and (step.kind, step.name) not in done:
                    done.add((step.kind, step.name))
                    self.tell(step)
            await asyncio.sleep(_PAUSE_SECONDS)
        return left

    async def _do(self, executor: Executor, step: Step) -> bool:
        """False when the object has changed in between: it is looked at again."""
        try:
            await executor.carry_out(step.actions)
            if step.kind == _NODE_CLASS:
                await self._free(executor.writer, step.name)
        except Retry:
            return False
        return True

    async def _free(self, writer: Writer, name: str) -> None:
        found = msgspec.json.decode(await self.client.get(AKS_NODE_CLASSES, "", name), type=KubeObject)
        kept = [item for item in found.metadata.finalizers if item != names.NODECLASS_TERMINATION_FINALIZER]
        version = found.metadata.resource_version
        await writer.patch(AKS_NODE_CLASSES, "", name, {"metadata": {"finalizers": kept}}, resource_version=version)

    def _executor(self, fence: Callable[[], bool], identity: str) -> Executor:
        writer = Writer(self.client, fence, jitter=_middle)
        recorder = Recorder(self.client, instance=identity, fence=fence, stand_back=writer.drain)
        return Executor(writer, recorder, wall_clock, _nothing, _nothing, _nothing)


def _middle() -> float:
    return 0.5


def _nothing(_: object) -> None:
    """Nobody counts what a release does."""
