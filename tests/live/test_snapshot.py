"""What a snapshot keeps of objects, and how names become hashes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from napsim.api import names
from napsim.api.validation import errors_of
from napsim.cli.snapshot import document
from napsim.controllers.resources import (
    AKS_NODE_CLASSES,
    NODE_AUTO_PROVISIONINGS,
    NODE_CLAIMS,
    NODE_IMAGES,
    NODE_POOLS,
    NODES,
    PERSISTENT_VOLUMES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    Resource,
)
from napsim.core.hashes import aksnodeclass_hash, nodepool_hash
from napsim.live.pseudonyms import Pseudonyms
from napsim.live.snapshot import DEPLOYMENTS, REPLICA_SETS, RESOURCES, Snapshot, abridged, cluster_role
from napsim.sim.composition import is_of_snapshot

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SECRET = "hunter2"
CONTAINER = {
    "name": "web",
    "image": f"registry/{SECRET}",
    "command": [SECRET],
    "env": [{"name": "PASSWORD", "value": SECRET}],
    "resources": {"requests": {"cpu": "500m"}},
}
POD: dict[str, Any] = {
    "metadata": {
        "name": "web-1",
        "namespace": "shop",
        "labels": {"app": "web", "topology.kubernetes.io/zone": "westeurope-1"},
        "annotations": {"note": SECRET, "karpenter.sh/do-not-disrupt": "true", names.POD_DELETION_COST: "-5"},
        "managedFields": [{"manager": SECRET}],
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u1", "controller": True}
        ],
    },
    "spec": {
        "nodeName": "aks-1",
        "containers": [CONTAINER],
        "terminationGracePeriodSeconds": 60,
        "volumes": [{"name": "keys", "secret": {"secretName": SECRET}}],
        "nodeSelector": {"team": "payments"},
        "tolerations": [{"key": "team", "operator": "Equal", "value": "payments", "effect": "NoSchedule"}],
    },
    "status": {"phase": "Running"},
}


def kept(resource: Resource, item: dict[str, Any]) -> dict[str, Any]:
    found = abridged(resource, item)
    assert found is not None
    return found


def test_of_a_pod_only_what_decisions_rest_on_is_kept() -> None:
    pod = kept(PODS, POD)
    assert SECRET not in json.dumps(pod)
    assert list(pod["spec"]["containers"]) == [{"resources": {"requests": {"cpu": "500m"}}}]
    assert pod["spec"]["terminationGracePeriodSeconds"] == 60
    assert pod["metadata"]["annotations"] == {"karpenter.sh/do-not-disrupt": "true", names.POD_DELETION_COST: "-5"}
    assert (pod["apiVersion"], pod["kind"]) == ("v1", "Pod")


def test_of_a_workload_the_template_is_kept_in_the_same_form() -> None:
    template = {
        "metadata": {"labels": {"app": "web"}, "annotations": {"note": SECRET}},
        "spec": {"containers": [CONTAINER]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    deployment = kept(DEPLOYMENTS, {"metadata": {"name": "web", "namespace": "shop"}, "spec": spec})
    assert SECRET not in json.dumps(deployment)
    assert deployment["spec"]["template"]["metadata"] == {"labels": {"app": "web"}}
    assert deployment["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    ("resource", "change"),
    [
        (PODS, {"status": {"phase": "Succeeded"}}),
        (PODS, {"metadata": {"name": "web-1", "deletionTimestamp": "2026-03-02T00:00:00Z"}}),
        (REPLICA_SETS, {"spec": {"replicas": 0}}),
    ],
)
def test_what_no_forecast_depends_on_is_left_out(resource: Resource, change: dict[str, Any]) -> None:
    assert abridged(resource, {**POD, **change}) is None


def test_neither_secrets_nor_config_maps_are_read_and_nothing_but_lists_is_asked_for() -> None:
    rules = cluster_role()["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list"}
    granted = {(group, plural) for rule in rules for group in rule["apiGroups"] for plural in rule["resources"]}
    assert granted == {(resource.group, resource.plural) for resource in RESOURCES}
    assert not {"secrets", "configmaps"} & {plural for _, plural in granted}


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_name_has_one_hash_everywhere_and_another_with_another_salt() -> None:
    hidden = Pseudonyms()
    pod = hidden.manifest(kept(PODS, POD))
    assert pod["spec"]["nodeName"] == hidden.of("aks-1")
    assert pod["metadata"]["name"] == hidden.of("web-1") != Pseudonyms("salt").of("web-1")
    key, value = hidden.of("team"), hidden.of("payments")
    assert pod["spec"]["nodeSelector"] == {key: value}
    assert (pod["spec"]["tolerations"][0]["key"], pod["spec"]["tolerations"][0]["value"]) == (key, value)
    assert pod["metadata"]["labels"] == {
        hidden.of("app"): hidden.of("web"),
        "topology.kubernetes.io/zone": "westeurope-1",
    }
    assert not {"web-1", "shop", "aks-1", "payments"} & set(json.dumps(pod).replace('"', " ").split())


@pytest.mark.parametrize("rest", [{}, {"operator": "Exists"}, {"effect": "NoSchedule"}, {"tolerationSeconds": 60}])
def test_a_toleration_is_hidden_whichever_of_its_fields_are_there(rest: dict[str, Any]) -> None:
    spec = {**POD["spec"], "tolerations": [{"key": "team", "value": "payments", **rest}, {"key": "team", **rest}]}
    hidden = Pseudonyms()
    whole, by_key = hidden.manifest(kept(PODS, {**POD, "spec": spec}))["spec"]["tolerations"]
    assert whole == {"key": hidden.of("team"), "value": hidden.of("payments"), **rest}
    assert by_key == {"key": hidden.of("team"), **rest}


def test_the_labels_of_a_storage_class_are_hidden_and_zones_are_kept() -> None:
    terms = [
        {"key": "team", "values": ["payments"]},
        {"key": "topology.kubernetes.io/zone", "values": ["westeurope-1"]},
    ]
    storage = {
        "kind": "StorageClass",
        "metadata": {"name": "fast"},
        "allowedTopologies": [{"matchLabelExpressions": terms}],
    }
    hidden = Pseudonyms()
    (topology,) = hidden.manifest(storage)["allowedTopologies"]
    assert topology["matchLabelExpressions"] == [
        {"key": hidden.of("team"), "values": [hidden.of("payments")]},
        terms[1],
    ]


def test_the_zones_of_a_local_dns_are_hidden_but_for_those_of_every_cluster() -> None:
    zones = [{"zone": zone, "protocol": "PreferUDP"} for zone in (".", "cluster.local", "corp.example")]
    spec = {"imageFamily": "Ubuntu2404", "localDNS": {"mode": "Required", "vnetDNSOverrides": zones}}
    hidden = Pseudonyms()
    found = hidden.manifest({"kind": "AKSNodeClass", "metadata": {"name": "default"}, "spec": spec})
    told = [item["zone"] for item in found["spec"]["localDNS"]["vnetDNSOverrides"]]
    assert told == [".", "cluster.local", hidden.of("corp.example")]


def test_failures_that_are_played_happen_in_the_same_pools() -> None:
    failures = [{"kind": "NoCapacity", "nodePools": ["payments"], "instanceTypes": ["Standard_D4s_v5"]}]
    nap = {"kind": "NodeAutoProvisioning", "metadata": {"name": "default"}, "spec": {"failures": failures}}
    hidden = Pseudonyms()
    assert hidden.manifest(nap)["spec"]["failures"] == [{**failures[0], "nodePools": [hidden.of("payments")]}]


def test_selectors_go_on_selecting() -> None:
    hidden = Pseudonyms()
    item = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"matchLabels": {"app": "web"}}}}
    selector = hidden.manifest(kept(POD_DISRUPTION_BUDGETS, item))["spec"]["selector"]["matchLabels"]
    labels = hidden.manifest(kept(PODS, POD))["metadata"]["labels"]
    assert selector.items() <= labels.items()


@pytest.mark.parametrize(
    "label",
    ["kubernetes.azure.com/network-resourcegroup", "kubernetes.io/hostname", "app.kubernetes.io/name", "agentpool"],
)
def test_the_value_of_a_label_that_names_something_is_hidden_whosever_key_it_is(label: str) -> None:
    node = {
        "metadata": {"name": "aks-1", "labels": {label: "contoso"}, "annotations": {"napsim.dev/command": "contoso"}}
    }
    assert "contoso" not in json.dumps(Pseudonyms().manifest(kept(NODES, node)))


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("topology.kubernetes.io/zone", "westeurope-1"),
        ("node.kubernetes.io/instance-type", "Standard_D4s_v5"),
        ("karpenter.sh/capacity-type", "spot"),
        ("kubernetes.azure.com/node-image-version", "AKSUbuntu-2404gen2containerd-202602.13.0"),
        ("kubernetes.io/arch", "arm64"),
        ("kubernetes.azure.com/fips_enabled", "true"),
    ],
)
def test_what_decisions_rest_on_is_kept(label: str, value: str) -> None:
    node = {"metadata": {"name": "aks-1", "labels": {label: value}}}
    assert Pseudonyms().manifest(kept(NODES, node))["metadata"]["labels"] == {label: value}


def test_a_pool_and_the_label_of_its_nodes_keep_agreeing() -> None:
    hidden = Pseudonyms()
    node = {
        "metadata": {"name": "aks-1", "labels": {"karpenter.sh/nodepool": "default"}},
        "spec": {"providerID": "azure:///s/1"},
    }
    told = hidden.manifest(kept(NODES, node))
    pool = hidden.manifest(kept(NODE_POOLS, {"metadata": {"name": "default"}, "spec": {}}))
    assert told["metadata"]["labels"]["karpenter.sh/nodepool"] == pool["metadata"]["name"]
    assert told["spec"]["providerID"] == f"azure:///{hidden.of('azure:///s/1')}"


def test_what_a_status_tells_of_nodes_and_pools_is_left_out() -> None:
    clock = {"anchorReal": "2026-02-15T00:00:00Z", "anchorVirtual": "2026-02-15T00:00:00Z", "factor": "1"}
    blocked = [{"node": "aks-payments-1", "nodeClaim": "payments-1", "nodePool": "payments", "reason": "Pod"}]
    nap = {"metadata": {"name": "default"}, "spec": {}, "status": {"clock": clock, "blocked": blocked}}
    listed = {"nodePools": "payments 3/3", "nodeClasses": ["payments"]}
    image = {"metadata": {"name": "one"}, "spec": {}, "status": listed}
    told = [Pseudonyms().manifest(kept(*item)) for item in ((NODE_AUTO_PROVISIONINGS, nap), (NODE_IMAGES, image))]
    assert [item["status"] for item in told] == [{"clock": clock}, {}]
    assert "payments" not in json.dumps(told)


def test_hashes_follow_the_names_so_that_nothing_drifts_by_them() -> None:
    template = {"metadata": {"labels": {"team": "payments"}}, "spec": {"nodeClassRef": {"name": "large"}}}
    spec = {"imageFamily": "Ubuntu2204", "tags": {"team": "payments"}}
    made = {names.NODEPOOL_HASH: nodepool_hash(template), names.AKSNODECLASS_HASH: aksnodeclass_hash(spec)}
    drifted = {names.NODEPOOL_HASH: "1", names.AKSNODECLASS_HASH: "1"}
    told = Pseudonyms("salt").manifests(
        [
            kept(NODE_CLAIMS, {"metadata": {"name": "one", "annotations": made}}),
            kept(NODE_CLAIMS, {"metadata": {"name": "two", "annotations": drifted}}),
            kept(NODE_POOLS, {"metadata": {"name": "payments", "annotations": made}, "spec": {"template": template}}),
            kept(AKS_NODE_CLASSES, {"metadata": {"name": "large", "annotations": made}, "spec": spec}),
        ]
    )
    hashes = [nodepool_hash(told[2]["spec"]["template"]), aksnodeclass_hash(told[3]["spec"])]
    kinds = (names.NODEPOOL_HASH, names.AKSNODECLASS_HASH)
    assert [told[0]["metadata"]["annotations"][kind] for kind in kinds] == hashes
    assert not {told[1]["metadata"]["annotations"][kind] for kind in kinds} & {*hashes, "1"}
    assert made[names.NODEPOOL_HASH] != hashes[0], "who guesses a name cannot confirm it by them"


@pytest.mark.parametrize(
    ("type_", "kept_as_it_is"),
    [
        ("Ready", True),
        ("KernelDeadlock", True),
        ("networking.k8s.io/Attached", True),
        ("AcmeRackReady", False),
        ("acme.example/Rack", False),
    ],
)
def test_types_of_conditions_that_somebody_made_up_are_hidden_with_their_reasons(
    type_: str, kept_as_it_is: bool
) -> None:
    condition = {"type": type_, "status": "True", "reason": "AcmeSaysSo", "message": "at acme"}
    node = {"metadata": {"name": "aks-1"}, "status": {"conditions": [condition]}}
    hidden = Pseudonyms()
    (found,) = hidden.manifest(kept(NODES, node))["status"]["conditions"]
    told = (found["type"], found["status"], found["reason"], found["message"])
    its_own = (type_, "True", "AcmeSaysSo", "")
    assert told == (its_own if kept_as_it_is else (hidden.of(type_), "True", hidden.of("AcmeSaysSo"), ""))


@pytest.mark.parametrize(
    ("version", "kind", "told"),
    [
        ("apps/v1", "ReplicaSet", ("apps/v1", "ReplicaSet")),
        ("v1", "Node", ("v1", "Node")),
        ("karpenter.sh/v1", "NodePool", ("karpenter.sh/v1", "NodePool")),
        ("acme.example/v1", "AcmeDatabase", (f"{Pseudonyms().of('acme.example')}/v1", Pseudonyms().of("AcmeDatabase"))),
        # Decisions look at these kinds alone, whosever they are.
        ("acme.example/v1", "StatefulSet", (f"{Pseudonyms().of('acme.example')}/v1", "StatefulSet")),
    ],
)
def test_kinds_of_owners_that_somebody_made_up_are_hidden(version: str, kind: str, told: tuple[str, str]) -> None:
    owner = {"apiVersion": version, "kind": kind, "name": "web", "uid": "u1", "controller": True}
    pod = Pseudonyms().manifest(kept(PODS, {**POD, "metadata": {**POD["metadata"], "ownerReferences": [owner]}}))
    (found,) = pod["metadata"]["ownerReferences"]
    assert (found["apiVersion"], found["kind"], found["controller"]) == (*told, True)


def test_resources_that_somebody_made_up_are_hidden_wherever_they_are_counted() -> None:
    known = ("cpu", "memory", "ephemeral-storage", "pods", "hugepages-2Mi", "nvidia.com/gpu", "nvidia.com/mig-1g.5gb")
    own = ("acme.example/fpga", "nvidia.com/gpu-of-acme", "acme-tokens")
    hidden = Pseudonyms()
    amounts = dict.fromkeys((*known, *own), "1")
    as_told = {**dict.fromkeys(known, "1")} | {
        f"{hidden.of('acme.example')}/{hidden.of('fpga')}": "1",
        f"{hidden.of('nvidia.com')}/{hidden.of('gpu-of-acme')}": "1",
        hidden.of("acme-tokens"): "1",
    }
    node = hidden.manifest(
        kept(NODES, {"metadata": {"name": "n"}, "status": {"capacity": amounts, "allocatable": amounts}})
    )
    assert (node["status"]["capacity"], node["status"]["allocatable"]) == (as_told, as_told)
    container = {"resources": {"requests": amounts}}
    pod = hidden.manifest(kept(PODS, {**POD, "spec": {"containers": [container], "overhead": amounts}}))
    assert pod["spec"] == {"containers": [{"resources": {"requests": as_told}}], "overhead": as_told}
    pool = {"metadata": {"name": "p"}, "spec": {"limits": amounts}, "status": {"resources": {**amounts, "nodes": "2"}}}
    told = hidden.manifest(kept(NODE_POOLS, pool))
    assert told["spec"]["limits"] == as_told
    assert told["status"]["resources"] == {**as_told, "nodes": "2"}


def test_a_node_class_of_a_provider_of_ones_own_is_hidden_and_agrees_with_the_label_of_its_nodes() -> None:
    hidden = Pseudonyms()
    reference = {"group": "karpenter.acme.example", "kind": "AcmeNodeClass", "name": "large"}
    item = {"metadata": {"name": "c", "labels": {"karpenter.acme.example/acmenodeclass": "large"}}}
    claim = hidden.manifest(kept(NODE_CLAIMS, {**item, "spec": {"nodeClassRef": reference}}))
    found = claim["spec"]["nodeClassRef"]
    assert claim["metadata"]["labels"] == {f"{found['group']}/{found['kind'].lower()}": found["name"]}
    assert "acme" not in json.dumps(claim).lower()
    public = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "large"}
    labels = {"karpenter.k8s.aws/ec2nodeclass": "large", "karpenter.k8s.aws/instance-cpu": "4"}
    claim = hidden.manifest(
        kept(NODE_CLAIMS, {"metadata": {"name": "c", "labels": labels}, "spec": {"nodeClassRef": public}})
    )
    assert claim["spec"]["nodeClassRef"] == {**public, "name": hidden.of("large")}
    assert claim["metadata"]["labels"] == {**labels, "karpenter.k8s.aws/ec2nodeclass": hidden.of("large")}


def test_numbers_that_a_requirement_compares_stay_numbers() -> None:
    term = {"key": "acme.example/generation", "operator": "Gt", "values": ["2"]}
    template = {"spec": {"requirements": [term]}}
    labels = {"acme.example/generation": "3", "acme.example/customer": "4711"}
    hidden = Pseudonyms()
    pool, node = hidden.manifests(
        [
            kept(NODE_POOLS, {"metadata": {"name": "p"}, "spec": {"template": template}}),
            kept(NODES, {"metadata": {"name": "n", "labels": labels}}),
        ]
    )
    assert pool["spec"]["template"]["spec"]["requirements"][0]["values"] == ["2"]
    assert sorted(node["metadata"]["labels"].values()) == sorted(["3", hidden.of("4711")])


def test_the_identity_of_kubelets_is_hidden_and_goes_on_agreeing_with_that_of_nodes() -> None:
    identity = "01234567-89ab-cdef-0123-456789abcdef"
    hidden = Pseudonyms()
    nap = hidden.manifest(
        kept(NODE_AUTO_PROVISIONINGS, {"metadata": {"name": "default"}, "spec": {"kubeletIdentity": identity}})
    )
    node = hidden.manifest(kept(NODES, {"metadata": {"name": "n", "labels": {names.KUBELET_IDENTITY: identity}}}))
    assert nap["spec"]["kubeletIdentity"] == node["metadata"]["labels"][names.KUBELET_IDENTITY] != identity
    assert not errors_of({**nap, "apiVersion": "napsim.dev/v1alpha1"})


def test_the_path_of_a_volume_is_hidden() -> None:
    volume = {"metadata": {"name": "v"}, "spec": {"local": {"path": "/mnt/acme"}}}
    hidden = Pseudonyms()
    told = hidden.manifest(kept(PERSISTENT_VOLUMES, volume))
    assert told["spec"]["local"] == {"path": f"/{hidden.of('/mnt/acme')}"}


# --- the document -----------------------------------------------------------------------------------------------------


def documents(found: Snapshot) -> list[dict[str, Any]]:
    return [json.loads(line) for line in document(found, NOW).splitlines() if line != "---"]


def test_a_snapshot_starts_when_it_was_taken() -> None:
    scenario, pod = documents(Snapshot((kept(PODS, POD),), ()))
    assert scenario["spec"] == {"start": "2026-03-02T08:00:00Z"}
    assert is_of_snapshot(scenario), "it gives way to another"
    assert pod["metadata"]["name"] == "web-1"


def test_a_cluster_on_a_clock_of_its_own_is_taken_on_that_clock() -> None:
    clock = {"anchorReal": "2026-03-02T07:00:00Z", "anchorVirtual": "2026-02-01T00:00:00Z", "factor": 24}
    nap = {"kind": "NodeAutoProvisioning", "metadata": {"name": "default"}, "status": {"clock": clock}}
    node = {"kind": "Node", "metadata": {"name": "n", "creationTimestamp": "2026-03-02T07:30:00Z"}}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-02T07:45:00Z"}
    pod = {"kind": "Pod", "metadata": {"name": "p"}, "status": {"conditions": [ready]}}
    scenario, _, moved, running = documents(Snapshot((nap, node, pod), ()))
    assert scenario["spec"]["start"] == "2026-02-02T00:00:00Z"
    assert moved["metadata"]["creationTimestamp"] == "2026-02-01T12:00:00Z"
    assert running["status"]["conditions"][0]["lastTransitionTime"] == "2026-02-01T18:00:00Z"
