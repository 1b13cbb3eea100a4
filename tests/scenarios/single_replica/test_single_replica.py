"""A single-replica Deployment with minAvailable 1."""

from __future__ import annotations

from tests.scenarios.answers import blocked, forecast, pool


def test_its_node_stays_and_the_others_go() -> None:
    found = forecast(__file__)
    assert not found.finishes
    assert (pool(found).nodes, pool(found).replaced) == (4, 3)
    (held,) = [item for item in blocked(found, "PodDisruptionBudget") if item.until is None]
    assert "shop/ledger" in held.message


def test_its_pod_is_never_evicted() -> None:
    evicted = {item.name: item.evicted for item in forecast(__file__).workloads}
    assert evicted.get("shop/Deployment/ledger", 0) == 0
    assert evicted["shop/Deployment/web"] == 3


def test_what_would_have_to_change_is_said() -> None:
    (remedy,) = pool(forecast(__file__)).remedies
    assert "PodDisruptionBudget" in remedy
