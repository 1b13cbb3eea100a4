"""The kubelets, and what watches over them: pods start and end, nodes are ready or silent.

Mirrors kubernetes v1.36 ``pkg/kubelet``, ``pkg/controller/nodelifecycle`` (a silent node is not ready after 50 s, and
its pods with it), ``pkg/controller/tainteviction`` for the taint of silent nodes (other taints are ``taints``' part)
and ``pkg/controller/podgc`` (pods of a node that is gone go). Policy: how long a pod takes to start and to end is the
scenario's; a node is ready the moment it joins; pods of a node that goes go at once, not after 40 to 60 s; pods of a
silent node are asked to go after their ``tolerationSeconds``, or 300 s, from when it was found so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from napsim.api import names
from napsim.core.instances import is_failed
from napsim.core.objects import Condition, Node, Pod, PodStatus, Taint
from napsim.core.pods import ENDED, lasting, owned_by, tolerates
from napsim.core.timings import Distribution, quantile_share
from napsim.sim.cluster import Cluster, replace
from napsim.sim.scenario import PodTimings
from napsim.sim.taints import tolerated_for

MONITOR_GRACE: Final = timedelta(seconds=50)
TOLERATED: Final = timedelta(seconds=300)  # what the DefaultTolerationSeconds admission plugin gives every pod
QUARANTINE: Final = timedelta(seconds=60)  # podgc: of a pod whose node never was there
_UNREACHABLE: Final = (
    Taint(names.UNREACHABLE_TAINT, "NoSchedule"),
    Taint(names.UNREACHABLE_TAINT, "NoExecute"),
)


class Kubelets:
    """``on_node`` and ``on_pod`` are told of changes; ``fail`` and ``recover`` are what happens to a node.

    ``on_unheard`` is told of a pod that is asked to go, and whose kubelet is silent.
    """

    def __init__(self, cluster: Cluster, timings: PodTimings, seed: int) -> None:
        self.cluster = cluster
        self.timings = timings
        self.seed = seed
        self.settling = False  # pods that come to a node start together: nothing goes on that the order could matter to
        self.silent: dict[str, datetime] = {}  # node -> since when
        self._on: dict[str, set[str]] = {}  # node -> pods
        self.on_unheard: Callable[[Pod], None] = _nobody

    # --- nodes --------------------------------------------------------------------------------------------------------

    def on_node(self, old: Node | None, new: Node | None) -> None:
        if new is None:
            assert old is not None
            self.silent.pop(old.name, None)
            for key in sorted(self._on.get(old.name, ())):
                pod = self.cluster.pods.get(key)
                if pod is not None:
                    self.cluster.pods.remove(pod)
            self._on.pop(old.name, None)
        elif old is None and not any(item.type == names.READY for item in new.status.conditions):
            self.cluster.kernel.soon(self._join, new.name)
            self._take_over(new.name)
        elif old is None:
            self._take_over(new.name)
        elif is_failed(old) is not is_failed(new):
            self.cluster.kernel.soon(self.fail if is_failed(new) else self.recover, new.name)

    def _take_over(self, name: str) -> None:
        """Pods that were bound to the node before it was there."""
        for key in sorted(self._on.get(name, ())):
            pod = self.cluster.pods.get(key)
            if pod is not None and pod.deleting:
                self._end(pod)
            elif pod is not None and pod.status.phase == "Pending":
                self._begin(pod)

    def _join(self, name: str) -> None:
        node = self.cluster.nodes.get(name)
        if node is not None:
            self._turn(node, "True", "KubeletReady", "kubelet is posting ready status")

    def _turn(
        self, node: Node, status: str, reason: str, message: str, taints: tuple[Taint, ...] | None = None
    ) -> None:
        ready = Condition(names.READY, status, reason, message, self.cluster.kernel.now)
        others = tuple(item for item in node.status.conditions if item.type != names.READY)
        spec = node.spec if taints is None else replace(node.spec, taints=taints)
        self.cluster.nodes.update(replace(node, spec=spec, status=replace(node.status, conditions=(*others, ready))))

    def fail(self, name: str) -> None:
        """The kubelet falls silent now."""
        if name in self.cluster.nodes.objects:
            now = self.cluster.kernel.now
            self.silent[name] = now
            self.cluster.kernel.at(now + MONITOR_GRACE, self._miss, (name, now))

    def _miss(self, silence: tuple[str, datetime]) -> None:
        name, since = silence
        node = self.cluster.nodes.get(name)
        if node is None or self.silent.get(name) != since:
            return
        taints = (*(item for item in node.spec.taints if item.key != names.UNREACHABLE_TAINT), *_UNREACHABLE)
        self._turn(node, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.", taints)
        pods = [self.cluster.pods.objects[key] for key in sorted(self._on.get(name, ()))]
        for pod in pods:
            self._set_ready(pod.key, "False")
        for after in sorted({after for pod in pods if (after := _stays_for(pod)) is not None}):
            self.cluster.kernel.at(self.cluster.kernel.now + after, self._drive_out, (name, since, after))

    def _drive_out(self, silence: tuple[str, datetime, timedelta]) -> None:
        """The pods that stay no longer than that are asked to go; their kubelet does not hear it."""
        name, since, after = silence
        if self.silent.get(name) != since:
            return
        for key in sorted(self._on.get(name, ())):
            pod = self.cluster.pods.get(key)
            if pod is not None and not pod.deleting and _stays_for(pod) == after:
                self.cluster.delete_pod(key, pod.metadata.uid)

    def pods_on(self, node: str) -> Collection[str]:
        """The pods that are bound to the node, by key."""
        return self._on.get(node, ())

    def recover(self, name: str) -> None:
        """The kubelet is back."""
        node = self.cluster.nodes.get(name)
        if node is None or name not in self.silent:
            return
        del self.silent[name]
        taints = tuple(item for item in node.spec.taints if item.key != names.UNREACHABLE_TAINT)
        self._turn(node, "True", "KubeletReady", "kubelet is posting ready status", taints)
        for key in sorted(self._on.get(name, ())):
            pod = self.cluster.pods.get(key)
            if pod is not None and pod.deleting:
                self._end(pod)
            else:
                self._set_ready(key, "True")

    # --- pods ---------------------------------------------------------------------------------------------------------

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            assert old is not None
            if old.spec.node_name:
                self._on.get(old.spec.node_name, set()).discard(old.key)
            return
        node = new.spec.node_name
        if not node or new.status.phase in ENDED:
            return
        if old is None or not old.spec.node_name:
            self._on.setdefault(node, set()).add(new.key)
            if node not in self.cluster.nodes.objects:
                self.cluster.kernel.at(self.cluster.kernel.now + QUARANTINE, self._collect, (new.key, new.metadata.uid))
            elif new.status.phase != "Running":
                self._begin(new)
        asked = new.metadata.deletion_timestamp
        if asked is not None and (old is None or old.metadata.deletion_timestamp != asked):
            self._end(new)

    def on_alike(self, old: Mapping[str, Pod] | None, new: Mapping[str, Pod]) -> None:
        """Pods that are on one node, or on none, of which none is on its way out."""
        first = next(iter(new.values()))
        node = first.spec.node_name
        if not node or old is None or next(iter(old.values())).spec.node_name:
            return
        if self.settling and node in self.cluster.nodes.objects and owned_by(first, "ReplicaSet"):
            self._on.setdefault(node, set()).update(new)
            begun = tuple((key, pod.metadata.uid) for key, pod in new.items())
            self.cluster.kernel.at(self.cluster.kernel.now, self._start_alike, begun)
            return
        for key, pod in new.items():
            self.on_pod(old[key], pod)

    def _start_alike(self, identities: tuple[tuple[str, str], ...]) -> None:
        pods = [pod for identity in identities if (pod := self._same(identity)) is not None and not pod.deleting]
        if pods and self._hears(pods[0].spec.node_name):
            running = self._running()
            self.cluster.pods.update_alike({pod.key: replace(pod, status=running) for pod in pods})

    def _running(self) -> PodStatus:
        now = self.cluster.kernel.now
        return PodStatus("Running", now, "", (Condition(names.READY, "True", "", "", now),))

    def _begin(self, pod: Pod) -> None:
        key, kernel = pod.key, self.cluster.kernel
        at = kernel.now + self._draw(self.timings.start, "pod-start", key)
        kernel.at(at, self._start, (key, pod.metadata.uid))

    def _start(self, identity: tuple[str, str]) -> None:
        pod = self._same(identity)
        if pod is None or pod.metadata.deletion_timestamp is not None or not self._hears(pod.spec.node_name):
            return
        self.cluster.pods.change(identity[0], pod, replace(pod, status=self._running()))

    def _end(self, pod: Pod) -> None:
        """The pod is asked to go: it takes its time, within what it was given. A silent kubelet does not hear it.

        A grace period that is made shorter begins anew.
        """
        if not self._hears(pod.spec.node_name):
            self.on_unheard(pod)
            return
        deadline, seconds = pod.metadata.deletion_timestamp, pod.metadata.deletion_grace_period_seconds
        assert deadline is not None
        key, now = pod.key, self.cluster.kernel.now
        given = deadline - now if seconds is None else lasting(seconds)
        takes = self._draw(self.timings.termination, "pod-termination", key)
        self.cluster.kernel.at(now + min(takes, given), self._gone, (key, pod.metadata.uid))

    def _gone(self, identity: tuple[str, str]) -> None:
        pod = self._same(identity)
        if pod is not None and self._hears(pod.spec.node_name):
            self.cluster.pods.remove(pod)
        elif pod is not None:
            self.on_unheard(pod)

    def _hears(self, node: str) -> bool:
        """Whether there is a kubelet that does what it is asked to."""
        return node not in self.silent and node in self.cluster.nodes.objects

    def _collect(self, identity: tuple[str, str]) -> None:
        """The pod goes if its node has not come."""
        pod = self._same(identity)
        if pod is not None and pod.spec.node_name not in self.cluster.nodes.objects:
            self.cluster.pods.remove(pod)

    def _same(self, identity: tuple[str, str]) -> Pod | None:
        pod = self.cluster.pods.objects.get(identity[0])
        return pod if pod is not None and pod.metadata.uid == identity[1] else None

    def _set_ready(self, key: str, status: str) -> None:
        pod = self.cluster.pods.get(key)
        if pod is None or pod.status.phase != "Running":
            return
        now = self.cluster.kernel.now
        ready = (Condition(names.READY, status, "", "", now),)
        self.cluster.pods.update(replace(pod, status=replace(pod.status, conditions=ready)))

    def _draw(self, timing: Distribution, step: str, pod: str) -> timedelta:
        """As ``core.timings`` draws for NodeClaims."""
        if timing.kind == "fixed":
            return timedelta(seconds=timing.low)
        return timedelta(seconds=round(timing.at(quantile_share(self.seed, step, pod)), 3))


def _stays_for(pod: Pod) -> timedelta | None:
    """How long on a node that was found silent, None: for ever; by admission all that say nothing of it get 300 s."""
    taint = _UNREACHABLE[-1]
    return tolerated_for(pod, taint) if tolerates(pod.spec.tolerations, taint) else TOLERATED


def _nobody(_: Pod) -> None:
    """Nobody is told."""
