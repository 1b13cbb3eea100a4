"""napsim on a kind cluster, as people have it there: helm, kubectl, and what the two show.

The operator is a pod of the image built from this clone, under the chart's ServiceAccount, in a namespace that enforces
the restricted Pod Security Standard. Nothing of it is looked at but what the API server tells, and its audit log.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from napsim.cluster import Cluster
from tests.e2e import manifests as m
from tests.e2e.auditor.log import AuditEvent
from tests.e2e.kubectl import apply, get, kubectl

ROOT: Final = Path(__file__).parents[2]
NAMESPACE: Final = "napsim-system"
RELEASE: Final = "napsim"
TAG: Final = "under-test"
IMAGE: Final = f"napsim:{TAG}"
KWOK: Final = "napsim-kwok"
KWOK_IMAGE: Final = f"{KWOK}:{TAG}"
IMAGE_VERSION: Final = "kubernetes.azure.com/node-image-version"
POOL: Final = "karpenter.sh/nodepool"
OPT_IN: Final = "napsim.dev/nodepool"
DISRUPTED: Final = "karpenter.sh/disrupted"
FIRST_VERSION: Final = "202601.27.0"
FACTOR: Final = 120.0
# What the pods of the workload take to end, of the grace that they are given: they finish what they have begun.
FAREWELL_SECONDS: Final = 3
GRACE_SECONDS: Final = 60
REPLICAS: Final = 4
_STEP_SECONDS: Final = 0.5
_FAREWELL: Final = f"""
import signal, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep({FAREWELL_SECONDS}), exit(0)))
while True:
    signal.pause()
"""

Manifest = dict[str, Any]


@dataclass(slots=True)
class Watched:
    """What was seen while something was waited for."""

    disrupted: list[str] = field(default_factory=list)  # nodes, in the order in which their taint was first seen
    together: dict[str, int] = field(default_factory=dict)  # most nodes of a pool that were tainted at once
    least_healthy: int = REPLICAS
    leaders: list[str] = field(default_factory=list)  # holders of the Lease, each as it took over

    def note(self, nodes: list[Manifest], healthy: int, leader: str) -> None:
        tainted = [node for node in nodes if is_disrupted(node)]
        names = [node["metadata"]["name"] for node in tainted]
        self.disrupted += [name for name in names if name not in self.disrupted]
        for node in tainted:
            pool = node["metadata"]["labels"][OPT_IN]
            several = sum(other["metadata"]["labels"][OPT_IN] == pool for other in tainted)
            self.together[pool] = max(several, self.together.get(pool, 0))
        self.least_healthy = min(self.least_healthy, healthy)
        if leader and leader not in self.leaders[-1:]:
            self.leaders.append(leader)


@dataclass(slots=True)
class Installation:
    """One release of the chart on one cluster, and the workload beside it."""

    cluster: Cluster
    helm: Path
    # From and to: an operator outlives its rights by a moment then, and is refused.
    uninstalls: list[tuple[datetime, datetime]] = field(default_factory=list)

    # --- doing --------------------------------------------------------------------------------------------------------

    def install(self, *values: str) -> None:
        """Install or upgrade, and wait until what runs is what was asked for."""
        told = [f"--set={value}" for value in (f"image.tag={TAG}", "lease.seconds=5", *values)]
        self._helm("upgrade", "--install", RELEASE, str(ROOT / "charts/napsim"), "--wait", "--timeout=300s", *told)

    def opt_in(self) -> None:
        """Two workers into pool default, one into pool system, as manifests/kind.yaml; an uninstall opts them out."""
        workers = self.items("nodes", "--selector=!node-role.kubernetes.io/control-plane")
        for pool, node in zip(("default", "default", "system"), _real(workers), strict=True):
            self.kubectl("label", "--overwrite", "node", node["metadata"]["name"], f"{OPT_IN}={pool}")

    def uninstall(self) -> None:
        begun = datetime.now(UTC)
        self._helm("uninstall", RELEASE, "--wait", "--timeout=300s")
        self.uninstalls.append((begun, datetime.now(UTC) + timedelta(seconds=10)))

    def _helm(self, *arguments: str) -> None:
        command = [str(self.helm), *arguments, f"--namespace={NAMESPACE}", f"--kubeconfig={self.cluster.kubeconfig}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr}\n{self.story()}"

    def apply(self, *manifests: Manifest) -> None:
        apply(self.cluster, *manifests)

    def kubectl(self, *arguments: str) -> str:
        return kubectl(self.cluster, *arguments).stdout

    def publish(self) -> str:
        """Publish an image that is a day newer than all before; its version."""
        day = datetime.strptime(f"{self.newest()}Z", "%Y%m.%d.0%z") + timedelta(days=1)
        version = f"{day:%Y%m.%d}.0"
        self.apply(m.image(version))
        return version

    # --- seeing -------------------------------------------------------------------------------------------------------

    def items(self, kind: str, *arguments: str) -> list[Manifest]:
        found: list[Manifest] = get(self.cluster, kind, *arguments)["items"]
        return found

    def get(self, kind: str, name: str, *arguments: str) -> Manifest:
        return get(self.cluster, kind, name, *arguments)

    def newest(self) -> str:
        """The newest version that was published."""
        return max(str(image["spec"]["version"]) for image in self.items("nodeimages"))

    def workers(self) -> list[Manifest]:
        """The real nodes that opted in."""
        return self.items("nodes", f"--selector={OPT_IN}")

    def versions(self) -> dict[str, str]:
        """Image version by worker; a worker that is being replaced has none that counts."""
        return {
            node["metadata"]["name"]: node["metadata"]["labels"].get(IMAGE_VERSION, "").rpartition("-")[2]
            for node in self.workers()
            if not is_disrupted(node)
        }

    def operators(self) -> list[Manifest]:
        selector = f"--selector=app.kubernetes.io/component=operator,app.kubernetes.io/instance={RELEASE}"
        return self.items("pods", selector, f"--namespace={NAMESPACE}")

    def leader(self) -> str:
        """The pod that acts; empty while none does."""
        leases = self.items("leases", f"--namespace={NAMESPACE}", f"--field-selector=metadata.name={RELEASE}")
        holder: str = leases[0]["spec"].get("holderIdentity") or "" if leases else ""
        return holder.rpartition("_")[0]

    def node_of(self, pod: str) -> str:
        node: str = self.get("pod", pod, f"--namespace={NAMESPACE}")["spec"]["nodeName"]
        return node

    def virtual_now(self) -> datetime:
        clock = self.get("nodeautoprovisioning", "default")["status"]["clock"]
        real, virtual = (datetime.fromisoformat(clock[key]) for key in ("anchorReal", "anchorVirtual"))
        return virtual + (datetime.now(real.tzinfo) - real) * float(clock["factor"])

    # --- waiting ------------------------------------------------------------------------------------------------------

    def watch(self, what: str, condition: Callable[[Watched], bool], within_seconds: float = 240.0) -> Watched:
        """Wait until it is so, and say what was seen meanwhile. Fails with the story so far when it is not.

        ``condition`` is given what was seen, of which its own look at the cluster may miss the end.
        """
        watched, deadline = Watched(), time.monotonic() + within_seconds
        while True:
            watched.note(self.workers(), self._healthy(), self.leader())
            if condition(watched):
                return watched
            assert time.monotonic() < deadline, f"in {within_seconds:.0f} s not seen: {what}\n{self.story()}"
            time.sleep(_STEP_SECONDS)

    def rolled_out(self, version: str, within_seconds: float = 300.0) -> Watched:
        """Wait until every worker counts as running that version."""
        return self.watch(f"all workers on {version}", lambda _: self._all_on(version), within_seconds)

    def _all_on(self, version: str) -> bool:
        versions = self.versions()
        return len(versions) == len(self.workers()) and set(versions.values()) == {version}

    def under_way(self, version: str) -> Watched:
        """Wait until the rollout has begun and is not over: a worker is being replaced."""
        return self.watch(f"a worker is replaced for {version}", lambda seen: bool(seen.disrupted))

    def _healthy(self) -> int:
        healthy: int = self.get("poddisruptionbudget", "web")["status"].get("currentHealthy", 0)
        return healthy

    def story(self) -> str:
        """What a person would look at first."""
        wide = ("nodes,nodeclaims,nap,mc,pods", "--all-namespaces", "--output=wide")
        shown = kubectl(self.cluster, "get", *wide, check=False).stdout
        selector = ("--selector=app.kubernetes.io/instance=napsim", f"--namespace={NAMESPACE}", "--tail=25")
        logs = kubectl(self.cluster, "logs", *selector, check=False).stdout
        events = kubectl(self.cluster, "events", "--all-namespaces", check=False).stdout
        return "\n".join([shown, logs, *events.splitlines()[-40:]])

    # --- auditing -----------------------------------------------------------------------------------------------------

    def audit(self) -> Iterator[AuditEvent]:
        decode = msgspec.json.Decoder(AuditEvent).decode
        with self.cluster.audit_log.open("rb") as log:
            yield from (decode(line) for line in log)


def _real(nodes: list[Manifest]) -> list[Manifest]:
    return [node for node in nodes if "kwok.x-k8s.io/node" not in node["metadata"].get("annotations", {})]


def is_disrupted(node: Manifest) -> bool:
    return any(taint["key"] == DISRUPTED for taint in node["spec"].get("taints", ()))


def workload() -> list[Manifest]:
    """Pods that take their time to end, of which one may be down: spread over the nodes, and run by real kubelets."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    made = m.deployment(
        "web", REPLICAS, terminationGracePeriodSeconds=GRACE_SECONDS, topologySpreadConstraints=[spread]
    )
    (container,) = made["spec"]["template"]["spec"]["containers"]
    container |= {
        "image": IMAGE,
        "command": ["/opt/napsim/bin/python", "-c", _FAREWELL],
        "resources": {"requests": {"cpu": "10m"}},
    }
    return [made, m.pdb("web", maxUnavailable=1)]


def world() -> list[Manifest]:
    """Settings, pools and the first image; no window, so that images are picked up at once."""
    return [
        m.nap(factor=FACTOR, listCacheDuration="1m", nodeProvider={"kind": "inPlace"}),
        m.node_class(),
        m.image(FIRST_VERSION, "2026-02-01T00:00:00Z"),
        m.pool("default", [{"nodes": "1"}]),
        m.pool("system", [{"nodes": "1"}]),
    ]
