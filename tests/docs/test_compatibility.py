"""The page of what can be relied on names every document that has a version, and the kinds' versions."""

from __future__ import annotations

import re
from typing import Final

from napsim.api.registry import KINDS
from tests.docs.blocks import ROOT

PAGE: Final = (ROOT / "docs/compatibility.md").read_text("utf-8")
SCHEMA: Final = re.compile(r"napsim\.dev/[a-z-]+/v\d+")


def test_the_documents_that_the_program_writes_are_those_of_the_page() -> None:
    written = {
        name for file in (ROOT / "operator/napsim").rglob("*.py") for name in SCHEMA.findall(file.read_text("utf-8"))
    }
    assert len(written) > 10
    assert written == set(SCHEMA.findall(PAGE))


def test_the_versions_of_the_kinds_are_those_of_the_page() -> None:
    served = {version for kind in KINDS for version in kind.api_versions}
    assert len(served) >= 3
    assert [version for version in served if f"`{version}`" not in PAGE] == []
