"""kubectl apply tells what lint finds in one object, and takes it all the same; right manifests pass in silence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from napsim.cluster import Cluster
from napsim.lint.admission import PREFIX
from napsim.lint.expressions import CODES, GROUPS
from tests.e2e.kubectl import eventually, get, kubectl, served
from tests.lint.test_expressions import CERTAIN, SILENT, annotated, of, warnings

Manifest = dict[str, Any]
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "manifests/examples"
POLICIES = ROOT / "manifests/lint-warnings.yaml"
SAID = "Warning: Validation failed for ValidatingAdmissionPolicy '{0}' with binding '{0}': {1}"


@pytest.fixture(scope="module", autouse=True)
def policies(cluster: Cluster) -> Iterator[None]:
    """The policies in force, on a cluster with our kinds; nothing of it stays."""
    there = kubectl(cluster, "get", "customresourcedefinitions", "--output=name").stdout.split()
    kubectl(cluster, "apply", "--server-side", f"--filename={ROOT / 'crds'}")
    served(cluster)
    kubectl(cluster, "create", "namespace", "shop")
    kubectl(cluster, "apply", f"--filename={POLICIES}")
    bad = [by_kind(kind) for kind in ("NodePool", "MaintenanceConfiguration", "PodDisruptionBudget", "Deployment")]
    eventually(lambda: all(applied(cluster, [item]) for item in bad), "warnings of each policy")
    yield
    kubectl(cluster, "delete", f"--filename={POLICIES}")
    kubectl(cluster, "delete", "namespace", "shop")
    made = set(kubectl(cluster, "get", "customresourcedefinitions", "--output=name").stdout.split()) - set(there)
    kubectl(cluster, "delete", *sorted(made))


def by_kind(kind: str) -> Manifest:
    """An object of that kind with something to warn of."""
    return next(item for item in (of(text) for _, text in CERTAIN.values()) if item["kind"] == kind)


def applied(cluster: Cluster, items: list[Manifest], *options: str) -> list[str]:
    """What kubectl apply says besides what it does; by default nothing is kept."""
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    done = kubectl(cluster, "apply", *(options or ("--dry-run=server",)), "--filename=-", stdin=listed)
    return done.stderr.splitlines()


def numbered(texts: list[str]) -> list[Manifest]:
    items = [of(text) for text in texts]
    for index, item in enumerate(items):
        item["metadata"]["name"] = f"it-{index}"
    return items


def as_stored(cluster: Cluster, items: list[Manifest]) -> list[Manifest]:
    """With what the API server fills in."""
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    done = kubectl(cluster, "apply", "--dry-run=server", "--output=json", "--filename=-", stdin=listed)
    stored: list[Manifest] = json.loads(done.stdout)["items"]
    return stored


def test_a_warning_names_rule_object_field_and_what_is_wrong(cluster: Cluster) -> None:
    items = numbered([text for _, text in CERTAIN.values()])
    policy = {kind: f"{PREFIX}{group.name}" for group in GROUPS for kind in group.kinds}
    stored = as_stored(cluster, items)
    expected = [SAID.format(policy[item["kind"]], text) for item in stored for text in warnings(item)]
    assert sorted(applied(cluster, items)) == sorted(expected)
    assert all(any(f": {code} " in text for text in expected) for code in CODES)


def test_what_is_right_is_taken_in_silence(cluster: Cluster) -> None:
    examples = [
        item
        for file in sorted(EXAMPLES.glob("*.yaml"))
        for item in yaml.safe_load_all(file.read_text())
        if item["kind"] != "Namespace"  # it is there
    ]
    assert applied(cluster, examples) == []
    assert applied(cluster, numbered(list(SILENT.values()))) == []


def test_an_object_with_a_warning_is_stored_and_told_again_only_when_its_spec_changes(cluster: Cluster) -> None:
    item = of(annotated("yes"))
    assert len(applied(cluster, [item], "--server-side")) == 1
    assert get(cluster, "deployment", "web", "--namespace=shop")["metadata"]["generation"] == 1
    assert applied(cluster, [{**item, "metadata": {**item["metadata"], "labels": {"a": "b"}}}], "--server-side") == []
    assert len(applied(cluster, [{**item, "spec": {**item["spec"], "replicas": 3}}], "--server-side")) == 1


def test_the_api_server_finds_no_mistake_in_the_types_of_the_expressions(cluster: Cluster) -> None:
    def checked() -> list[Manifest]:
        items = get(cluster, "validatingadmissionpolicies", "--selector=app.kubernetes.io/part-of=napsim")["items"]
        return [item.get("status", {}) for item in items]

    eventually(lambda: all("typeChecking" in status for status in checked()), "types are checked")
    assert [status["typeChecking"].get("expressionWarnings", []) for status in checked()] == [[]] * len(GROUPS)
