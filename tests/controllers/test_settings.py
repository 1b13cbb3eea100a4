"""Settings: from NodeAutoProvisioning to the values that decisions take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from napsim.controllers.settings import Settings, settings_of
from napsim.core.channels import Channel
from napsim.core.configurations import Settings as WindowSettings
from napsim.core.definitions import GalleryKind
from napsim.core.failures import Failure, FailureKind
from napsim.core.osupgrades import AgentPoolSettings
from napsim.core.recurrence import Weekday
from napsim.core.timings import Distribution
from napsim.core.windows import Window


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
    assert found.windows == WindowSettings()
    assert found.pickup.kind is GalleryKind.CIG
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
            {"distribution": "observed", "values": ["1m", "30s"]},
            Distribution("observed", values=(30.0, 60.0)),
        ),
        (
            {"distribution": "exponential", "mean": "30s", "max": "5m"},
            Distribution("exponential", high=300.0, mean=30.0),
        ),
    ],
    ids=["fixed", "uniform", "normal", "lognormal", "observed", "exponential"],
)
def test_timings_are_in_seconds(timing: dict[str, Any], expected: Distribution) -> None:
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
        leadTimes={"nodeOS": "1h", "others": "20m"},
        recurrence={"firstDayOfWeek": "Monday", "shortMonths": "LastDay"},
        imageGallery="Shared",
        upgradeChannel="rapid",
    )
    assert found.seed == found.timings.seed == 7
    assert found.kubernetes_version == "1.33.1"
    assert (found.pickup.forced.enabled, found.pickup.forced.days) == (False, 30)
    assert found.pickup.cache_duration == timedelta(hours=1)
    assert found.pickup.kind is GalleryKind.SIG
    assert found.upgrade_channel == "rapid"
    assert found.windows == WindowSettings(Weekday.MONDAY, True, timedelta(minutes=20), timedelta(hours=1))
    assert (found.zones, found.instance_type) == (("northeurope-1",), "Standard_D8s_v5")
    assert found.node_provider == "inPlace"
    assert (found.fallback_mode, found.fallback_seed) == ("SeededWeekly", 3)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"upgradeChannel": "stable"}, "spec.upgradeChannel without spec.kubernetesVersion"),
    ],
)
def test_what_has_no_effect_yet_is_named(spec: dict[str, Any], field: str) -> None:
    assert read(**spec).not_honoured == (field,)


def test_agent_pools_are_ignored_unless_they_are_to_be_played() -> None:
    assert (read().agent_pools, read().channel) == (AgentPoolSettings(), Channel.NODE_IMAGE)
    assert not AgentPoolSettings().play
    span = {"start": "2026-02-21T22:00:00Z", "end": "2026-02-22T06:00:00Z"}
    found = read(
        agentPools={"mode": "Play", "drainTimeout": "1h", "catchUp": False, "urgentMaintenance": [span]},
        nodeOSUpgradeChannel="SecurityPatch",
    )
    urgent = Window(datetime(2026, 2, 21, 22, tzinfo=UTC), datetime(2026, 2, 22, 6, tzinfo=UTC))
    assert found.agent_pools == AgentPoolSettings(True, timedelta(hours=1), catch_up=False, urgent=(urgent,))
    assert (found.channel, found.not_honoured) == (Channel.SECURITY_PATCH, ())


def test_all_mistakes_come_at_once() -> None:
    with pytest.raises(ValidationError) as error:
        read(seed="x", imageExpiry={"days": -1})
    assert error.value.error_count() == 2


def test_a_clock_that_could_not_be_told_any_more_is_refused() -> None:
    with pytest.raises(ValueError, match=r"spec\.clock\.start.*must be from 1970 to 2199"):
        read(clock={"start": "9999-12-31T23:59:59Z"})


def test_failures_are_read_with_their_defaults_and_with_all_they_say() -> None:
    found = read(
        seed=7,
        failures=[
            {"kind": "NoCapacity"},
            {
                "kind": "NodeFails",
                "nodePools": ["a"],
                "zones": ["westeurope-1"],
                "capacityTypes": ["spot"],
                "instanceTypes": ["Standard_D4s_v5"],
                "share": 0.5,
                "from": "2026-03-02T10:00:00+01:00",
                "until": "2026-03-02T10:00:00Z",
                "after": {"distribution": "exponential", "mean": "1h"},
                "lasts": "90s",
                "message": "gone dark",
            },
        ],
    ).failures
    assert found.seed == 7
    assert found.items == (
        Failure(FailureKind.NO_CAPACITY),
        Failure(
            FailureKind.NODE_FAILS,
            frozenset({"a"}),
            frozenset({"Standard_D4s_v5"}),
            frozenset({"westeurope-1"}),
            frozenset({"spot"}),
            0.5,
            datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
            datetime(2026, 3, 2, 10, 0, tzinfo=UTC),
            Distribution("exponential", mean=3600.0),
            timedelta(seconds=90),
            "gone dark",
        ),
    )


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"nodeProvider": {"kind": "inPlace"}}, "spec.failures (played with node provider kwok)"),
        (
            {"failures": [{"kind": "NoCapacity"}, {"kind": "NoCapacity", "zones": ["1"]}]},
            "spec.failures[1].zones 1 (there are westeurope-1, westeurope-2, westeurope-3)",
        ),
        (
            {"failures": [{"kind": "NoCapacity", "instanceTypes": ["Standard_D3"]}]},
            "spec.failures[0].instanceTypes Standard_D3 (not known here)",
        ),
        (
            {"failures": [{"kind": "NoCapacity", "capacityTypes": ["reserved"]}]},
            "spec.failures[0].capacityTypes reserved (there is no reserved capacity)",
        ),
    ],
    ids=["in-place", "zone", "size", "capacity-type"],
)
def test_a_failure_that_can_hit_nobody_is_named(spec: dict[str, Any], named: str) -> None:
    assert read(**{"failures": [{"kind": "NoCapacity"}], **spec}).not_honoured == (named,)
