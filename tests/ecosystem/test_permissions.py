"""What ``napsim doctor`` asks for the operator is what the chart gives it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from napsim.report.doctor.permissions import DELETE_PODS, REQUIRED, Permission, leadership

RULES = Path(__file__).parents[2] / "charts" / "napsim" / "templates" / "rbac.yaml"
Key = tuple[str, str, str]


def rules(kind: str) -> list[dict[str, Any]]:
    """The rules of the operator's ClusterRole or Role, without what the template fills in."""
    for part in re.split(r"(?m)^---$", RULES.read_text()):
        manifest = yaml.safe_load(re.sub(r"(?s)\{\{.*?\}\}", "", part))
        if manifest and manifest["kind"] == kind and 'name: {{ include "napsim.fullname"' in part:
            found: list[dict[str, Any]] = manifest["rules"]
            return found
    raise AssertionError(f"no {kind} in {RULES.name}")


def given(kind: str) -> set[Key]:
    return {
        (verb, group, resource)
        for rule in rules(kind)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked(permissions: tuple[Permission, ...]) -> set[Key]:
    return {(item.verb, item.group, item.resource) for item in permissions}


def test_for_the_whole_cluster_it_is_the_same() -> None:
    assert asked((*REQUIRED, DELETE_PODS)) == given("ClusterRole")


def test_for_the_lease_it_is_the_same() -> None:
    assert asked(leadership("napsim-system", "napsim")) == given("Role")
