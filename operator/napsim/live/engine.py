"""The engine of the live shell: informers feed the state, changes feed the queues, the queues' controllers act.

Which change concerns whom is in the ``_on_*`` methods; everything else is in the controllers. The engine acts only
between ``start`` and ``stop``, that is, while this process leads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from napsim.api import names
from napsim.core.actions import EvictPod
from napsim.core.objects import Node, NodeClaim, Pod, PodDisruptionBudget, is_true
from napsim.core.pdbs import room_made
from napsim.core.pods import is_terminal
from napsim.core.reasons import waits_for_nodepool
from napsim.live.client import Client
from napsim.live.clock import VirtualClock
from napsim.live.declared import Declared, Manifest
from napsim.live.disruption import Disruption
from napsim.live.errors import ApiError, TransportError
from napsim.live.events import Recorder
from napsim.live.evictions import Evictions
from napsim.live.executor import RESOURCES, Executor
from napsim.live.images import ImageReporter
from napsim.live.informers import Informers
from napsim.live.inplace import InPlaceNodes, InPlaceProvider
from napsim.live.metrics import Metrics
from napsim.live.nodeclaims import NodeClaimController
from napsim.live.nodeclasses import NodeClassController
from napsim.live.nodepools import NodePoolController
from napsim.live.nodes import NodeController
from napsim.live.provider import KwokProvider
from napsim.live.provisioner import Provisioner
from napsim.live.reports import Reports
from napsim.live.resources import (
    AKS_NODE_CLASSES,
    MAINTENANCE_CONFIGURATIONS,
    NODE_AUTO_PROVISIONINGS,
    NODE_IMAGES,
    NODE_POOLS,
    NODES,
    Resource,
)
from napsim.live.rollout import RolloutReporter
from napsim.live.state import ClusterState
from napsim.live.windows import WindowController
from napsim.live.workqueue import Reconcile, Retry, Workqueue
from napsim.live.writer import ATTEMPT_SECONDS, Writer

log: Final = logging.getLogger(__name__)

_SINGLETON: Final = "cluster"
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
_HELD_SECONDS: Final = 60.0  # a PDB that makes room wakes the pods it holds back; there may be thousands of them
_VERSION_EVERY: Final = timedelta(minutes=15)  # virtual; Karpenter's cache of the API server's version
_VERSION_SECONDS: Final = 5.0


@dataclass(slots=True)
class Dirty:
    """What the next report has to look at."""

    nap: bool = False
    pools: bool = False
    images: bool = False


class Engine:
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
    ) -> None:
        """``write_seconds``: how long a write that was sent may take. ``own_node``, ``own_pod``: where we run."""
        self.client = client
        self.metrics = metrics
        self.clock = VirtualClock()
        self.state = ClusterState()
        self.declared = Declared()
        self.dirty = Dirty()
        self.leading = False
        self.own_node, self.own_pod = own_node, own_pod
        self.resigned = asyncio.Event()  # we lead, and somebody else should: our own node is next
        self._offered: set[str] = set()  # uids of claims of our own node, before whose drain we resigned
        self.report_failures = 0
        self._reports = -1  # the first report is of everything
        self.writer = Writer(client, fence, jitter=jitter, attempt_seconds=write_seconds)
        self.recorder = Recorder(
            client, instance=instance, fence=fence, stand_back=self.writer.drain, send_seconds=write_seconds
        )
        self.executor = Executor(
            self.writer, self.recorder, self.clock.real, self._evict, metrics.on_created, metrics.on_disrupted
        )
        self.informers = Informers(client, jitter, self)
        for resource, informer in self.informers.written.items():
            self.writer.mirror(resource, informer)
        self._jitter = jitter
        self._tasks: set[asyncio.Task[None]] = set()
        self._controllers()
        self._queues()

    def _controllers(self) -> None:
        state, declared, clock, executor = self.state, self.declared, self.clock, self.executor
        provider = KwokProvider(declared)
        self.reports = Reports(declared, clock, executor)
        self.windows = WindowController(declared, clock, self.reports)
        self.disruption = Disruption(
            state, declared, clock, executor, self._wake_disruption, self.metrics.on_decision, self._refresh_node,
            self.own_node,
            self.own_pod,
        )  # fmt: skip
        self.rollout = RolloutReporter(state, declared, self.windows, self.disruption, clock, self.reports)
        self.classes = NodeClassController(
            state, declared, self.windows, clock, executor, self.reports, self.rollout.picked_up, self._on_declared
        )
        in_place = InPlaceProvider(state, declared)
        self.claims = NodeClaimController(state, declared, provider, in_place, clock, executor)
        playing = InPlaceNodes(state, declared, clock)
        failed = self.metrics.on_failed
        self.nodes = NodeController(state, declared, provider, playing, clock, executor, failed, self._hand_over)
        self.provisioner = Provisioner(state, declared, clock, executor, self._wake_provisioner)
        self.pools = NodePoolController(
            state, declared, clock, executor, self.reports, self.provisioner, self._on_declared
        )
        self.images = ImageReporter(state, declared, clock, self.reports)
        self.evictions = Evictions(
            state,
            lambda: self.executor,
            self._enqueue_eviction,
            self.metrics.on_eviction_answer,
            self.metrics.on_evicted,
        )

    def _queues(self) -> None:
        self.queues: dict[str, Workqueue] = {
            name: Workqueue(name, reconcile, self.clock, self._jitter, workers=workers)
            for name, reconcile, workers in self._reconcilers()
        }
        self.queues["evictions"].last_retry_seconds = _HELD_SECONDS

    def _reconcilers(self) -> Iterable[tuple[str, Reconcile, int]]:
        yield "windows", self._reconcile_window, 1
        yield "nodeclasses", self.classes.reconcile, 1
        yield "nodepools", self.pools.reconcile, 4
        yield "nodeclaims", self.claims.reconcile, 32
        yield "nodes", self.nodes.reconcile, 32
        yield "disruption", self.disruption.reconcile, 1
        yield "provisioning", self.provisioner.reconcile, 1
        yield "evictions", self.evictions.reconcile, 16

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
        self.windows.adopt()
        self.rollout.adopt()
        self.leading = True
        for queue in self.queues.values():
            queue.resume()
        self._add_everything()
        for job in (self._report_forever(), self._follow_version(), self.recorder.run()):
            self._spawn(job)

    async def stop(self) -> None:
        """Stop acting: what is under way ends, nothing new begins."""
        self.leading = False
        for queue in self.queues.values():
            queue.pause()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.gather(*(queue.drain() for queue in self.queues.values()))
        self.evictions.forget()
        self.disruption.forget()

    def _spawn(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task of the engine ended", exc_info=error)

    async def _prime(self) -> None:
        """The low-count kinds as the API server has them; what Kopf tells later only changes them.

        Images are taken in anew: while somebody else led, our clock was not turned, and they may be dated by it.
        """
        settings, *others = _DECLARED_KINDS
        await self._prime_kind(settings)
        await self.rollout.set_clock()
        self.declared.images.clear()
        for resource in others:
            await self._prime_kind(resource)

    async def _prime_kind(self, resource: Resource) -> None:
        for item in await self.client.list_all(resource, msgspec.Raw):
            manifest = msgspec.json.decode(item)
            self.observe({"apiVersion": resource.api_version, "kind": resource.kind, **manifest})

    def _add_everything(self) -> None:
        for name in self.declared.windows:
            self.queues["windows"].add(name)
        for name in self.declared.node_classes:
            self.queues["nodeclasses"].add(name)
        for name in self.declared.pools:
            self.queues["nodepools"].add(name)
        for name in self.state.nodes:
            self.queues["nodes"].add(name)
        for name, claim in self.state.claims.items():
            self.queues["nodeclaims"].add(name)
            self.disruption.on_claim(claim, name)
        self._provision()
        self.dirty = Dirty(nap=True, pools=True, images=True)

    async def _read_version(self) -> None:
        version = msgspec.json.decode(await self.client.get_path("/version"))["gitVersion"].removeprefix("v")
        if version != self.declared.server_version:
            self.declared.server_version = version
            self._add_classes()

    async def _follow_version(self) -> None:
        while True:
            at = self.clock.now() + _VERSION_EVERY
            await asyncio.sleep(max(self.clock.real_seconds_until(at), _VERSION_SECONDS))
            with contextlib.suppress(OSError, TimeoutError):
                await self._read_version()

    # --- reports ------------------------------------------------------------------------------------------------------

    async def _report_forever(self) -> None:
        while True:
            try:
                await self._report()
            except Exception:
                self.report_failures += 1
                log.exception("a status could not be written")
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
            self.dirty.nap = False
            await self.rollout.report()
        if self._reports % _SELDOM:
            return
        dirty, self.dirty = self.dirty, Dirty(nap=self.dirty.nap)
        if dirty.pools:
            for name in tuple(self.declared.pools):
                await self.pools.report(name)
        if dirty.images:
            await self.images.report()

    # --- what is declared ---------------------------------------------------------------------------------------------

    def observe(self, manifest: Manifest, *, deleted: bool = False) -> None:
        """A NodePool, AKSNodeClass, NodeImage, MaintenanceConfiguration or NodeAutoProvisioning, as it is now."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if deleted:
            self.declared.drop(kind, name)
        elif not self.declared.is_news(manifest):
            return
        elif not self.declared.take(manifest, self.clock.now()):
            self._spawn(self.reports.problems(RESOURCES[kind], manifest))
            return
        if self.leading:
            self._on_declared(kind, name)

    def _on_declared(self, kind: str, name: str) -> None:
        self.dirty.nap = True
        if kind == "NodePool":
            self.queues["nodepools"].add(name)
            self._add_claims(self.state.claims_of_pool.get(name, ()))
            self._add_in_place()
            self.dirty.pools = True
            self.disruption.release(waits_for_nodepool(name))
            self.disruption.nudge()
            self._provision()
        elif kind == "AKSNodeClass":
            self.queues["nodeclasses"].add(name)
            self._add_claims(self.state.claims_of_class.get(name, ()))
            self._add_in_place()
            for pool in self.declared.pools:
                self.queues["nodepools"].add(pool)
                self.disruption.release(waits_for_nodepool(pool))
            self._provision()
            self.dirty.pools = self.dirty.images = True
        elif kind == "MaintenanceConfiguration":
            for other in {name, *self.declared.windows}:  # those of one name tell of each other
                self.queues["windows"].add(other)
            self._add_classes()
        elif kind == "NodeImage":
            self.dirty.images = True
            self._add_classes()
        else:
            self._spawn(self._on_settings())

    def _provision(self) -> None:
        """What keeps pods pending may have changed."""
        if self.state.pending:
            self.provisioner.on_pending()

    async def _on_settings(self) -> None:
        before = self.clock.now()
        await self.rollout.set_clock()
        if self.clock.now() < before:  # else images without a date would be published in the future
            self.declared.images.clear()
            await self._prime_kind(NODE_IMAGES)
        self._add_everything()

    def _add_in_place(self) -> None:
        for name in self.state.in_place:
            self.queues["nodes"].add(name)

    def _add_claims(self, claims: Iterable[str]) -> None:
        for name in claims:
            self.queues["nodeclaims"].add(name)

    def _add_classes(self) -> None:
        for name in self.declared.node_classes:
            self.queues["nodeclasses"].add(name)

    async def _reconcile_window(self, name: str) -> datetime | None:
        before = self.windows.in_force.get(name)
        again_at = await self.windows.reconcile(name)
        self.dirty.nap = True
        if before != self.windows.in_force.get(name):
            self._add_classes()
        return again_at

    # --- what the informers tell --------------------------------------------------------------------------------------

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        self.state.on_pod(old, new)
        if not self.leading:
            return
        node_name = (new or old).spec.node_name  # type: ignore[union-attr]  # one of the two is always there
        if not node_name:
            if new is not None and new.key in self.state.pending:
                self.provisioner.on_pending()
            return
        node = self.state.nodes.get(node_name)
        if node is None:
            return
        if self.state.is_draining(node):
            gone = new or old
            if gone is not None and (new is None or new.deleting):
                self.evictions.on_pod(gone)
            if _leaves(old, new) and (old is None or self._drain_stands(node_name)):
                self.queues["nodes"].add(node_name)
            return
        claim = self.state.claim_of(node)
        if claim is not None and is_true(claim.status.conditions, names.DRIFTED):
            self.disruption.on_claim(claim, claim.name)

    def _drain_stands(self, node: str) -> bool:
        """Whether nothing on a draining node is on its way any more, so that the drain has to be looked at."""
        return not any(pod.deleting or self.evictions.wants(pod) for pod in self.state.bound_to(node))

    def on_node(self, old: Node | None, new: Node | None) -> None:
        self.state.on_node(old, new)
        node = new or old
        assert node is not None
        if not self.leading:
            return
        self.queues["nodes"].add(node.name)
        claim = self.state.claim_of(node)
        self.metrics.lifecycles.on_node(old, new, claim, self.clock.timeline, self.clock.now())
        if claim is not None:
            self.queues["nodeclaims"].add(claim.name)
            self.disruption.on_claim(claim, claim.name)
        self.rollout.look()
        self.dirty.nap = self.dirty.pools = True
        self.dirty.images |= old is None or new is None

    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None) -> None:
        self.state.on_claim(old, new)
        claim = new or old
        assert claim is not None
        if not self.leading:
            return
        self.metrics.lifecycles.on_claim(old, new, self.clock.timeline, self.clock.now())
        self.queues["nodeclaims"].add(claim.name)
        self.disruption.on_claim(new, claim.name)
        node = self.state.node_of(claim)
        if node is not None:
            self.queues["nodes"].add(node.name)
        replaced = self.state.claims.get(claim.metadata.annotations.get(names.REPLACES, ""))
        replaced_node = self.state.node_of(replaced) if replaced else None
        if replaced_node is not None:
            self.queues["nodes"].add(replaced_node.name)
        if (old is None) != (new is None) or (new is not None and new.deleting):
            self.queues["nodepools"].add(claim.metadata.labels.get(names.NODEPOOL, ""))
        if new is None and old is not None:
            self.rollout.was_replaced(old)
            self._provision()
        self.rollout.look()
        self.dirty.nap = self.dirty.pools = True

    def on_pdb(self, old: PodDisruptionBudget | None, new: PodDisruptionBudget | None) -> None:
        self.state.on_pdb(old, new)
        key = (new or old).key  # type: ignore[union-attr]  # one of the two is always there
        if self.leading:
            room = room_made(old, new)
            if room != 0:
                self.disruption.on_pdb(key)
                self.evictions.on_pdb(key, room)
            self.dirty.nap = True

    # --- what the controllers tell ------------------------------------------------------------------------------------

    async def _refresh_node(self, name: str) -> None:
        try:
            found = await self.client.find(NODES, "", name)
        except (ApiError, TransportError) as error:
            raise Retry(f"node {name}: {error}") from error
        if found is None:
            log.info("node %s is gone", name)
        else:
            self.informers.nodes.apply_answer(found)

    def _hand_over(self, claim: NodeClaim) -> bool:
        """Once for each drain of our own node: if nobody takes the Lease, we go on ourselves."""
        node = self.state.node_of(claim)
        if node is None or node.name != self.own_node or claim.metadata.uid in self._offered:
            return False
        self._offered.add(claim.metadata.uid)
        log.info("node %s, on which this runs, is to be drained: leadership is handed over", node.name)
        self.resigned.set()
        return True

    def _wake_disruption(self, at: datetime) -> None:
        self.queues["disruption"].add_at(_SINGLETON, at)

    def _wake_provisioner(self, at: datetime) -> None:
        self.queues["provisioning"].add_at(_SINGLETON, at)

    def _enqueue_eviction(self, pod: str) -> None:
        self.queues["evictions"].add(pod)

    def _evict(self, action: EvictPod) -> None:
        self.evictions.ask(action)


def _leaves(old: Pod | None, new: Pod | None) -> bool:
    """Whether a pod of a draining node is gone, done, new, or changed its mind: whether the drain can go on."""
    if new is None or old is None:
        return True
    return is_terminal(new) != is_terminal(old) or new.metadata.annotations != old.metadata.annotations
