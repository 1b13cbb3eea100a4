"""What is taken off a cluster on the way out, and that nothing else is touched."""

from __future__ import annotations

from msgspec.structs import replace

from napsim.api import names
from napsim.core.actions import DeleteNode, DeleteNodeClaim, PatchNode, PatchNodeClaim, patched_claim, patched_node
from napsim.core.inplace import dressed
from napsim.core.objects import Node, NodeSpec, Taint
from napsim.core.pods import DISRUPTED
from napsim.core.release import Step, steps
from tests.core.examples import NOW, claim, node

ADOPTING = claim("w-g1", annotations={names.ADOPTS: '{"node":"w","generation":1}'})


def real(**annotations: str) -> Node:
    made = node("w", labels={"kubernetes.io/hostname": "w", names.PLAYS_NODEPOOL: "default"}, finalizers=())
    return replace(
        made, metadata=replace(made.metadata, annotations=annotations), spec=NodeSpec("kind://docker/kind/w")
    )


def kinds(step: Step) -> list[type]:
    return [type(action) for action in step.actions]


def test_a_real_node_becomes_as_it_was_and_is_not_deleted() -> None:
    used = patched_node(real(), dressed(real(), ADOPTING, "image", {}))
    tainted = patched_node(used, PatchNode(used, add_taints=(DISRUPTED,), annotations={names.COMMAND: "{}"}))
    (step,) = steps([tainted], [])
    (patch,) = step.actions
    assert isinstance(patch, PatchNode)
    after = patched_node(tainted, patch)
    assert after.spec == real().spec
    assert after.metadata.annotations == {}
    assert after.metadata.labels == {"kubernetes.io/hostname": "w"}
    assert steps([after], []) == (), "done again, it comes to an end"
    (kept,) = steps([tainted], [], keep_labels=True)
    (patch,) = kept.actions
    assert isinstance(patch, PatchNode)
    assert patched_node(tainted, patch).metadata.labels == real().metadata.labels


def test_fake_nodes_and_claims_go_at_once_without_their_finalizers() -> None:
    of_node, of_claim = steps([node()], [claim()])
    assert kinds(of_node) == [PatchNode, DeleteNode]
    assert kinds(of_claim) == [PatchNodeClaim, DeleteNodeClaim]
    patch = of_claim.actions[0]
    assert isinstance(patch, PatchNodeClaim)
    assert patched_claim(claim(), patch).metadata.finalizers == ()
    (half,) = steps([], [claim(deleted_at=NOW)])
    assert kinds(half) == [PatchNodeClaim]
    assert steps([], [claim(deleted_at=NOW, finalizers=())]) == ()


def test_what_is_not_napsim_s_is_left_alone() -> None:
    theirs = claim()
    theirs = replace(theirs, metadata=replace(theirs.metadata, annotations={}))
    stranger = replace(real(), metadata=replace(real().metadata, labels={names.NODEPOOL: "theirs"}))
    tainted = replace(stranger, spec=NodeSpec("aws:///i-1", (Taint(names.DISRUPTED_TAINT, "NoSchedule"),)))
    assert steps([stranger, tainted], [theirs]) == ()
