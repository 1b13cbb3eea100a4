"""What people have applied, as values that decisions take."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.declared import Declared, node_image_version
from napsim.controllers.settings import Settings
from napsim.core.budgets import Budget
from napsim.core.daemons import daemon_of
from napsim.core.hashes import aksnodeclass_hash, nodepool_hash
from napsim.core.objects import NodeClassRef
from napsim.core.podshapes import PodShapes
from tests.core.examples import NOW, claim, pod

REFERENCE = {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"}


def meta(name: str, version: int = 1, **more: Any) -> dict[str, Any]:
    return {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version), "generation": 1, **more}


def pool(
    name: str = "default", version: int = 1, budgets: list[dict[str, Any]] | None = None, **spec: Any
) -> dict[str, Any]:
    disruption = {"consolidateAfter": "0s", **({} if budgets is None else {"budgets": budgets})}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": meta(name, version),
        "spec": {
            "disruption": disruption,
            "template": {"spec": {"requirements": [], "nodeClassRef": REFERENCE}},
            **spec,
        },
    }


def node_class(
    name: str = "default", version: int = 1, status: dict[str, Any] | None = None, **spec: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "karpenter.azure.com/v1beta1",
        "kind": "AKSNodeClass",
        "metadata": meta(name, version),
        "spec": spec,
        "status": status or {},
    }


def image(name: str = "i", version: int = 1, status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    wanted = {"osSKU": "Ubuntu2204", "definition": "2204gen2containerd", "version": "202601.05.0", **spec}
    return {
        "apiVersion": "napsim.dev/v1alpha1",
        "kind": "NodeImage",
        "metadata": meta(name, version),
        "spec": wanted,
        "status": status or {},
    }


def nap(version: int = 1, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "napsim.dev/v1alpha1",
        "kind": "NodeAutoProvisioning",
        "metadata": meta("default", version),
        "spec": spec,
    }


READY = {"conditions": [{"type": "Ready", "status": "True"}]}


def taking(*manifests: dict[str, Any]) -> Declared:
    declared = Declared()
    for manifest in manifests:
        assert declared.take(manifest, NOW), declared.problems
    return declared


def test_a_pool_is_ready_for_decisions() -> None:
    entry = taking(pool(budgets=[{"nodes": "1", "reasons": ["Drifted"]}])).pools["default"]
    assert entry.budgets == (Budget("1", reasons=frozenset({"Drifted"})),)
    assert entry.hash == nodepool_hash(entry.template)
    assert entry.view.name == "default"
    assert taking(pool()).pools["default"].budgets == (Budget("10%"),)


def test_a_class_is_ready_for_decisions_with_what_its_status_says() -> None:
    status = {**READY, "kubernetesVersion": "1.33.0", "images": [{"id": "/g/images/d/versions/1", "requirements": []}]}
    entry = taking(node_class(status=status, imageFamily="Ubuntu2404", maxPods=30, osDiskSizeGB=64)).node_classes[
        "default"
    ]
    assert entry.ready
    assert (entry.max_pods, entry.os_disk_gb, entry.state.selection.image_family) == (30, 64, "Ubuntu2404")
    assert [item.id for item in entry.state.images] == ["/g/images/d/versions/1"]
    assert entry.hash == aksnodeclass_hash({"imageFamily": "Ubuntu2404", "maxPods": 30, "osDiskSizeGB": 64})
    assert entry.node_labels()[names.OS_SKU] == "Ubuntu"
    assert not {names.FIPS_ENABLED, names.ARTIFACT_STREAMING} & entry.node_labels().keys()
    assert not taking(node_class()).node_classes["default"].ready


def test_nodes_of_a_class_say_what_is_special_about_them() -> None:
    special: dict[str, Any] = {"fipsMode": "FIPS", "imageFamily": "AzureLinux", "artifactStreaming": {"enabled": True}}
    labels = taking(node_class(**special)).node_classes["default"].node_labels()
    assert (labels[names.FIPS_ENABLED], labels[names.ARTIFACT_STREAMING]) == ("true", "true")
    assert labels[names.OS_SKU_EFFECTIVE] == "AzureLinux2", "of a Kubernetes version that is not known yet"


@pytest.mark.parametrize(
    ("spec", "status", "expected"),
    [
        ({"publishedAt": "2026-01-06T00:00:00Z"}, {}, "2026-01-06T00:00:00Z"),
        ({}, {"publishedAt": "2026-01-07T00:00:00Z"}, "2026-01-07T00:00:00Z"),
        ({}, {"publishedAt": "2099-01-07T00:00:00Z"}, NOW.isoformat()),
        ({"publishedAt": "2099-01-07T00:00:00Z"}, {}, "2099-01-07T00:00:00Z"),
        ({}, {}, NOW.isoformat()),
    ],
    ids=["as-written", "as-first-seen-before", "as-seen-before-the-clock-was-set", "as-written-to-come", "as-seen-now"],
)
def test_an_image_without_a_date_is_published_when_it_is_first_seen(
    spec: dict[str, str], status: dict[str, str], expected: str
) -> None:
    written = image(status=status)
    written["spec"] |= spec
    declared = taking(written)
    assert declared.images["i"]["spec"]["publishedAt"] == expected
    assert node_image_version(declared.images["i"]) == "AKSUbuntu-2204gen2containerd-202601.05.0"


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (pool(budgets=[{"nodes": "ten"}]), "budgets[0].nodes"),
        (pool(replicas=-1), "replicas"),
        (node_class(maxPods="x"), "maxPods"),
        (image(publishedAt="yesterday"), "publishedAt"),
        (nap(seed="x"), "seed"),
    ],
    ids=["NodePool", "static NodePool", "AKSNodeClass", "NodeImage", "NodeAutoProvisioning"],
)
def test_what_cannot_be_used_is_reported_by_field(bad: dict[str, Any], says: str) -> None:
    declared = Declared()
    assert not declared.take(bad, NOW)
    assert says in "; ".join(declared.problems[bad["kind"], bad["metadata"]["name"]])


def test_the_last_good_state_stands_and_a_good_one_ends_the_trouble() -> None:
    declared = taking(pool(budgets=[{"nodes": "1"}]))
    assert not declared.take(pool(version=2, budgets=[{"nodes": "ten"}]), NOW)
    assert declared.pools["default"].budgets == (Budget("1"),)
    assert declared.take(pool(version=3, budgets=[{"nodes": "2"}]), NOW)
    assert declared.problems == {}
    assert declared.pools["default"].budgets == (Budget("2"),)


@pytest.mark.parametrize(
    ("change", "news"),
    [
        ({}, False),
        ({"resourceVersion": "3", "generation": 2}, True),
        ({"resourceVersion": "3", "annotations": {"a": "1"}}, True),
        ({"resourceVersion": "3", "labels": {"a": "1"}}, True),
        ({"resourceVersion": "3", "deletionTimestamp": "2026-03-02T09:00:00Z"}, True),
        ({"resourceVersion": "3"}, False),
        ({"resourceVersion": "1", "generation": 0}, False),
        ({"resourceVersion": "1", "uid": "another"}, True),
    ],
    ids=["echo", "spec", "annotation", "label", "deletion", "status-alone", "older", "made-anew"],
)
def test_what_is_news(change: dict[str, Any], news: bool) -> None:
    declared = taking(pool(version=2))
    seen = pool(version=2)
    seen["metadata"] |= change
    assert declared.is_news(seen) is news


def test_a_status_of_a_class_is_news_but_that_of_a_pool_is_only_noted() -> None:
    declared = taking(pool(), node_class())
    assert declared.is_news(node_class(version=2, status=READY))
    written = {**pool(version=2), "status": {"nodes": 3}}
    assert not declared.is_news(written)
    known = declared.manifest("NodePool", "default")
    assert known is not None
    assert known["status"] == {"nodes": 3}
    assert known["metadata"]["resourceVersion"] == "2"


def test_what_is_not_known_is_news() -> None:
    assert Declared().is_news(pool())
    assert Declared().manifest("NodeImage", "i") is None


def test_what_is_dropped_is_forgotten() -> None:
    declared = taking(pool(), node_class(), image(), nap(seed=7))
    for manifest in (pool(), node_class(), image(), nap()):
        declared.drop(manifest["kind"], manifest["metadata"]["name"])
    assert (declared.pools, declared.node_classes, declared.images, declared.nap) == ({}, {}, {}, None)
    assert declared.settings == Settings()
    declared.drop("NodePool", "never-there")


def test_only_dynamic_pools_of_ready_classes_are_offered_the_heaviest_first() -> None:
    declared = taking(
        node_class(status=READY),
        pool("light", weight=1),
        pool("heavy", weight=50),
        pool("plain"),
        pool("static", replicas=1),
    )
    templates = declared.templates(())
    assert [template.name for template in templates] == ["heavy", "light", "plain"]
    assert {template.preferred for template in templates} == {"Standard_D4s_v5"}
    assert declared.take(node_class(version=2), NOW + timedelta(seconds=1))
    assert declared.templates(()) == ()


def test_a_pool_that_is_deleted_or_says_a_taint_twice_is_not_offered() -> None:
    taint = {"key": "gpu", "effect": "NoSchedule"}
    twice = {"spec": {"requirements": [], "nodeClassRef": REFERENCE, "taints": [taint], "startupTaints": [taint]}}
    leaving = pool("leaving")
    leaving["metadata"]["deletionTimestamp"] = "2026-03-02T08:00:00Z"
    declared = taking(node_class(status=READY), pool("plain"), pool("wrong", template=twice), leaving)
    assert [template.name for template in declared.templates(())] == ["plain"]
    (fault,) = declared.pools["wrong"].faults
    assert fault.startswith("spec.template.spec.startupTaints[0]: duplicate taint Key/Effect pair gpu=NoSchedule")


def test_what_can_be_launched_is_kept_until_a_pool_a_class_the_settings_or_a_daemon_set_change() -> None:
    declared = taking(node_class(status=READY), pool("a"), pool("b"))
    daemons = (daemon_of(pod(requests={"cpu": "1"}), PodShapes()),)
    first = declared.templates(daemons)
    assert declared.templates(daemons) is first

    assert declared.take(pool("a", version=2, weight=3), NOW)
    second = declared.templates(daemons)
    assert [template.name for template in second] == ["a", "b"]
    assert second[1] is first[0], "only what has changed is made anew"

    assert declared.take(nap(nodeProvider={"zones": ["1"]}), NOW)
    (zone,) = {item.zone for item in declared.templates(daemons)[0].options[0].offerings}
    assert zone == "westeurope-1"
    free = [template.options[0].free["cpu"] for template in (declared.templates(daemons)[0], declared.templates(())[0])]
    assert free[1] - free[0] == 1000


def test_a_claim_is_expected_to_be_as_large_as_its_size_and_its_class_make_it() -> None:
    declared = taking(node_class(maxPods=30))
    made = claim(labels={names.INSTANCE_TYPE: "Standard_D4s_v5"})
    of_class = replace(made, spec=replace(made.spec, node_class_ref=NodeClassRef(name="default")))
    capacity, allocatable = declared.expected(of_class)
    assert (capacity["cpu"], allocatable["cpu"], allocatable["pods"]) == (4000, 3860, 30)
    assert declared.expected(made) == ({}, {}), "its class is missing"


@pytest.mark.parametrize(
    ("setting", "server", "expected"),
    [("", "1.33.0", "1.33.0"), ("1.34.1", "1.33.0", "1.34.1"), ("v1.34.1", "", "1.34.1")],
)
def test_the_kubernetes_version_is_the_server_s_unless_another_is_to_be_played(
    setting: str, server: str, expected: str
) -> None:
    written = nap()
    written["spec"] = {"kubernetesVersion": setting} if setting else {}
    declared = taking(written)
    declared.server_version = server
    assert declared.kubernetes_version == expected
