"""What is read at a scrape: every metric of the table that is not counted as it happens, from the engine's state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from napsim.api import names
from napsim.api.metrics import BY_NAME, METRICS
from napsim.core.budgets import REASONS
from napsim.core.clock import Timeline
from napsim.core.forecast import Forecast, ForecastReason
from napsim.core.images import Catalogue, ListCache, PublishedImage
from napsim.core.pickup import list_key
from napsim.core.reasons import Reason, Verdict
from napsim.live.client import Client
from napsim.live.engine import Engine
from napsim.live.metrics import Metrics, Sample
from napsim.live.readings import readings
from tests.core.examples import claim, node, true

NOW = datetime(2026, 2, 15, 2, tzinfo=UTC)
OLD, NEW = "202601.27.0", "202602.13.0"
DEFINITION = "2204gen2containerd"
CREATED = {names.INSTANCE_CREATED_AT: "2026-02-15T00:30:00Z"}
IMAGE = f"AKSUbuntu-{DEFINITION}-{OLD}"


def manifest(api_version: str, kind: str, name: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Any:
    metadata = {"name": name, "uid": name, "resourceVersion": "1", "generation": 1}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status}


@pytest.fixture
def engine() -> Engine:
    """A pool of two nodes in a rollout: one drifted, and blocked for an hour; a newer image waits."""
    made = Engine(cast(Client, None), lambda: True, "test", lambda: 0.5, Metrics())
    made.clock.real = lambda: NOW
    made.clock.turn(Timeline(NOW, NOW, 600.0))
    declare(made)
    for name, conditions in (("new", ()), ("old", (names.DRIFTED,))):
        item = claim(name, conditions=true(names.INITIALIZED_CONDITION, *conditions))
        made.state.on_claim(None, item)
        labels = {names.NODEPOOL: "default", names.INITIALIZED: "true", names.NODE_IMAGE_VERSION: IMAGE}
        made.state.on_node(None, node(name, labels=labels, annotations=CREATED))
        made.disruption.on_claim(item, name)
    made.disruption.queues["default"].block("old", Verdict(Reason.PDB, "pdb prevents pod evictions"))
    made.disruption.blocked_since["old"] = NOW - timedelta(hours=1)
    made.rollout.outlook = Forecast(NOW + timedelta(hours=2), ForecastReason.PACE, "")
    made.rollout.first_estimate = NOW + timedelta(hours=1)
    made.rollout._started_at, made.rollout._finished_at = "2026-02-15T01:00:00Z", None
    made.rollout.picked["default", "WindowOpen"] = 1
    made.leading = True
    return made


def declare(engine: Engine) -> None:
    declared = engine.declared
    reference = {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"}
    pool = {
        "limits": {"cpu": "10500m", "memory": "1Ki"},
        "disruption": {"consolidateAfter": "Never", "budgets": [{"nodes": "50%"}]},
        "template": {"spec": {"requirements": [], "nodeClassRef": reference}},
    }
    images = [{"id": f"/CommunityGalleries/AKSUbuntu-1/images/{DEFINITION}/versions/{OLD}", "requirements": []}]
    weekly = {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}
    times = {"schedule": weekly, "startDate": "2026-01-01", "startTime": "01:00", "durationHours": 4}
    window = {"configName": "aksManagedNodeOSUpgradeSchedule", "maintenanceWindow": times}
    kinds: tuple[tuple[str, str, str, Any, Any], ...] = (
        ("karpenter.sh/v1", "NodePool", "default", pool, {}),
        ("karpenter.azure.com/v1beta1", "AKSNodeClass", "default", {"imageFamily": "Ubuntu2204"}, {"images": images}),
        ("napsim.dev/v1alpha1", "MaintenanceConfiguration", "node-os", window, {}),
    )
    for item in kinds:
        assert declared.take(manifest(*item), NOW - timedelta(days=9)), declared.problems
    engine.windows.adopt()
    declared.windows["node-os"]["metadata"].update(creationTimestamp="2026-01-01T00:00:00Z")
    engine.windows.adopt()
    state = declared.node_classes["default"].state
    declared.catalogue = Catalogue([PublishedImage(DEFINITION, NEW, "Ubuntu2204", NOW - timedelta(hours=3))])
    key = list_key(state, declared.settings.pickup)
    declared.caches[key] = ListCache(NOW, key, ())


def value(found: list[Sample], name: str, *labels: str) -> float:
    (sample,) = [item for item in found if item.name == name and item.labels == labels]
    return sample.value


def test_counted_and_read_make_up_the_table(engine: Engine) -> None:
    counted = set(engine.metrics.registry._names_to_collectors)
    engine.rollout._finished_at = "2026-02-15T02:00:00Z"
    read = {sample.name for sample in readings(engine)}
    assert {metric.name for metric in METRICS if metric.name not in counted} == read
    assert not read & counted


def test_every_sample_has_the_labels_of_the_table(engine: Engine) -> None:
    for sample in readings(engine):
        assert len(sample.labels) == len(BY_NAME[sample.name].labels), sample
    samples = [(sample.name, sample.labels) for sample in readings(engine)]
    assert len(samples) == len(set(samples)), "no series twice"


def test_a_follower_tells_of_itself_only(engine: Engine) -> None:
    engine.leading = False
    told = {sample.name for sample in readings(engine)}
    assert told == {
        "napsim_build_info",
        "napsim_queue_depth",
        "napsim_reconcile_failures_total",
        "napsim_events_total",
        "karpenter_cluster_state_synced",
        "karpenter_cluster_state_node_count",
    }


def test_the_window_tells_when_it_changes_on_both_clocks(engine: Engine) -> None:
    found = readings(engine)
    closes = datetime(2026, 2, 15, 5, tzinfo=UTC)
    name = "napsim_window_change_timestamp_seconds"
    assert value(found, "napsim_window_open", "node-os") == 1
    assert value(found, name, "node-os", "closes", "virtual") == closes.timestamp()
    assert value(found, name, "node-os", "closes", "real") == (NOW + timedelta(hours=3) / 600).timestamp()
    assert value(found, "napsim_windows_missed_total", "node-os") == 0


def test_images_tell_their_age_and_the_end_of_it(engine: Engine) -> None:
    found = readings(engine)
    assert value(found, "napsim_image_age_days", "default", DEFINITION, OLD) == pytest.approx(19 + 2 / 24)
    expiry = datetime(2026, 4, 27, tzinfo=UTC).timestamp()
    assert value(found, "napsim_image_expiry_timestamp_seconds", "default", DEFINITION) == pytest.approx(expiry, abs=1)
    assert value(found, "napsim_images_waiting", NEW) == 1
    assert value(found, "napsim_nodes", "default", IMAGE) == 2
    assert value(found, "napsim_pickups_total", "default", "WindowOpen") == 1
    assert value(found, "napsim_pickups_total", "default", "ImageExpired") == 0, "told before the first"


def test_pools_tell_budgets_resources_and_what_is_blocked(engine: Engine) -> None:
    found = readings(engine)
    allowed = engine.disruption.allowance(engine.declared.pools["default"], NOW).allowed
    assert value(found, "karpenter_nodepools_allowed_disruptions", "default", "Drifted") == allowed
    assert value(found, "karpenter_nodepools_limit", "default", "cpu") == 10.5
    assert value(found, "karpenter_nodepools_limit", "default", "memory") == 1024
    assert value(found, "karpenter_nodepools_usage", "default", "nodes") == 2
    assert value(found, "karpenter_voluntary_disruption_eligible_nodes", "drifted") == 0
    assert value(found, "karpenter_voluntary_disruption_eligible_nodes", "empty") == 0
    for reason in REASONS:
        assert value(found, "karpenter_nodepools_allowed_disruptions", "default", reason) == allowed
    assert value(found, "napsim_blocked_nodes", "default", "PodDisruptionBudget") == 1
    assert value(found, "napsim_blocked_longest_seconds", "default", "PodDisruptionBudget") == 3600
    states = {item.labels[1]: item.value for item in found if item.name == "napsim_rollout_nodes"}
    assert (states["total"], states["drifted"], states["blocked"]) == (2, 1, 1)


def test_each_node_of_a_pool_tells_its_virtual_age(engine: Engine) -> None:
    labels = {
        names.NODEPOOL: "default",
        names.ZONE: "westeurope-1",
        names.INSTANCE_TYPE: "Standard_D4s_v5",
        names.CAPACITY_TYPE: "spot",
        names.ARCH: "amd64",
        names.OS: "linux",
    }
    engine.state.on_node(None, node("aged", labels=labels, annotations=CREATED))
    stranger = node("stranger", annotations=CREATED)
    unlabelled = msgspec.structs.replace(stranger.metadata, labels={})
    engine.state.on_node(None, msgspec.structs.replace(stranger, metadata=unlabelled))
    told = {item.labels: item.value for item in readings(engine) if item.name.startswith("karpenter_nodes_current")}
    of = ("aged", "default", "westeurope-1", "Standard_D4s_v5", "spot", "amd64", "linux")
    assert told[of] == timedelta(minutes=90).total_seconds()
    assert {item[0] for item in told} == {"new", "old", "aged"}


def test_conditions_are_counted_by_pool_and_class_with_the_longest_time(engine: Engine) -> None:
    late = claim("late", conditions=true(names.DRIFTED, at=NOW - timedelta(minutes=5)))
    later = claim("later", conditions=true(names.DRIFTED, at=NOW - timedelta(minutes=1)))
    for item in (late, later):
        engine.state.on_claim(None, item)
    of = (names.DRIFTED, "True", names.DRIFTED, "default", late.spec.node_class_ref.name)
    found = readings(engine)
    assert value(found, "operator_nodeclaim_status_condition_count", *of) == 3, "with the one that was there"
    longest = value(found, "operator_nodeclaim_status_condition_current_status_seconds", *of)
    assert longest == timedelta(minutes=5).total_seconds()


def test_the_state_tells_for_how_long_a_claim_has_had_no_instance(engine: Engine) -> None:
    name = "karpenter_cluster_state_unsynced_time_seconds"
    engine.leading = False
    fresh, another = claim("fresh", provider_id=""), claim("another", provider_id="", deleted_at=NOW)
    engine.on_claim(None, fresh)
    engine.clock.real = lambda: NOW + timedelta(seconds=2)
    engine.on_claim(None, another)
    engine.on_claim(fresh, claim("fresh"))
    engine.leading = True
    assert value(readings(engine), name) == 1200, "two real seconds at factor 600, whichever claim it is"
    assert value(readings(engine), "karpenter_cluster_state_synced") == 0
    engine.leading = False
    engine.on_claim(another, None)
    engine.leading = True
    assert value(readings(engine), name) == 0


def test_the_rollout_tells_its_instants(engine: Engine) -> None:
    found = readings(engine)
    assert value(found, "napsim_rollout_in_progress") == 1
    assert value(found, "napsim_rollout_started_timestamp_seconds") == (NOW - timedelta(hours=1)).timestamp()
    finish = value(found, "napsim_rollout_estimated_finish_timestamp_seconds")
    assert finish == (NOW + timedelta(hours=2)).timestamp()
    assert not [item for item in found if item.name == "napsim_rollout_finished_timestamp_seconds"]
