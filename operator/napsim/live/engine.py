"""The engine of the live shell: informers feed the state, changes feed the queues, the queues' controllers act.

Which change concerns whom is in ``controllers``. The engine acts only
between ``start`` and ``stop``, that is, while this process leads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from napsim.controllers.blockings import Blocked, verdict_of
from napsim.controllers.clock import VirtualClock
from napsim.controllers.controllers import Controllers, Dirty
from napsim.controllers.declared import Manifest
from napsim.controllers.executor import Retry
from napsim.controllers.resources import (
    AKS_NODE_CLASSES,
    MAINTENANCE_CONFIGURATIONS,
    NODE_AUTO_PROVISIONINGS,
    NODE_IMAGES,
    NODE_POOLS,
    NODES,
)
from napsim.core.actions import DeleteNodeClaim, EvictPod
from napsim.core.objects import Node, NodeClaim
from napsim.core.pickup import Pickup
from napsim.core.windows import WindowVerdict
from napsim.live.client import Client
from napsim.live.clock import wall_clock
from napsim.live.errors import ApiError, TransportError
from napsim.live.events import Recorder
from napsim.live.evictions import Evictions
from napsim.live.executor import RESOURCES, Executor
from napsim.live.informers import Informers
from napsim.live.inspection import Inspection
from napsim.live.metrics import Metrics
from napsim.live.relisting import Relisting
from napsim.live.tasks import Tasks
from napsim.live.traces import Trace, TraceFile
from napsim.live.workqueue import Workqueue
from napsim.live.writer import ATTEMPT_SECONDS, NotLeader, Writer

log: Final = logging.getLogger(__name__)

_DECLARED_KINDS: Final = (
    NODE_AUTO_PROVISIONINGS,
    MAINTENANCE_CONFIGURATIONS,
    NODE_IMAGES,
    AKS_NODE_CLASSES,
    NODE_POOLS,
)  # settings first: what comes after is read by them
_REPORT_SECONDS: Final = (0.5, 5.0)  # real, at the least and at the most
_REPORT_EVERY: Final = timedelta(seconds=10)  # virtual
_SELDOM: Final = 4
_EVICTORS: Final = 16
_HELD_SECONDS: Final = 60.0  # a PDB that makes room wakes the pods it holds back; there may be thousands of them
_VERSION_EVERY: Final = timedelta(minutes=15)  # virtual; Karpenter's cache of the API server's version
_VERSION_SECONDS: Final = 5.0
_SHORTEST_PAUSE_SECONDS: Final = 0.001  # real; what the event loop can wait for


class Engine(Controllers):
    """One cluster. ``observe`` takes the low-count kinds; the others come through the engine's own informers."""

    def __init__(
        self,
        client: Client,
        fence: Callable[[], bool],
        instance: str,
        jitter: Callable[[], float],
        metrics: Metrics,
        *,
        write_seconds: float = ATTEMPT_SECONDS,
        own_node: str = "",
        own_pod: str = "",
        system_namespace: str = "",
        trace: TraceFile | None = None,
    ) -> None:
        """``write_seconds``: how long a write that was sent may take. ``own_node``, ``own_pod``: where we run.

        ``system_namespace``: of the ConfigMap with a published window; without one it is not read. ``trace``: where
        all that happens is written.
        """
        self.client = client
        self.metrics = metrics
        clock = VirtualClock(wall_clock)
        self.resigned = asyncio.Event()  # we lead, and somebody else should: our own node is next
        self._offered: set[str] = set()  # uids of claims of our own node, before whose drain we resigned
        self.report_failures = 0
        self.unsynced_since: datetime | None = None  # real; while a NodeClaim has no instance
        self._reports = -1  # the first report is of everything
        self.writer = Writer(client, fence, jitter=jitter, attempt_seconds=write_seconds)
        self.recorder = Recorder(
            client, instance=instance, fence=fence, stand_back=self.writer.drain, send_seconds=write_seconds
        )
        self.executor = Executor(
            self.writer, self.recorder, clock.real, self._evict, metrics.on_created, metrics.on_disrupted
        )
        super().__init__(
            clock, self.executor, metrics, own_node=own_node, own_pod=own_pod, system_namespace=system_namespace
        )
        self.evictions: Evictions = self._made_evictions()
        self.reports.inspect = Inspection(self.declared, clock).findings
        self.informers = Informers(client, jitter, self, self.system_namespace)
        for resource, informer in self.informers.written.items():
            self.writer.mirror(resource, informer)
        self._jitter = jitter
        self._tasks = Tasks(log, "the engine")
        self._relisting = Relisting(client, self.declared, self.observe)
        self.queues: dict[str, Workqueue] = self._made_queues()
        self._stopped = asyncio.Event()
        self.disruption.pause = self._pause
        self.trace: Trace | None = None
        if trace is not None:
            self.trace = Trace(trace.write, self.clock.now)
            self._connect_trace(self.trace)

    def _made_evictions(self) -> Evictions:
        counted = (self.metrics.on_eviction_answer, self.metrics.on_evicted)
        return Evictions(self.state, lambda: self.executor, self._enqueue_eviction, *counted, self.clock.now)

    def _made_queues(self) -> dict[str, Workqueue]:
        reconcilers = (*self.reconcilers(), ("evictions", self.evictions.reconcile, _EVICTORS))
        made = {
            name: Workqueue(name, reconcile, self.clock, self._jitter, workers=workers)
            for name, reconcile, workers in reconcilers
        }
        made["evictions"].last_retry_seconds = _HELD_SECONDS
        return made

    def _connect_trace(self, trace: Trace) -> None:
        """What is told of by nobody else."""

        def deleted(action: DeleteNodeClaim) -> None:
            self.metrics.on_disrupted(action)
            trace.on_claim_deleted(action)

        async def picked_up(node_class: str, pickup: Pickup, now: datetime) -> None:
            trace.on_picked_up(node_class, pickup)
            await self.rollout.picked_up(node_class, pickup, now)

        def blocked(claim: str) -> None:
            found, known = verdict_of(self.disruption.queues, claim), self.state.claims.get(claim)
            if found is not None and known is not None:
                node = self.state.node_of(known)
                trace.on_blocked(claim, node.name if node else "", found[1])

        self.executor.on_disrupted = deleted
        self.classes.on_pickup = picked_up
        self.disruption.blocked_since = Blocked(blocked, trace.on_unblocked)

    # --- life ---------------------------------------------------------------------------------------------------------

    async def run_informers(self) -> None:
        """Keep the state up to date, leading or not, until cancelled."""
        await self.informers.run()

    async def start(self) -> None:
        """Lead: read what is declared, go on from what statuses say, look at everything once."""
        self.resigned.clear()
        await self.informers.synced()
        await self._read_version()
        await self._prime()
        self.adopt()
        self.leading = True
        self._stopped.clear()
        self.disruption.begin(self.clock.now())
        for queue in self.queues.values():
            queue.resume()
        self.add_everything()
        relisted = self._relisting.forever(_DECLARED_KINDS)
        for job in (self._report_forever(), self._follow_version(), self.recorder.run(), relisted):
            self._tasks.begin(job)

    async def stop(self) -> None:
        """Stop acting: what is under way ends, nothing new begins."""
        self.leading = False
        self._stopped.set()
        for queue in self.queues.values():
            queue.pause()
        await self._tasks.end()
        await asyncio.gather(*(queue.drain() for queue in self.queues.values()))
        self.evictions.forget()
        self.disruption.forget()

    async def _prime(self) -> None:
        """The low-count kinds as the API server has them; what Kopf tells later only changes them.

        Images are taken in anew: while somebody else led, our clock was not turned, and they may be dated by it.
        """
        settings, *others = _DECLARED_KINDS
        await self._relisting.kind(settings)
        await self.rollout.set_clock()
        self.declared.images.clear()
        for resource in others:
            await self._relisting.kind(resource)

    async def _read_version(self) -> None:
        version = msgspec.json.decode(await self.client.get_path("/version"))["gitVersion"]
        self.on_server_version(version.removeprefix("v"))

    async def _follow_version(self) -> None:
        while True:
            at = self.clock.now() + _VERSION_EVERY
            await asyncio.sleep(max(self.clock.real_seconds_until(at), _VERSION_SECONDS))
            try:
                await self._read_version()
            except (ApiError, TransportError) as error:
                log.warning("the API server's version stays %s: %s", self.declared.server_version, error)

    # --- reports ------------------------------------------------------------------------------------------------------

    async def _report_forever(self) -> None:
        while True:
            await self._report()
            least, most = _REPORT_SECONDS
            wait = self.clock.real_seconds_until(self.clock.now() + _REPORT_EVERY)
            await asyncio.sleep(min(max(wait, least), most))

    async def report_last(self) -> None:
        """Leave every status as things stand; called before the operator stops."""
        if self.leading:
            self.dirty, self._reports = Dirty(nap=True, pools=True, images=True), -1
            await self._report()

    async def _report(self) -> None:
        """The rollout every time, pools and images every fourth time: they are for looking up, not for following."""
        self._reports += 1
        if self.dirty.nap or self.rollout.due():
            await self._report_on("nap", self.rollout.report)
        if self._reports % _SELDOM:
            return
        if self.dirty.pools:
            await self._report_on("pools", self._report_pools)
        if self.dirty.images:
            await self._report_on("images", self.images.report)

    async def _report_on(self, part: Literal["nap", "pools", "images"], report: Callable[[], Awaitable[None]]) -> None:
        """What cannot be written now is written with the next report, and does not stand in the way of the others."""
        setattr(self.dirty, part, False)
        try:
            await report()
        except Exception:
            setattr(self.dirty, part, True)
            self.report_failures += 1
            log.exception("a status could not be written")

    async def _report_pools(self) -> None:
        for name in tuple(self.declared.pools):
            await self.pools.report(name)

    # --- what is declared ---------------------------------------------------------------------------------------------

    def observe(self, manifest: Manifest, *, deleted: bool = False) -> None:
        """A NodePool, AKSNodeClass, NodeImage, MaintenanceConfiguration or NodeAutoProvisioning, as it is now."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if deleted:
            self.declared.drop(kind, name)
        elif not self.declared.is_news(manifest):
            return
        elif not self.declared.take(manifest, self.clock.now()):
            self._tasks.begin(self.reports.problems(RESOURCES[kind], manifest))
            return
        if self.leading:
            self.on_declared(kind, name)

    def on_settings(self) -> None:
        self._tasks.begin(self._follow_settings())

    async def _follow_settings(self) -> None:
        before = self.clock.now()
        await self.rollout.set_clock()
        if self.clock.now() < before:  # else images without a date would be published in the future
            self.declared.images.clear()
            await self._relisting.kind(NODE_IMAGES)
        self.add_everything()

    # --- what informers tell ------------------------------------------------------------------------------------------

    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None) -> None:
        super().on_claim(old, new)
        if self.trace is not None and self.leading:
            self.trace.on_claim(old, new)
        if not self.state.unlaunched:
            self.unsynced_since = None
        elif self.unsynced_since is None:
            self.unsynced_since = self.clock.real()

    async def _pause(self, time: timedelta) -> bool:
        """Returns when that much virtual time has passed: anything may have happened meanwhile.

        Raises NotLeader once nothing more may be begun.
        """
        seconds = self.clock.real_seconds_until(self.clock.now() + time)
        if seconds >= _SHORTEST_PAUSE_SECONDS:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stopped.wait()
        if not self.leading:
            raise NotLeader
        return False

    def on_node(self, old: Node | None, new: Node | None) -> None:
        super().on_node(old, new)
        if self.trace is not None and self.leading:
            self.trace.on_node(old, new)

    def on_window(self, name: str, verdict: WindowVerdict) -> None:
        if self.trace is not None:
            self.trace.on_window(name, verdict)

    # --- what the controllers tell ------------------------------------------------------------------------------------

    async def refresh_node(self, name: str) -> None:
        try:
            found = await self.client.find(NODES, "", name)
        except (ApiError, TransportError) as error:
            raise Retry(f"node {name}: {error}") from error
        if found is None:
            log.info("node %s is gone", name)
        else:
            self.informers.nodes.apply_answer(found)

    def hand_over(self, claim: NodeClaim) -> bool:
        """Once for each drain of our own node: if nobody takes the Lease, we go on ourselves."""
        node = self.state.node_of(claim)
        if node is None or node.name != self.own_node or claim.metadata.uid in self._offered:
            return False
        self._offered.add(claim.metadata.uid)
        log.info("node %s, on which this runs, is to be drained: leadership is handed over", node.name)
        self.resigned.set()
        return True

    def _enqueue_eviction(self, pod: str) -> None:
        self.queues["evictions"].add(pod)

    def _evict(self, action: EvictPod) -> None:
        self.evictions.ask(action)
