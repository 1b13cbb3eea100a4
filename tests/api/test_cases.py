"""The models accept and refuse what the table says. tests/e2e/test_admission.py holds the API server to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from napsim.api.crd import object_schema
from napsim.api.registry import KINDS
from napsim.api.validation import errors_of
from tests.api.cases import CASES, Case
from tests.api.good import GOOD
from tests.api.paths import Path, places


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_manifest_is_judged_as_the_table_says(case: Case) -> None:
    errors = errors_of(case.manifest)
    assert (errors == []) is case.accept, [str(error) for error in errors]
    said = "\n".join(f"{error.field}: {error.message}" for error in errors)
    assert all(fragment in said for fragment in case.fragments), said


def test_every_field_of_every_spec_is_in_a_good_manifest() -> None:
    for kind in KINDS:
        manifests = [manifest for manifest in GOOD.values() if manifest["kind"] == kind.name]
        used = {_name(place) for manifest in manifests for place, _ in places(manifest)}
        known = {
            _TIMING.sub("timings.any", name)
            for name in _fields(object_schema(kind.model)["properties"]["spec"], "spec")
        }
        assert known - used == set(), kind.name


def test_ids_are_unique() -> None:
    assert len({case.id for case in CASES}) == len(CASES)


# The four timings are of one shape.
_TIMING = re.compile(r"timings\.[a-z]+(?=\.)")


def _name(place: Path) -> str:
    return _TIMING.sub("timings.any", ".".join(str(part) for part in place if isinstance(part, str)))


def _fields(schema: dict[str, Any], place: str) -> Iterator[str]:
    for name, part in schema.get("properties", {}).items():
        yield f"{place}.{name}"
        yield from _fields(part.get("items", part), f"{place}.{name}")
