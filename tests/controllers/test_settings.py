"""Settings: from NodeAutoProvisioning to the values that decisions take."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from napsim.controllers.settings import Settings, settings_of
from napsim.core.timings import Distribution


def read(**spec: Any) -> Settings:
    return settings_of(
        {
            "apiVersion": "napsim.dev/v1alpha1",
            "kind": "NodeAutoProvisioning",
            "metadata": {"name": "default"},
            "spec": spec,
        }
    )


def test_an_empty_spec_is_what_aks_does() -> None:
    found = read()
    assert (found.pickup.forced.enabled, found.pickup.forced.days) == (True, 90)
    assert found.fallback_mode == "AlwaysOpen"
    assert found.zones == ("westeurope-1", "westeurope-2", "westeurope-3")
    assert found.timings.launch == Distribution("fixed", low=10.0)
    assert found.not_honoured == ()


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        ({"fixed": "45s"}, Distribution("fixed", low=45.0)),
        ({"distribution": "uniform", "min": "1m", "max": "2m"}, Distribution("uniform", low=60.0, high=120.0)),
        (
            {"distribution": "normal", "mean": "1m", "standardDeviation": "10s", "min": "30s"},
            Distribution("normal", low=30.0, mean=60.0, deviation=10.0),
        ),
        (
            {"distribution": "lognormal", "median": "40s", "p95": "2m"},
            Distribution("lognormal", median=40.0, p95=120.0),
        ),
        (
            {"distribution": "exponential", "mean": "30s", "max": "5m"},
            Distribution("exponential", high=300.0, mean=30.0),
        ),
    ],
    ids=["fixed", "uniform", "normal", "lognormal", "exponential"],
)
def test_timings_are_in_seconds(timing: dict[str, str], expected: Distribution) -> None:
    assert read(timings={"registration": timing}).timings.registration == expected


def test_what_a_person_sets_is_taken() -> None:
    found = read(
        seed=7,
        kubernetesVersion="v1.33.1",
        imageExpiry={"enabled": False, "days": 30},
        nodeProvider={
            "kind": "inPlace",
            "region": "northeurope",
            "zones": ["1"],
            "instanceType": "Standard_D8s_v5",
        },
        fallback={"mode": "SeededWeekly", "seed": 3},
        listCacheDuration="1h",
    )
    assert found.seed == found.timings.seed == 7
    assert found.kubernetes_version == "1.33.1"
    assert (found.pickup.forced.enabled, found.pickup.forced.days) == (False, 30)
    assert found.pickup.cache_duration == timedelta(hours=1)
    assert (found.zones, found.instance_type) == (("northeurope-1",), "Standard_D8s_v5")
    assert found.node_provider == "inPlace"
    assert (found.fallback_mode, found.fallback_seed) == ("SeededWeekly", 3)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"nodeOSUpgradeChannel": "SecurityPatch"}, "spec.nodeOSUpgradeChannel"),
        ({"upgradeChannel": "stable"}, "spec.upgradeChannel"),
    ],
)
def test_what_has_no_effect_yet_is_named(spec: dict[str, Any], field: str) -> None:
    assert read(**spec).not_honoured == (field,)


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(ValidationError) as error:
        read(seed="x", imageExpiry={"days": -1})
    assert error.value.error_count() == 2


def test_a_clock_that_could_not_be_told_any_more_is_refused() -> None:
    with pytest.raises(ValueError, match=r"spec\.clock\.start.*must be from 1970 to 2199"):
        read(clock={"start": "9999-12-31T23:59:59Z"})
