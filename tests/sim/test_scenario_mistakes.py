"""Bad input: every mistake of every file at once, with line, object, field, value and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.scenario_texts import CLUSTER, composed, mistakes_in, named

POOL = """apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: default}
spec:
  disruption:
    consolidateAfter: Never
    budgets:
    - nodes: "10%%"
  template:
    spec:
      nodeClassRef: {group: karpenter.azure.com, kind: AKSNodeClass, name: default}
      requirements: []
"""
DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: "3"
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: wbe}}
    spec:
      containers:
      - name: web
        resources: {requests: {cpu: 1x}}
"""


def test_all_mistakes_of_all_files_come_at_once_with_their_lines(tmp_path: Path) -> None:
    found = mistakes_in(tmp_path, POOL, DEPLOYMENT, "a: [1")
    assert [(Path(it.file).name, it.line, it.object, it.field, it.value) for it in found] == [
        ("0.yaml", 8, "NodePool/default", "spec.disruption.budgets[0].nodes", "10%%"),
        ("1.yaml", 5, "Deployment/web", "spec.replicas", "3"),
        ("1.yaml", 8, "Deployment/web", "spec.template.metadata.labels.app", "wbe"),
        ("1.yaml", 12, "Deployment/web", "spec.template.spec.containers[0].resources.requests.cpu", "1x"),
        ("2.yaml", 2, "", "", None),
    ]
    assert all(it.message for it in found)


def test_a_mistake_reads_file_line_object_field_value_and_what_is_allowed(tmp_path: Path) -> None:
    (found,) = mistakes_in(tmp_path, CLUSTER, DEPLOYMENT.replace("wbe", "web").replace("1x", "1"))
    told = f"{tmp_path}/1.yaml:5: Deployment/web: spec.replicas: '3': must be an integer, 0 or greater"
    assert str(found) == told


def test_lines_count_on_through_documents_and_lists(tmp_path: Path) -> None:
    item = "\n".join(f"  {line}" for line in DEPLOYMENT.splitlines())
    items = f"apiVersion: v1\nkind: List\nitems:\n-{item[1:]}\n"
    found = mistakes_in(tmp_path, CLUSTER, f"---\n# nothing\n---\n{items}")
    assert [it.line for it in found] == [3 + 3 + 5, 3 + 3 + 8, 3 + 3 + 12]


def test_json_over_several_lines_has_lines_too(tmp_path: Path) -> None:
    text = '{\n "apiVersion": "policy/v1",\n "kind": "PodDisruptionBudget",\n "metadata": {"name": "web"},\n'
    text += ' "spec": {\n  "minAvailable": 1,\n  "maxUnavailable": -1\n }\n}\n'
    found = mistakes_in(tmp_path, CLUSTER, text)
    assert [(it.line, it.field) for it in found] == [(7, "spec.maxUnavailable"), (7, "spec.maxUnavailable")]


_APPLIED = """events:
  - at: 2026-03-05T00:00:00Z
    apply:
      apiVersion: policy/v1
      kind: PodDisruptionBudget
      metadata: {name: web}
      spec:
        minAvailable: half"""


@pytest.mark.parametrize(
    ("spec", "field", "line"),
    [
        ("start: yesterday", "spec.start", 5),
        ("sed: 4", "spec.sed", 5),
        ("timeZone: Europe/Berlln", "spec.timeZone", 5),
        ("images: 5 days", "spec.images", 5),
        ("images: 30m", "spec.images", 5),
        ("timings: {podStart: {fixed: 5}}", "spec.timings.podStart.fixed", 5),
        ("timings: {podStart: {fixed: 5s, distribution: normal}}", "spec.timings.podStart", 5),
        ("events: [{at: 2026-03-05T00:00:00Z}]", "spec.events[0]", 5),
        ("events: [{at: 2026-03-05T00:00:00Z, stopped: true}]", "spec.events[0].until", 5),
        ("events:\n  - at: 2026-03-05T00:00:00Z\n    nodeFails: {count: 1}", "spec.events[0].nodeFails", 7),
        ("events: [{at: 2026-03-05T00:00:00Z, delete: {kind: Service, name: a}}]", "spec.events[0].delete.kind", 5),
        (
            _APPLIED,
            "spec.events[0].apply.spec.minAvailable",
            12,
        ),
    ],
)
def test_a_scenario_is_judged_field_by_field(tmp_path: Path, spec: str, field: str, line: int) -> None:
    text = f"apiVersion: napsim.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: x}}\nspec:\n  {spec}\n"
    assert (field, line) in {(it.field, it.line) for it in mistakes_in(tmp_path, CLUSTER, text)}


def test_a_field_that_only_the_cluster_knows_is_left_out_of_what_comes_from_one(tmp_path: Path) -> None:
    pool = POOL.replace("10%%", "10%").replace("consolidateAfter: Never", "consolidateAfter: Never\n    brandNew: 1")
    (found,) = mistakes_in(tmp_path, pool)
    assert (found.field, found.line) == ("spec.disruption.brandNew", 7)
    accepted = pool.replace("{name: default}\nspec", "{name: default, uid: u1}\nspec")
    assert accepted != pool
    scenario = composed(tmp_path, accepted)
    assert "NodePool/default: spec.disruption.brandNew is not known here, and was left out." in scenario.notes
    assert "brandNew" not in str(named(scenario, "NodePool"))


def test_an_owner_that_is_not_named_is_refused(tmp_path: Path) -> None:
    text = DEPLOYMENT.replace("wbe", "web").replace("1x", "1").replace('"3"', "3")
    owned = text.replace("{name: web}", "{name: web, ownerReferences: [{controller: true}], labels: {a: 1}}", 1)
    found = mistakes_in(tmp_path, CLUSTER, owned)
    assert [it.field for it in found] == [
        *(f"metadata.ownerReferences[0].{field}" for field in ("apiVersion", "kind", "name", "uid")),
        "metadata.labels.a",
    ]


def test_a_second_scenario_is_one_too_many(tmp_path: Path) -> None:
    text = "{apiVersion: napsim.dev/v1alpha1, kind: Scenario, metadata: {name: x}}"
    (found,) = mistakes_in(tmp_path, CLUSTER, text, text)
    assert "there is at most one Scenario" in found.message
    assert Path(found.file).name == "2.yaml"


def test_of_scenarios_and_of_snapshots_there_is_one_each_and_both_places_are_told(tmp_path: Path) -> None:
    own = "{apiVersion: napsim.dev/v1alpha1, kind: Scenario, metadata: {name: x}}"
    taken = own.replace("{name: x}", '{name: s, annotations: {napsim.dev/snapshot: "true"}}')
    second, third = mistakes_in(tmp_path, CLUSTER, taken, own, taken, own)
    assert (Path(second.file).name, Path(third.file).name) == ("3.yaml", "4.yaml")
    assert second.message == f"there is at most one Scenario of a snapshot, and one is in {tmp_path / '1.yaml'}:1"
    assert third.message.endswith(f"one is in {tmp_path / '2.yaml'}:1")


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ("until: 2026-03-15T00:00:00Z, noCapacity: {nodePool: My Pool}", "noCapacity.nodePool"),
        ("nodeFails: {nodePool: My Pool}", "nodeFails.nodePool"),
        ("nodeFails: {node: My Node}", "nodeFails.node"),
    ],
)
def test_a_name_in_an_event_that_no_object_can_have_is_refused(tmp_path: Path, event: str, field: str) -> None:
    """That of noCapacity was a traceback: the settings that are made of it have to be right."""
    text = f"""
apiVersion: napsim.dev/v1alpha1
kind: Scenario
metadata: {{name: x}}
spec: {{events: [{{at: 2026-03-14T00:00:00Z, {event}}}]}}
"""
    (found,) = mistakes_in(tmp_path, CLUSTER, text)
    assert found.field == f"spec.events[0].{field}"
    assert found.message.startswith("must be a lowercase RFC 1123 subdomain")


def test_an_end_before_the_start_of_the_snapshot_is_refused_where_it_is_said(tmp_path: Path) -> None:
    own = "{apiVersion: napsim.dev/v1alpha1, kind: Scenario, metadata: {name: x}, spec: {until: 2020-01-01T00:00:00Z}}"
    taken = """
apiVersion: napsim.dev/v1alpha1
kind: Scenario
metadata: {name: snapshot, annotations: {napsim.dev/snapshot: "true"}}
spec: {start: 2026-02-01T00:00:00Z}
"""
    (found,) = mistakes_in(tmp_path, CLUSTER, own, taken)
    assert (found.object, found.field) == ("Scenario/x", "spec.until")
    assert found.message == "must be after the start, 2026-02-01T00:00:00Z"


def test_an_end_before_the_start_is_refused(tmp_path: Path) -> None:
    text = "{apiVersion: napsim.dev/v1alpha1, kind: Scenario, metadata: {name: x}, spec: {until: 2020-01-01T00:00:00Z}}"
    (found,) = mistakes_in(tmp_path, CLUSTER, text)
    assert (found.field, found.message) == ("spec.until", "must be after the start, 2026-03-02T08:00:00Z")


def test_there_must_be_a_pool(tmp_path: Path) -> None:
    (found,) = mistakes_in(tmp_path, DEPLOYMENT.replace("wbe", "web").replace("1x", "1").replace('"3"', "3"))
    assert found.message == "there must be at least one NodePool"


def test_a_file_that_cannot_be_read_is_named_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "9.yaml").write_bytes(b"\xff\x00")
    found = mistakes_in(tmp_path, POOL)
    assert [(Path(it.file).name, it.message) for it in found if not it.field] == [
        ("9.yaml", "cannot be read: it must be UTF-8, or UTF-16 with a byte order mark")
    ]
    assert len(found) == 2


@pytest.mark.parametrize(
    "text", ["just text", "[1, 2]", "kind: NodePool", "{apiVersion: karpenter.sh/v2, kind: NodePool}"]
)
def test_what_is_no_object_of_a_served_version_is_refused(tmp_path: Path, text: str) -> None:
    assert mistakes_in(tmp_path, CLUSTER, text)
