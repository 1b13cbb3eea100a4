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
