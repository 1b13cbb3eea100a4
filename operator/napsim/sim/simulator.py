"""One simulated cluster: the operator's own controllers, over the in-memory cluster, on virtual time.

The virtual clock and the API server's are one: nothing is scaled. Statuses of NodePools, NodeImages and
NodeAutoProvisioning are not written, except for what a decision rests on: nobody reads them here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.controllers.blockings import Blocked, verdict_of
from napsim.controllers.clock import VirtualClock
from napsim.controllers.controllers import Controllers, Queue
from napsim.controllers.declared import Manifest
from napsim.controllers.settings import Settings
from napsim.controllers.targets import waiting_for
from napsim.core.actions import DeleteNodeClaim
from napsim.core.budgets import next_change
from napsim.core.failures import Failures
from napsim.core.images import PublishedImage
from napsim.core.objects import NodeClaim, Pod, VolumeAttachment
from napsim.core.pickup import Pickup
from napsim.core.pods import stuck_from
from napsim.core.timings import INSTANT, Timings
from napsim.core.windows import WindowVerdict
from napsim.sim.attachments import Attachments
from napsim.sim.budget_waits import Waiting
from napsim.sim.cluster import Cluster
from napsim.sim.evictions import Disruptions
from napsim.sim.evictor import Evictor
from napsim.sim.executor import Executor
from napsim.sim.kernel import Kernel
from napsim.sim.kubelets import Kubelets
from napsim.sim.manifests import Manifests
from napsim.sim.queues import Pause, PollingQueue, WorkQueue
from napsim.sim.recorder import Recorder
from napsim.sim.retrying import RetryingEvictor
from napsim.sim.scenario import PodTimings, Scenario
from napsim.sim.scheduling import Scheduling
from napsim.sim.taints import Taints
from napsim.sim.workloads import Workloads

SERVER_VERSION: Final = "1.34.2"
"""What the control plane runs where the scenario does not say."""
NEVER_IN_VAIN: Final = timedelta(days=3650)
"""Whatever can let a draining node go on is told of: nothing is asked in vain here."""


class Simulator(Controllers):
    """``Applying`` puts the scenario's objects there and starts its time; ``kernel.run`` does the rest."""

    POLLS: Final = False  # whether claims that wait for their launch are looked at once a second, in vain

    def __init__(self, scenario: Scenario, start: datetime, recorder: Recorder) -> None:
        self.scenario = scenario
        self.recorder = recorder
        self.kernel = Kernel(start)
        self.cluster = Cluster(self.kernel)
        self.manifests = Manifests(self.cluster.versions, lambda: self.kernel.now)
        hands = self.hands = Executor(self.cluster, self.manifests)
        super().__init__(VirtualClock(lambda: self.kernel.now), hands, recorder)
        self.workloads = Workloads(self.cluster)
        self.api = Disruptions(self.cluster, self.workloads.scale_of, self.workloads.identity_of)
        self.kubelets = Kubelets(self.cluster, PodTimings(INSTANT, INSTANT), scenario.seed)
        self.taints = Taints(self.cluster, self.kubelets.pods_on)
        self.attachments = Attachments(self.cluster, self.kubelets.pods_on)
        self.scheduling = Scheduling(self.cluster)
        self.evictor = self._evictor()
        self.evictions = self.evictor
        self.api.is_waited_for = self.evictor.holds_back_for
        self.queues: dict[str, Queue] = {
            name: WorkQueue(name, reconcile, self.kernel) for name, reconcile, _ in self.reconcilers()
        }
        self.provisioning = PollingQueue("provisioning", self.provisioner.reconcile, self.kernel, self._version)
        self.queues["provisioning"] = self.provisioning
        self.nodes.drain_poll = NEVER_IN_VAIN
        self.disruption.pause, self.disruption.pace = self._pause, scenario.pace
        self.disruption.polls = self.POLLS
        self.disruption.refusals.calm, self.disruption.refusals.pass_by = self._calm, self.kernel.leap_on
        self.evictor.apart = scenario.pace.evictions
        self.disruption.is_heard = lambda: hands.is_heard
        self.settling = True
        self.is_watched = False  # by somebody who looks at each instant
        self._allowed: dict[str, tuple[object, int, datetime | None, int]] = {}
        self._connect()

    def _evictor(self) -> Evictor:
        retries, parts = self.scenario.pace.retries, (self.kernel, self.state, self.api, self._evicted)
        return Evictor(*parts) if retries is None else RetryingEvictor(*parts, retries)

    def _connect(self) -> None:
        """Who is told of what, in this order: nobody changes objects of a kind while others are still to be told."""
        cluster = self.cluster
        cluster.claims.watchers.append(self.on_claim)
        cluster.nodes.watchers += [
            self.on_node, self.scheduling.on_node, self.workloads.on_node, self.kubelets.on_node, self.taints.on_node,
        ]  # fmt: skip
        cluster.pods.watchers += [
            self.on_pod, self.evictor.on_change, self.scheduling.on_pod, self.workloads.on_pod, self.kubelets.on_pod,
            self.attachments.on_pod, self.api.on_pod,
        ]  # fmt: skip
        cluster.pods.of_alike = {
            self.on_pod: self.on_alike, self.evictor.on_change: self.evictor.on_alike,
            self.scheduling.on_pod: self.scheduling.on_alike, self.workloads.on_pod: self.workloads.on_alike,
            self.kubelets.on_pod: self.kubelets.on_alike, self.attachments.on_pod: self.attachments.on_alike,
            self.api.on_pod: self.api.on_alike,
        }  # fmt: skip
        cluster.pdbs.watchers += [self.api.on_pdb, self.on_pdb]
        cluster.volume_claims.watchers.append(self.background.on_volume_claim)
        cluster.volumes.watchers.append(self.background.on_volume)
        cluster.storage_classes.watchers.append(self.background.on_storage_class)
        cluster.namespaces.watchers += [self.background.on_namespace, self.scheduling.on_namespace]
        self.workloads.on_daemon_set = self.background.on_daemon_set
        self.workloads.has_room = self.scheduling.has_room
        cluster.attachments.watchers += [self.state.on_attachment, self.attachments.on_attachment, self._on_attachment]
        self.hands.evict = self.evictor.ask
        self.hands.on_claim_deleted = self._claim_deleted
        self.hands.on_pod_deleted = self._pod_deleted
        self.classes.on_pickup = self._picked_up
        self.kubelets.on_unheard = self._look_when_stuck
        self.disruption.blocked_since = Blocked(self._block, self._unblock)

    def _version(self) -> int | None:
        """Of everything that provisioning looks at; while offerings are held to be unavailable, time changes that.

        So it does while a batch of pods is open: what comes of them is seen when it is closed.
        """
        timed = self.provisioner.waits_for_more or self.declared.unavailable.next_end(self.kernel.now) is not None
        return None if timed else self.cluster.versions.number

    async def _pause(self, time: timedelta) -> bool:
        if self.settling or self.kernel.leap(self.kernel.now + time):
            return True
        await Pause(time)
        return False

    def _calm(self, time: timedelta) -> int:
        return 0 if self.settling or self.is_watched else self.kernel.calm(time)

    # --- what controllers ask of their shell --------------------------------------------------------------------------

    async def refresh_node(self, name: str) -> None:
        """What is known is what is: nothing is read anew."""

    def hand_over(self, claim: NodeClaim) -> bool:  # noqa: ARG002 - the name is the base's
        """There is nobody to hand over to."""
        return False

    def on_settings(self) -> None:
        """NodeAutoProvisioning has changed."""
        self.declared.settings = self._played(self.declared.settings)
        if self.leading:
            self.add_everything()

    def _played(self, settings: Settings) -> Settings:
        """Nodes that are there before the scenario starts are there at once, and nothing fails then."""
        if self.scenario.subscription:
            pickup = msgspec.structs.replace(settings.pickup, subscription=self.scenario.subscription)
            settings = replace(settings, pickup=pickup)
        if self.settling:
            return replace(settings, timings=Timings(seed=self.scenario.seed), failures=Failures())
        return settings

    def observe(self, manifest: Manifest, *, deleted: bool = False) -> None:
        """An object of the low-count kinds, as it is now."""
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if deleted:
            self.declared.drop(kind, name)
        elif not self.declared.take(manifest, self.kernel.now):
            for fault in self.declared.problems[kind, name]:
                self.recorder.problem(fault)
            return
        if kind == "NodeAutoProvisioning":
            self.declared.settings = self._played(self.declared.settings)
        if self.leading:
            self.on_declared(kind, name)
        self.recorder.dirty.update(self.recorder.pools)

    # --- what is written down -----------------------------------------------------------------------------------------

    def _evicted(self, pod: Pod) -> None:
        self.recorder.evicted(pod.key, self._workload(pod), pod.spec.node_name, self.kernel.now)

    def _look_when_stuck(self, pod: Pod) -> None:
        """A drain goes on without a pod that does not end: nothing but the clock tells of that."""
        for at in stuck_from((pod,), self.kernel.now):
            self.kernel.at(at, self.queues["nodes"].add, pod.spec.node_name)

    def _on_attachment(self, old: VolumeAttachment | None, new: VolumeAttachment | None) -> None:
        """A drained node waits for its volumes."""
        if old is not None and new is None:
            self.queues["nodes"].add(old.spec.node_name)

    def _pod_deleted(self, pod: Pod, grace_seconds: int) -> None:
        self.recorder.deleted(pod.key, self._workload(pod), pod.spec.node_name, grace_seconds, self.kernel.now)

    def _workload(self, pod: Pod) -> str:
        found = self.workloads.of(pod)
        return found.declared_key if found is not None else f"{pod.metadata.namespace}/Pod/{pod.name}"

    def _claim_deleted(self, action: DeleteNodeClaim) -> None:
        self.recorder.claim_deleted(action.claim.name, action.reason, self.kernel.now)

    async def _picked_up(self, node_class: str, pickup: Pickup, now: datetime) -> None:
        self.recorder.picked_up(node_class, pickup, now)
        self.recorder.dirty.update(self.recorder.pools)
        await self.rollout.picked_up(node_class, pickup, now)

    def _block(self, claim_name: str) -> None:
        claim = self.state.claims.get(claim_name)
        if claim is None:
            return
        found = verdict_of(self.disruption.queues, claim_name)
        if found is not None and not self.recorder.holds(claim_name, found[1]):
            node = self.state.node_of(claim)
            self.recorder.block(claim_name, node.name if node else "", *found, self.kernel.now)

    def _unblock(self, claim: str) -> None:
        self.recorder.unblock(claim)

    def on_window(self, name: str, verdict: WindowVerdict) -> None:
        self.recorder.window(name, verdict, self.kernel.now)

    # --- how pools stand ----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """The instant is over."""
        self.provisioning.wake()
        if self.recorder.has_news:
            self.recorder.flush(
                self.kernel.now, self.state.count, self.allowed, self.is_behind, self.waiting_for_budget
            )

    def over(self) -> bool:
        """The instant is over, and nothing ends there."""
        self.flush()
        return False

    def allowed(self, pool: str) -> int:
        """How many nodes of the pool may be disrupted now; looked at again when the budgets' schedules change it."""
        entry = self.declared.pools.get(pool)
        if entry is None:
            return 0
        now, total = self.kernel.now, self.state.count(pool).total_nodes
        known = self._allowed.get(pool)
        if known is not None and known[0] is entry and known[1] == total and (known[2] is None or now < known[2]):
            return known[3]
        changes_at = next_change(entry.budgets, now)
        if changes_at is not None and (known is None or known[2] != changes_at):
            self.kernel.at(changes_at, self._stand_anew, pool)
        allowed = self.disruption.allowance(entry, now).allowed
        self._allowed[pool] = (entry, total, changes_at, allowed)
        return allowed

    def waiting_for_budget(self, pool: str) -> Waiting | None:
        """The pool's drifted nodes that no verdict holds; None without any. Asked where its budgets allow nothing."""
        entry, queue = self.declared.pools.get(pool), self.disruption.queues.get(pool)
        nodes = len(queue) - len(queue.blocked) if queue is not None else 0
        return (
            Waiting(nodes, self.state.count(pool).total_nodes, entry.budgets) if entry is not None and nodes else None
        )

    def _stand_anew(self, pool: str) -> None:
        self.recorder.dirty.add(pool)

    def published(self, _: object) -> None:
        """An image is there from this instant on."""
        self.recorder.dirty.update(self.recorder.pools)

    def waits(self, pool: str) -> bool:
        """Whether a published image is newer than what the pool's class has adopted; not without a class."""
        entry = self.declared.pools.get(pool)
        if entry is None:
            return False
        reference = entry.pool.spec.template.spec.node_class_ref.name
        return bool(self.waiting(reference))

    def is_behind(self, pool: str) -> bool:
        """Whether the pool is not on the newest images, though none of its nodes drifts."""
        return self.waits(pool) or self.lacks_class(pool) or bool(self.leaving_late(pool))

    def lacks_class(self, pool: str) -> bool:
        """Whether the pool has nodes and refers to a class that is not there: what they are to run, nobody knows."""
        entry = self.declared.pools.get(pool)
        if entry is None or not self.state.claims_of_pool.get(pool):
            return False
        return entry.pool.spec.template.spec.node_class_ref.name not in self.declared.node_classes

    def leaving_late(self, pool: str) -> tuple[str, ...]:
        """Claims of an earlier image that were on their way out before it was one: what leaves is not judged anew."""
        entry = self.declared.pools.get(pool)
        held = self.declared.node_classes.get(entry.pool.spec.template.spec.node_class_ref.name) if entry else None
        if held is None or not held.state.images:
            return ()
        adopted = tuple(image.id.rsplit("/", 3)[1:] for image in held.state.images)  # definition, versions, version
        course = self.recorder.pool(pool)
        left = (self.state.claims[name] for name in sorted(course.unsettled - course.unfinished))
        return tuple(
            claim.name
            for claim in left
            if claim.deleting and claim.status.node_name and claim.status.image_id.rsplit("/", 3)[1:] not in adopted
        )

    def waiting(self, node_class: str) -> list[PublishedImage]:
        """The images that wait for the class to adopt them."""
        return waiting_for(node_class, self.declared, self.kernel.now)
