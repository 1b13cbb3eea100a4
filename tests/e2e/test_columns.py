"""What ``kubectl get``, Prometheus and the viewers of Karpenter's objects show in the middle of a rollout."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from prometheus_client.parser import text_string_to_metric_families

from napsim.api import names
from napsim.api.metrics import METRICS
from napsim.cluster.ports import free_ports
from tests.e2e import manifests as m
from tests.e2e.kubectl import WAIT_SECONDS, kubectl, table
from tests.e2e.rehearsal import IMAGE_VERSION, NEW, OLD, Rehearsal, rehearsal
from tests.monitoring.series import BY_SERIES, labels_of

NODES = 6
PUBLISHED = "2026-02-01T00:00:00Z"
# A replacement takes 75 minutes: 5 s of the test.
SLOW = {"launch": {"fixed": "1m"}, "registration": {"fixed": "60m"}, "initialization": {"fixed": "15m"}}
# The one in the middle of the rollout that is looked at takes most of a minute of the test.
STEADY = {"launch": {"fixed": "1m"}, "registration": {"fixed": "6m"}, "initialization": {"fixed": "1m"}}
SETTLING, FAST, STANDING = 60, 900, 10
KEEP = "karpenter.sh/do-not-disrupt"
# Told only when a replacement fails, when an image waits, when the rollout is over.
NOT_IN_THIS_ROLLOUT = {
    "karpenter_voluntary_disruption_failed_validations_total",
    "karpenter_voluntary_disruption_queue_failures_total",
    "napsim_images_waiting",
    "napsim_rollout_finished_timestamp_seconds",
}


@dataclass(slots=True)
class Shown:
    """The tables, the scrape and the objects, all of the same middle of a rollout."""

    world: Rehearsal
    tables: dict[str, list[dict[str, str]]]
    scrape: str
    nodes: list[m.Manifest]
    claims: list[m.Manifest]


@pytest.fixture(scope="module")
def shown() -> Iterator[Shown]:
    """Three of six nodes of one pool are replaced, one at a time; the one of another pool is blocked."""
    (port,) = free_ports(1)
    with rehearsal() as world:
        pool = m.pool(budgets=[{"nodes": "1"}])
        pool["spec"]["limits"] = {"cpu": "100", "memory": "1Ti"}
        world.apply(m.nap(factor=SETTLING), m.window(), m.node_class(), m.image(OLD, PUBLISHED), pool)
        there, elsewhere = ({"nodeSelector": {names.NODEPOOL: name}} for name in ("default", "held"))
        world.apply(m.pool("held"), m.deployment("web", NODES * 10, **there), m.deployment("ledger", 1, **elsewhere))
        world.apply(m.pdb("ledger", maxUnavailable=0))
        world.operator("one", "--metrics-port", str(port))
        world.eventually(f"{NODES} nodes on {OLD}", lambda: world.versions() == {OLD: NODES})
        world.eventually("the other pool has its node", lambda: world.versions("held") == {OLD: 1})
        world.eventually("the window is in force", lambda: "closed" in world.nap().get("window", ""))
        kept = [node["metadata"]["name"] for node in world.items("nodes", f"--selector={names.NODEPOOL}=default")][:3]
        kubectl(world.cluster, "annotate", "node", *kept, f"{KEEP}=true")
        world.apply(m.nap(factor=FAST, timings=SLOW), m.image(NEW))
        world.eventually("three nodes are replaced", lambda: world.nap()["pools"][0]["replaced"] == 3)
        world.apply(m.nap(factor=STANDING, timings=STEADY))
        world.eventually("the clock is slow", lambda: world.nap()["clock"]["factor"] == STANDING)
        kubectl(world.cluster, "annotate", "node", *kept, f"{KEEP}-")
        world.eventually("one alone is blocked", lambda: world.nap()["progress"]["blocked"] == 1)
        world.eventually("there is a forecast", lambda: "estimatedFinish" in world.nap())
        world.eventually("images tell their pools", lambda: _pools_of_new(world).startswith("default 3/"))
        kinds = {"nap": "nap", "mc": "mc", "ni": "nodeimages", "nodepools": "nodepools", "nodeclaims": "nodeclaims"}
        tables = {short: table(world.cluster, kind, "--output=wide") for short, kind in kinds.items()}
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=WAIT_SECONDS) as answer:
            scrape = answer.read().decode()
        yield Shown(world, tables, scrape, world.items("nodes"), world.items("nodeclaims"))


def _pools_of_new(world: Rehearsal) -> str:
    status = world.get("nodeimage", f"2204gen2containerd-{NEW}").get("status", {})
    return str(status.get("nodePools", ""))


# --- kubectl get ------------------------------------------------------------------------------------------------------


def test_the_rollout_is_one_line(shown: Shown) -> None:
    (nap,) = shown.tables["nap"]
    assert (nap["PHASE"], nap["TARGET"], nap["BLOCKED"]) == ("RollingOut", NEW, "1")
    assert re.fullmatch(rf"[34]/({NODES + 1}|{NODES + 2})", nap["PROGRESS"]), "a replacement may be on its way"
    assert re.fullmatch(r"about Sun 2026-02-15 \d\d:\d[05] UTC, without 1 blocked", nap["FINISH"])
    assert re.fullmatch(r"\w{3} 2026-02-15 \d\d:\d\d(:\d\d)? UTC x10", nap["CLOCK"])
    assert nap["ROLLEDOUT"] == "False"
    assert nap["WINDOW"].startswith("node-os: ")


def test_the_forecast_is_later_than_now_and_is_kept_as_the_first(shown: Shown) -> None:
    status = shown.world.nap()
    assert status["estimatedFinish"] > status["summary"]["startedAt"]
    assert status["summary"]["firstEstimate"] > status["summary"]["startedAt"]
    active = {pool["name"]: pool["activeSeconds"] for pool in status["pools"]}
    assert active["default"] > 3600
    assert active["held"] < 3600, "its node is blocked: it has no pace"


def test_a_window_says_whether_it_is_open_and_when_that_changes(shown: Shown) -> None:
    (window,) = shown.tables["mc"]
    assert window["STATE"] in {"OPEN", "closed"}
    assert re.fullmatch(r"(closes|opens) Sun 2026-02-\d\d 0[15]:00 UTC", window["CHANGES"])
    assert window["NEXT"] == "Sun 2026-02-22 01:00–05:00 UTC"
    assert window["ZONE"] == "UTC"


def test_an_image_says_how_old_it_is_and_which_pools_run_it(shown: Shown) -> None:
    images = {row["VERSION"]: row for row in shown.tables["ni"]}
    assert re.fullmatch(r"default [345]/[67]", images[NEW]["NODEPOOLS"])
    assert re.fullmatch(r"default [234]/[67], held 1/1", images[OLD]["NODEPOOLS"])
    assert (images[NEW]["STATE"], images[OLD]["STATE"]) == ("Latest", "Superseded")
    assert re.fullmatch(r"\dd", images[NEW]["AGE"])
    assert re.fullmatch(r"\d\dd", images[OLD]["AGE"])


def test_a_claim_says_why_it_is_replaced_and_a_pool_what_its_budgets_are(shown: Shown) -> None:
    claims = shown.tables["nodeclaims"]
    assert {"IMAGEID", "ID", "NODEPOOL", "NODECLASS", "DRIFTED"} <= set(claims[0]), "Karpenter's wide columns"
    drifted = [row for row in claims if row["DRIFTED"] == "True"]
    assert drifted
    assert {row["DRIFT"] for row in drifted} == {"ImageDrift"}
    assert {row["DRIFT"] for row in claims if row not in drifted} == {""}
    budgets = {row["NAME"]: row["BUDGETS"] for row in shown.tables["nodepools"]}
    assert budgets == {"default": '[{"nodes":"1"}]', "held": '[{"nodes":"2"}]'}


# --- Prometheus -------------------------------------------------------------------------------------------------------


def test_what_is_served_is_what_the_table_says(shown: Shown) -> None:
    served: set[str] = set()
    for family in text_string_to_metric_families(shown.scrape):
        for sample in family.samples:
            metric = BY_SERIES[sample.name]
            assert set(sample.labels) == labels_of(sample.name), sample
            assert family.type == metric.type, sample
            served.add(metric.name)
    assert {metric.name for metric in METRICS} - served <= NOT_IN_THIS_ROLLOUT


def test_the_values_are_those_of_the_cluster(shown: Shown) -> None:
    values = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(shown.scrape)
        for sample in family.samples
    }

    def value(name: str, **labels: str) -> float:
        return values[name, *sorted(labels.items())]

    assert value("napsim_leader") == 1
    assert value("napsim_clock_factor") == STANDING
    assert value("napsim_rollout_in_progress") == 1
    assert not [key for key in values if key[0] == "napsim_images_waiting"], "it is picked up"
    assert value("napsim_rollout_nodes", nodepool="held", state="blocked") == 1
    assert value("napsim_blocked_nodes", nodepool="held", reason="PodDisruptionBudget") == 1
    assert value("napsim_blocked_longest_seconds", nodepool="held", reason="PodDisruptionBudget") > 3600
    assert value("napsim_pickups_total", nodeclass="default", rule="WindowOpen") == 1
    assert value("napsim_pickups_total", nodeclass="default", rule="ImageExpired") == 0
    assert value("napsim_nodes_replaced", nodepool="default") >= 3
    assert value("karpenter_nodepools_allowed_disruptions", nodepool="default", reason="Drifted") == 1
    assert value("karpenter_nodepools_nodes_consuming_budgets", nodepool="default", reason="Drifted") <= 1
    assert value("karpenter_nodepools_limit", nodepool="default", resource_type="cpu") == 100
    assert value("karpenter_nodepools_usage", nodepool="default", resource_type="nodes") >= NODES
    terminated = [count for key, count in values.items() if key[0] == "karpenter_nodes_terminated_total"]
    assert sum(terminated) >= 3
    taken = value("karpenter_nodes_termination_duration_seconds_sum", nodepool="default")
    assert taken > 0
    of = {"type": "Drifted", "status": "True", "reason": "ImageDrift", "nodepool": "held", "nodeclass": "default"}
    assert value("operator_nodeclaim_status_condition_count", **of) == 1
    assert value("operator_nodeclaim_status_condition_current_status_seconds", **of) > 3600
    ages = [age for key, age in values.items() if key[0] == "karpenter_nodes_current_lifetime_seconds"]
    assert len(ages) >= NODES
    assert max(ages) > 3600, "on the cluster's clock"
    newest = f"AKSUbuntu-2204gen2containerd-{NEW}"
    assert value("napsim_nodes", nodepool="default", image_version=newest) >= 3


# --- viewers ----------------------------------------------------------------------------------------------------------


def replaced(shown: Shown) -> Iterator[tuple[m.Manifest, m.Manifest]]:
    """Nodes on the new image, with their NodeClaims."""
    by_node = {_node_of(claim): claim for claim in shown.claims}
    for node in shown.nodes:
        labels = node["metadata"]["labels"]
        if labels.get(IMAGE_VERSION, "").endswith(NEW) and labels.get(names.INITIALIZED) == "true":
            yield node, by_node[node["metadata"]["name"]]


def _node_of(claim: m.Manifest) -> str:
    """The name of its Node; none of a claim that was made a moment ago and has no status yet."""
    return str(claim.get("status", {}).get("nodeName", ""))


def test_eks_node_viewer_finds_what_it_reads(shown: Shown) -> None:
    """Provider id on both (it joins them by that), type, capacity type, zone, allocatable, Ready, pods' requests."""
    rolled = list(replaced(shown))
    assert len(rolled) >= 3
    for node, claim in rolled:
        assert node["spec"]["providerID"] == claim["status"]["providerID"] != ""
        for labels in (node["metadata"]["labels"], claim["metadata"]["labels"]):
            assert labels[names.CAPACITY_TYPE] == "on-demand"
            assert labels[names.INSTANCE_TYPE] == m.SIZE
            assert labels[names.ZONE]
        assert {"cpu", "memory", "pods"} <= set(node["status"]["allocatable"])
        assert "True" in {item["status"] for item in node["status"]["conditions"] if item["type"] == "Ready"}


def test_headlamp_finds_what_it_reads(shown: Shown) -> None:
    """The owner of a claim, its conditions' reasons, requests and allocatable; a pool's resources, limits, Ready."""
    for _, claim in replaced(shown):
        owners = [item for item in claim["metadata"]["ownerReferences"] if item["kind"] == "NodePool"]
        assert [item["name"] for item in owners] == ["default"]
        assert all(item["reason"] for item in claim["status"]["conditions"])
        assert claim["spec"]["resources"]["requests"]["cpu"]
        assert {"cpu", "pods"} <= set(claim["status"]["allocatable"])
    pool = shown.world.get("nodepool", "default")
    assert {"cpu", "memory", "nodes", "pods"} <= set(pool["status"]["resources"])
    assert pool["spec"]["template"]["spec"]["nodeClassRef"]["name"] == "default"
    assert {item["type"]: item["status"] for item in pool["status"]["conditions"]}["Ready"] == "True"
    selector = "--field-selector=source=karpenter,involvedObject.kind=Node"
    assert shown.world.items("events", "--all-namespaces", selector)


def test_k9s_finds_what_it_reads(shown: Shown) -> None:
    """It jumps from a NodePool to its Nodes and NodeClaims by the label, and from a NodeClaim to its Node by name."""
    there = {node["metadata"]["name"] for node in shown.nodes}
    selector = f"--selector={names.NODEPOOL}=default"
    assert {node["metadata"]["name"] for node in shown.world.items("nodes", selector)} <= there | {
        _node_of(claim) for claim in shown.world.items("nodeclaims", selector)
    }
    assert len(shown.world.items("nodeclaims", selector)) >= NODES
    for _, claim in replaced(shown):
        assert claim["status"]["nodeName"] in there
