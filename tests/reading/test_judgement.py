"""What is wrong with Kubernetes' own objects."""

from __future__ import annotations

from typing import Any

import pytest

from napsim.reading.judgement import judged


def deployment(**pod: Any) -> dict[str, Any]:
    spec = {"containers": [{"name": "main"}], **pod}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    wanted = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": wanted}


@pytest.mark.parametrize(
    ("pod", "field"),
    [
        ({"containers": [{"resources": {"requests": {"cpu": "much"}}}]}, "containers[0].resources.requests.cpu"),
        ({"containers": [{"resources": {"limits": {"cpu": "23:59"}}}]}, "containers[0].resources.limits.cpu"),
        ({"initContainers": [{"resources": {"requests": {"cpu": -1}}}]}, "initContainers[0].resources.requests.cpu"),
        ({"overhead": {"memory": "1 Gi"}}, "overhead.memory"),
    ],
)
def test_an_amount_that_is_no_quantity_is_named(pod: dict[str, Any], field: str) -> None:
    ((place, _, message),) = judged(deployment(**pod))
    assert place == f"spec.template.spec.{field}"
    assert message.startswith("must be a quantity")


@pytest.mark.parametrize(
    ("ordinals", "field"), [("first", "spec.ordinals"), ({"start": "3"}, "spec.ordinals.start"), ({"start": 3}, "")]
)
def test_where_a_stateful_set_begins_is_a_number(ordinals: object, field: str) -> None:
    manifest = deployment() | {"kind": "StatefulSet"}
    manifest["spec"]["ordinals"] = ordinals
    assert [place for place, _, _ in judged(manifest)] == ([field] if field else [])


def test_what_has_not_its_type_is_named_beside_what_breaks_a_rule() -> None:
    """One mistake hid all others of types, and a time without a zone was a traceback of the forecast."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "Web", "deletionTimestamp": "2026-02-14T12:00:00"},
        "spec": {"containers": [{}], "priority": 2**31, "nodeName": 5},
    }
    assert [(field, value) for field, value, _ in judged(manifest)] == [
        ("metadata.name", "Web"),
        ("metadata.deletionTimestamp", "2026-02-14T12:00:00"),
        ("spec.priority", 2**31),
        ("spec.nodeName", 5),
    ]


@pytest.mark.parametrize("amount", ["much", True, -1])
def test_what_a_node_has_is_an_amount(amount: object) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}, "status": {"allocatable": {"cpu": amount}}}
    assert [field for field, _, _ in judged(node)] == ["status.allocatable.cpu"]
    assert not list(judged(node | {"status": {"allocatable": {"cpu": 4, "memory": "16Gi", "a.com/gpu": 1.5}}}))


@pytest.mark.parametrize("replicas", [2**31, 1.5, -1, "3", True])
def test_a_number_of_replicas_has_32_bits(replicas: object) -> None:
    manifest = deployment()
    manifest["spec"]["replicas"] = replicas
    assert [field for field, _, _ in judged(manifest)] == ["spec.replicas"]


@pytest.mark.parametrize("kind", ["Node", "NodePool"])
def test_a_text_that_yaml_takes_for_true_or_false_is_told_so(kind: str) -> None:
    """``kubectl`` reads ``team: n`` as false, and the API server refuses it."""
    group = {"Node": "v1", "NodePool": "karpenter.sh/v1"}[kind]
    manifest = {"apiVersion": group, "kind": kind, "metadata": {"name": "a", "labels": {"team": False}}}
    told = {field: message for field, _, message in judged(manifest)}
    assert told["metadata.labels.team"] == (
        "must be of type string: write it in quotes; in YAML y, n, yes, no, on and off are true and false too"
    )
