"""A rehearsal: a cluster of its own, the operator as its own process, manifests, and what is seen of them.

The operator speaks as the chart's ServiceAccount, under the chart's RBAC; the test speaks as administrator. Everything
is asked of the API server; nothing of the operator's memory is looked at. What was done is read from the audit log, by
the auditor.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from napsim.cluster import Cluster, create_cluster, delete_cluster
from tests.e2e import rbac
from tests.e2e.auditor import BudgetNeverExceeded, NoDoubleWork, NothingLeaked, Record, Violation, audit, read
from tests.e2e.kubectl import WAIT_SECONDS, apply, get, kubectl, served
from tests.e2e.ownership import unused_name

ROOT: Final = Path(__file__).parents[2]
CRDS: Final = ROOT / "crds"
EXAMPLES: Final = ROOT / "manifests/examples"
OLD, NEW = "202601.27.0", "202602.13.0"
IMAGE_VERSION: Final = "kubernetes.azure.com/node-image-version"
POOL: Final = "karpenter.sh/nodepool"
DRIFT: Final = "napsim.dev/drift"
DISRUPTED: Final = "karpenter.sh/disrupted"
SATURDAY_EVENING: Final = "2026-02-14T20:00:00Z"
# What others did (a kubelet that turns NotReady) within that time before a request, the operator could not know yet.
UNFORESEEABLE_SECONDS: Final = 5.0
# An operator that a busy machine holds up for some seconds still leads, and what it knows is not lost.
LEASE_SECONDS: Final = 6
_STEP_SECONDS: Final = 0.25

Manifest = dict[str, Any]


@dataclass(slots=True)
class OperatorProcess:
    """``napsim run`` on a cluster, as ``kubeconfig`` says."""

    cluster: Cluster
    kubeconfig: Path
    options: tuple[str, ...] = ()
    identity: str = "one"
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.cluster.folder / f"operator-{self.identity}.log"

    def start(self) -> None:
        command = [sys.executable, "-m", "napsim", "run", "--kubeconfig", str(self.kubeconfig)]
        command += ["--lease-namespace", rbac.NAMESPACE, "--lease-name", rbac.LEASE_NAME]
        command += ["--identity", self.identity, "--lease-seconds", str(LEASE_SECONDS), *self.options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL, as by a machine that is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> float:
        """SIGTERM; the seconds it took to end."""
        began = time.monotonic()
        self._end(signal.SIGTERM)
        return time.monotonic() - began

    def _end(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(timeout=WAIT_SECONDS)

    def freeze(self) -> None:
        """Stop it in mid-air (SIGSTOP), as a machine does that does not answer."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if nothing was."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.freeze()
        try:
            yield
        finally:
            self.thaw()


@dataclass(slots=True)
class Rehearsal:
    """One cluster and its operators, which use ``kubeconfig``: that of the chart's ServiceAccount."""

    cluster: Cluster
    kubeconfig: Path
    operators: list[OperatorProcess] = field(default_factory=list)

    # --- doing --------------------------------------------------------------------------------------------------------

    def operator(self, identity: str = "one", *options: str) -> OperatorProcess:
        made = OperatorProcess(self.cluster, self.kubeconfig, options, identity)
        self.operators.append(made)
        made.start()
        return made

    def apply(self, *manifests: Manifest) -> None:
        apply(self.cluster, *manifests)

    def play_examples(self) -> None:
        """Apply the examples, start the operator, and wait until both their pools have nodes."""
        kubectl(self.cluster, "apply", f"--filename={EXAMPLES}")
        self.operator()
        self.eventually("nodes of both pools", lambda: len(self.items("nodes")) > 12)

    def patch(self, kind: str, name: str, changes: str, *arguments: str) -> None:
        kubectl(self.cluster, "patch", kind, name, "--type=merge", f"--patch={changes}", *arguments)

    def delete(self, kind: str, name: str, *arguments: str) -> None:
        kubectl(self.cluster, "delete", kind, name, "--wait=false", *arguments)

    # --- seeing -------------------------------------------------------------------------------------------------------

    def items(self, kind: str, *arguments: str) -> list[Manifest]:
        found: list[Manifest] = get(self.cluster, kind, *arguments)["items"]
        return found

    def get(self, kind: str, name: str, *arguments: str) -> Manifest:
        return get(self.cluster, kind, name, *arguments)

    def claims(self, pool: str) -> list[Manifest]:
        return self.items("nodeclaims", f"--selector={POOL}={pool}")

    def annotations(self, node: str) -> dict[str, str]:
        found: dict[str, str] = self.get("node", node)["metadata"]["annotations"]
        return found

    def versions(self, pool: str = "default") -> Counter[str]:
        """Initialized nodes of the pool by image version."""
        nodes = self.items("nodes", f"--selector={POOL}={pool},karpenter.sh/initialized=true")
        return Counter(node["metadata"]["labels"][IMAGE_VERSION].rsplit("-", 1)[-1] for node in nodes)

    def disrupted(self) -> list[str]:
        return [node["metadata"]["name"] for node in self.items("nodes") if _tainted(node)]

    def nap(self) -> Manifest:
        status: Manifest = self.get("nodeautoprovisioning", "default").get("status", {})
        return status

    def virtual_now(self) -> datetime:
        """The cluster's clock, computed from its anchors."""
        clock = self.nap()["clock"]
        real, virtual = (datetime.fromisoformat(clock[key]) for key in ("anchorReal", "anchorVirtual"))
        return virtual + (datetime.now(UTC) - real) * float(clock["factor"])

    def virtual_line(self) -> Callable[[datetime], datetime]:
        """Real instants as virtual ones, for the auditor."""
        clock = self.nap()["clock"]
        real, virtual = (datetime.fromisoformat(clock[key]) for key in ("anchorReal", "anchorVirtual"))
        factor = float(clock["factor"])
        return lambda instant: virtual + (instant - real) * factor

    def events(self, reason: str) -> list[Manifest]:
        found: list[Manifest] = self.items("events.v1.events.k8s.io", "--all-namespaces")
        return [event for event in found if event["reason"] == reason]

    def eventually(self, what: str, condition: Callable[[], bool], within_seconds: float = WAIT_SECONDS) -> None:
        """Wait until it is seen; fails with the ends of the operators' logs when it is not."""
        deadline = time.monotonic() + within_seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"in {within_seconds:g} s not seen: {what}\n{self.story()}")
            time.sleep(_STEP_SECONDS)

    def steadily(self, what: str, condition: Callable[[], bool], seconds: float) -> None:
        """Fails as soon as it is not so."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert condition(), f"no longer so: {what}\n{self.story()}"
            time.sleep(_STEP_SECONDS)

    def until_virtual(self, instant: str, within_seconds: float = WAIT_SECONDS) -> None:
        at = datetime.fromisoformat(instant)
        self.eventually(f"the clock shows {instant}", lambda: self.virtual_now() >= at, within_seconds)

    def story(self) -> str:
        """What a person would look at first."""
        shown = kubectl(self.cluster, "get", "nodes,nodeclaims,nap,mc", "-o", "wide", check=False).stdout
        logs = [
            f"--- {item.identity}\n" + "\n".join(item.log.read_text().splitlines()[-15:]) for item in self.operators
        ]
        refused = [f"refused: {item}" for item in rbac.refusals(self.cluster)]
        return "\n".join([shown, *logs, *refused])

    # --- auditing -----------------------------------------------------------------------------------------------------

    def record(self) -> Record:
        return read(self.cluster.audit_log)

    def violations(self, *rules: Any) -> tuple[Violation, ...]:
        return audit(self.record(), rules)

    def await_rest(self, sizes: dict[str, int], within_seconds: float = 60.0, *, torn_lines_allowed: int = 0) -> None:
        """Until nothing is left over, or that long: the audit log has a request's line after who asked has its answer.

        What is left over then is for ``NothingLeaked`` to say.
        """
        deadline = time.monotonic() + within_seconds
        while time.monotonic() < deadline:
            record = read(self.cluster.audit_log, torn_lines_allowed=torn_lines_allowed)
            if not audit(record, [NothingLeaked(sizes)]):
                return
            time.sleep(_STEP_SECONDS)

    def assert_sound(self, budgets: dict[str, Any], sizes: dict[str, int]) -> Record:
        """Budgets held throughout, nothing was done twice, nothing is left over."""
        self.await_rest(sizes)
        record = self.record()
        rules = (
            BudgetNeverExceeded(budgets, self.virtual_line(), UNFORESEEABLE_SECONDS),
            NoDoubleWork(),
            NothingLeaked(sizes),
        )
        found = audit(record, rules)
        assert not found, "\n".join(str(item) for item in found) + "\n" + self.story()
        return record


def _tainted(node: Manifest) -> bool:
    return any(taint["key"] == DISRUPTED for taint in node["spec"].get("taints", ()))


@contextmanager
def rehearsal(*, crds: bool = True, rules: Path = rbac.TEMPLATE, **options: Any) -> Iterator[Rehearsal]:
    """A cluster with the chart's RBAC, and the CRDs if wanted; at the end its operators end and it is gone.

    ``rules`` is the chart's template with them. Fails when the API server refused an operator a request for want of a
    rule.
    """
    cluster = create_cluster(unused_name(), **options)
    operators: list[OperatorProcess] = []
    try:
        rbac.install(cluster, template=rules)
        if crds:
            kubectl(cluster, "apply", "--server-side", f"--filename={CRDS}")
            served(cluster)
        yield Rehearsal(cluster, rbac.kubeconfig(cluster), operators)
        _end(operators)
        refused = rbac.refusals(cluster, template=rules)
        assert not refused, "the chart's rules lack:\n" + "\n".join(str(item) for item in refused)
    finally:
        _end(operators)
        delete_cluster(cluster.name)


def _end(operators: list[OperatorProcess]) -> None:
    for operator in operators:
        operator.kill()


def after(instant: str, **more: float) -> str:
    """An instant later than another, both RFC 3339."""
    return (datetime.fromisoformat(instant) + timedelta(**more)).isoformat().replace("+00:00", "Z")
