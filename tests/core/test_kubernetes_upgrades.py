"""The Kubernetes version of an AKSNodeClass, and what a change of it does to the images."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from napsim.api import names
from napsim.core.kubernetes_upgrades import follow_kubernetes_version
from napsim.core.nodeclasses import NodeClassState
from napsim.core.objects import Condition, condition, is_true

NOW = datetime(2025, 1, 8, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(days=1)


def node_class(version: str, ready: str = "True") -> NodeClassState:
    conditions = (
        Condition(names.KUBERNETES_VERSION_READY, ready, "", "", BEFORE, 1),
        Condition(names.IMAGES_READY, "True", "ImagesReady", "", BEFORE, 1),
    )
    return NodeClassState("default", 1, kubernetes_version=version, conditions=conditions)


@pytest.mark.parametrize(
    ("state", "server", "version", "images_ready"),
    [
        pytest.param(NodeClassState("new", 1), "v1.33.2", "1.33.2", None, id="nap:K1"),
        pytest.param(node_class("1.32.9"), "1.33.2", "1.33.2", "False", id="nap:K2"),
        pytest.param(node_class("1.33.1"), "1.33.2", "1.33.2", "False", id="a patch"),
        pytest.param(node_class("1.33.9"), "1.33.10", "1.33.10", "False", id="numbers, not text"),
        pytest.param(node_class("1.34.0-rc.1"), "1.34.0", "1.34.0", "False", id="the release after its candidate"),
        pytest.param(node_class("1.33.2"), "1.33.2", "1.33.2", "True", id="the same"),
        pytest.param(node_class("1.33.2"), "1.32.9", "1.33.2", "True", id="nap:X15"),
        pytest.param(node_class(""), "1.33.2", "1.33.2", "True", id="an empty status"),
        pytest.param(node_class("1.33.2", "False"), "1.32.0", "1.32.0", "True", id="not ready: taken even if lower"),
    ],
)
def test_the_version_follows_the_api_server_upwards_and_resets_the_images(
    state: NodeClassState, server: str, version: str, images_ready: str | None
) -> None:
    step = follow_kubernetes_version(state, server, NOW)
    images = condition(step.state.conditions, names.IMAGES_READY)
    assert (step.state.kubernetes_version, step.error) == (version, "")
    assert (images.status if images else None) == images_ready
    assert is_true(step.state.conditions, names.KUBERNETES_VERSION_READY)


def test_the_reset_of_the_images_says_why() -> None:
    step = follow_kubernetes_version(node_class("1.33.1"), "1.33.2", NOW)
    assert condition(step.state.conditions, names.IMAGES_READY) == Condition(
        names.IMAGES_READY,
        "False",
        "KubernetesUpgrade",
        "Performing kubernetes upgrade, need to get latest images",
        NOW,
        1,
    )


@pytest.mark.parametrize(
    ("held", "server", "error"),
    [
        ("1.33.2", "nonsense", "parsing discovered kubernetes version, 'nonsense'"),
        ("nonsense", "1.33.2", "parsing current kubernetes version, 'nonsense'"),
    ],
)
def test_a_version_that_does_not_parse_leaves_everything_as_it_is(held: str, server: str, error: str) -> None:
    state = node_class(held)
    step = follow_kubernetes_version(state, server, NOW)
    assert step.state is state
    assert step.error == error
