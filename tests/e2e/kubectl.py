"""kubectl against a cluster of a test, and waiting for what it shows."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from napsim.cluster import Cluster

WAIT_SECONDS: Final = 180.0
"""How long a wait may take on a machine that is slow or busy; it ends as soon as what is awaited is seen."""


def kubectl(
    cluster: Cluster, *arguments: str, stdin: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run kubectl; with `check`, a failure fails the test with what kubectl said."""
    command = [str(cluster.kubectl), f"--kubeconfig={cluster.kubeconfig}", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done


def apply(cluster: Cluster, *manifests: Mapping[str, Any]) -> None:
    """Apply manifests together."""
    items = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    kubectl(cluster, "apply", "--filename=-", stdin=json.dumps(items))


def get(cluster: Cluster, *arguments: str) -> dict[str, Any]:
    """What `kubectl get` answers, parsed."""
    parsed: dict[str, Any] = json.loads(kubectl(cluster, "get", *arguments, "--output=json").stdout)
    return parsed


def table(cluster: Cluster, *arguments: str) -> list[dict[str, str]]:
    """The rows that `kubectl get` prints, by the head of the column (whose places it keeps to)."""
    head, *rows = kubectl(cluster, "get", *arguments).stdout.splitlines()
    columns = [(match[0], match.start()) for match in re.finditer(r"\S+", head)]
    ends = [start for _, start in columns[1:]] + [None]
    return [{name: row[start:end].strip() for (name, start), end in zip(columns, ends, strict=True)} for row in rows]


def token_kubeconfig(cluster: Cluster, namespace: str, service_account: str) -> Path:
    """A kubeconfig that speaks as a service account, by a token that is good for an hour."""
    token = kubectl(cluster, "create", "token", service_account, f"--namespace={namespace}").stdout
    document = yaml.safe_load(cluster.kubeconfig.read_text())
    document["users"] = [{"name": entry["name"], "user": {"token": token}} for entry in document["users"]]
    path = cluster.folder / f"kubeconfig-{namespace}-{service_account}.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def eventually(condition: Callable[[], bool], what: str, *, within_seconds: float = WAIT_SECONDS) -> None:
    """Wait until `condition` holds; fails the test, naming `what` was awaited, when it does not in time."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline, f"in {within_seconds:.0f} s not seen: {what}"
        time.sleep(0.1)


def served(cluster: Cluster) -> None:
    """Wait until every CRD is. kubectl itself fails on one that has no conditions yet, so it is asked again."""
    established = ("wait", "--for=condition=Established", "crd", "--all", "--timeout=5s")
    eventually(lambda: kubectl(cluster, *established, check=False).returncode == 0, "CRDs are served")
