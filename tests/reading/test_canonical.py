"""Two texts that mean the same have one form; what a decision reads and is not the same is told by field."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from napsim.reading.canonical import canonical, changed_fields

POOL: dict[str, Any] = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodePool",
    "metadata": {"name": "default"},
    "spec": {
        "limits": {"cpu": "20"},
        "disruption": {"consolidateAfter": "60s", "budgets": [{"nodes": "1"}]},
        "template": {
            "spec": {
                "expireAfter": "24h",
                "nodeClassRef": {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"},
                "requirements": [
                    {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]},
                    {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]},
                ],
            }
        },
    },
}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:1", "resources": {"requests": {"cpu": "1"}}}]},
        },
    },
}
CONFIGURATION: dict[str, Any] = {
    "apiVersion": "napsim.dev/v1alpha1",
    "kind": "MaintenanceConfiguration",
    "metadata": {"name": "os"},
    "spec": {
        "configName": "aksManagedNodeOSUpgradeSchedule",
        "maintenanceWindow": {
            "schedule": {"daily": {"intervalDays": 1}},
            "startTime": "01:00",
            "durationHours": 4,
        },
    },
}


def edited(manifest: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with a value at a path of names and numbers; None takes it away."""
    made = deepcopy(manifest)
    inner: Any = made
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in way:
        inner = inner[part]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return made


def told(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(it.field, it.before, it.after) for it in changed_fields(canonical(before), canonical(after))]


@pytest.mark.parametrize(
    ("manifest", "path", "value"),
    [
        (POOL, "spec.disruption.budgets", [{"nodes": "5"}]),
        (POOL, "spec.disruption.consolidateAfter", "1m"),
        (POOL, "spec.template.spec.expireAfter", "1440m"),
        (POOL, "spec.limits.cpu", "20000m"),
        (POOL, "spec.template.spec.requirements.0.values", ["arm64", "amd64"]),
        (POOL, "spec.template.spec.requirements", POOL["spec"]["template"]["spec"]["requirements"][::-1]),
        (POOL, "spec.template.spec.taints", []),
        (POOL, "metadata.labels", {"team": "shop"}),
        (DEPLOYMENT, "spec.replicas", None),
        (DEPLOYMENT, "spec.template.spec.containers.0.image", "web:2"),
        (DEPLOYMENT, "spec.template.spec.containers.0.resources.requests.cpu", "1000m"),
        (CONFIGURATION, "spec.maintenanceWindow.durationHours", 8),
    ],
)
def test_what_no_decision_sees_differently_is_no_change(manifest: dict[str, Any], path: str, value: Any) -> None:
    assert told(manifest, edited(manifest, path, value)) == []


@pytest.mark.parametrize(
    ("manifest", "path", "value", "expected"),
    [
        (POOL, "spec.template.spec.expireAfter", "48h", ("spec.template.spec.expireAfter", "24h", "48h")),
        (POOL, "spec.limits.cpu", "30", ("spec.limits.cpu", "20", "30")),
        (POOL, "spec.weight", 3, ("spec.weight", "", "3")),
        (DEPLOYMENT, "spec.replicas", 2, ("spec.replicas", "1", "2")),
        (
            DEPLOYMENT,
            "spec.template.spec.terminationGracePeriodSeconds",
            300,
            ("spec.template.spec.terminationGracePeriodSeconds", "", "300"),
        ),
        (
            CONFIGURATION,
            "spec.configName",
            "default",
            ("spec.configName", "aksManagedNodeOSUpgradeSchedule", "default"),
        ),
    ],
)
def test_what_a_decision_reads_is_told_by_field(
    manifest: dict[str, Any], path: str, value: Any, expected: tuple[str, str, str]
) -> None:
    assert told(manifest, edited(manifest, path, value)) == [expected]
