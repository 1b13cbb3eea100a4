"""Karpenter itself, with its KWOK provider, on a cluster of a test; and what it does, as its NodeClaims tell."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from napsim.cluster import Cluster
from napsim.cluster.folders import cache_folder
from napsim.live.snapshot import Manifest
from tests.docs.blocks import ROOT
from tests.e2e.kubectl import eventually, get, kubectl

_PORTS: Final = {"METRICS_PORT": "0", "HEALTH_PROBE_PORT": "0"}
_ENDS_WITHIN_SECONDS: Final = 10


def build() -> Path:
    """The folder with the program and its CRDs, of the version that hack/karpenter pins."""
    folder = cache_folder() / "karpenter"
    subprocess.run([ROOT / "hack/karpenter/build", folder], check=True)
    return folder


@contextmanager
def running(cluster: Cluster, folder: Path, log: Path) -> Iterator[None]:
    """Karpenter leads there. It is ended with the block, and not only with the test's process."""
    kubectl(cluster, "apply", f"--filename={folder / 'crds'}")
    told = {"KUBECONFIG": str(cluster.kubeconfig), "DISABLE_LEADER_ELECTION": "true", "SYSTEM_NAMESPACE": "default"}
    with log.open("w") as written:
        process = subprocess.Popen([folder / "karpenter"], env={**os.environ, **_PORTS, **told}, stdout=written,
                                   stderr=subprocess.STDOUT)  # fmt: skip
        try:
            yield
            assert process.poll() is None, f"Karpenter ended by itself:\n{log.read_text()[-2000:]}"
        finally:
            _end(process)


def _end(process: subprocess.Popen[Any]) -> None:
    """By its own signal, or by force, which fails the test. Raises TimeoutExpired."""
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


@dataclass
class Claims:
    """The NodeClaims of a cluster from when it is looked at: when each was taken, created, gone. Real instants."""

    taken: dict[str, datetime] = field(default_factory=dict)
    created: dict[str, datetime] = field(default_factory=dict)
    gone: dict[str, datetime] = field(default_factory=dict)
    _there: set[str] = field(default_factory=set)

    @property
    def seconds(self) -> float:
        """From the first that was taken to the last that was gone."""
        return (max(self.gone.values()) - min(self.taken.values())).total_seconds()

    def note(self, change: str, claim: Mapping[str, Any]) -> None:
        name, at = claim["metadata"]["name"], datetime.now(UTC)
        if name not in self._there:
            self._there.add(name)
            self.created[name] = at
        if "deletionTimestamp" in claim["metadata"] or _holds(claim, "DisruptionReason"):
            self.taken.setdefault(name, at)
        if change == "DELETED":
            self.gone[name] = at


def _holds(claim: Mapping[str, Any], condition: str) -> bool:
    found = claim.get("status", {}).get("conditions", ())
    return any(item["type"] == condition and item["status"] == "True" for item in found)


@contextmanager
def watched(cluster: Cluster) -> Iterator[Claims]:
    """What becomes of them while the block lasts; those that were there before are not ``created``."""
    claims = Claims()
    command = [str(cluster.kubectl), f"--kubeconfig={cluster.kubeconfig}", "get", "nodeclaims", "--watch",
               "--output-watch-events", "--output=json"]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    reader = threading.Thread(target=_read, args=(process, claims))
    reader.start()
    there = {item["metadata"]["name"] for item in get(cluster, "nodeclaims")["items"]}
    eventually(lambda: there <= set(claims.created), "the watch has begun")
    claims.created.clear()
    try:
        yield claims
    finally:
        _end(process)
        reader.join(_ENDS_WITHIN_SECONDS)


def _read(process: subprocess.Popen[str], claims: Claims) -> None:
    """An event a line."""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        claims.note(event["type"], event["object"])


def stands(cluster: Cluster) -> None:
    """Wait until all pods run, no node is on its way in or out, and none is nominated any more."""
    eventually(lambda: _is_quiet(cluster), "all pods run, on nodes that are initialized")


def is_over(cluster: Cluster) -> bool:
    """Whether no NodeClaim is drifted or on its way."""
    claims = get(cluster, "nodeclaims")["items"]
    return bool(claims) and all(
        _holds(item, "Initialized") and not _holds(item, "Drifted") and "deletionTimestamp" not in item["metadata"]
        for item in claims
    )


def _is_quiet(cluster: Cluster) -> bool:
    pods = get(cluster, "pods")["items"]
    return bool(pods) and all(item["status"]["phase"] == "Running" for item in pods) and is_over(cluster)


def snapshot(text: str) -> list[Manifest]:
    """The documents that ``napsim snapshot`` printed, without its Scenario."""
    found = (json.loads(line) for line in text.splitlines() if line.startswith("{"))
    return [item for item in found if item["kind"] != "Scenario"]


def is_drifted(cluster: Cluster) -> bool:
    """Whether a NodeClaim is marked: the change has been seen."""
    return any(_holds(item, "Drifted") for item in get(cluster, "nodeclaims")["items"])
