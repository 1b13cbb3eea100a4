"""The example manifests are good, and tell the story that they claim to tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napsim.api.nodeautoprovisioning import NodeAutoProvisioning
from napsim.api.nodeimage import NodeImage
from napsim.api.validation import errors_of
from tests.manifests import load_manifests

FOLDER = Path(__file__).parents[2] / "manifests"
EXAMPLES = sorted((FOLDER / "examples").glob("*.yaml"))
IN_PLACE = sorted((FOLDER / "inplace").glob("*.yaml"))
MANIFESTS = [manifest for file in EXAMPLES for manifest in load_manifests(file.read_text("utf-8"))]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in MANIFESTS if manifest["kind"] == kind]


@pytest.mark.parametrize("file", [*EXAMPLES, *IN_PLACE], ids=lambda file: f"{file.parent.name}-{file.name}")
def test_an_example_is_good(file: Path) -> None:
    manifests = list(load_manifests(file.read_text("utf-8")))
    assert manifests != []
    assert [str(error) for manifest in manifests for error in errors_of(manifest)] == []


def test_the_examples_are_applied_in_the_order_of_their_names() -> None:
    kinds = [next(load_manifests(file.read_text("utf-8")))["kind"] for file in EXAMPLES]
    assert kinds == [
        "NodeAutoProvisioning",
        "MaintenanceConfiguration",
        "AKSNodeClass",
        "NodePool",
        "NodeImage",
        "Namespace",
    ]


def test_every_definition_has_an_image_before_the_clock_starts_and_one_after() -> None:
    (settings,) = (NodeAutoProvisioning.parse(manifest) for manifest in of_kind("NodeAutoProvisioning"))
    start = settings.spec.clock.start
    assert start is not None
    images = [NodeImage.parse(manifest).spec for manifest in of_kind("NodeImage")]
    for definition in {image.definition for image in images}:
        published = [image.published_at for image in images if image.definition == definition]
        assert sorted(at > start for at in published if at) == [False, True], definition


def test_one_workload_has_nothing_to_spare() -> None:
    replicas = {manifest["metadata"]["name"]: manifest["spec"]["replicas"] for manifest in of_kind("Deployment")}
    needed = {
        manifest["metadata"]["name"]: manifest["spec"].get("minAvailable")
        for manifest in of_kind("PodDisruptionBudget")
    }
    assert [name for name, least in needed.items() if least == replicas[name]] == ["ledger"]


@pytest.mark.row("pm:8-weekly-sunday")
def test_the_window_of_the_examples_is_the_one_that_aks_proposes() -> None:
    (window,) = [manifest["spec"] for manifest in of_kind("MaintenanceConfiguration")]
    assert window["maintenanceWindow"]["schedule"] == {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}
