"""terminationGracePeriod: a PodDisruptionBudget holds its pod until the deadline on the virtual clock, then no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pytest

from tests.e2e import manifests as m
from tests.e2e.auditor import Record
from tests.e2e.auditor.timeline import Milestones
from tests.e2e.auditor.writes import ClaimState
from tests.e2e.kubectl import kubectl
from tests.e2e.rehearsal import OLD, POOL, Rehearsal, rehearsal

PUBLISHED: Final = "2026-02-01T00:00:00Z"
DEADLINE: Final = "karpenter.sh/nodeclaim-termination-timestamp"
PROTECT: Final = "karpenter.sh/do-not-disrupt"
GRACE: Final = timedelta(minutes=90)
POD_GRACE: Final = timedelta(minutes=10)
ROUNDED: Final = timedelta(seconds=1)
FACTOR: Final = 300  # what is held is so for a quarter of a minute: long enough to be looked at
APPS: Final = ("tight", "protected", "free")
PATIENCE_SECONDS: Final = 180.0


@dataclass(slots=True)
class Rollout:
    """A pool whose nodes carry one pod each, and what the drift of its nodes led to."""

    world: Rehearsal
    pods: dict[str, m.Manifest]
    record: Record
    annotated: dict[str, datetime]

    def virtual(self, instant: datetime | None) -> datetime:
        assert instant is not None
        return self.world.virtual_line()(instant)

    def key(self, app: str) -> str:
        return f"default/{self.pods[app]['metadata']['name']}"

    def entry(self, app: str) -> Milestones:
        """What the app's node went through."""
        node = self.pods[app]["spec"]["nodeName"]
        return next(item for item in self.record.timeline.milestones.values() if item.node == node)

    def deletion_asked(self, app: str) -> datetime:
        """When (virtual) the request came in that deleted the NodeClaim of the app's node."""
        changes = (item.write for item in self.record.timeline.changes if item.write.name == self.entry(app).claim)
        deleted = (write for write in changes if isinstance(write.state, ClaimState) and write.state.deleting)
        return self.virtual(next(deleted).received)

    def deadline(self, app: str) -> datetime:
        """As the warnings say it, on Node and NodeClaim alike."""
        entry = self.entry(app)
        warnings = self.events("TerminationGracePeriodExpiring", entry.claim, entry.node)
        assert {(item["regarding"]["kind"], item["type"]) for item in warnings} == {
            ("Node", "Warning"),
            ("NodeClaim", "Warning"),
        }
        (note,) = {item["note"] for item in warnings}
        said = re.fullmatch(r"All pods will be deleted by (\S+)", note)
        assert said is not None, note
        return datetime.fromisoformat(said[1])

    def events(self, reason: str, *objects: str) -> list[m.Manifest]:
        return [item for item in self.world.events(reason) if item["regarding"]["name"] in objects]


@pytest.fixture(scope="module")
def rollout() -> Iterator[Rollout]:
    """Three nodes drift: a PDB holds the pod of one, an annotation that of another, nothing that of the third."""
    with rehearsal() as world:
        container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "3500m"}}}
        pod = {"containers": [container], "terminationGracePeriodSeconds": int(POD_GRACE.total_seconds())}
        pool = m.pool("default", [{"nodes": "100%"}], terminationGracePeriod="90m")
        deployments = [m.deployment(app, 1, nodeSelector={POOL: "default"}, **pod) for app in APPS]
        world.apply(
            m.nap(FACTOR), m.node_class(), m.image(OLD, PUBLISHED), pool, m.pdb("tight", maxUnavailable=0), *deployments
        )
        world.operator()
        world.eventually("the pool is full", lambda: len(_running(world)) == len(APPS), PATIENCE_SECONDS)
        pods = _running(world)
        kubectl(world.cluster, "annotate", "pod", pods["protected"]["metadata"]["name"], f"{PROTECT}=true")
        world.patch("aksnodeclass", "default", '{"spec": {"osDiskSizeGB": 256}}')
        annotated: dict[str, datetime] = {}

        def over() -> bool:
            annotated.update(_deadlines(world))
            there = {node["metadata"]["name"] for node in world.items("nodes")}
            return not there & {pod["spec"]["nodeName"] for pod in pods.values()} and len(_running(world)) == len(APPS)

        world.eventually("all nodes are replaced", over, PATIENCE_SECONDS)
        record = world.assert_sound({"default": "100%"}, {"default": len(APPS)})
        yield Rollout(world, pods, record, annotated)


def _running(world: Rehearsal) -> dict[str, m.Manifest]:
    found = world.items("pods", "--namespace=default", "--field-selector=status.phase=Running")
    return {pod["metadata"]["labels"]["app"]: pod for pod in found if "deletionTimestamp" not in pod["metadata"]}


def _deadlines(world: Rehearsal) -> dict[str, datetime]:
    """The deadlines that NodeClaims carry, by claim."""
    found = {
        item["metadata"]["name"]: item["metadata"]["annotations"].get(DEADLINE) for item in world.items("nodeclaims")
    }
    return {name: datetime.fromisoformat(text) for name, text in found.items() if text}


@pytest.mark.parametrize("app", ["tight", "protected"])
@pytest.mark.row("karpenter:C04")
def test_a_node_goes_although_a_pod_on_it_may_not_be_disrupted(rollout: Rollout, app: str) -> None:
    entry = rollout.entry(app)
    assert entry.tainted
    assert entry.gone
    assert not rollout.events("DisruptionBlocked", entry.claim, entry.node)
    assert rollout.world.nap()["summary"]["everBlocked"] == 0


@pytest.mark.parametrize("app", ["tight", "protected"])
@pytest.mark.row("karpenter:N19", "karpenter:N28")
def test_the_pod_is_held_until_its_share_of_the_grace_and_then_deleted(rollout: Rollout, app: str) -> None:
    """Karpenter's rule: past deadline less the pod's own grace, with what is left of it, and at least a second."""
    deadline = rollout.deadline(app)
    (deletion,) = [item for item in rollout.record.pod_deletions if item.pod == rollout.key(app)]
    at = rollout.virtual(deletion.instant)
    assert at >= deadline - POD_GRACE
    assert deletion.grace_seconds is not None
    assert 1 <= deletion.grace_seconds <= POD_GRACE.total_seconds()
    assert not [item for item in rollout.record.evictions if item.pod == rollout.key(app) and item.code == 201]
    (said,) = rollout.events("Disrupted", rollout.pods[app]["metadata"]["name"])
    assert re.search(rf"granted {deletion.grace_seconds} seconds of grace-period", said["note"])
    assert rollout.virtual(rollout.entry(app).drained) >= deadline - POD_GRACE


def test_a_pod_that_nothing_holds_is_evicted_at_once(rollout: Rollout) -> None:
    entry = rollout.entry("free")
    assert rollout.key("free") not in {item.pod for item in rollout.record.pod_deletions}
    assert [item.code for item in rollout.record.evictions if item.pod == rollout.key("free")] == [201]
    assert rollout.virtual(entry.drained) < rollout.deadline("free") - POD_GRACE


@pytest.mark.parametrize("app", APPS)
def test_the_deadline_is_the_deletion_and_the_grace(rollout: Rollout, app: str) -> None:
    began = rollout.deadline(app) - GRACE
    assert rollout.deletion_asked(app) - ROUNDED <= began <= rollout.virtual(rollout.entry(app).drained)


@pytest.mark.parametrize("app", ["tight", "protected"])
def test_the_claim_carries_the_deadline(rollout: Rollout, app: str) -> None:
    assert rollout.annotated[rollout.entry(app).claim] == rollout.deadline(app)
