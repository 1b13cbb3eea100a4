"""Agent pools in a simulation: the same controller as in a cluster, on virtual time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from napsim.core.trace import RecordKind
from napsim.sim.simulation import simulate
from tests.e2e import manifests as made
from tests.e2e.test_channels import worker
from tests.sim.scenarios import OLD, OPENS, images, scenario, settings, shop

NODES = ("system-0", "system-1", "system-2")


@pytest.mark.row("pm:8-node-image")
def test_their_nodes_are_drained_one_after_another_once_the_window_is_open() -> None:
    nap = settings(agentPools={"mode": "Play"})
    nodes = [worker(name, version=OLD) for name in NODES]
    told = [nap, made.window(), *images(), *nodes, *shop(12)]
    outcome = simulate(scenario(told, days=1.5, ends_early=False, settles=False))
    evicted = [record for record in outcome.trace if record.kind is RecordKind.POD_EVICTED]
    order = [str(record.details["node"]) for record in evicted]
    assert list(dict.fromkeys(order)) == list(NODES)
    assert order == sorted(order), "a node is done before the next begins"
    assert OPENS < evicted[0].at <= evicted[-1].at < OPENS + timedelta(minutes=10)


def test_they_are_left_alone_where_nobody_asks_for_it() -> None:
    nodes = [worker(name, version=OLD) for name in NODES]
    told = [settings(), made.window(), *images(), *nodes, *shop(12)]
    outcome = simulate(scenario(told, days=1.5, ends_early=False, settles=False))
    assert not [record for record in outcome.trace if record.kind is RecordKind.POD_EVICTED]
