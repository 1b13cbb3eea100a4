"""Counts what becomes of nodes and NodeClaims, and how long it takes them on the cluster's clock.

Mirrors karpenter v1.14.0 ``pkg/controllers/node/termination`` and ``pkg/controllers/nodeclaim/lifecycle`` (metrics.go).
Durations of what was under way when this process began to lead are taken from deletionTimestamps, in whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import Counter, Histogram, Summary

from napsim.api import names
from napsim.core.clock import Timeline, parse_rfc3339
from napsim.core.objects import KubeObject, Node, NodeClaim, condition, is_true


@dataclass(slots=True)
class Lifecycles:
    """``on_node`` and ``on_claim`` take every change, as the informers tell it, while this process leads."""

    claims_terminated: Counter
    claim_seconds: Histogram
    instance_seconds: Histogram
    nodes_created: Counter
    nodes_terminated: Counter
    nodes_drained: Counter
    node_seconds: Summary
    lifetime_seconds: Histogram
    _deleted_at: dict[str, datetime] = field(default_factory=dict)  # uid -> virtual instant its deletion was seen

    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None, timeline: Timeline, now: datetime) -> None:
        """``now`` is virtual."""
        if old is None:
            return
        labels = old.metadata.labels
        pool, zone = labels.get(names.NODEPOOL, ""), labels.get(names.ZONE, "")
        if new is None:
            self.claims_terminated.labels(pool, labels.get(names.CAPACITY_TYPE, ""), zone).inc()
            self.claim_seconds.labels(pool).observe(self._since_deletion(old, timeline, now))
            return
        self._note_deletion(old, new, now)
        if _turned(old, new, names.REGISTERED_CONDITION):
            self.nodes_created.labels(pool, new.metadata.labels.get(names.ZONE, "")).inc()
        if _turned(old, new, names.DRAINED):
            self.nodes_drained.labels(pool).inc()

    def on_node(
        self, old: Node | None, new: Node | None, claim: NodeClaim | None, timeline: Timeline, now: datetime
    ) -> None:
        """``claim`` is the Node's; ``now`` is virtual."""
        if old is None or names.NODEPOOL not in old.metadata.labels:
            return
        if new is not None:
            self._note_deletion(old, new, now)
            return
        labels = old.metadata.labels
        pool = labels[names.NODEPOOL]
        self.nodes_terminated.labels(pool, labels.get(names.ZONE, "")).inc()
        self.node_seconds.labels(pool).observe(self._since_deletion(old, timeline, now))
        created = created_at(old, timeline)
        if created is not None:
            self.lifetime_seconds.labels(pool).observe(max((now - created).total_seconds(), 0.0))
        leaving = condition(claim.status.conditions, names.INSTANCE_TERMINATING) if claim else None
        if leaving is not None and leaving.status == "True" and leaving.last_transition_time is not None:
            took = (now - leaving.last_transition_time).total_seconds()
            self.instance_seconds.labels(pool).observe(max(took, 0.0))

    def _note_deletion(self, old: KubeObject, new: KubeObject, now: datetime) -> None:
        if new.deleting and not old.deleting:
            self._deleted_at[new.metadata.uid] = now

    def _since_deletion(self, item: KubeObject, timeline: Timeline, now: datetime) -> float:
        stamp = item.metadata.deletion_timestamp
        began = self._deleted_at.pop(item.metadata.uid, None) or (timeline.virtual(stamp) if stamp else now)
        return max((now - began).total_seconds(), 0.0)


def _turned(old: NodeClaim, new: NodeClaim, type_: str) -> bool:
    return is_true(new.status.conditions, type_) and not is_true(old.status.conditions, type_)


def created_at(node: Node, timeline: Timeline) -> datetime | None:
    """When the Node came, virtual; from the provider's note, else from the API server's stamp."""
    noted = node.metadata.annotations.get(names.INSTANCE_CREATED_AT)
    if noted:
        return parse_rfc3339(noted)
    stamp = node.metadata.creation_timestamp
    return timeline.virtual(stamp) if stamp else None
