"""What may not be disrupted now stays, is named with its reason, and follows as soon as it may; the others go on.

One pool whose nodes each carry one pod: of some of them a PodDisruptionBudget or an annotation forbids the disruption.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from tests.e2e import manifests as m
from tests.e2e.auditor.statistics import pool_peaks
from tests.e2e.kubectl import kubectl, table
from tests.e2e.rehearsal import DISRUPTED, OLD, POOL, Rehearsal, rehearsal

PUBLISHED: Final = "2026-02-01T00:00:00Z"
PROTECT: Final = "karpenter.sh/do-not-disrupt"
PATIENCE_SECONDS: Final = 180.0
MIXED: Final = ("tight", "twice", "protected", "timed", "kept", "junk", "marked", "free")
HELD: Final = MIXED[:5]  # what holds them is in the fixture; nothing holds the others
SLOW: Final = {"launch": {"fixed": "5s"}, "registration": {"fixed": "8m"}, "initialization": {"fixed": "10s"}}
REASON: Final = "DisruptionBlocked"


@dataclass(slots=True)
class Pool:
    """A pool in which every node carries one pod: of the deployment that the node is called after here."""

    world: Rehearsal
    name: str
    apps: tuple[str, ...]

    def fill(self, budget: str) -> None:
        container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "3500m"}}}
        pods = [m.deployment(app, 1, nodeSelector={POOL: self.name}, containers=[container]) for app in self.apps]
        self.world.apply(m.node_class(self.name), m.pool(self.name, [{"nodes": budget}], node_class=self.name), *pods)
        self.world.eventually(f"{self.name} is full", lambda: len(self.places()) == len(self.apps), PATIENCE_SECONDS)

    def drift(self) -> None:
        self.world.patch("aksnodeclass", self.name, '{"spec": {"osDiskSizeGB": 256}}')

    def pods(self) -> dict[str, m.Manifest]:
        """The running pods of the pool by app."""
        found = self.world.items("pods", "--namespace=default", "--field-selector=status.phase=Running")
        alive = (pod for pod in found if "deletionTimestamp" not in pod["metadata"])
        return {pod["metadata"]["labels"]["app"]: pod for pod in alive if pod["metadata"]["labels"]["app"] in self.apps}

    def places(self) -> dict[str, str]:
        """The node that each app runs on."""
        return {app: pod["spec"]["nodeName"] for app, pod in self.pods().items()}


@dataclass(slots=True)
class Rollout:
    """The pool while it rolls out, and where its apps were before."""

    world: Rehearsal
    pool: Pool
    before: dict[str, str]
    pods: dict[str, m.Manifest]
    began: datetime

    def gone(self, app: str) -> bool:
        """Whether the node of the app was replaced, and the app runs on another."""
        there = {node["metadata"]["name"] for node in self.world.items("nodes")}
        return self.before[app] not in there and app in self.pool.places()

    def blocked(self, app: str) -> m.Manifest | None:
        """The entry of ``status.blocked`` about the app's node."""
        entries = [item for item in self.world.nap().get("blocked", ()) if item["node"] == self.before[app]]
        return entries[0] if entries else None

    def assert_held(self, app: str, reason: str, message: str) -> m.Manifest:
        """The app's node is as it was, and status, events and ``napsim watch`` name what holds it."""
        self.world.eventually(f"{app} is in status.blocked", lambda: self.blocked(app) is not None)
        entry, node = self.blocked(app), self.world.get("node", self.before[app])
        assert entry is not None
        assert (entry["reason"], entry["message"]) == (reason, message)
        assert entry["nodePool"] == self.pool.name
        assert self.began <= datetime.fromisoformat(entry["since"]) <= self.world.virtual_now()
        assert not [taint for taint in node["spec"].get("taints", ()) if taint["key"] == DISRUPTED]
        said = message[:1].upper() + message[1:]
        self.world.eventually(f"events say {said!r}", lambda: self.about(app, entry, said) == {"Node", "NodeClaim"})
        return entry

    def about(self, app: str, entry: m.Manifest, note: str) -> set[str]:
        """The kinds of the objects that events with this note are about, of the app's node and its claim."""
        events = self.events(app, entry["nodeClaim"])
        return {event["regarding"]["kind"] for event in events if event["note"] == note}

    def events(self, app: str, claim: str) -> list[m.Manifest]:
        about = {("Node", self.before[app]), ("NodeClaim", claim)}
        found = self.world.events(REASON)
        return [item for item in found if (item["regarding"]["kind"], item["regarding"]["name"]) in about]

    def assert_follows(self, app: str) -> None:
        self.world.eventually(f"{app} follows", lambda: self.gone(app), PATIENCE_SECONDS)
        self.world.eventually(f"{app} is not called blocked any more", lambda: self.blocked(app) is None)


@pytest.fixture(scope="module")
def world() -> Iterator[Rehearsal]:
    with rehearsal() as made:
        made.apply(m.nap(), m.window(), m.image(OLD, PUBLISHED))
        made.operator()
        yield made


@pytest.fixture(scope="module")
def rollout(world: Rehearsal) -> Rollout:
    """The pool drifted, and everything that nothing holds replaced."""
    pool = Pool(world, "mixed", MIXED)
    world.apply(m.pdb("tight", maxUnavailable=0), *(m.pdb(name, "twice", maxUnavailable=1) for name in ("one", "two")))
    pool.fill("2")
    places = pool.places()
    annotate(world, "pod", pool.pods()["protected"], "true")
    annotate(world, "pod", pool.pods()["timed"], "1000h")
    annotate(world, "pod", pool.pods()["junk"], "for ever")
    annotate(world, "node", world.get("node", places["kept"]), "true")
    annotate(world, "node", world.get("node", places["marked"]), "1000h")
    made = Rollout(world, pool, places, pool.pods(), world.virtual_now() - timedelta(minutes=1))
    pool.drift()
    for app in MIXED:
        if app not in HELD:
            world.eventually(f"{app} goes on", lambda app=app: made.gone(app), PATIENCE_SECONDS)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
    return made


def annotate(world: Rehearsal, kind: str, item: m.Manifest, value: str | None) -> None:
    namespace = item["metadata"].get("namespace", "default")
    change = f"{PROTECT}={value}" if value is not None else f"{PROTECT}-"
    arguments = ("annotate", "--overwrite", f"--namespace={namespace}", kind, item["metadata"]["name"], change)
    kubectl(world.cluster, *arguments)


# --- what a person sees -----------------------------------------------------------------------------------------------


def test_kubectl_shows_the_rollout_in_columns(rollout: Rollout) -> None:
    """In the middle of it: three nodes are new, five are held."""
    world = rollout.world
    for app in HELD:
        world.eventually(f"{app} is called blocked", lambda app=app: rollout.blocked(app) is not None)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
    labels = "--label-columns=kubernetes.azure.com/node-image-version,karpenter.sh/nodepool,napsim.dev/drift"
    nodes = table(world.cluster, "nodes", labels)
    assert {row["NODE-IMAGE-VERSION"] for row in nodes} == {f"AKSUbuntu-2204gen2containerd-{OLD}"}
    assert {row["NODEPOOL"] for row in nodes} == {"mixed"}
    drift = {row["NAME"]: row["DRIFT"] for row in nodes}
    held = {rollout.before[app] for app in HELD}
    assert {name for name, text in drift.items() if text == "NodeClassDrift"} == held
    assert {text for name, text in drift.items() if name not in held} == {""}

    claims = table(world.cluster, "nodeclaims")
    assert {(row["TYPE"], row["CAPACITY"], row["READY"]) for row in claims} == {(m.SIZE, "on-demand", "True")}
    assert {row["NODE"] for row in claims} == set(drift)
    assert all(re.fullmatch("westeurope-[123]", row["ZONE"]) for row in claims)

    (window,) = table(world.cluster, "maintenanceconfigurations")
    assert (window["NAME"], window["CONFIG"]) == ("node-os", "aksManagedNodeOSUpgradeSchedule")
    assert (window["STATE"], window["ZONE"]) in {("OPEN", "UTC"), ("closed", "UTC")}
    assert re.fullmatch(r"(opens|closes) Sun 2026-\d\d-\d\d 0[15]:00 UTC", window["CHANGES"])
    assert re.fullmatch(r"Sun 2026-\d\d-\d\d 01:00–05:00 UTC", window["WINDOW"])

    (image,) = table(world.cluster, "nodeimages")
    assert (image["DEFINITION"], image["VERSION"], image["STATE"]) == ("2204gen2containerd", OLD, "Latest")
    assert image["PUBLISHED"].startswith("Sun 2026-02-01")
    world.eventually(
        "the image counts its nodes", lambda: table(world.cluster, "nodeimages")[0]["NODES"] == str(len(MIXED))
    )

    progress = (f"{len(MIXED) - len(HELD)}/{len(MIXED)}", "0", str(len(HELD)))
    shown = ("PROGRESS", "DISRUPTING", "BLOCKED")
    world.eventually(
        "it tells how far it is", lambda: tuple(table(world.cluster, "nap")[0][it] for it in shown) == progress
    )
    (nap,) = table(world.cluster, "nap")
    assert (nap["NAME"], nap["PHASE"], nap["TARGET"]) == ("default", "Blocked", OLD)
    assert re.fullmatch(r"\w{3} 2026-02-\d\d \d\d:\d\d(:\d\d)? UTC x600", nap["CLOCK"])


def test_events_carry_the_reasons_of_karpenter(rollout: Rollout) -> None:
    """Of one replacement, from the launch to the end; not every node needs one, when pods find room elsewhere."""
    seen = milestones(rollout.world)
    new = next(item for item in seen if item.replaces)
    entry = next(item for item in seen if item.claim == new.replaces)
    (app,) = [app for app, node in rollout.before.items() if node == entry.node]
    old = rollout.before[app]
    wanted = {
        ("NodeClaim", new.claim, "DisruptionLaunching", "Launching NodeClaim: Drifted"),
        ("NodeClaim", new.claim, "DisruptionWaitingReadiness", "Waiting on readiness to continue disruption"),
        ("NodeClaim", entry.claim, "DisruptionTerminating", "Disrupting NodeClaim: Drifted"),
        ("Node", old, "DisruptionTerminating", "Disrupting Node: Drifted"),
        ("Pod", rollout.pods[app]["metadata"]["name"], "Evicted", "Evicted pod: Drifted"),
    }
    rollout.world.eventually("as many events", lambda: len(told(rollout.world) & wanted) == len(wanted))
    assert wanted <= told(rollout.world)


def told(world: Rehearsal) -> set[tuple[str, str, str, str]]:
    """Of every event the kind and name of what it is about, its reason and its note."""
    found = world.items("events.v1.events.k8s.io", "--all-namespaces")
    return {(i["regarding"]["kind"], i["regarding"]["name"], i["reason"], i["note"]) for i in found}


# --- PodDisruptionBudgets ---------------------------------------------------------------------------------------------


@pytest.mark.row("karpenter:E08", "nap:E8", "karpenter:C09")
def test_a_pdb_with_nothing_to_spare_holds_its_node_until_it_relaxes(rollout: Rollout) -> None:
    message = "pdb prevents pod evictions (PodDisruptionBudget=[default/tight])"
    entry = rollout.assert_held("tight", "PodDisruptionBudget", message)
    assert (rollout.before["tight"], message) in watched(rollout.world)

    later = rollout.blocked("tight")
    assert later is not None
    assert later["since"] == entry["since"]
    rollout.world.patch("pdb", "tight", '{"spec": {"maxUnavailable": 1}}', "--namespace=default")
    rollout.assert_follows("tight")


@pytest.mark.row("karpenter:P11")
def test_a_pod_under_two_pdbs_holds_its_node_until_one_is_gone(rollout: Rollout) -> None:
    """Either would allow it; eviction does not support more than one."""
    message = "eviction does not support multiple PDBs (PodDisruptionBudget(s)=[default/one default/two])"
    rollout.assert_held("twice", "MultiplePodDisruptionBudgets", message)
    rollout.world.delete("pdb", "two", "--namespace=default")
    rollout.world.patch("pdb", "one", '{"spec": {"maxUnavailable": 2}}', "--namespace=default")  # or its status is old
    rollout.assert_follows("twice")


@pytest.mark.row("karpenter:N09", "karpenter:N26", "pm:7.2-catch-up")
def test_a_pdb_that_gets_tight_after_the_command_keeps_the_node_draining_and_the_others_go_on(world: Rehearsal) -> None:
    apps = ("mid", *(f"other-{number}" for number in range(3)))
    pool = Pool(world, "late", apps)
    world.apply(m.pdb("mid", maxUnavailable=1))
    pool.fill("2")
    before = pool.places()
    world.apply(m.nap(factor=10, timings=SLOW))  # three quarters of a minute between the command and the drain
    world.eventually("the clock is turned", lambda: world.nap()["clock"]["factor"] == 10)
    pool.drift()
    world.eventually("the node is taken", lambda: before["mid"] in world.disrupted(), PATIENCE_SECONDS)
    world.patch("pdb", "mid", '{"spec": {"maxUnavailable": 0}}', "--namespace=default")
    world.eventually("nothing is to spare", lambda: _allowed(world, "mid") == 0)
    world.apply(m.nap(timings=SLOW))

    def others_are_gone() -> bool:
        there = {node["metadata"]["name"] for node in world.items("nodes")}
        return not there & {before[app] for app in apps if app != "mid"}

    world.eventually("the others go on", others_are_gone, PATIENCE_SECONDS)
    world.eventually("it drains", lambda: drained(world, before["mid"]) == [("Unknown", "Draining")])
    node = world.get("node", before["mid"])
    assert "deletionTimestamp" in node["metadata"]
    assert before["mid"] in world.disrupted()
    world.eventually("it alone uses budget", lambda: disrupting(world, "late") == 1)
    world.eventually("the event says so", lambda: bool(failed_draining(world, before["mid"])))
    warnings = failed_draining(world, before["mid"])
    assert {item["type"] for item in warnings} == {"Warning"}
    assert all(item["note"].startswith("Failed to drain node, ") for item in warnings)

    world.patch("pdb", "mid", '{"spec": {"maxUnavailable": 1}}', "--namespace=default")
    world.eventually("it ends", lambda: before["mid"] not in {i["metadata"]["name"] for i in world.items("nodes")})
    record = world.record()
    peaks = pool_peaks(record)["late"]
    assert peaks.disrupting.nodes == 2
    stuck_until = next(item.drained for item in record.timeline.milestones.values() if item.node == before["mid"])
    others = [
        item
        for item in record.timeline.milestones.values()
        if item.node in before.values() and item.node != before["mid"]
    ]
    assert all(item.gone and stuck_until and item.gone < stuck_until for item in others)


def _allowed(world: Rehearsal, pdb: str) -> int:
    allowed: int = world.get("pdb", pdb, "--namespace=default")["status"]["disruptionsAllowed"]
    return allowed


def drained(world: Rehearsal, node: str) -> list[tuple[str, str]]:
    """Status and reason of the condition Drained of the node's claim; empty as long as it has none."""
    (claim,) = [item for item in world.items("nodeclaims") if item["status"].get("nodeName") == node]
    return [(item["status"], item["reason"]) for item in claim["status"]["conditions"] if item["type"] == "Drained"]


def disrupting(world: Rehearsal, pool: str) -> int:
    (progress,) = [item for item in world.nap()["pools"] if item["name"] == pool]
    count: int = progress["disrupting"]
    return count


def failed_draining(world: Rehearsal, node: str) -> list[m.Manifest]:
    return [item for item in world.events("FailedDraining") if item["regarding"]["name"] == node]


# --- karpenter.sh/do-not-disrupt --------------------------------------------------------------------------------------


@pytest.mark.row("karpenter:X09", "karpenter:C08")
def test_a_protected_pod_holds_its_node_until_the_annotation_is_gone(rollout: Rollout) -> None:
    pod = rollout.pods["protected"]
    message = f'pod has "{PROTECT}" annotation (Pod=default/{pod["metadata"]["name"]})'
    entry = rollout.assert_held("protected", "PodDoNotDisrupt", message)
    assert "until" not in entry
    annotate(rollout.world, "pod", pod, None)
    rollout.assert_follows("protected")


@pytest.mark.row("karpenter:X11")
def test_a_pod_protected_for_a_duration_holds_its_node_until_then(rollout: Rollout) -> None:
    world, pod = rollout.world, rollout.pods["timed"]
    message = f'pod has "{PROTECT}" annotation (Pod=default/{pod["metadata"]["name"]})'
    entry = rollout.assert_held("timed", "PodDoNotDisrupt", message)
    started = world.virtual_line()(datetime.fromisoformat(pod["status"]["startTime"]))
    assert datetime.fromisoformat(entry["until"]) == pytest.approx(
        started + timedelta(hours=1000), abs=timedelta(seconds=1)
    )
    assert [item for item in world.events("DoNotDisruptUntil") if item["regarding"]["name"] == pod["metadata"]["name"]]

    seconds = int((world.virtual_now() - started).total_seconds()) + 3600
    annotate(world, "pod", pod, f"{seconds}s")
    rollout.assert_follows("timed")
    tainted = next(item.tainted for item in milestones(world) if item.node == rollout.before["timed"])
    assert tainted is not None
    assert world.virtual_line()(tainted) >= started + timedelta(seconds=seconds)


@pytest.mark.row("karpenter:X07")
def test_a_protected_node_stays_until_the_annotation_is_gone(rollout: Rollout) -> None:
    rollout.assert_held("kept", "NodeDoNotDisrupt", f'disruption is blocked through the "{PROTECT}" annotation')
    annotate(rollout.world, "node", rollout.world.get("node", rollout.before["kept"]), None)
    rollout.assert_follows("kept")


@pytest.mark.row("karpenter:X12", "karpenter:A03")
def test_what_the_annotation_does_not_allow_is_ignored_and_said(rollout: Rollout) -> None:
    """On a pod anything but true and a duration; on a node anything but true."""
    assert rollout.gone("junk")
    assert rollout.gone("marked")
    pod = rollout.pods["junk"]["metadata"]["name"]
    (warning,) = [
        item for item in rollout.world.events("InvalidDoNotDisruptAnnotation") if item["regarding"]["name"] == pod
    ]
    assert warning["type"] == "Warning"
    assert warning["note"].startswith(f"Invalid {PROTECT} annotation: 'for ever' is neither true nor a duration")


# --- all of them -----------------------------------------------------------------------------------------------------


def test_no_budget_was_exceeded_and_no_eviction_forced(rollout: Rollout) -> None:
    for app in HELD:
        assert rollout.gone(app), f"{app} was let go by its own test"
    record = rollout.world.assert_sound({"mixed": "2", "late": "2"}, {"mixed": len(MIXED), "late": 4})
    assert not record.pod_deletions, "every pod went through the Eviction API"
    assert pool_peaks(record)["mixed"].disrupting.nodes == 2


def milestones(world: Rehearsal) -> list[Any]:
    return list(world.record().timeline.milestones.values())


def watched(world: Rehearsal) -> set[tuple[str, str]]:
    """Node and message of what ``napsim watch`` calls blocked."""
    command = [sys.executable, "-m", "napsim", "watch", "--once", "--output=json"]
    command.append(f"--kubeconfig={world.cluster.kubeconfig}")
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS)
    return {(item["node"], item["message"]) for item in json.loads(done.stdout)["blocked"]}
