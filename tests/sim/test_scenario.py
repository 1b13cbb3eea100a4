"""From files to a scenario: what is read, what is filled in, what goes before what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from napsim.core.retries import KARPENTER
from napsim.core.timings import Distribution
from napsim.reading.sources import read
from napsim.sim.composition import Asked, scenario_of
from napsim.sim.scenario import Applied, Deleted, NodeFailed, Stopped
from tests.sim.scenario_texts import CLUSTER, NODE_CLASS, NOW, POOL, composed, named

SCENARIO = """
apiVersion: napsim.dev/v1alpha1
kind: Scenario
metadata: {name: spring}
spec:
"""
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web}]}
"""


def test_without_a_scenario_it_starts_now_and_ends_once_all_is_rolled_out_or_after_120_days(tmp_path: Path) -> None:
    scenario = composed(tmp_path, CLUSTER)
    assert scenario.start == NOW
    assert scenario.until == NOW + timedelta(days=120)
    assert scenario.ends_early


def test_an_end_that_is_said_is_run_to(tmp_path: Path) -> None:
    scenario = composed(tmp_path, CLUSTER, SCENARIO + "  until: 2026-06-01T00:00:00Z")
    assert scenario.until == datetime(2026, 6, 1, tzinfo=UTC)
    assert not scenario.ends_early


TAKEN = """
apiVersion: napsim.dev/v1alpha1
kind: Scenario
metadata: {name: snapshot, annotations: {napsim.dev/snapshot: "true"}}
spec: {start: 2026-02-01T00:00:00Z}
"""


@pytest.mark.parametrize("order", [1, -1])
def test_a_scenario_beside_that_of_a_snapshot_goes_before_it_field_by_field(tmp_path: Path, order: int) -> None:
    own = SCENARIO + "  seed: 2\n  events: [{at: 2026-02-03T00:00:00Z, delete: {kind: Node, name: a}}]"
    scenario = composed(tmp_path, CLUSTER, *[TAKEN, own][::order])
    assert (scenario.name, scenario.seed, len(scenario.events)) == ("spring", 2, 1)
    assert scenario.start == datetime(2026, 2, 1, tzinfo=UTC)


def test_the_start_that_a_scenario_says_goes_before_that_of_a_snapshot(tmp_path: Path) -> None:
    scenario = composed(tmp_path, CLUSTER, TAKEN, SCENARIO + "  start: 2026-02-02T00:00:00Z")
    assert scenario.start == datetime(2026, 2, 2, tzinfo=UTC)


def test_the_scenario_of_a_snapshot_alone_is_one_as_any(tmp_path: Path) -> None:
    scenario = composed(tmp_path, CLUSTER, TAKEN)
    assert (scenario.name, scenario.start) == ("snapshot", datetime(2026, 2, 1, tzinfo=UTC))


def test_the_command_line_goes_before_the_scenario_and_that_before_the_cluster(tmp_path: Path) -> None:
    cluster = """
apiVersion: napsim.dev/v1alpha1
kind: NodeAutoProvisioning
metadata: {name: default}
spec: {seed: 1, clock: {start: 2026-01-01T00:00:00Z}}
"""
    told = SCENARIO + "  start: 2026-02-01T00:00:00Z\n  seed: 2"
    assert composed(tmp_path, CLUSTER, cluster).start == datetime(2026, 1, 1, tzinfo=UTC)
    assert composed(tmp_path, CLUSTER, cluster).seed == 1
    assert composed(tmp_path, CLUSTER, cluster, told).start == datetime(2026, 2, 1, tzinfo=UTC)
    assert composed(tmp_path, CLUSTER, cluster, told).seed == 2
    asked = composed(tmp_path, CLUSTER, cluster, told, start=NOW, seed=3)
    assert (asked.start, asked.seed) == (NOW, 3)


def test_timings_of_the_scenario_go_before_those_of_the_cluster_step_by_step(tmp_path: Path) -> None:
    cluster = """
apiVersion: napsim.dev/v1alpha1
kind: NodeAutoProvisioning
metadata: {name: default}
spec: {timings: {launch: {fixed: 20s}, detach: {fixed: 30s}}}
"""
    timings = "  timings: {launch: {fixed: 40s}, podStart: {distribution: lognormal, median: 8s, p95: 45s}}"
    scenario = composed(tmp_path, CLUSTER, cluster, SCENARIO + timings)
    assert scenario.timings.launch == Distribution("fixed", low=40)
    assert scenario.timings.detach == Distribution("fixed", low=30)
    assert scenario.timings.registration == Distribution("fixed", low=45)
    assert scenario.pods.start.median == 8
    assert scenario.pods.termination == Distribution("fixed", low=2)
    (nap,) = named(scenario, "NodeAutoProvisioning")
    assert nap["spec"]["timings"]["launch"] == {"fixed": "40s"}
    assert "clock" not in nap["spec"]


def test_events_come_by_time_and_then_as_they_were_written(tmp_path: Path) -> None:
    events = """
  events:
  - {at: 2026-03-05T00:00:00Z, delete: {kind: PodDisruptionBudget, name: web}}
  - at: 2026-03-04T00:00:00Z
    apply: {apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: web}, spec: {minAvailable: 1}}
  - {at: 2026-03-05T00:00:00Z, until: 2026-03-06T00:00:00Z, stopped: true}
  - {at: 2026-03-05T00:00:00Z, nodeFails: {nodePool: default, count: 2}}
"""
    scenario = composed(tmp_path, CLUSTER, SCENARIO + events)
    fifth, sixth = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 6, tzinfo=UTC)
    applied, *others = scenario.events
    assert isinstance(applied, Applied)
    assert applied.manifest["metadata"] == {"name": "web", "namespace": "default"}
    assert others == [
        Deleted(fifth, "PodDisruptionBudget", "web", "default"),
        Stopped(fifth, sixth),
        NodeFailed(fifth, node_pool="default", count=2),
    ]


def test_events_before_the_start_happen_at_it_unless_they_are_over_and_it_is_said(tmp_path: Path) -> None:
    start = "2026-03-02T08:00:00Z"
    events = f"""
  start: {start}
  events:
  - {{at: 2026-02-01T00:00:00Z, delete: {{kind: PodDisruptionBudget, name: web}}}}
  - {{at: 2026-02-01T00:00:00Z, until: 2026-02-02T00:00:00Z, stopped: true}}
  - {{at: 2026-02-01T00:00:00Z, until: 2026-04-02T00:00:00Z, nodeFails: {{nodePool: default}}}}
  - {{at: 2026-02-01T00:00:00Z, until: 2026-02-02T00:00:00Z, nodeFails: {{nodePool: default}}}}
"""
    scenario = composed(tmp_path, CLUSTER, SCENARIO + events)
    assert [type(event) for event in scenario.events] == [Deleted, NodeFailed]
    assert {event.at for event in scenario.events} == {scenario.start}
    assert "Events before the start, which happen at it: 2." in scenario.notes
    assert "Events that are over before the start, and left out: 2." in scenario.notes


def test_a_pool_without_capacity_that_nobody_declares_is_named(tmp_path: Path) -> None:
    event = "  events: [{at: 2026-03-05T00:00:00Z, until: 2026-03-06T00:00:00Z, noCapacity: {nodePool: %s}}]"
    told = "noCapacity of NodePool/gpu: there is no such NodePool."
    assert told in composed(tmp_path, CLUSTER, SCENARIO + event % "gpu").notes
    assert told not in composed(tmp_path, CLUSTER, SCENARIO + event % "default").notes


def test_a_span_without_capacity_is_a_failure_of_the_cluster(tmp_path: Path) -> None:
    event = "  events: [{at: 2026-03-05T00:00:00Z, until: 2026-03-06T00:00:00Z, noCapacity: {nodePool: default}}]"
    (nap,) = named(composed(tmp_path, CLUSTER, SCENARIO + event), "NodeAutoProvisioning")
    assert nap["spec"]["failures"] == [
        {
            "kind": "NoCapacity",
            "from": "2026-03-05T00:00:00Z",
            "until": "2026-03-06T00:00:00Z",
            "nodePools": ["default"],
        }
    ]


def test_nodes_are_made_only_where_none_are_given(tmp_path: Path) -> None:
    assert composed(tmp_path, CLUSTER).settles
    node = "{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {nodeInfo: {kubeletVersion: v1.33.2}}}"
    scenario = composed(tmp_path, CLUSTER, node)
    assert not scenario.settles
    (nap,) = named(scenario, "NodeAutoProvisioning")
    assert nap["spec"]["kubernetesVersion"] == "1.33.2"


def test_lists_are_taken_apart_and_json_is_read_as_yaml_is(tmp_path: Path) -> None:
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web"}]}},
        },
    }
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [web]}, indent=1)
    (deployment,) = named(composed(tmp_path, CLUSTER, text), "Deployment")
    assert deployment == web


def test_standard_input_is_read_for_a_dash() -> None:
    documents, mistakes = read(["-"], stdin=lambda: CLUSTER)
    assert not mistakes
    assert named(scenario_of(documents, Asked(NOW)), "NodePool")


def test_what_comes_twice_is_taken_from_where_it_comes_last(tmp_path: Path) -> None:
    scenario = composed(tmp_path, CLUSTER, WEB, WEB.replace("replicas: 3", "replicas: 5"))
    (deployment,) = named(scenario, "Deployment")
    assert deployment["spec"]["replicas"] == 5
    assert any("Deployment/web comes twice" in note for note in scenario.notes)


def test_other_kinds_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    service = "{apiVersion: v1, kind: Service, metadata: {name: web}}"
    scenario = composed(tmp_path, CLUSTER, service)
    assert not named(scenario, "Service")
    assert "1 Service left out: a forecast does not depend on it." in scenario.notes


def test_a_pool_without_its_class_is_named(tmp_path: Path) -> None:
    notes = composed(tmp_path, POOL).notes
    assert any("there is no AKSNodeClass default" in note for note in notes)
    assert not any("AKSNodeClass" in note for note in composed(tmp_path, POOL, NODE_CLASS).notes)


def test_local_times_are_those_of_the_windows_zone(tmp_path: Path) -> None:
    window = """
apiVersion: napsim.dev/v1alpha1
kind: MaintenanceConfiguration
metadata: {name: aks-managed-node-os-upgrade-schedule}
spec:
  configName: aksManagedNodeOSUpgradeSchedule
  maintenanceWindow:
    durationHours: 4
    startTime: "01:00"
    schedule: {weekly: {dayOfWeek: Saturday, intervalWeeks: 1}}
"""
    named_zone, offset = f"{window}  timeZone: Europe/Berlin\n", f'{window}    utcOffset: "+01:00"\n'
    assert composed(tmp_path, CLUSTER, named_zone).time_zone == "Europe/Berlin"
    assert composed(tmp_path, CLUSTER, offset).time_zone == "Etc/GMT-1"
    assert composed(tmp_path, CLUSTER, offset.replace("+01:00", "+05:30")).time_zone == "UTC+05:30"
    assert composed(tmp_path, CLUSTER, offset.replace("+01:00", "-13:00")).time_zone == "UTC-13:00"
    assert composed(tmp_path, CLUSTER, offset.replace("+01:00", "-00:00")).time_zone == "UTC"
    assert composed(tmp_path, CLUSTER, window).time_zone == "UTC"
    said = SCENARIO + "  timeZone: America/New_York"
    assert composed(tmp_path, CLUSTER, named_zone, said).time_zone == "America/New_York"


def test_evictions_are_tried_again_as_karpenter_does_unless_they_are_not_to_wait(tmp_path: Path) -> None:
    assert composed(tmp_path, CLUSTER).pace.retries == KARPENTER
    assert composed(tmp_path, CLUSTER, SCENARIO + "  evictionRetries: AtOnce").pace.retries is None
