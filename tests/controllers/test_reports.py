"""Statuses that are written while people change the objects."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, cast

import pytest

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.executor import Executor
from napsim.controllers.reports import Reports
from napsim.controllers.resources import NODE_POOLS, Resource
from tests.controllers.test_declared import pool
from tests.core.examples import NOW

BUDGETS = [{"nodes": "1"}]


class Server:
    """One NodePool, as an API server has it: what is patched is the object as it is by then."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.manifest = deepcopy(dict(manifest))

    def edited(self, change: Mapping[str, Any]) -> Mapping[str, Any]:
        """Somebody's edit: the object after it."""
        spec, metadata = {**self.manifest["spec"], **change.get("spec", {})}, change.get("metadata", {})
        generation = self.manifest["metadata"]["generation"] + ("spec" in change)
        return self._written({**self.manifest, "spec": spec}, generation=generation, **metadata)

    async def patch_status(self, _resource: Resource, _name: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._written({**self.manifest, "status": {**self.manifest.get("status", {}), **changes}})

    def _written(self, manifest: dict[str, Any], **metadata: Any) -> Mapping[str, Any]:
        version = str(int(manifest["metadata"]["resourceVersion"]) + 1)
        self.manifest = {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version, **metadata}}
        return deepcopy(self.manifest)


def known() -> tuple[Declared, Reports, Server]:
    """A NodePool that has been taken in."""
    declared, server = Declared(), Server(pool())
    assert declared.take(deepcopy(server.manifest), NOW)
    return declared, Reports(declared, VirtualClock(lambda: NOW), cast(Executor, server)), server


def report(declared: Declared, reports: Reports, nodes: int) -> None:
    manifest = declared.manifest("NodePool", "default")
    assert manifest is not None
    asyncio.run(reports.write(NODE_POOLS, manifest, manifest.get("status", {}), {"nodes": nodes}))


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"disruption": {"consolidateAfter": "0s", "budgets": BUDGETS}}},
        {"metadata": {"annotations": {"napsim.dev/node-provider": "inPlace"}}},
        {"metadata": {"deletionTimestamp": "2026-02-14T12:00:00Z"}},
    ],
    ids=["spec", "annotation", "deletion"],
)
def test_an_edit_that_a_status_is_written_after_before_it_is_told_is_not_lost(change: Mapping[str, Any]) -> None:
    """The answer has the edited object's metadata: taken for what is known, they would make the edit an echo."""
    declared, reports, server = known()
    edited = server.edited(change)
    report(declared, reports, 3)
    assert declared.is_news(edited)
    assert declared.is_news(server.manifest)


def test_a_status_of_our_own_is_no_news() -> None:
    declared, reports, server = known()
    report(declared, reports, 3)
    assert not declared.is_news(deepcopy(server.manifest))


def test_what_was_written_is_known_even_beside_an_edit() -> None:
    """Else it would be written again and again where the edit cannot be used."""
    declared, reports, server = known()
    server.edited({"spec": {"weight": 5}})
    report(declared, reports, 3)
    manifest = declared.manifest("NodePool", "default")
    assert manifest is not None
    assert manifest["status"] == {"nodes": 3}
    assert manifest["metadata"]["generation"] == 1


def test_an_edit_that_is_told_late_does_not_bring_the_status_of_before_back() -> None:
    """A class would pick up once more what it has picked up."""
    declared, reports, server = known()
    edited = server.edited({"spec": {**pool()["spec"], "weight": 5}})
    report(declared, reports, 3)
    assert declared.take(edited, NOW)
    manifest = declared.manifest("NodePool", "default")
    assert manifest is not None
    assert (manifest["spec"]["weight"], manifest["status"]) == (5, {"nodes": 3})
    assert not declared.is_news(deepcopy(server.manifest))


def test_a_later_state_has_the_status_that_it_comes_with() -> None:
    declared, reports, server = known()
    server.edited({"spec": {**pool()["spec"], "weight": 5}})
    report(declared, reports, 3)
    later = asyncio.run(server.patch_status(NODE_POOLS, "default", {"nodes": 4}))
    assert declared.take(later, NOW)
    manifest = declared.manifest("NodePool", "default")
    assert manifest is not None
    assert manifest["status"] == {"nodes": 4}
