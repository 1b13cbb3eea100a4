"""The chart as helm renders it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from napsim.cluster import find_helm
from napsim.cluster.progress import Silent

Manifest = dict[str, Any]

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "charts/napsim"
RELEASE: Final = "napsim"
NAMESPACE: Final = "napsim-system"
# Sets of values, by name: what people really install. Golden files and assertions are made of each.
SETS: Final[dict[str, Manifest]] = {
    "default": {},
    "two-replicas": {"replicas": 2},
    "least": {
        "crds": {"install": False},
        "release": {"onUninstall": False},
        "rbac": {"create": False},
        "serviceAccount": {"create": False, "name": "somebody"},
        "metrics": {"enabled": False},
        "resources": {"requests": None, "limits": None},
    },
    "monitored": {
        "metrics": {
            "service": {"enabled": True},
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "rules": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboard": {"enabled": True, "namespace": "grafana"},
        },
        "networkPolicy": {
            "enabled": True,
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "apiServerTo": [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
        },
    },
    "placed": {
        "image": {"repository": "registry.example/napsim", "digest": f"sha256:{'0' * 64}", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "registry"}],
        "commonLabels": {"team": "platform"},
        "podLabels": {"mesh": "off"},
        "podAnnotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"},
        "extraArgs": ["--identity=$(POD_NAME)"],
        "extraEnv": [{"name": "TZ", "value": "UTC"}],
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]},
                        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["one"]}]},
                    ]
                }
            }
        },
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
    },
    "kwok": {"kwok": {"enabled": True}},
    "drive": {"drive": True, "systemNamespace": "karpenter"},
    "examples": {"examples": {"settings": True, "windows": True, "pools": True, "images": True}},
}
API_VERSIONS: Final = "--api-versions=napsim.dev/v1alpha1"
_SOURCE: Final = re.compile(r"^# Source: napsim/(\S+)$", re.MULTILINE)


def helm(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm, whatever comes of it."""
    command = [str(_executable()), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


@cache
def _executable() -> Path:
    return find_helm(Silent()).executable


def template(values: Manifest, *options: str) -> subprocess.CompletedProcess[str]:
    """`helm template` with these values, whatever comes of it."""
    command = ("template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", API_VERSIONS, "--values=-", *options)
    return helm(*command, stdin=json.dumps(values))


def text_of(values: Manifest, *options: str) -> str:
    """What is rendered, as helm prints it."""
    done = template(values, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def rendered(name: str) -> str:
    """A set of values, rendered."""
    return text_of(SETS[name])


def objects(name: str) -> list[Manifest]:
    """The objects of a set of values."""
    return parsed(rendered(name))


def parsed(text: str) -> list[Manifest]:
    """The objects in what helm printed."""
    return [document for document in yaml.safe_load_all(text) if document]


def by_template(text: str) -> Iterator[tuple[str, str]]:
    """Each document that helm printed, with the file that it comes from."""
    for document in text.split("\n---\n"):
        source = _SOURCE.search(document)
        assert source is not None, document[:200]
        yield source[1], document.removeprefix("---\n").strip() + "\n"


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The object of that kind and name."""
    (found,) = [item for item in manifests if item["kind"] == kind and item["metadata"]["name"] == name]
    return found


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """The pod templates of Deployments and Jobs, by kind and name."""
    return {
        f"{item['kind']}/{item['metadata']['name']}": item["spec"]["template"]
        for item in manifests
        if item["kind"] in {"Deployment", "Job"}
    }
