"""The status of NodePools: what of a pool is wrong although the API server accepted it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, cast

import pytest

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.executor import Executor
from napsim.controllers.nodepools import NodePoolController
from napsim.controllers.provisioner import Provisioner
from napsim.controllers.registrations import Registrations
from napsim.controllers.reports import Reports
from napsim.controllers.resources import Resource
from napsim.controllers.state import ClusterState
from napsim.core.actions import Event
from tests.controllers.test_declared import REFERENCE, node_class, pool
from tests.core.examples import NOW

TAINT: Final = {"key": "gpu", "effect": "NoSchedule"}
READY: Final = {"conditions": [{"type": "Ready", "status": "True"}]}


class World:
    """One pool of a class that is ready; what is written about it."""

    def __init__(self, **spec: Any) -> None:
        self.declared, self.said, self.status = Declared(), list[Event](), dict[str, Any]()
        clock, executor = VirtualClock(lambda: NOW), cast(Executor, self)
        self.clock = clock
        reports, state = Reports(self.declared, clock, executor), ClusterState()
        provisioner = Provisioner(state, self.declared, clock, executor, lambda _: None)
        self.controller = NodePoolController(
            state, self.declared, clock, executor, reports, provisioner, Registrations(self.declared), lambda *_: None
        )
        for manifest in (node_class(status=READY), pool(**spec)):
            assert self.declared.take(manifest, NOW), self.declared.problems

    def report(self) -> dict[str, tuple[str, str, str]]:
        """The conditions after a report."""
        asyncio.run(self.controller.report("default"))
        found = self.status["conditions"]
        return {item["type"]: (item["status"], item["reason"], item["message"]) for item in found}

    # --- the executor's part ------------------------------------------------------------------------------------------

    def record(self, event: Event) -> None:
        self.said.append(event)

    async def patch_status(self, resource: Resource, name: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        assert (resource.kind, name) == ("NodePool", "default")
        self.status = {**self.status, **changes}
        return {**self.declared.pools[name].manifest, "status": self.status}


def template(**spec: Any) -> dict[str, Any]:
    return {"spec": {"requirements": [], "nodeClassRef": REFERENCE, **spec}}


def test_a_pool_that_is_fine_is_ready() -> None:
    found = World().report()
    assert found[names.VALIDATION_SUCCEEDED] == ("True", names.VALIDATION_SUCCEEDED, "")
    assert found["Ready"][0] == "True"


def test_a_taint_that_is_there_twice_fails_validation_and_the_pool_is_not_ready() -> None:
    found = World(template=template(taints=[TAINT, {**TAINT, "value": "other"}])).report()
    status, reason, message = found[names.VALIDATION_SUCCEEDED]
    assert (status, reason) == ("False", "NodePoolValidationFailed")
    assert "spec.template.spec.taints[1]: duplicate taint Key/Effect pair gpu=NoSchedule" in message
    assert found["Ready"] == ("False", "UnhealthyDependents", "ValidationSucceeded=False")


def test_a_schedule_that_no_parser_reads_is_no_matter_of_validation_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(budgets=[{"nodes": "1", "schedule": "@dailyx", "duration": "1h"}])
    with caplog.at_level(logging.ERROR):
        found = world.report()
        world.declared.take(node_class(version=2, status=READY), NOW)
        world.report()
    assert found[names.VALIDATION_SUCCEEDED][0] == "True"
    assert found["Findings"][1] == "InvalidBudget"
    assert [record.message.split(": ")[0] for record in caplog.records] == ["detected disruption budget errors"]
    assert {event.reason for event in world.said} == {"InvalidBudget"}
