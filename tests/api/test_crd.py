"""The CustomResourceDefinitions: what is committed is what the models say, and kubectl can explain it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from napsim.api.crd import custom_resource_definition, file_name, main, object_schema, render, write
from napsim.api.kinds import Kind
from napsim.api.registry import KINDS

CRDS = Path(__file__).parents[2] / "crds"


def schemas(schema: dict[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema in a schema, with its path."""
    yield place, schema
    for name, part in schema.get("properties", {}).items():
        yield from schemas(part, f"{place}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from schemas(schema[inner], f"{place}[]")


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def test_what_is_committed_is_what_is_generated(kind: Kind) -> None:
    assert (CRDS / file_name(kind)).read_text("utf-8") == render(kind), "run: python -m napsim.api.crd crds"


def test_nothing_else_is_committed() -> None:
    assert sorted(file.name for file in CRDS.iterdir()) == sorted(file_name(kind) for kind in KINDS)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crds") / "new"
    write(folder)
    return folder


def test_the_same_models_give_the_same_bytes(written: Path, kind: Kind) -> None:
    assert (written / file_name(kind)).read_text("utf-8") == render(kind)


def test_the_program_writes_into_one_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert len(list(tmp_path.iterdir())) == len(KINDS)
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_every_field_is_described(kind: Kind) -> None:
    properties = object_schema(kind.model)["properties"]
    fields = [found for name in ("spec", "status") for found in schemas(properties[name], name)]
    assert [place for place, schema in fields if "[]" not in place and not schema.get("description")] == []


def test_a_schema_is_structural(kind: Kind) -> None:
    for place, schema in schemas(object_schema(kind.model), kind.name):
        assert "type" in schema or schema.get("x-kubernetes-int-or-string"), place
        assert not {"$ref", "$defs", "title", "const", "nullable", "oneOf", "allOf"} & schema.keys(), place
        assert schema.get("exclusiveMinimum", True) is True, place
        assert not ("properties" in schema and "additionalProperties" in schema), place


def test_no_default_is_null_or_an_empty_list(kind: Kind) -> None:
    found = [(place, schema) for place, schema in schemas(object_schema(kind.model), "") if "default" in schema]
    assert [place for place, schema in found if schema["default"] is None or schema["default"] == []] == []


def test_the_status_has_no_default_so_that_it_is_absent_until_somebody_writes_it(kind: Kind) -> None:
    assert "default" not in object_schema(kind.model)["properties"]["status"]


def test_every_column_has_its_field_in_the_schema(kind: Kind) -> None:
    schema = object_schema(kind.model)
    for column in kind.columns:
        at = schema
        for name in [name.split("[")[0] for name in column.path.split(".")[1:]]:
            if name == "metadata":
                break
            at = at["properties"][name]
            if at["type"] in {"array", "object"} and "properties" not in at:
                break  # an element of a list, or an entry of a map
        assert at, column.path


NAMES = {
    "NodeAutoProvisioning": ("nodeautoprovisionings.napsim.dev", ["nap"], ["napsim"]),
    "MaintenanceConfiguration": ("maintenanceconfigurations.napsim.dev", ["mc"], ["napsim"]),
    "NodeImage": ("nodeimages.napsim.dev", ["ni"], ["napsim"]),
    "NodePool": ("nodepools.karpenter.sh", [], ["karpenter"]),
    "NodeClaim": ("nodeclaims.karpenter.sh", [], ["karpenter"]),
    "AKSNodeClass": ("aksnodeclasses.karpenter.azure.com", ["aksnc", "aksncs"], ["karpenter"]),
}


def test_a_kind_is_cluster_scoped_under_its_names(kind: Kind) -> None:
    definition = custom_resource_definition(kind)
    name, short, categories = NAMES[kind.name]
    assert definition["metadata"]["name"] == name
    assert definition["spec"]["scope"] == "Cluster"
    assert definition["spec"]["names"].get("shortNames", []) == short
    assert definition["spec"]["names"]["categories"] == categories


def test_no_category_hides_a_short_name() -> None:
    short = {name for kind in KINDS for name in kind.short_names}
    assert not short & {category for kind in KINDS for category in kind.categories}


def test_only_the_node_class_has_an_old_version_and_it_warns() -> None:
    versions = {
        kind.name: [(version["name"], version["storage"], version.get("deprecationWarning")) for version in served]
        for kind in KINDS
        for served in [custom_resource_definition(kind)["spec"]["versions"]]
    }
    old = ("v1alpha2", False, "use v1beta1.AKSNodeClass instead")
    assert versions.pop("AKSNodeClass") == [("v1beta1", True, None), old]
    assert {name: found[0][0] for name, found in versions.items() if len(found) == 1} == {
        "NodeAutoProvisioning": "v1alpha1",
        "MaintenanceConfiguration": "v1alpha1",
        "NodeImage": "v1alpha1",
        "NodePool": "v1",
        "NodeClaim": "v1",
    }


def test_the_defaults_of_a_pool_are_those_of_karpenter() -> None:
    spec = yaml.safe_load((CRDS / "karpenter.sh_nodepools.yaml").read_text("utf-8"))["spec"]["versions"][0]["schema"]
    properties = spec["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert properties["disruption"]["default"] == {"consolidateAfter": "0s"}
    assert properties["disruption"]["properties"]["budgets"]["default"] == [{"nodes": "10%"}]
    assert properties["template"]["properties"]["spec"]["properties"]["expireAfter"]["default"] == "720h"
    assert "default" not in properties["template"]["properties"]["metadata"]
