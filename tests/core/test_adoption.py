"""May a Node that is there play a NodePool's nodes, and which NodeClaim stands for it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.core.actions import patched_node
from napsim.core.adoption import (
    CHECKS,
    PASSING,
    AdoptionReason,
    AdoptionVerdict,
    Applicant,
    Home,
    adopted_name,
    claim_for,
    hindrances,
    image_of,
    judge,
)
from napsim.core.inplace import adoption_of, dressed, given_back
from napsim.core.instancetypes import INSTANCE_TYPES
from napsim.core.nodeclasses import StatusImage
from napsim.core.nodepools import NodePool, NodePoolSpec, Template, TemplateMeta, TemplateSpec
from napsim.core.objects import Node, NodeClaim, NodeClassRef, NodeSpec, ObjectMeta, Requirement, Taint
from napsim.core.provisioning import offer_of
from napsim.core.requirements import requirements_of, unmet
from tests.core.examples import NOW, claim, node

GALLERY: Final = "/CommunityGalleries/AKSUbuntu-38d80f77-467a-481f-a8d4-09b6d4220bd2/images"
IMAGE: Final = StatusImage(f"{GALLERY}/2204gen2containerd/versions/202602.13.0")
ZONES: Final = ("westeurope-1", "westeurope-2")
SIZE: Final = "Standard_D4s_v5"


def home(
    *requirements: Requirement,
    in_place: bool = True,
    not_ready: str = "",
    images: tuple[StatusImage, ...] = (IMAGE,),
    taints: tuple[Taint, ...] = (),
    labels: Mapping[str, str] | None = None,
    **meta: Any,
) -> Home:
    spec = TemplateSpec(requirements, NodeClassRef(name="default"), taints)
    template = Template(TemplateMeta(labels=dict(labels or {})), spec)
    pool = NodePool(metadata=ObjectMeta(name="default", uid="u", **meta), spec=NodePoolSpec(template))
    offer = offer_of(pool, INSTANCE_TYPES.values(), ZONES, SIZE)
    return Home(pool, {"spec": {}}, offer, in_place, not_ready, "hash", images, "1.36.1")


def worker(
    labels: Mapping[str, str] | None = None, provider: str = "kind://docker/kind/w", taints: tuple[Taint, ...] = ()
) -> Node:
    made = node("w", labels={names.PLAYS_NODEPOOL: "default", **(labels or {})}, finalizers=())
    return replace(made, metadata=replace(made.metadata, annotations={}), spec=NodeSpec(provider, taints))


def asked(item: Node, at: Home | None, owner: NodeClaim | None = None, pool: str = "default") -> AdoptionVerdict:
    return judge(Applicant(item, pool, at, owner), NOW)


SMALL = Requirement(names.INSTANCE_TYPE, "In", (SIZE,))
REFUSALS: Final[list[tuple[Node, Home | None, AdoptionReason]]] = [
    (worker({names.CONTROL_PLANE: ""}), home(), AdoptionReason.CONTROL_PLANE),
    (worker({names.MASTER: ""}), home(), AdoptionReason.CONTROL_PLANE),
    (worker(taints=(Taint(names.CONTROL_PLANE, "NoSchedule"),)), home(), AdoptionReason.CONTROL_PLANE),
    (worker(provider="azure:///subscriptions/s/vm"), home(), AdoptionReason.CLOUD_NODE),
    (worker(provider="aws:///eu-west-1a/i-1"), home(), AdoptionReason.CLOUD_NODE),
    (worker(provider="gce://project/zone/vm"), home(), AdoptionReason.CLOUD_NODE),
    (worker(provider="anything://else"), home(), AdoptionReason.CLOUD_NODE),
    (node("w", deleted_at=NOW, labels={}), home(), AdoptionReason.CLOUD_NODE),
    (worker({names.NODEPOOL: "theirs"}), home(), AdoptionReason.OTHER_KARPENTER),
    (worker(), None, AdoptionReason.NODEPOOL_NOT_FOUND),
    (worker(), home(deletion_timestamp=NOW), AdoptionReason.NODEPOOL_DELETING),
    (worker(), home(in_place=False), AdoptionReason.NODEPOOL_NOT_IN_PLACE),
    (worker(), home(not_ready="no images yet"), AdoptionReason.NODECLASS_NOT_READY),
    (worker(), home(images=()), AdoptionReason.NO_IMAGE),
    (worker(), home(Requirement(names.INSTANCE_TYPE, "In", ("Standard_X",))), AdoptionReason.NO_INSTANCE_TYPE),
    (worker(), home(Requirement(names.ZONE, "In", ("mars-1",))), AdoptionReason.NO_INSTANCE_TYPE),
    (worker({names.ARCH: "arm64"}), home(Requirement(names.ARCH, "In", ("amd64",))), AdoptionReason.REQUIREMENTS),
    (worker({names.INSTANCE_TYPE: "k3s"}), home(SMALL), AdoptionReason.REQUIREMENTS),
    (worker({names.ZONE: "rack-7"}), home(Requirement(names.ZONE, "In", ZONES)), AdoptionReason.REQUIREMENTS),
]


@pytest.mark.parametrize(("item", "at", "reason"), REFUSALS)
def test_a_node_is_refused_for_a_reason(item: Node, at: Home | None, reason: AdoptionReason) -> None:
    verdict = asked(item, at)
    assert verdict.reason is reason
    assert verdict.claim is None
    assert verdict.message


@pytest.mark.parametrize("provider", ["", "kind://docker/kind/w", "kwok://w", "k3s://w", "docker:////w"])
def test_nodes_of_local_clusters_are_taken(provider: str) -> None:
    assert asked(worker(provider=provider), home()).adopted


def test_a_node_that_has_a_claim_or_does_not_opt_in_is_left_alone() -> None:
    assert asked(worker(), home(), claim()).reason is AdoptionReason.HAS_NODECLAIM
    assert asked(worker(), home(), pool="").reason is AdoptionReason.NOT_OPTED_IN
    gone = replace(worker(), metadata=replace(worker().metadata, deletion_timestamp=NOW))
    assert asked(gone, home()).reason is AdoptionReason.DELETING


def test_every_reason_but_being_taken_has_a_check_and_what_passes_is_what_time_or_others_end() -> None:
    assert len(CHECKS) == len(AdoptionReason) - 1
    assert AdoptionReason.CONTROL_PLANE not in PASSING
    assert AdoptionReason.NODEPOOL_NOT_FOUND not in PASSING


def test_the_claim_is_named_after_node_and_generation_and_says_what_the_node_says() -> None:
    item = worker({names.ARCH: "arm64", names.ZONE: "rack-7", "other": "x"})
    made = claim_for(item, home(labels={"env": "prod"}), NOW)
    assert made.name == adopted_name("w", 1) == "w-g1"
    labels = made.metadata.labels
    assert (labels[names.ARCH], labels[names.ZONE], labels["env"]) == ("arm64", "rack-7", "prod")
    assert labels[names.INSTANCE_TYPE] == SIZE
    assert labels[names.NODEPOOL] == "default"
    assert "other" not in labels
    assert made.metadata.finalizers == (names.TERMINATION_FINALIZER,)
    assert made == claim_for(item, home(labels={"env": "prod"}), NOW), "a repeated create meets itself"
    adoption = adoption_of(made)
    assert adoption is not None
    assert (adoption.node, adoption.generation, adoption.kubernetes) == ("w", 1, "1.36.1")


def test_names_of_claims_stay_within_what_an_object_may_be_called() -> None:
    assert len(adopted_name("n" * 253, 1234)) <= 253


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("AKSUbuntu-2204gen2containerd-202601.27.0", f"{GALLERY}/2204gen2containerd/versions/202601.27.0"),
        ("AKSUbuntu-2204gen2containerd-", ""),
        ("AKSUbuntu-2404gen2containerd-202601.27.0", ""),
        ("something", ""),
        ("", ""),
    ],
)
def test_the_image_is_what_the_label_says_if_it_is_of_a_definition_of_the_class(label: str, expected: str) -> None:
    item = worker({names.NODE_IMAGE_VERSION: label} if label else {})
    assert image_of(item, (IMAGE,)) == expected
    adoption = adoption_of(claim_for(item, home(), NOW))
    assert adoption is not None
    assert adoption.image == (expected or IMAGE.id), "else the one of its class now"


def test_a_node_drained_for_its_next_claim_gets_the_image_of_its_launch() -> None:
    first = claim_for(worker(), home(), NOW)
    used = patched_node(worker(), dressed(worker(), first, "AKSUbuntu-2204gen2containerd-202601.27.0", {}))
    back = patched_node(used, given_back(used))
    second = claim_for(back, home(), NOW)
    adoption = adoption_of(second)
    assert adoption is not None
    assert (second.name, adoption.generation, adoption.image) == ("w-g2", 2, "")
    assert asked(back, home()).adopted


def test_what_napsim_wrote_on_a_node_does_not_bind_its_next_claim() -> None:
    """The pool asked for one size and now asks for another: the Node never said what size it is."""
    first = claim_for(worker(), home(SMALL), NOW)
    used = patched_node(worker(), dressed(worker(), first, "x", {}))
    larger = home(Requirement(names.INSTANCE_TYPE, "In", ("Standard_D8s_v5",)))
    assert hindrances(used, larger) == ()
    second = claim_for(used, larger, NOW)
    assert second.metadata.labels[names.INSTANCE_TYPE] == "Standard_D8s_v5"
    assert not unmet(second.metadata.labels, requirements_of(larger.pool.spec.template.spec.requirements))


def test_taints_that_would_end_pods_are_left_out_at_first_and_that_is_said() -> None:
    remarks = asked(worker(), home(taints=(Taint("a", "NoExecute"), Taint("b", "NoSchedule")))).remarks
    assert remarks == ("taint a:NoExecute is left out until its first replacement",)
