"""What rules find beyond the examples of their pages, and what they let pass because it is right."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from napsim.reading.sources import Text
from tests.lint.examples import WEEKLY, codes, linted, pdb, pool, together, window, workload

TEN: Final = '[{nodes: "10%"}]'
NIGHT: Final = '[{nodes: "10%"}, {nodes: "0", schedule: "0 8 * * mon-fri", duration: 10h}]'
HPA: Final = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {minReplicas: 2, maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
"""
KAFKA: Final = "apiVersion: kafka.example/v1\nkind: Kafka\nmetadata: {name: broker, namespace: shop}\n"
NODE: Final = "apiVersion: v1\nkind: Node\nmetadata:\n  name: n{0}\n  labels: {{karpenter.sh/nodepool: default}}\n"
PROTECTED: Final = workload(2).replace(
    "metadata: {labels: {app: web}}",
    'metadata: {labels: {app: web}, annotations: {karpenter.sh/do-not-disrupt: "true"}}',
)
USED_UP: Final = 'status: {nodes: 5, resources: {cpu: "19"}}\n'


FINDINGS: Final = {
    # budgets
    "monthly, unlimited most of the year": (
        ["NAP101"],
        pool('[{nodes: "1", schedule: "0 0 1 * *", duration: 24h}]'),
    ),
    "the default of 10 % is a budget": ([], pool(TEN).replace(f"    budgets: {TEN}\n", "")),
    "an empty list is none": (["NAP102"], pool("[]")),
    "drift closed by name is meant": ([], pool('[{nodes: "0", reasons: [Drifted]}, {nodes: "10%"}]')),
    "0% is zero": (["NAP105"], pool('[{nodes: "0%"}]')),
    "two zeros freeze, and mask nothing": (["NAP105"], pool('[{nodes: "0"}, {nodes: "0", reasons: [Empty]}]')),
    "a pool that fails closed is told once": (
        ["NAP106"],
        pool('[{nodes: "0"}, {nodes: "5", schedule: "0 0 * * 8", duration: 1h}]'),
    ),
    "a zone in a schedule": (
        ["NAP106"],
        pool('[{nodes: "10%"}, {nodes: "0", schedule: "TZ=Europe/Berlin 0 8 * * mon-fri", duration: 1h}]'),
    ),
    "weekends that overlap": (
        [],
        pool('[{nodes: "10%"}, {nodes: "0", schedule: "0 18 * * fri,sat", duration: 30h}]'),
    ),
    "closed by day, expiry as by default": (["NAP111"], pool(NIGHT, template="")),
    "closed to consolidation, which expiry is not": (
        [],
        pool(
            '[{nodes: "20%", reasons: [Empty, Drifted]}, {nodes: "5"},'
            ' {nodes: "0", schedule: "@daily", duration: 10m, reasons: [Underutilized]}]',
            template="expireAfter: 720h",
        ),
    ),
    "expiry where nothing is closed": ([], pool(TEN, template="expireAfter: 720h")),
    # clocks
    "the same time on two clock faces": (
        ["NAP109"],
        together(
            pool('[{nodes: "10%"}, {nodes: "0", schedule: "0 1 * * sun", duration: 4h}]'),
            WEEKLY + '    utcOffset: "+01:00"\n',
        ),
    ),
    "the same time under the same offset": (
        [],
        together(pool('[{nodes: "10%"}, {nodes: "0", schedule: "0 1 * * sun", duration: 4h}]'), WEEKLY),
    ),
    "a comment above the budget": (
        ["NAP109"],
        pool(
            '\n      - nodes: "1"\n      # closed from 08:00 to 18:00 CET\n      - nodes: "0"'
            '\n        schedule: "0 8 * * *"\n        duration: 10h'
        ),
    ),
    "a comment that converts": (
        [],
        pool('[{nodes: "1"}, {nodes: "0", schedule: "0 8 * * *", duration: 1h}]  # 08:00 CET, 07:00 UTC'),
    ),
    "a window said to be local": (["NAP109"], WEEKLY.replace('"01:00"', '"01:00"  # 1 am EST, 01:00')),
    # windows
    "a freeze of notAllowedTime": (
        ["NAP204"],
        WEEKLY + "  notAllowedTime:\n    - {start: 2026-12-01T00:00:00Z, end: 2027-05-01T00:00:00Z}\n",
    ),
    "a window cut down to an hour": (
        ["NAP201"],
        WEEKLY + "  notAllowedTime:\n    - {start: 2026-11-08T02:00:00Z, end: 2026-11-09T00:00:00Z}\n",
    ),
    "every half year": (["NAP203", "NAP204"], window("{absoluteMonthly: {intervalMonths: 6, dayOfMonth: 1}}")),
    "a name that cannot be read hides no window": (
        ["NAP202"],
        together(WEEKLY.replace("Schedule", "Sched"), pool(TEN)),
    ),
    "pools alone say nothing of windows": ([], pool(TEN)),
    # PodDisruptionBudgets
    "an autoscaler keeps two": ([], together(workload(1), HPA, pdb("minAvailable: 1"))),
    "replicas that nobody says": ([], together(workload(None), pdb("minAvailable: 1"))),
    "half of one is one": (["NAP402"], together(workload(1), pdb('minAvailable: "50%"'))),
    "half of two is one": ([], together(workload(2), pdb('minAvailable: "50%"'))),
    "a PDB without a number": (["NAP401"], together(workload(3), pdb("unhealthyPodEvictionPolicy: AlwaysAllow"))),
    "a DaemonSet has no size to count from": (
        ["NAP401"],
        together(workload(None, kind="DaemonSet"), pdb("maxUnavailable: 1")),
    ),
    "nor one to take a share of": (["NAP401"], together(workload(None, kind="DaemonSet"), pdb('minAvailable: "50%"'))),
    "a DaemonSet whose pods stay": (
        [],
        together(
            workload(None, kind="DaemonSet", more="tolerations: [{operator: Exists}]"),
            pdb("maxUnavailable: 1"),
            pdb("maxUnavailable: 1", name="too"),
        ),
    ),
    "a DaemonSet's pods are counted": ([], together(workload(None, kind="DaemonSet"), pdb("minAvailable: 1"))),
    "two workloads share a PDB": (
        [],
        together(
            workload(1),
            workload(1, name="api"),
            pdb("minAvailable: 1", selector="{matchExpressions: [{key: app, operator: In, values: [web, api]}]}"),
        ),
    ),
    "a PDB for what an operator makes": (
        [],
        together(workload(2), KAFKA, pdb("maxUnavailable: 1", name="kafka", selector="{matchLabels: {app: kafka}}")),
    ),
    "a PDB on its own": ([], pdb("maxUnavailable: 1")),
    "an empty selector beside another PDB": (
        ["NAP403"],
        together(workload(3), pdb("maxUnavailable: 1", name="all", selector="{}"), pdb("maxUnavailable: 1")),
    ),
    "pods of a DaemonSet stay": (
        [],
        together(
            workload(None, kind="DaemonSet"),
            workload(2, name="api"),
            pdb("maxUnavailable: 1", name="api", selector="{matchLabels: {app: api}}"),
        ),
    ),
    # pools
    "no pool it could run on": (
        [],
        together(PROTECTED, pool(TEN, template="expireAfter: Never\ntaints: [{key: a, effect: NoSchedule}]")),
    ),
    "do-not-disrupt without any pool": ([], PROTECTED),
    "a live pool that is full": (["NAP301"], pool(TEN, spec='limits: {cpu: "20"}') + USED_UP),
    "a live pool with room": ([], pool(TEN, spec='limits: {cpu: "40"}') + USED_UP),
    "a static pool of none": ([], pool(TEN, spec="replicas: 0\nlimits: {nodes: 0}")),
    "nodes are counted": (
        ["NAP308"],
        together(
            pool('[{nodes: "1"}, {nodes: "0", schedule: "5 0 * * mon", duration: 167h}]'),
            *(NODE.format(index) for index in range(40)),
        ),
    ),
    # what is not judged
    "other kinds": ([], "kind: NodeOverlay\napiVersion: karpenter.sh/v1alpha1\n---\nreplicas: 3\n---\n- a\n- b\n"),
    "an old version": (["NAP001"], pool(TEN).replace("karpenter.sh/v1", "karpenter.sh/v1beta1")),
}


@pytest.mark.parametrize("case", FINDINGS)
def test_what_is_found(case: str) -> None:
    expected, text = FINDINGS[case]
    assert sorted(set(codes(text))) == expected


def test_each_mistake_of_an_object_is_told_and_no_rule_looks_at_it() -> None:
    text = pool('[{nodes: 5}, {nodes: "x"}, {nodes: "1", schedule: "@daily"}]')
    found = linted(text).findings
    assert [item.code for item in found] == ["NAP001"] * 3
    assert [item.field.removeprefix("spec.disruption.budgets") for item in found] == ["[0].nodes", "[1].nodes", "[2]"]


def test_a_field_unknown_here_is_let_be_in_a_live_object() -> None:
    text = pool(TEN).replace("{name: default}", "{name: default, uid: 1-2}", 1) + "  newInKarpenter: true\n"
    assert codes(text) == []


def test_folders_with_the_same_objects_are_clusters_of_their_own() -> None:
    apart = [Text(f"{stage}/apps/web.yaml", together(workload(1), pdb("minAvailable: 1"))) for stage in ("a", "b")]
    assert codes(*apart) == ["NAP402", "NAP402"]
    pools = [Text("a/pool.yaml", pool(TEN, template="expireAfter: Never\nterminationGracePeriod: 1h"))]
    pools += [Text("b/pool.yaml", pool(TEN))]
    protected = [Text("a/apps/web.yaml", PROTECTED)]
    assert codes(*pools, *protected) == []
    assert codes(pools[1], Text("b/web.yaml", PROTECTED)) == ["NAP302"]


def test_a_patch_of_kustomize_is_no_manifest() -> None:
    patch = Text("overlay/pool.yaml", "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: default}\n")
    assert codes(patch) == ["NAP001"]
    assert codes(patch, Text("overlay/kustomization.yaml", "patches: [{path: pool.yaml}]")) == []


def owned(kind: str, name: str, by: str, its_name: str, spec: dict[str, Any]) -> str:
    """An object of a snapshot, which something controls."""
    owner = {"kind": by, "name": its_name, "uid": "1", "controller": True, "apiVersion": "apps/v1"}
    metadata = {"name": name, "namespace": "shop", "labels": {"app": "web"}, "ownerReferences": [owner]}
    version = "v1" if kind == "Pod" else "apps/v1"
    return json.dumps({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}) + "\n"


CONTAINERS: Final = {"containers": [{"name": "it"}]}
TEMPLATE: Final = {"metadata": {"labels": {"app": "web"}}, "spec": CONTAINERS}
PODS: Final = [owned("Pod", f"web-{number}", "StrimziPodSet", "web", CONTAINERS) for number in range(2)]
SET: Final = owned("ReplicaSet", "web-1", "Deployment", "web", {"replicas": 1, "selector": {}, "template": TEMPLATE})


@pytest.mark.parametrize(
    ("objects", "least", "found"),
    [
        (PODS, 2, ["NAP402"]),
        (PODS, 1, []),
        ([workload(3, name="api"), *PODS], 1, []),
        ([workload(1), SET, owned("Pod", "web-1-a", "ReplicaSet", "web-1", CONTAINERS)], 1, ["NAP402"]),
    ],
    ids=["pods alone", "one to spare", "pods of a custom resource", "a Deployment, its ReplicaSet and its pod are one"],
)
def test_pods_of_a_snapshot_are_counted_once(objects: list[str], least: int, found: list[str]) -> None:
    assert codes(together(*objects, pdb(f"minAvailable: {least}"))) == found


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("0 0 * * sat-sun", "0 0 * * sat,sun"),
        ("0 0 * * 7", "0 0 * * 0"),
        ("0 0 * * fri-mon", "0 0 * * fri,sat,sun,mon"),
        ("0 0 * * 6-7", "0 0 * * sat,sun"),
        ("0 0 * * mon-fri,7", "0 0 * * mon-fri,0"),
        ("0 24 * * *", None),
        ("0 0 0 * *", None),
        ("0 0 * * sunday", None),
    ],
)
def test_days_are_put_in_order_where_it_is_certain_what_is_meant(written: str, right: str | None) -> None:
    (finding,) = linted(pool(f'[{{nodes: "10%"}}, {{nodes: "0", schedule: "{written}", duration: 1h}}]')).findings
    assert finding.code == "NAP106"
    assert (finding.edit and finding.edit.text) == (right and f'"{right}"')
