"""What a Node adds to the count of its NodePool that budgets rest on.

Mirrors karpenter v1.14.0 ``pkg/controllers/disruption/helpers.go`` and ``pkg/controllers/state/statenode.go``.
"""

from __future__ import annotations

import msgspec

from napsim.api import names
from napsim.core import inplace
from napsim.core.budgets import NodeCount, contribution
from napsim.core.objects import Node, NodeClaim, is_true


class Contribution(msgspec.Struct, frozen=True):
    """Nodes of ``pool``: how many count, and how many of them are disrupted."""

    pool: str
    total: int
    disrupting: int


def contribution_of(node: Node | None, claim: NodeClaim | None) -> Contribution | None:
    """What a Node adds to the count of its pool; None for nothing."""
    pool = node.metadata.labels.get(names.NODEPOOL, "") if node else ""
    if node is None or not pool:
        return None
    if inplace.is_being_replaced(node):
        return Contribution(pool, 1, 1)
    one, disrupting = contribution(node_count(node, claim))
    return Contribution(pool, one, disrupting) if one else None


def is_marked(node: Node, claim: NodeClaim | None) -> bool:
    """Marked for deletion: taken by a command, or on its way out (karpenter's statenode.go)."""
    if names.COMMAND in node.metadata.annotations:
        return True
    if claim is None:
        return node.deleting
    return claim.deleting or is_true(claim.status.conditions, names.INSTANCE_TERMINATING)


def node_count(node: Node, claim: NodeClaim | None) -> NodeCount:
    """The node as budgets count it."""
    return NodeCount(
        managed=claim is not None,
        initialized=node.metadata.labels.get(names.INITIALIZED) == "true",
        instance_terminating=claim is not None and is_true(claim.status.conditions, names.INSTANCE_TERMINATING),
        ready=is_true(node.status.conditions, names.READY),
        marked_for_deletion=is_marked(node, claim),
    )
