"""The played cloud: when an instance joins, and when it is looked at (karpenter.md 10)."""

from __future__ import annotations

from datetime import timedelta

from napsim.api import names
from napsim.controllers.declared import Declared
from napsim.controllers.provider import PACING, KwokProvider
from napsim.core.clock import rfc3339
from napsim.core.objects import Condition, NodeClaim
from tests.core.examples import NOW, claim, node


def launched(ago: timedelta) -> NodeClaim:
    return claim("a", conditions=(Condition(names.LAUNCHED, "True", "Launched", "", NOW - ago),))


def test_a_node_is_looked_at_a_second_after_its_launch() -> None:
    assert KwokProvider(Declared()).registered_from(launched(timedelta()), NOW) == NOW + PACING


def test_once_the_clock_was_turned_back_nothing_waits_for_an_instance_to_come() -> None:
    provider, later = KwokProvider(Declared()), rfc3339(NOW + timedelta(days=280))
    made = claim("a", annotations={names.CREATED_AT: later})
    assert provider.launch(made, NOW).ready_at <= NOW
    start = provider.start(made, node("aks-a", annotations={names.INSTANCE_CREATED_AT: later}), NOW)
    assert start is not None
    assert max(start.cloud, start.startup) <= NOW


def test_once_the_clock_was_turned_back_nothing_waits_for_a_launch_to_come() -> None:
    provider, later = KwokProvider(Declared()), launched(-timedelta(days=280))
    assert provider.registered_from(later, NOW) <= NOW
    assert provider.node_due(later, NOW) <= NOW
