"""What napsim has written in a cluster, and the actions that take it off: for the way out.

Policy. Nothing is drained, and no Node goes but the fake ones. What is neither marked by napsim nor made by it is left
alone. Done again on what is left, it comes to an end: an object that is as it should be gives no step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.actions import Action, DeleteNode, DeleteNodeClaim, PatchNode, PatchNodeClaim, patched_node
from napsim.core.inplace import adoption_of, is_marked_by_us, released, wanted_pool
from napsim.core.instances import is_fake
from napsim.core.objects import Node, NodeClaim
from napsim.core.reimages import released as put_back

RELEASED: Final = "released"  # why a NodeClaim is deleted


class Step(msgspec.Struct, frozen=True):
    """What is done to one object, in words and as actions."""

    kind: str
    name: str
    what: str
    actions: tuple[Action, ...]


def steps(nodes: Iterable[Node], claims: Iterable[NodeClaim], *, keep_labels: bool = False) -> tuple[Step, ...]:
    """Nodes first, by name: a NodeClaim that goes before them would leave a drain without its claim.

    ``keep_labels`` leaves the label that opted a Node in, so that the next operator takes it again.
    """
    of_nodes = (step for node in sorted(nodes, key=_name) for step in _of_node(node, keep_labels=keep_labels))
    of_claims = (step for claim in sorted(claims, key=_name) for step in _of_claim(claim))
    return (*of_nodes, *of_claims)


def _name(item: Node | NodeClaim) -> str:
    return item.name


def _of_node(node: Node, *, keep_labels: bool) -> Iterator[Step]:
    if is_fake(node):
        let_go = PatchNode(node, remove_finalizer=names.TERMINATION_FINALIZER)
        held = names.TERMINATION_FINALIZER in node.metadata.finalizers
        going = () if node.deleting else (DeleteNode(node),)
        if held or going:
            yield Step("Node", node.name, "fake: deleted", (*((let_go,) if held else ()), *going))
        return
    if names.OS_UPGRADE in node.metadata.annotations:
        yield Step("Node", node.name, "real: image, cordon and annotations of OS upgrades put back", (put_back(node),))
    if not is_marked_by_us(node) and (keep_labels or not wanted_pool(node)):
        return
    patch = released(node, opt_out=not keep_labels)
    if patched_node(node, patch) != node:
        yield Step("Node", node.name, "real: taint, labels and annotations of napsim taken off", (patch,))


def _of_claim(claim: NodeClaim) -> Iterator[Step]:
    """Without its finalizer it goes at once. Claims that napsim never saw have no instant of its clock."""
    if adoption_of(claim) is None and names.CREATED_AT not in claim.metadata.annotations:
        return
    held = names.TERMINATION_FINALIZER in claim.metadata.finalizers
    let_go = (PatchNodeClaim(claim, remove_finalizer=names.TERMINATION_FINALIZER),) if held else ()
    going = () if claim.deleting else (DeleteNodeClaim(claim, RELEASED),)
    if held or going:
        yield Step("NodeClaim", claim.name, "deleted", (*let_go, *going))
