"""docs/reference/crds.md, from the schemas."""

from __future__ import annotations

from typing import Final

import pytest

from napsim.api.crd import custom_resource_definition
from napsim.api.kinds import Kind
from napsim.api.registry import KINDS
from napsim.report.crd_reference import fields, page, rules

PAGE: Final = page()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_columns_short_names_versions_fields_and_rules_of_every_kind_are_there(kind: Kind) -> None:
    (section,) = [part for part in PAGE.split("\n## ") if part.startswith(f"{kind.name}\n")]
    schema = custom_resource_definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found = [field.path for name in ("spec", "status") for field in fields(name, schema["properties"].get(name, {}))]
    assert len(found) > 10
    assert [path for path in found if f"| `{path}` |" not in section] == []
    assert [column.name for column in kind.columns if f"| {column.name} |" not in section] == []
    assert [name for name in (*kind.short_names, *kind.api_versions) if f"`{name}`" not in section] == []
    messages = [rule["message"].replace("|", "\\|") for _, rule in rules("", schema)]
    assert [message for message in messages if " ".join(message.split()) not in section] == []


@pytest.mark.parametrize(
    "row",
    [
        "| `spec.disruption.budgets[].nodes` | string | `10%` |",
        "| `spec.fallback.mode` | string | `AlwaysOpen` | `AlwaysOpen`, `SeededWeekly`, `None` |",
        "| `spec.imageExpiry.days` | integer | `90` | 1 to 3650 |",
        "| `spec.template.spec.nodeClassRef.name` | string | required |",
        "| `spec.limits` | map to integer or string |",
    ],
)
def test_a_field_has_its_type_default_and_what_is_allowed(row: str) -> None:
    assert row in PAGE
