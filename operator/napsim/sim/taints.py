"""What the control plane does about taints: cordoned nodes get theirs, NoExecute taints drive pods out.

Mirrors kubernetes v1.36 ``pkg/controller/nodelifecycle`` (``node.kubernetes.io/unschedulable``) and
``pkg/controller/tainteviction``. Silent nodes are ``kubelets``' part. Left out: pods that come to a node which has such
a taint already, and tolerate it for a while only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Final

from napsim.api import names
from napsim.core.objects import Node, Pod, Taint
from napsim.core.pods import lasting, tolerates
from napsim.sim.cluster import Cluster, replace

CORDONED: Final = Taint(names.UNSCHEDULABLE_TAINT, "NoSchedule")


class Taints:
    """``on_node`` is told of changes. ``pods_on``: the keys of a node's pods."""

    def __init__(self, cluster: Cluster, pods_on: Callable[[str], Collection[str]]) -> None:
        self.cluster = cluster
        self._pods_on = pods_on

    def on_node(self, old: Node | None, new: Node | None) -> None:
        if new is None or (old is not None and old.spec is new.spec):
            return
        if new.spec.unschedulable is not _is_marked(new):
            self.cluster.kernel.soon(self._mark, new.name)
        for taint in _driving_out(new):
            if old is None or taint not in old.spec.taints:
                self.cluster.kernel.soon(self._drive_out, (new.name, taint))

    def _mark(self, name: str) -> None:
        node = self.cluster.nodes.get(name)
        if node is None or node.spec.unschedulable is _is_marked(node):
            return
        others = tuple(taint for taint in node.spec.taints if taint.key != CORDONED.key)
        taints = (*others, CORDONED) if node.spec.unschedulable else others
        self.cluster.nodes.update(replace(node, spec=replace(node.spec, taints=taints)))

    def _drive_out(self, asked: tuple[str, Taint]) -> None:
        name, taint = asked
        for key in sorted(self._pods_on(name)):
            pod = self.cluster.pods.get(key)
            if pod is None or pod.deleting:
                continue
            after = tolerated_for(pod, taint)
            if after is not None:
                at = self.cluster.kernel.now + after
                self.cluster.kernel.at(at, self._drive_out_one, (key, pod.metadata.uid, taint))

    def _drive_out_one(self, asked: tuple[str, str, Taint]) -> None:
        key, uid, taint = asked
        pod = self.cluster.pods.get(key)
        node = self.cluster.nodes.get(pod.spec.node_name) if pod is not None else None
        if pod is not None and not pod.deleting and node is not None and taint in node.spec.taints:
            self.cluster.delete_pod(key, uid)


def tolerated_for(pod: Pod, taint: Taint) -> timedelta | None:
    """For how long the pod stays on a node with the taint; None: for ever. The shortest of its tolerations counts."""
    matching = [item for item in pod.spec.tolerations if tolerates((item,), taint)]
    if not matching:
        return timedelta(0)
    seconds = [item.toleration_seconds for item in matching if item.toleration_seconds is not None]
    return lasting(max(min(seconds), 0)) if seconds else None


def _is_marked(node: Node) -> bool:
    return any(taint.key == CORDONED.key for taint in node.spec.taints)


def _driving_out(node: Node) -> tuple[Taint, ...]:
    return tuple(
        taint for taint in node.spec.taints if taint.effect == "NoExecute" and taint.key != names.UNREACHABLE_TAINT
    )
