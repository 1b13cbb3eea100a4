"""What the status of a NodeImage says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.images import ImageReporter
from napsim.controllers.reports import Reports
from napsim.controllers.state import ClusterState
from napsim.core.clock import Timeline

NOW = datetime(2026, 2, 15, 12, tzinfo=UTC)


class Written:
    """Reports that keep what is written."""

    def __init__(self) -> None:
        self.status: dict[str, Any] = {}

    def warn(self, manifest: object, findings: object) -> None: ...

    def ready(self, manifest: object, unhonoured: object) -> list[dict[str, Any]]:
        return []

    def mind(self, conditions: list[dict[str, Any]], manifest: object, findings: object) -> list[dict[str, Any]]:
        return conditions

    async def write(self, resource: object, manifest: object, old: object, wanted: dict[str, Any]) -> None:
        self.status = wanted


def status_of(version: str) -> dict[str, Any]:
    declared, written = Declared(), Written()
    image = {
        "apiVersion": "napsim.dev/v1alpha1",
        "kind": "NodeImage",
        "metadata": {"name": "i", "uid": "i", "generation": 1, "resourceVersion": "1"},
        "spec": {"osSKU": "Ubuntu2204", "definition": "2204gen2containerd", "version": version},
    }
    assert declared.take(image, NOW)
    clock = VirtualClock(lambda: NOW, Timeline(NOW, NOW))
    asyncio.run(ImageReporter(ClusterState(), declared, clock, cast(Reports, written)).report())
    return written.status


@pytest.mark.parametrize(
    ("version", "age"),
    [
        pytest.param("202602.13.0", "2d", id="by the date in the version"),
        pytest.param("202602.27.0", "0d", id="never less than nothing, whatever the clock was set to"),
    ],
)
def test_the_age_of_an_image(version: str, age: str) -> None:
    assert status_of(version)["age"] == age
