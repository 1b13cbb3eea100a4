"""CRDs, examples and policies go with the chart as they are: copies of what is committed, and labels besides."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from napsim.cluster.folders import kwok_stages
from tests.chart.rendering import CHART, ROOT, Manifest, objects, parsed, rendered, text_of

KEEP = "helm.sh/resource-policy"
EXAMPLES = ("00-nodeautoprovisioning", "10-maintenanceconfiguration", "20-nodeclass", "30-nodepools", "40-images")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_crds_of_the_chart_are_the_committed_ones() -> None:
    assert contents(CHART / "files/crds") == contents(ROOT / "crds"), "`make crds` writes them anew"


def test_the_examples_of_the_chart_are_the_committed_ones() -> None:
    committed = contents(ROOT / "manifests/examples")
    wanted = {f"{name}.yaml": committed[f"{name}.yaml"] for name in EXAMPLES}
    assert contents(CHART / "files/examples") == wanted, "`make crds` writes them anew"


def test_the_examples_of_the_package_are_the_committed_ones() -> None:
    packaged = ROOT / "operator/napsim/manifests"
    assert contents(packaged / "examples") == contents(ROOT / "manifests/examples"), "`make crds` writes them anew"
    checks = "napsim-checks.yaml"
    assert (packaged / checks).read_bytes() == (ROOT / "manifests" / checks).read_bytes(), "`make crds` writes it anew"


def test_fake_nodes_are_played_in_the_chart_as_in_the_package() -> None:
    assert contents(CHART / "files/kwok") == {"stages.yaml": kwok_stages().read_bytes()}, "`make crds` copies it"


def unlabelled(item: Manifest) -> Manifest:
    """Without what the chart adds."""
    bare = copy.deepcopy(item)
    bare["metadata"].pop("labels", None)
    bare["metadata"].pop("annotations", None)
    return bare


def committed(folder: Path) -> list[Manifest]:
    return [unlabelled(item) for file in sorted(folder.iterdir()) for item in yaml.safe_load_all(file.read_text())]


def of(manifests: list[Manifest], component: str) -> list[Manifest]:
    return [item for item in manifests if item["metadata"]["labels"]["app.kubernetes.io/component"] == component]


def by_name(manifests: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {(item["kind"], item["metadata"]["name"]): unlabelled(item) for item in manifests}


def test_crds_are_rendered_as_they_are() -> None:
    crds = of(objects("default"), "crds")
    assert by_name(crds) == by_name(committed(ROOT / "crds"))
    assert len(crds) == 6


def test_no_integer_of_a_crd_turns_into_a_float() -> None:
    unbounded = sum(file.read_text().count("2147483647") for file in (ROOT / "crds").iterdir())
    assert unbounded > 0
    assert rendered("default").count("2147483647") == unbounded


@pytest.mark.parametrize(("keep", "policy"), [(True, "keep"), (False, None)])
def test_crds_are_kept_by_choice(keep: bool, policy: str | None) -> None:
    crds = of(parsed(text_of({"crds": {"keep": keep}})), "crds")
    assert {item["metadata"].get("annotations", {}).get(KEEP) for item in crds} == {policy}


def test_crds_are_left_out_by_choice() -> None:
    assert not of(objects("least"), "crds")


def test_examples_are_rendered_as_they_are() -> None:
    examples = of(objects("examples"), "examples")
    assert by_name(examples) == by_name(committed(CHART / "files/examples"))


@pytest.mark.parametrize(
    ("switch", "kinds"),
    [
        ("settings", {"NodeAutoProvisioning"}),
        ("windows", {"MaintenanceConfiguration"}),
        ("pools", {"AKSNodeClass", "NodePool"}),
        ("images", {"NodeImage"}),
    ],
)
def test_each_example_has_a_switch_of_its_own(switch: str, kinds: set[str]) -> None:
    examples = of(parsed(text_of({"examples": {switch: True}})), "examples")
    assert {item["kind"] for item in examples} == kinds


def test_no_example_is_there_unless_it_is_asked_for() -> None:
    assert not of(objects("default"), "examples")


def test_the_policies_that_warn_are_the_committed_ones() -> None:
    found = of(objects("default"), "lint")
    committed_ones = yaml.safe_load_all((ROOT / "manifests/lint-warnings.yaml").read_text())
    assert by_name(found) == by_name(list(committed_ones))


def test_the_policies_that_warn_are_named_for_the_release() -> None:
    found = of(parsed(text_of({"fullnameOverride": "other"})), "lint")
    assert {item["metadata"]["name"].rpartition("-")[0] for item in found} == {"other-lint"}
    bindings = [item for item in found if "Binding" in item["kind"]]
    assert [item["spec"]["policyName"] for item in bindings] == [item["metadata"]["name"] for item in bindings]


def test_the_policies_that_warn_are_left_out_by_choice() -> None:
    assert not of(parsed(text_of({"lint": {"admissionWarnings": False}})), "lint")
