"""All controllers of one cluster, and which change concerns whom.

What the controllers do is in their modules. Here a change of an object leads to the keys that are looked at again. A
shell adds what tells of changes, what carries actions out (``Executor``), and the queues that call ``reconcile``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from napsim.api import names
from napsim.controllers.background import Background
from napsim.controllers.clock import VirtualClock
from napsim.controllers.controlplane import ControlPlaneController
from napsim.controllers.declared import Declared
from napsim.controllers.disruption import Disruption
from napsim.controllers.executor import Executor
from napsim.controllers.images import ImageReporter
from napsim.controllers.inplace import InPlaceNodes, InPlaceProvider
from napsim.controllers.nodeclaims import NodeClaimController
from napsim.controllers.nodeclasses import NodeClassController
from napsim.controllers.nodepools import NodePoolController
from napsim.controllers.nodes import NodeController
from napsim.controllers.osupgrades import OSUpgradeController
from napsim.controllers.provider import KwokProvider
from napsim.controllers.provisioner import Provisioner
from napsim.controllers.reports import Reports
from napsim.controllers.rollout import RolloutReporter
from napsim.controllers.state import ClusterState
from napsim.controllers.windows import WindowController
from napsim.core.clock import Timeline
from napsim.core.commands import Command
from napsim.core.emptiness import is_pod_event
from napsim.core.objects import ConfigMap, Node, NodeClaim, Pod, PodDisruptionBudget
from napsim.core.pdbs import room_made
from napsim.core.pods import is_terminal
from napsim.core.reasons import waits_for_nodepool
from napsim.core.windows import WindowVerdict

SINGLETON: Final = "cluster"
"""The one key of queues that look at the cluster as a whole."""
_OF_CANDIDATES: Final = (names.DRIFTED, names.CONSOLIDATABLE)
Reconcile = Callable[[str], Awaitable[datetime | None]]
"""One look at a key; returns the virtual instant of the next, None when only a change leads to one. May raise Retry."""


class Queue(Protocol):
    """Keys to be looked at."""

    def add(self, key: str) -> None:
        """As soon as may be, once more if it is being looked at."""

    def add_at(self, key: str, at: datetime) -> None:
        """At a virtual instant, or earlier if it was to be looked at earlier anyway."""

    @property
    def idle(self) -> bool:
        """Whether nothing is ready or being looked at; later looks may be due."""


class Evictions(Protocol):
    """Whoever evicts pods, in a pace of their own."""

    def wants(self, pod: Pod) -> bool:
        """Whether that very pod is to be evicted and has not been yet."""

    def on_pod(self, pod: Pod) -> None:
        """The pod is gone or on its way out."""

    def on_pdb(self, key: str, room: int | None) -> None:
        """A PDB changed; it has room for so many more, None: not known."""


class Counters(Protocol):
    """Whoever counts what becomes of things. Instants are virtual."""

    def on_decision(self, decision: str, pool: str) -> None:
        """A command was started for drift: ``replace`` or ``delete``."""

    def on_emptied(self, pools: tuple[str, ...]) -> None:
        """A command was started that deletes empty nodes, of these pools."""

    def on_invalidated(self, candidates: int) -> None:
        """So many nodes of a decision about empty ones were no candidates any more when it was to be started."""

    def on_evaluated(self, reason: str, consolidation_type: str, seconds: float) -> None:
        """A pass of the disruption loop looked for the nodes of a reason, for so many real seconds."""

    def on_failed(self, command: Command, uninitialized: int) -> None:
        """A command was rolled back, with so many of its replacements not initialized."""

    def on_node(
        self, old: Node | None, new: Node | None, claim: NodeClaim | None, timeline: Timeline, now: datetime
    ) -> None:
        """A Node came, changed or went; ``claim`` is its own."""

    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None, timeline: Timeline, now: datetime) -> None:
        """A NodeClaim came, changed or went."""


@dataclass(slots=True)
class Dirty:
    """What the next report has to look at."""

    nap: bool = False
    pools: bool = False
    images: bool = False


class Controllers(ABC):
    """One cluster. ``on_*`` take changes; ``queues`` and ``evictions`` are the shell's."""

    queues: Mapping[str, Queue]
    evictions: Evictions

    def __init__(
        self,
        clock: VirtualClock,
        executor: Executor,
        counters: Counters,
        *,
        own_node: str = "",
        own_pod: str = "",
        system_namespace: str = "",
    ) -> None:
        """``own_node``, ``own_pod``: where the operator runs, if it does.

        ``system_namespace``: of the ConfigMap with a published window; without one it is not read.
        """
        self.clock = clock
        self.counters = counters
        self.state = ClusterState()
        self.declared = Declared()
        self.dirty = Dirty()
        self.leading = False
        self.own_node, self.own_pod = own_node, own_pod
        self.system_namespace = system_namespace.strip()
        self._windows_open: dict[str, bool] = {}
        self._make(executor)

    def _make(self, executor: Executor) -> None:
        state, declared, clock = self.state, self.declared, self.clock
        state.places.expected = declared.expected
        self.background = Background(state, executor, self._on_background)
        provider = KwokProvider(declared)
        self.reports = Reports(declared, clock, executor)
        self.windows = WindowController(declared, clock, self.reports, self.system_namespace)
        self.disruption = Disruption(
            state, declared, clock, executor, self._wake_disruption, self.counters.on_decision, self.refresh_node,
            self.own_node,
            self.own_pod,
            lambda: self.queues["nodeclaims"].idle,
        )  # fmt: skip
        self.disruption.on_evaluated = self.counters.on_evaluated
        self.disruption.emptiness.on_emptied = self.counters.on_emptied
        self.disruption.emptiness.on_invalidated = self.counters.on_invalidated
        self.control_plane = ControlPlaneController(
            declared, self.windows, clock, self.reports, executor, self.add_classes
        )
        self.rollout = RolloutReporter(state, declared, self.windows, self.disruption, clock, self.reports)
        self.os_upgrades = OSUpgradeController(state, declared, self.windows, clock, executor, self.own_node)
        self.rollout.os_upgrades = self.os_upgrades.status
        self.classes = NodeClassController(
            state, declared, self.windows, clock, executor, self.reports, self.rollout.picked_up, self.on_declared
        )
        in_place = InPlaceProvider(state, declared)
        self.claims = NodeClaimController(state, declared, provider, in_place, clock, executor)
        playing = InPlaceNodes(state, declared, clock)
        failed = self.counters.on_failed
        self.nodes = NodeController(state, declared, provider, playing, clock, executor, failed, self.hand_over)
        self.provisioner = Provisioner(state, declared, clock, executor, self._wake_provisioner)
        self.pools = NodePoolController(
            state, declared, clock, executor, self.reports, self.provisioner, self.claims.registrations,
            self.on_declared,
        )  # fmt: skip
        self.images = ImageReporter(state, declared, clock, self.reports)

    def adopt(self) -> None:
        """Go on from what statuses say, before anything is looked at."""
        self.windows.adopt()
        self.control_plane.adopt()
        self.rollout.adopt()
        self.os_upgrades.adopt()

    def reconcilers(self) -> Iterable[tuple[str, Reconcile, int]]:
        """Name, what looks at a key, and how many keys at once, for each queue that the shell makes."""
        yield "windows", self._reconcile_window, 1
        yield "controlplane", self._reconcile_control_plane, 1
        yield "nodeclasses", self.classes.reconcile, 1
        yield "nodepools", self.pools.reconcile, 4
        yield "nodeclaims", self.claims.reconcile, 32
        yield "nodes", self.nodes.reconcile, 32
        yield "agentpools", self._reconcile_agent_pool, 4
        yield "disruption", self.disruption.reconcile, 1
        yield "provisioning", self.provisioner.reconcile, 1

    # --- the shell's part ---------------------------------------------------------------------------------------------

    @abstractmethod
    async def refresh_node(self, name: str) -> None:
        """Read a Node anew. Raises Retry."""

    @abstractmethod
    def hand_over(self, claim: NodeClaim) -> bool:
        """Whether leadership is given up now, before the claim's node is drained."""

    def on_window(self, name: str, verdict: WindowVerdict) -> None:  # noqa: B027 - most shells need not know
        """The window that images are picked up in has opened or closed."""

    @abstractmethod
    def on_settings(self) -> None:
        """NodeAutoProvisioning has changed."""

    # --- everything ---------------------------------------------------------------------------------------------------

    def add_everything(self) -> None:
        """Look at everything once."""
        self.queues["controlplane"].add(SINGLETON)
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
        self.background.tell_all()
        self._on_room()
        self._provision()
        self._add_agent_pools()
        self.dirty = Dirty(nap=True, pools=True, images=True)

    # --- what is declared ---------------------------------------------------------------------------------------------

    def on_declared(self, kind: str, name: str) -> None:
        """An object of the low-count kinds has changed, or is gone."""
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
            self.disruption.on_room()
            self._provision()
            self.dirty.pools = self.dirty.images = True
        elif kind == "MaintenanceConfiguration":
            for other in sorted({name, *self.declared.windows}):  # those of one name tell of each other
                self.queues["windows"].add(other)
            self.queues["controlplane"].add(SINGLETON)
            self.add_classes()
            self._add_agent_pools()
        elif kind == "NodeImage":
            self.dirty.images = True
            self.add_classes()
            self._add_agent_pools()
        else:
            self.on_settings()

    def _provision(self) -> None:
        """What keeps pods pending may have changed."""
        if self.state.pending:
            self.provisioner.on_pending()

    def _on_background(self) -> None:
        if self.leading:
            self.disruption.on_room()
            self._provision()

    def _on_room(self) -> None:
        """Where pods find room may have changed, and which pods will need some."""
        self.disruption.on_room()
        if self.state.leaving.take_news():
            self.provisioner.on_pending()

    def _add_agent_pools(self) -> None:
        for name in tuple(self.state.agent_pools.pools):
            self.queues["agentpools"].add(name)

    def _add_in_place(self) -> None:
        for name in sorted(self.state.in_place):
            self.queues["nodes"].add(name)

    def _add_claims(self, claims: Iterable[str]) -> None:
        for name in sorted(claims):  # in one order, whatever set they come from
            self.queues["nodeclaims"].add(name)

    def on_server_version(self, version: str) -> None:
        """The API server's own version, without a leading v."""
        if version != self.declared.server_version:
            self.declared.server_version = version
            if self.leading:
                self.queues["controlplane"].add(SINGLETON)
                self.add_classes()

    def add_classes(self) -> None:
        for name in self.declared.node_classes:
            self.queues["nodeclasses"].add(name)

    async def _reconcile_control_plane(self, key: str) -> datetime | None:
        before = self.declared.waiting_upgrade
        again_at = await self.control_plane.reconcile(key)
        self.dirty.nap |= before != self.declared.waiting_upgrade
        return again_at

    async def _reconcile_agent_pool(self, name: str) -> datetime | None:
        again_at = await self.os_upgrades.reconcile(name)
        self.dirty.nap = True
        return again_at

    async def _reconcile_window(self, name: str) -> datetime | None:
        before = self.windows.in_force.get(name)
        again_at = await self.windows.reconcile(name)
        self.dirty.nap = True
        if before != self.windows.in_force.get(name):
            self.queues["controlplane"].add(SINGLETON)
            self.add_classes()
            self._add_agent_pools()
        self._tell_of_window(name)
        return again_at

    def _tell_of_window(self, name: str) -> None:
        governing = self.windows.node_os()
        if governing is not None and governing[0] == name:
            verdict = self.windows.verdict(self.clock.now())
            if self._windows_open.get(name, False) is not verdict.open:
                self.on_window(name, verdict)
            self._windows_open[name] = verdict.open

    # --- what of the others --------------------------------------------------------------------------------------

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        self.state.on_pod(old, new)
        if not self.leading:
            return
        self.disruption.on_room()
        if new is not None and self.state.places.unfollowed:
            self.background.tell_unfollowed(new)
        pod = new or old
        assert pod is not None
        node_name = pod.spec.node_name
        if not node_name:
            if new is not None and new.key in self.state.pending:
                self.provisioner.on_pending()
            return
        node = self.state.nodes.get(node_name)
        if node is None:
            return
        if self.state.is_draining(node):
            if new is None or new.deleting:
                self.evictions.on_pod(pod)
            if _leaves(old, new) and (old is None or self._drain_stands(node_name)):
                self._look_at_drain(node_name)
            return
        claim = self.state.claim_of(node)
        if claim is not None:
            self._on_pod_of(claim, old, new)

    def on_alike(self, old: Mapping[str, Pod] | None, new: Mapping[str, Pod]) -> None:
        """Pods that changed in the same way, as ``ClusterState.on_alike`` has them."""
        first = next(iter(new.values()))
        before = next(iter(old.values())) if old is not None else None
        self.state.on_alike(old, new)
        if not self.leading:
            return
        self.disruption.on_room()
        for pod in new.values() if self.state.places.unfollowed else ():
            self.background.tell_unfollowed(pod)
        if not first.spec.node_name and first.key in self.state.pending:
            self.provisioner.on_pending()
        node = self.state.nodes.get(first.spec.node_name)
        claim = self.state.claim_of(node) if node is not None and not self.state.is_draining(node) else None
        if claim is not None:
            self._on_pod_of(claim, before, first)

    def _on_pod_of(self, claim: NodeClaim, old: Pod | None, new: Pod | None) -> None:
        """A pod of a claim's Node, which is not drained, has changed."""
        if is_pod_event(old, new) and self.claims.pod_events.on_pod(old, new, claim, self.clock.now()):
            self.queues["nodeclaims"].add(claim.name)
        if _is_disruptable(claim):
            self.disruption.on_claim(claim, claim.name)

    def _look_at_drain(self, node: str) -> None:
        self.queues["nodes"].add(node)
        pool = self.state.agent_pools.pool_with(node)
        if pool is not None:
            self.queues["agentpools"].add(pool)

    def _drain_stands(self, node: str) -> bool:
        """Whether nothing on a draining node is on its way any more, so that the drain has to be looked at."""
        for pod in self.state.bound_to(node):
            if pod.metadata.deletion_timestamp is not None or self.evictions.wants(pod):
                return False
        return True

    def on_node(self, old: Node | None, new: Node | None) -> None:
        self.state.on_node(old, new)
        agent_pools = self.state.agent_pools.put(old, new)
        node = new or old
        assert node is not None
        if not self.leading:
            return
        for pool in agent_pools:
            self.queues["agentpools"].add(pool)
        self.queues["nodes"].add(node.name)
        claim = self.state.claim_of(node)
        self.counters.on_node(old, new, claim, self.clock.timeline, self.clock.now())
        if claim is not None:
            self.queues["nodeclaims"].add(claim.name)
            self.disruption.on_claim(claim, claim.name)
            if _is_given_up(old, new):  # its replacements, if they come after all, are too many for a static pool
                self.queues["nodepools"].add(claim.metadata.labels.get(names.NODEPOOL, ""))
        self._on_room()
        self.rollout.look()
        self.dirty.nap = self.dirty.pools = True
        self.dirty.images |= old is None or new is None

    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None) -> None:
        self.state.on_claim(old, new)
        claim = new or old
        assert claim is not None
        if not self.leading:
            return
        self.counters.on_claim(old, new, self.clock.timeline, self.clock.now())
        self.queues["nodeclaims"].add(claim.name)
        self.disruption.on_claim(new, claim.name)
        replaced = self.state.claims.get(claim.metadata.annotations.get(names.REPLACES, ""))
        for node in map(self.state.node_of, (claim, replaced) if replaced else (claim,)):
            if node is not None:
                self.queues["nodes"].add(node.name)
        if (old is None) != (new is None) or (new is not None and new.deleting):
            self.queues["nodepools"].add(claim.metadata.labels.get(names.NODEPOOL, ""))
        if new is None and old is not None:
            self.rollout.was_replaced(old)
            self._provision()
        self._on_room()
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

    def on_config_map(self, _: ConfigMap | None, new: ConfigMap | None) -> None:
        """The ConfigMap with a published window."""
        self.windows.config_map = new
        if self.leading:
            self.add_classes()
            self.dirty.nap = True

    def _wake_disruption(self, at: datetime) -> None:
        self.queues["disruption"].add_at(SINGLETON, at)

    def _wake_provisioner(self, at: datetime) -> None:
        self.queues["provisioning"].add_at(SINGLETON, at)


def _is_disruptable(claim: NodeClaim) -> bool:
    """Whether the pods of the claim's node decide about its disruption: it has drifted, or may be empty."""
    for item in claim.status.conditions:  # noqa: SIM110 - a generator costs more than what it asks
        if item.type in _OF_CANDIDATES and item.status == "True":
            return True
    return False


def _leaves(old: Pod | None, new: Pod | None) -> bool:
    """Whether a pod of a draining node is gone, done, new, or changed its mind: whether the drain can go on."""
    if new is None or old is None:
        return True
    return is_terminal(new) != is_terminal(old) or new.metadata.annotations != old.metadata.annotations


def _is_given_up(old: Node | None, new: Node | None) -> bool:
    """The Node's command has ended, and the Node stays."""
    recorded = [node is not None and names.COMMAND in node.metadata.annotations for node in (old, new)]
    return new is not None and recorded == [True, False]
