"""Drift of a NodeClaim: the checks in their order, what they skip, and condition Drifted."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from napsim.api import names
from napsim.core.definitions import DEFINITIONS, sig_image_id
from napsim.core.drift import (
    ConditionEdit,
    DriftReason,
    DriftVerdict,
    InstanceTypes,
    Offering,
    PoolView,
    ProviderView,
    drift_condition,
    drift_of,
)
from napsim.core.hashes import aksnodeclass_hash, nodepool_hash
from napsim.core.nodeclasses import NodeClassState, StatusImage
from napsim.core.objects import (
    Condition,
    Node,
    NodeClaim,
    NodeClaimSpec,
    NodeClaimStatus,
    NodeClassRef,
    NodeInfo,
    NodeStatus,
    ObjectMeta,
    Requirement,
)
from napsim.core.requirements import requirements_of

NOW = datetime(2025, 1, 8, 12, tzinfo=UTC)
HOUR, MINUTE, TICK = timedelta(hours=1), timedelta(minutes=1), timedelta(microseconds=1)
OLD, NEW = (
    "/gallery/images/2204gen2containerd/versions/202501.02.0",
    "/gallery/images/2204gen2containerd/versions/202503.02.0",
)
LABELS = {
    names.NODEPOOL: "default",
    names.INSTANCE_TYPE: "Standard_D4s_v5",
    names.ZONE: "westeurope-1",
    names.CAPACITY_TYPE: "on-demand",
    names.OS: "linux",
    "test-label": "5",
}
HASHES = {
    names.NODEPOOL_HASH: "pool-1",
    names.NODEPOOL_HASH_VERSION: "v3",
    names.AKSNODECLASS_HASH: "class-1",
    names.AKSNODECLASS_HASH_VERSION: "v3",
}
REFERENCE = NodeClassRef(names.AZURE_GROUP, "AKSNodeClass", "default")
LAUNCHED = Condition(names.LAUNCHED, "True", names.LAUNCHED)
DRIFTED = Condition(names.DRIFTED, "True", "ImageDrift", "ImageDrift", NOW - 5 * HOUR)
POOL = PoolView("default", {}, "pool-1", "v3")
NODE_CLASS = NodeClassState(
    name="default",
    generation=1,
    images=(StatusImage(OLD), StatusImage("/gallery/images/2204containerd/versions/202501.02.0")),
    kubernetes_version="1.33.2",
    conditions=(
        Condition(names.KUBERNETES_VERSION_READY, "True", "", "", NOW, 1),
        Condition(names.IMAGES_READY, "True", "", "", NOW, 1),
    ),
    hash="class-1",
    hash_version="v3",
)


def claim(
    conditions: tuple[Condition, ...] = (LAUNCHED,),
    labels: Mapping[str, str] = LABELS,
    annotations: Mapping[str, str] = HASHES,
    provider_id: str = "azure:///default-x1",
    image_id: str = OLD,
    node_name: str = "aks-default-x1",
    reference: NodeClassRef = REFERENCE,
    deleted_at: datetime | None = None,
) -> NodeClaim:
    return NodeClaim(
        metadata=ObjectMeta(
            name="default-x1",
            generation=1,
            labels=dict(labels),
            annotations=dict(annotations),
            deletion_timestamp=deleted_at,
        ),
        spec=NodeClaimSpec(node_class_ref=reference),
        status=NodeClaimStatus(conditions=conditions, node_name=node_name, provider_id=provider_id, image_id=image_id),
    )


def node(kubelet: str = "v1.33.2", name: str = "aks-default-x1", deleted_at: datetime | None = None) -> Node:
    meta = ObjectMeta(name=name, deletion_timestamp=deleted_at)
    return Node(metadata=meta, status=NodeStatus(node_info=NodeInfo(kubelet_version=kubelet)))


@dataclass(frozen=True)
class Case:
    """A claim that has not drifted, unless a test changes something about it."""

    claim: NodeClaim = field(default_factory=claim)
    pool: PoolView | None = POOL
    node_class: NodeClassState | None = NODE_CLASS
    nodes: Collection[Node] = (node(),)
    instance_types: InstanceTypes | None = None

    def verdict(self, now: datetime = NOW) -> DriftVerdict:
        return drift_of(self.claim, self.pool, self.node_class, self.nodes, self.instance_types, now)


def not_ready(type_: str, status: str = "False") -> NodeClassState:
    changed = Condition(type_, status, "Test", "test", NOW, 1)
    others = tuple(condition for condition in NODE_CLASS.conditions if condition.type != type_)
    return replace(NODE_CLASS, conditions=(*others, changed))


def without(key: str) -> dict[str, str]:
    return {name: value for name, value in HASHES.items() if name != key}


# --- hashes and requirements ----------------------------------------------------------------------------------------


SPEC = {
    "nodeClassRef": {"group": names.AZURE_GROUP, "kind": "AKSNodeClass", "name": "default"},
    "startupTaints": [{"key": "example.com/startup", "effect": "NoSchedule"}],
    "terminationGracePeriod": "1h",
    "expireAfter": "720h",
}
TEMPLATE: Mapping[str, object] = {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "a"}}, "spec": SPEC}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param(
            {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}}, "NodePoolDrifted", id="karpenter:D22"
        ),
        pytest.param(
            {"metadata": {"labels": {"team": "b"}, "annotations": {"note": "a"}}}, "NodePoolDrifted", id="karpenter:D23"
        ),
        pytest.param({"spec": SPEC | {"startupTaints": []}}, "NodePoolDrifted", id="karpenter:D25"),
        pytest.param(
            {"spec": SPEC | {"nodeClassRef": {"group": names.AZURE_GROUP, "kind": "AKSNodeClass", "name": "b"}}},
            "NodePoolDrifted",
            id="karpenter:D26",
        ),
        pytest.param({"spec": SPEC | {"expireAfter": "Never"}}, "NodePoolDrifted", id="karpenter:D27"),
        pytest.param({"spec": SPEC | {"terminationGracePeriod": "2h"}}, "NodePoolDrifted", id="karpenter:D28"),
        pytest.param({"spec": SPEC | {"requirements": [{"key": "a", "operator": "Exists"}]}}, "", id="requirements"),
        pytest.param({}, "", id="nothing"),
    ],
)
def test_a_change_of_the_template_is_drift_unless_it_is_of_the_requirements(
    changed: Mapping[str, object], reason: str
) -> None:
    held = claim(annotations=HASHES | {names.NODEPOOL_HASH: nodepool_hash(TEMPLATE)})
    pool = replace(POOL, hash=nodepool_hash({**TEMPLATE, **changed}))
    assert Case(held, pool).verdict().reason == reason


CLASS_SPEC: Mapping[str, object] = {"imageFamily": "Ubuntu2204", "osDiskSizeGB": 128, "tags": {"a": "b"}}


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"vnetSubnetID": "/subscriptions/s/other"}, "NodeClassDrift", id="nap:D15"),
        pytest.param({"imageFamily": "AzureLinux"}, "NodeClassDrift", id="nap:D16"),
        pytest.param({"osDiskSizeGB": 256}, "NodeClassDrift", id="nap:X2"),
        pytest.param({"tags": {"a": "c"}}, "", id="nap:H8"),
    ],
)
def test_a_change_of_the_node_class_is_drift_unless_it_is_of_the_tags(
    changed: Mapping[str, object], reason: str
) -> None:
    held = claim(annotations=HASHES | {names.AKSNODECLASS_HASH: aksnodeclass_hash(CLASS_SPEC)})
    node_class = replace(NODE_CLASS, generation=2, hash=aksnodeclass_hash({**CLASS_SPEC, **changed}))
    assert Case(held, node_class=node_class).verdict().reason == reason


def test_the_message_names_both_hashes() -> None:
    verdict = Case(pool=replace(POOL, hash="pool-2")).verdict()
    assert verdict.message == "the template of NodePool default changed: hash pool-2, the claim has pool-1"


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(pool=replace(POOL, hash=None)), id="karpenter:D29"),
        pytest.param(Case(claim(annotations=without(names.NODEPOOL_HASH))), id="karpenter:D30"),
        pytest.param(Case(pool=replace(POOL, hash="pool-2", hash_version=None)), id="no version on the NodePool"),
        pytest.param(
            Case(claim(annotations=without(names.NODEPOOL_HASH_VERSION)), replace(POOL, hash="pool-2")),
            id="karpenter:D32",
        ),
        pytest.param(Case(pool=replace(POOL, hash="pool-2", hash_version="v4")), id="versions differ"),
        pytest.param(Case(node_class=replace(NODE_CLASS, hash=None)), id="no hash on the AKSNodeClass"),
        pytest.param(Case(node_class=replace(NODE_CLASS, hash="c", hash_version="v4")), id="class versions differ"),
        pytest.param(
            Case(claim(annotations=without(names.AKSNODECLASS_HASH)), node_class=replace(NODE_CLASS, hash="c")),
            id="no class hash on the claim",
        ),
    ],
)
def test_hashes_that_cannot_be_compared_are_no_drift(case: Case) -> None:
    verdict = case.verdict()
    assert verdict.reason is DriftReason.NONE
    assert len(verdict.skipped) == 1


@pytest.mark.parametrize(
    ("requirements", "drifted"),
    [
        pytest.param([Requirement(names.CAPACITY_TYPE, "In", ("spot",))], True, id="karpenter:D13"),
        pytest.param([Requirement(names.OS, "In", ("windows",))], True, id="karpenter:D15"),
        pytest.param([Requirement(names.OS, "In", ("linux", "windows"))], False, id="karpenter:D16"),
        pytest.param([Requirement(names.OS, "Exists")], False, id="karpenter:D17"),
        pytest.param([Requirement("test-label", "Gt", ("10",))], True, id="karpenter:D19"),
        pytest.param([Requirement("test-label", "Gt", ("2",))], False, id="before karpenter:D19"),
        pytest.param([Requirement("test-label", "Lt", ("1",))], True, id="karpenter:D20"),
        pytest.param([Requirement("test-label", "Lt", ("6",))], False, id="before karpenter:D20"),
        pytest.param([Requirement("other", "Exists")], True, id="a label that the claim has not"),
    ],
)
def test_requirements_are_compared_with_the_labels_of_the_claim(requirements: list[Requirement], drifted: bool) -> None:
    verdict = Case(pool=replace(POOL, requirements=requirements_of(requirements))).verdict()
    assert verdict.reason is (DriftReason.REQUIREMENTS_DRIFTED if drifted else DriftReason.NONE)


@pytest.mark.parametrize(("os", "drifted"), [("linux", False), ("windows", True)], ids=["karpenter:D21"] * 2)
def test_only_the_claim_that_lost_its_value_has_drifted(os: str, drifted: bool) -> None:
    pool = replace(POOL, requirements=requirements_of([Requirement(names.OS, "In", ("linux",))]))
    assert Case(claim(labels=LABELS | {names.OS: os}), pool).verdict().drifted is drifted


# --- the instance type ----------------------------------------------------------------------------------------------

TYPE = "Standard_D4s_v5"
HERE = Offering("westeurope-1", "on-demand")
RESERVED = LABELS | {names.CAPACITY_TYPE: "reserved"}
UNLABELLED = {key: value for key, value in LABELS.items() if key != names.INSTANCE_TYPE}


@pytest.mark.parametrize(
    ("labels", "offerings", "drifted"),
    [
        pytest.param(UNLABELLED, {TYPE: [HERE]}, True, id="karpenter:D03"),
        pytest.param(LABELS, {}, True, id="karpenter:D04"),
        pytest.param(LABELS, {TYPE: []}, True, id="karpenter:D05"),
        pytest.param(LABELS, {TYPE: [Offering("westeurope-2", "on-demand")]}, True, id="karpenter:D06"),
        pytest.param(LABELS, {TYPE: [Offering("westeurope-1", "spot")]}, True, id="another capacity type"),
        pytest.param(LABELS, {TYPE: [HERE]}, False, id="still offered"),
        pytest.param(RESERVED, {TYPE: [Offering("westeurope-1", "reserved"), HERE]}, False, id="karpenter:D33"),
        pytest.param(RESERVED, {TYPE: [HERE]}, False, id="karpenter:D35"),
        pytest.param(RESERVED, {TYPE: []}, True, id="karpenter:D37"),
    ],
)
def test_a_claim_whose_instance_type_is_not_to_be_had_any_more_has_drifted(
    labels: Mapping[str, str], offerings: Mapping[str, Collection[Offering]], drifted: bool
) -> None:
    verdict = Case(claim(labels=labels), instance_types=InstanceTypes(offerings, NOW - 2 * HOUR)).verdict()
    assert verdict.reason is (DriftReason.INSTANCE_TYPE_NOT_FOUND if drifted else DriftReason.NONE)
    assert verdict.instance_type_found_at == (None if drifted else NOW)


@pytest.mark.parametrize(
    ("known", "wake_at"),
    [
        pytest.param(InstanceTypes({}, NOW - HOUR), NOW + TICK, id="not older than an hour"),
        pytest.param(InstanceTypes({}, NOW - 40 * MINUTE), NOW + 20 * MINUTE + TICK, id="younger"),
        pytest.param(InstanceTypes({}, NOW - 2 * HOUR, NOW - 10 * MINUTE), NOW + 20 * MINUTE, id="found lately"),
    ],
)
def test_a_young_claim_or_one_whose_type_was_found_lately_is_asked_later(
    known: InstanceTypes, wake_at: datetime
) -> None:
    case = Case(instance_types=known)
    assert (case.verdict().reason, case.verdict().wake_at) == (DriftReason.NONE, wake_at)
    assert case.verdict(wake_at - TICK).reason is DriftReason.NONE
    assert case.verdict(wake_at).reason is DriftReason.INSTANCE_TYPE_NOT_FOUND


# --- the provider ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        pytest.param(Case(), DriftReason.NONE, id="nap:D3"),
        pytest.param(Case(claim(image_id=NEW)), DriftReason.IMAGE_DRIFT, id="newer than the status drifts too"),
        pytest.param(
            Case(node_class=replace(NODE_CLASS, images=(StatusImage(NEW),))), DriftReason.IMAGE_DRIFT, id="nap:D8"
        ),
        pytest.param(
            Case(node_class=replace(NODE_CLASS, kubernetes_version="1.34.0")),
            DriftReason.K8S_VERSION_DRIFT,
            id="nap:D12",
        ),
        pytest.param(Case(nodes=(node("v1.33.3"),)), DriftReason.K8S_VERSION_DRIFT, id="nap:X16"),
        pytest.param(
            Case(node_class=replace(NODE_CLASS, kubernetes_version="1.33.3", images=(StatusImage(NEW),))),
            DriftReason.K8S_VERSION_DRIFT,
            id="nap:X1",
        ),
        pytest.param(Case(claim(image_id=OLD)), DriftReason.NONE, id="nap:X13"),
    ],
)
def test_the_provider_marks_a_claim_with_its_first_reason(case: Case, reason: DriftReason) -> None:
    verdict = case.verdict()
    assert (verdict.reason, verdict.error) == (reason, "")
    assert bool(verdict.message) is verdict.drifted


DELETED = datetime(2025, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(claim(image_id=NEW), node_class=None), id="nap:D1"),
        pytest.param(
            Case(claim(image_id=NEW), node_class=replace(NODE_CLASS, deleting=True)), id="nap:D1 still being deleted"
        ),
        pytest.param(Case(claim(image_id=NEW), node_class=not_ready(names.IMAGES_READY)), id="nap:D5"),
        pytest.param(Case(claim(image_id=NEW), node_class=not_ready(names.IMAGES_READY, "Unknown")), id="Unknown"),
        pytest.param(Case(nodes=(node("v1.1.1"),), node_class=not_ready(names.KUBERNETES_VERSION_READY)), id="nap:D9"),
        pytest.param(
            Case(nodes=(node("v1.1.1"),), node_class=replace(NODE_CLASS, kubernetes_version="")), id="no version"
        ),
        pytest.param(Case(claim(node_name=""), nodes=(node("v1.1.1"),)), id="nap:D11a"),
        pytest.param(Case(nodes=()), id="nap:D11b"),
        pytest.param(Case(nodes=(node("v1.1.1", deleted_at=DELETED),)), id="a node that is being deleted"),
        pytest.param(
            Case(claim(image_id=NEW, reference=NodeClassRef()), node_class=NODE_CLASS), id="without a nodeClassRef"
        ),
        pytest.param(
            Case(claim(image_id=NEW), nodes=(node("v1.1.1"),), node_class=replace(NODE_CLASS, generation=2)),
            id="stale conditions",
        ),
    ],
)
def test_what_cannot_be_compared_is_no_drift_and_no_error(case: Case) -> None:
    verdict = case.verdict()
    assert (verdict.reason, verdict.error, verdict.ignored) == (DriftReason.NONE, "", "")
    assert verdict.skipped
    assert drift_condition(claim((LAUNCHED, DRIFTED)), verdict, NOW) is ConditionEdit.REMOVE


@pytest.mark.parametrize(
    ("case", "error"),
    [
        pytest.param(Case(claim(provider_id="")), "NodeClaim default-x1 has no status.providerID", id="nap:D4"),
        pytest.param(Case(claim(image_id="")), "no image ID found in nodeClaim status", id="no image id"),
        pytest.param(
            Case(node_class=replace(NODE_CLASS, images=())),
            "no images exist for the given constraints",
            id="no images",
        ),
        pytest.param(
            Case(claim(image_id=NEW), nodes=(node(), node(name="aks-default-x0"))),
            "more than one Node for NodeClaim default-x1: aks-default-x0, aks-default-x1",
            id="duplicate nodes",
        ),
    ],
)
def test_an_error_of_the_provider_leaves_the_condition_as_it_is(case: Case, error: str) -> None:
    verdict = case.verdict()
    assert (verdict.reason, verdict.error) == (DriftReason.NONE, error)
    assert drift_condition(claim((LAUNCHED, DRIFTED)), verdict, NOW) is ConditionEdit.UNCHANGED


@pytest.mark.parametrize(
    ("case", "why"),
    [
        pytest.param(Case(pool=None), "NodePool default does not exist", id="nap:D2"),
        pytest.param(Case(claim(labels={})), "the claim has no label karpenter.sh/nodepool", id="no label"),
        pytest.param(Case(claim(deleted_at=DELETED)), "the claim is being deleted", id="being deleted"),
        pytest.param(
            Case(claim(reference=NodeClassRef("karpenter.k8s.aws", "EC2NodeClass", "default"))),
            "EC2NodeClass.karpenter.k8s.aws is not managed here",
            id="not ours",
        ),
    ],
)
def test_a_claim_that_is_not_looked_at_keeps_its_condition(case: Case, why: str) -> None:
    verdict = case.verdict()
    assert (verdict.reason, verdict.error, verdict.ignored, verdict.requeue) == (DriftReason.NONE, "", why, None)
    assert drift_condition(claim((LAUNCHED, DRIFTED)), verdict, NOW) is ConditionEdit.UNCHANGED


# --- what only Azure knows ------------------------------------------------------------------------------------------

MACHINE = "/subscriptions/s/machines/m1"
SIG_OLD, SIG_NEW = (
    sig_image_id(DEFINITIONS["2204gen2containerd"], version, "s") for version in ("202501.02.0", "202503.02.0")
)
ON_MACHINE = claim(
    annotations=HASHES | {names.AKS_MACHINE: MACHINE}, image_id="AKSUbuntu-2204gen2containerd-202501.02.0"
)
SHARED = replace(NODE_CLASS, images=(StatusImage(OLD), StatusImage(SIG_OLD)))


def node_with_identity(identity: str) -> Node:
    labels = {names.KUBELET_IDENTITY: identity} if identity else {}
    return Node(metadata=ObjectMeta(name="aks-default-x1", labels=labels), status=node().status)


@pytest.mark.parametrize(
    ("identity", "wanted", "reason"),
    [
        pytest.param("a", "b", "KubeletIdentityDrift", id="nap:D14"),
        pytest.param("a", "a", "", id="the-same"),
        pytest.param("", "b", "", id="without-the-label"),
        pytest.param("a", "", "", id="not-known"),
    ],
)
def test_another_kubelet_identity_is_drift_of_a_vm_node(identity: str, wanted: str, reason: str) -> None:
    provider = ProviderView(kubelet_identity=wanted)
    nodes = (node_with_identity(identity),)
    assert drift_of(claim(), POOL, NODE_CLASS, nodes, None, NOW, provider).reason == reason
    assert drift_of(ON_MACHINE, POOL, SHARED, nodes, None, NOW, provider).reason == ""


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        pytest.param("Recreate", "ClusterConfigDrift", id="nap:D17"),
        pytest.param("Reboot", "ClusterConfigDrift", id="nap:D17-unknown"),
        pytest.param("Synced", "", id="in-step"),
        pytest.param("None", "", id="none"),
        pytest.param("", "", id="empty"),
    ],
)
def test_an_aks_machine_with_anything_to_do_has_drifted(action: str, reason: str) -> None:
    found = drift_of(ON_MACHINE, POOL, SHARED, (node(),), None, NOW, ProviderView(machine_actions={MACHINE: action}))
    assert (found.reason, found.error) == (reason, "")


def test_an_aks_machine_that_is_not_there_is_an_error_and_one_that_nobody_knows_is_left_out() -> None:
    found = drift_of(ON_MACHINE, POOL, SHARED, (node(),), None, NOW, ProviderView(machine_actions={}))
    assert (found.reason, found.error) == ("", f"AKS machine {MACHINE} not found")
    unknown = Case(ON_MACHINE, node_class=SHARED).verdict()
    assert (unknown.reason, unknown.skipped) == (
        "",
        (f"ClusterConfigDrift: the drift action of {MACHINE} is not known",),
    )


def test_an_aks_machine_s_image_is_compared_in_its_own_form_before_the_machine_itself() -> None:
    moved = replace(SHARED, images=(StatusImage(SIG_NEW),))
    found = drift_of(ON_MACHINE, POOL, moved, (node(),), None, NOW, ProviderView(machine_actions={MACHINE: "Recreate"}))
    assert found.reason is DriftReason.IMAGE_DRIFT
    assert Case(ON_MACHINE, node_class=replace(SHARED, images=(StatusImage(OLD),))).verdict().drifted
    assert Case(claim(image_id=SIG_OLD), node_class=SHARED).verdict().reason is DriftReason.NONE


# --- the order ------------------------------------------------------------------------------------------------------


def drifted_in_everything() -> Case:
    return Case(
        claim=claim(image_id=NEW),
        pool=replace(POOL, hash="p", requirements=requirements_of([Requirement(names.OS, "In", ("windows",))])),
        node_class=replace(NODE_CLASS, hash="c"),
        nodes=(node("v1.1.1"),),
        instance_types=InstanceTypes({}, NOW - 2 * HOUR),
    )


def test_the_first_reason_in_the_order_of_karpenter_and_then_of_the_provider_wins() -> None:
    case = drifted_in_everything()
    found = [case.verdict().reason]
    for mended in (
        {"pool": replace(POOL, requirements=case.pool.requirements if case.pool else {})},
        {"pool": POOL},
        {"instance_types": None},
        {"node_class": NODE_CLASS},
        {"nodes": (node(),)},
        {"claim": claim()},
    ):
        case = dataclasses.replace(case, **mended)
        found.append(case.verdict().reason)
    assert found == [
        DriftReason.NODE_POOL_DRIFTED,
        DriftReason.REQUIREMENTS_DRIFTED,
        DriftReason.INSTANCE_TYPE_NOT_FOUND,
        DriftReason.NODE_CLASS_DRIFT,
        DriftReason.K8S_VERSION_DRIFT,
        DriftReason.IMAGE_DRIFT,
        DriftReason.NONE,
    ]


@pytest.mark.parametrize("case", [pytest.param(drifted_in_everything(), id="karpenter:D07")])
def test_the_pool_comes_before_the_provider_even_if_that_would_fail(case: Case) -> None:
    assert dataclasses.replace(case, claim=claim(provider_id="")).verdict().reason is DriftReason.NODE_POOL_DRIFTED


# --- the condition --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "launched",
    [
        pytest.param((Condition(names.LAUNCHED, "Unknown"),), id="karpenter:D09"),
        pytest.param((Condition(names.LAUNCHED, "False"),), id="karpenter:D10"),
        pytest.param((), id="no condition at all"),
    ],
)
def test_a_claim_that_is_not_launched_loses_the_condition(launched: tuple[Condition, ...]) -> None:
    case = dataclasses.replace(drifted_in_everything(), claim=claim((*launched, DRIFTED), image_id=NEW))
    verdict = case.verdict()
    assert (verdict.reason, verdict.requeue, verdict.wake_at) == (DriftReason.NONE, None, None)
    assert drift_condition(case.claim, verdict, NOW) is ConditionEdit.REMOVE


@pytest.mark.parametrize(
    ("before", "reason", "expected"),
    [
        pytest.param((), DriftReason.IMAGE_DRIFT, ("ImageDrift", NOW), id="karpenter:D01"),
        pytest.param((DRIFTED,), DriftReason.IMAGE_DRIFT, ConditionEdit.UNCHANGED, id="as it is"),
        pytest.param((DRIFTED,), DriftReason.NODE_CLASS_DRIFT, ("NodeClassDrift", NOW - 5 * HOUR), id="another reason"),
        pytest.param(
            (Condition(names.DRIFTED, "False", "x", "x", NOW - HOUR),),
            DriftReason.IMAGE_DRIFT,
            ("ImageDrift", NOW),
            id="the status changes",
        ),
        pytest.param((DRIFTED,), DriftReason.NONE, ConditionEdit.REMOVE, id="karpenter:D12"),
        pytest.param((), DriftReason.NONE, ConditionEdit.UNCHANGED, id="never drifted"),
    ],
)
def test_the_age_of_the_condition_moves_only_with_its_status(
    before: tuple[Condition, ...], reason: DriftReason, expected: tuple[str, datetime] | ConditionEdit
) -> None:
    stamped = tuple(
        Condition(old.type, old.status, old.reason, old.message, old.last_transition_time, 1) for old in before
    )
    edit = drift_condition(claim((LAUNCHED, *stamped)), DriftVerdict(reason=reason), NOW)
    if isinstance(expected, ConditionEdit):
        assert edit is expected
    else:
        assert edit == Condition(names.DRIFTED, "True", expected[0], expected[0], expected[1], 1)


def test_a_launched_claim_is_looked_at_again_after_five_minutes() -> None:
    assert Case().verdict().requeue == NOW + 5 * MINUTE


@given(st.integers(0, 180), st.none() | st.integers(0, 60), st.booleans(), st.integers(1, 240))
def test_the_answer_does_not_change_before_wake_at_which_is_never_past(
    age: int, found: int | None, offered: bool, later: int
) -> None:
    found_at = None if found is None else NOW - found * MINUTE
    known = InstanceTypes({TYPE: [HERE]} if offered else {}, NOW - age * MINUTE, found_at)
    first = Case(instance_types=known).verdict()
    assert first.wake_at is None or first.wake_at > NOW
    at = NOW + later * MINUTE
    assume(first.wake_at is None or at < first.wake_at)
    trusted = replace(known, found_at=first.instance_type_found_at or found_at)
    assert Case(instance_types=trusted).verdict(at).reason is first.reason
