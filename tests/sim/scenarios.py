"""Scenarios that tests simulate: small, whole, and adjusted by arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from napsim.api import names
from napsim.core.timings import Distribution
from napsim.core.trace import RecordKind
from napsim.sim.outcome import Outcome
from napsim.sim.scenario import Event, PodTimings, Scenario
from napsim.sim.simulator import SERVER_VERSION
from tests.e2e import manifests as made

Manifest = dict[str, Any]
START: Final = datetime(2026, 2, 14, 20, 0, tzinfo=UTC)  # a Saturday; the window opens on Sunday at 01:00
OPENS: Final = START + timedelta(hours=5)
OLD: Final = "202601.10.0"
NEW: Final = "202602.13.0"
QUICK: Final = PodTimings(Distribution(low=5.0), Distribution(low=1.0))
DAEMON_SET: Final = "DaemonSet"
SINCE: Final = "2026-01-12T00:00:00Z"
GALLERY: Final = "/CommunityGalleries/AKSUbuntu-38d80f77-467a-481f-a8d4-09b6d4220bd2"
LIVING: Final = {"finalizers": ["karpenter.sh/termination"], "creationTimestamp": SINCE}


def settings(**spec: Any) -> Manifest:
    """A list cache of five minutes: what is published is seen when a window opens."""
    manifest = made.nap(**spec)
    del manifest["spec"]["clock"]
    return manifest


def images(new_at: datetime = START + timedelta(hours=1)) -> list[Manifest]:
    """One that nodes run, and one to come."""
    return [made.image(OLD, "2026-01-11T00:00:00Z"), made.image(NEW, new_at.isoformat())]


def cluster(
    workloads: Iterable[Manifest] = (), budgets: list[Manifest] | None = None, **template: Any
) -> list[Manifest]:
    """A window, a class, a pool and two images. ``template`` goes into the pool's ``spec.template.spec``."""
    base = [settings(), made.window(), made.node_class(), made.pool(budgets=budgets, **template)]
    return [*base, *images(), *workloads]


def shop(pods: int = 40, **pdb: Any) -> list[Manifest]:
    """A Deployment of which ten pods fill a node, and its PDB."""
    return [made.deployment("web", pods), made.pdb("web", **(pdb or {"maxUnavailable": "25%"}))]


def stateful_set(name: str, replicas: int, **spec: Any) -> Manifest:
    manifest = made.deployment(name, replicas)
    return {**manifest, "kind": "StatefulSet", "spec": {**manifest["spec"], "serviceName": name, **spec}}


def daemon_set(name: str, **pod: Any) -> Manifest:
    container = {"name": "main", "image": "fake", "resources": {"requests": {"cpu": "10m"}}}
    manifest = made.deployment(name, 0, **{"containers": [container], **pod})
    spec = {key: value for key, value in manifest["spec"].items() if key != "replicas"}
    return {**manifest, "kind": DAEMON_SET, "spec": spec}


def true(*types: str) -> list[Manifest]:
    return [{"type": it, "status": "True", "reason": it, "message": "", "lastTransitionTime": SINCE} for it in types]


def node(zone: str) -> list[Manifest]:
    """A Node of the pool and its NodeClaim."""
    name, provider = zone[-1], f"azure:///{zone}"
    labels = {names.NODEPOOL: "default", names.ZONE: zone, names.INSTANCE_TYPE: made.SIZE}
    labels |= {names.CAPACITY_TYPE: "on-demand"}
    image = {names.NODE_IMAGE_VERSION: f"AKSUbuntu-2204gen2containerd-{OLD}"}
    room = {"cpu": "3860m", "memory": "12Gi", "pods": "110"}
    running = {"nodeInfo": {"kubeletVersion": f"v{SERVER_VERSION}"}}
    joined = {**labels, **image, names.REGISTERED: "true", names.INITIALIZED: "true"}
    return [
        {
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodeClaim",
            "metadata": {"name": f"default-{name}", "uid": f"claim-{name}", "labels": labels, **LIVING},
            "spec": made.pool()["spec"]["template"]["spec"],
            "status": {
                "nodeName": f"aks-default-{name}",
                "providerID": provider,
                "imageID": f"{GALLERY}/images/2204gen2containerd/versions/{OLD}",
                "conditions": true("Launched", "Registered", "Initialized", "Ready"),
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": f"aks-default-{name}", "uid": f"node-{name}", "labels": joined, **LIVING},
            "spec": {"providerID": provider},
            "status": {"capacity": room, "allocatable": room, "conditions": true("Ready"), **running},
        },
    ]


def scenario(
    manifests: Iterable[Mapping[str, Any]], events: Iterable[Event] = (), *, days: float = 3, **more: Any
) -> Scenario:
    return Scenario(
        START, START + timedelta(days=days), tuple(manifests), **{"pods": QUICK, "events": tuple(events), **more}
    )


def kinds(outcome: Outcome) -> Counter[RecordKind]:
    """How often what happened."""
    return Counter(record.kind for record in outcome.trace)
