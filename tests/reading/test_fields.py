"""Types of Kubernetes' own kinds, held to the API server's.

What is taken and what is refused, the types of k8s.io/api v0.36.3 have said, decoded by sigs.k8s.io/json (which is what
the API server decodes by), and for custom resources kube-openapi's ``validation/validate``.
"""

from __future__ import annotations

from typing import Any

import pytest

from napsim.core.objects import Node, PersistentVolume, Pod, PodDisruptionBudget
from napsim.reading.fields import faults_of


def fields(value: object, type_: Any) -> dict[str, str]:
    return {fault.field: fault.message for fault in faults_of(value, type_)}


TIMES = {
    "2026-02-14T12:00:00Z": True,
    "2026-02-14T12:00:00.123456789Z": True,
    "2026-02-14T12:00:00+01:00": True,
    "2026-02-14T12:00:00": False,
    "2026-02-14t12:00:00Z": False,
    "2026-02-14T12:00:00z": False,
    "2026-02-14 12:00:00Z": False,
    "2026-02-14T12:00:00+0100": False,
    "2026-02-14T24:00:00Z": False,
    "2026-02-14T12:00:60Z": False,
    "2026-02-30T12:00:00Z": False,
    "2026-02-14": False,
    "yesterday": False,
    "": False,
}


@pytest.mark.parametrize(("text", "taken"), TIMES.items())
def test_a_time_is_rfc_3339_with_a_zone(text: str, taken: bool) -> None:
    assert (fields({"metadata": {"creationTimestamp": text}}, Pod) == {}) is taken


@pytest.mark.parametrize(
    ("type_", "manifest", "field"),
    [
        (Pod, {"metadata": {"deletionTimestamp": "x"}}, "metadata.deletionTimestamp"),
        (Pod, {"status": {"startTime": "x"}}, "status.startTime"),
        (Pod, {"status": {"conditions": [{"type": "Ready", "lastTransitionTime": "x"}]}},
         "status.conditions[0].lastTransitionTime"),
        (Node, {"spec": {"taints": [{"key": "a", "effect": "NoSchedule", "timeAdded": "x"}]}},
         "spec.taints[0].timeAdded"),
        (PodDisruptionBudget, {"status": {"disruptedPods": {"web-1.a": "x"}}}, "status.disruptedPods[web-1.a]"),
        (Pod, {"metadata": {"creationTimestamp": 5}}, "metadata.creationTimestamp"),
    ],
)  # fmt: skip
def test_every_time_is_looked_at(type_: Any, manifest: object, field: str) -> None:
    told = fields(manifest, type_)
    assert list(told) == [field]
    assert told[field].startswith("must be of type date-time")


@pytest.mark.parametrize(
    ("value", "of_32_bits", "of_64_bits", "or_text", "amount"),
    [
        (5, True, True, True, True),
        (2**31 - 1, True, True, True, True),
        (2**31, False, True, False, True),
        (2**63 - 1, False, True, False, True),
        (2**63, False, False, False, True),
        (1.5, False, False, False, True),
        ("5", False, False, True, True),
        ("5x", False, False, True, False),
        (True, False, False, False, False),
        ([5], False, False, False, False),
    ],
)
def test_integers_have_32_or_64_bits(
    value: Any, of_32_bits: bool, of_64_bits: bool, or_text: bool, amount: bool
) -> None:
    assert (fields({"spec": {"priority": value}}, Pod) == {}) is of_32_bits
    assert (fields({"spec": {"terminationGracePeriodSeconds": value}}, Pod) == {}) is of_64_bits
    assert (fields({"spec": {"maxUnavailable": value}}, PodDisruptionBudget) == {}) is or_text
    assert (fields({"spec": {"overhead": {"cpu": value}}}, Pod) == {}) is amount
    assert (fields({"status": {"capacity": {"cpu": value}}}, Node) == {}) is amount


SELECTOR = "spec.selector.matchExpressions[0]"
AFFINITY = "spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0]"


@pytest.mark.parametrize(
    ("operator", "values", "of_labels", "of_nodes"),
    [
        ("In", ["a"], "", ""),
        ("In", [], "values", "values"),
        ("NotIn", [], "values", "values"),
        ("Exists", [], "", ""),
        ("DoesNotExist", ["a"], "values", "values"),
        ("Gt", ["1"], "operator", ""),
        ("Lt", ["1", "2"], "operator", "values"),
        ("Gt", ["x"], "operator", ""),
        ("Gte", ["1"], "operator", "operator"),
        ("Near", ["a"], "operator", "operator"),
    ],
)
def test_a_selector_has_an_operator_and_its_values(
    operator: str, values: list[str], of_labels: str, of_nodes: str
) -> None:
    term = {"key": "a", "operator": operator, "values": values}
    pdb = {"spec": {"selector": {"matchExpressions": [term]}}}
    assert list(fields(pdb, PodDisruptionBudget)) == ([f"{SELECTOR}.{of_labels}"] if of_labels else [])
    volume = {"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}}}}
    assert list(fields(volume, PersistentVolume)) == ([f"{AFFINITY}.{of_nodes}"] if of_nodes else [])


def test_null_is_absent() -> None:
    empty = {"metadata": None, "spec": {"priority": None, "nodeName": None, "overhead": {"cpu": None}}, "status": None}
    assert fields(empty, Pod) == {}


def test_all_mistakes_are_told_with_their_places() -> None:
    wrong = {
        "metadata": {"labels": {"a.b/c": 5}},
        "spec": {
            "nodeName": 3,
            "containers": {"name": "a"},
            "tolerations": [{"tolerationSeconds": "5"}, "x"],
            "topologySpreadConstraints": [{"labelSelector": {"matchExpressions": [{"key": "a"}]}}],
        },
    }
    assert fields(wrong, Pod) == {
        "metadata.labels[a.b/c]": 'must be of type string: write it in quotes, "5"',
        "spec.nodeName": 'must be of type string: write it in quotes, "3"',
        "spec.containers": "must be of type array",
        "spec.tolerations[0].tolerationSeconds": "must be of type integer",
        "spec.tolerations[1]": "must be of type object",
        "spec.topologySpreadConstraints[0].labelSelector.matchExpressions[0].operator": (
            "Required value: operator must be set"
        ),
    }


def test_a_fault_knows_where_its_part_stands() -> None:
    (fault,) = faults_of({"spec": {"priority": "high"}}, Pod, "spec.template")
    assert (fault.field, fault.value) == ("spec.template.spec.priority", "high")
    assert [fault.field for fault in faults_of("x", Pod, "spec.template")] == ["spec.template"]


@pytest.mark.parametrize("left_out", ["apiVersion", "kind", "name", "uid"])
def test_an_owner_has_a_version_a_kind_a_name_and_a_uid(left_out: str) -> None:
    whole = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "1"}
    for lacking in ({key: value for key, value in whole.items() if key != left_out}, {**whole, left_out: ""}):
        told = fields({"metadata": {"ownerReferences": [whole, lacking]}}, Pod)
        assert told == {f"metadata.ownerReferences[1].{left_out}": f"Required value: {left_out} must be set"}
