"""What a forecast costs: a year of weekly images at each size, each in a process of its own and bounded in time.

Nodes are full (thirty pods each); every other Deployment has a PodDisruptionBudget; a window of eight hours a week;
timings, list cache and pace as they are by default.
"""

from __future__ import annotations

import cProfile
import io
import os
import pstats
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec
import yaml
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from napsim.sim.recorder import Recorder
from napsim.sim.scenario import Manifest, Scenario
from napsim.sim.simulation import begun
from napsim.sim.simulator import Simulator

START: Final = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday
WEEKS: Final = 52
PODS_PER_NODE: Final = 30
REPLICAS: Final = 50
POD_CPU: Final = "260m"  # thirty of them, and no other, in what AKS leaves of eight processors
INSTANCE_TYPE: Final = "Standard_D8s_v5"
DEFINITION: Final = "2204gen2containerd"
PROFILED: Final = 15
_ROUNDS: Final = 5
_LOOPS: Final = 5_000_000


class Year(msgspec.Struct, frozen=True):
    """One size. ``weeks`` of the year were reached within the bound; ``begun_seconds`` is until its nodes stood.

    ``ended``: the whole year was reached.
    """

    nodes: int
    pods: int
    weeks: float
    ended: bool
    replaced: int
    evicted: int
    begun_seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    profile: str = ""

    @property
    def year_seconds(self) -> float | None:
        """At this pace, or as it was where the whole year was reached; None when not a node was replaced."""
        if not self.replaced:
            return None
        return self.begun_seconds + (self.cpu_seconds - self.begun_seconds) * WEEKS / self.weeks


class Costs(msgspec.Struct, frozen=True):
    """``calibration_seconds``: five million rounds of a loop in Python. Processes: CPU from start to end, the least."""

    python: str
    calibration_seconds: float
    help_seconds: float
    short_seconds: float
    years: list[Year]


# --- the scenario -----------------------------------------------------------------------------------------------------


def scenario(nodes: int, weeks: int = WEEKS) -> Scenario:
    """So many full nodes, and an image each week."""
    until = START + timedelta(weeks=weeks)
    return Scenario(START, until, tuple(manifests(nodes * PODS_PER_NODE, weeks)), ends_early=False)


def manifests(pods: int, weeks: int) -> Iterator[Manifest]:
    """As ``kubectl apply`` takes them."""
    steps = {"launch": "10s", "registration": "45s", "initialization": "15s", "detach": "10s"}
    timings = {step: {"fixed": duration} for step, duration in steps.items()}
    settings = {"timings": timings, "seed": 0, "kubernetesVersion": "1.35.0"}
    yield _object("napsim.dev/v1alpha1", "NodeAutoProvisioning", "default", settings)
    schedule = {"weekly": {"intervalWeeks": 1, "dayOfWeek": "Sunday"}}
    window = {"schedule": schedule, "startDate": "2025-01-01", "startTime": "01:00", "durationHours": 8}
    node_os = {"configName": "aksManagedNodeOSUpgradeSchedule", "maintenanceWindow": window}
    yield _object("napsim.dev/v1alpha1", "MaintenanceConfiguration", "node-os", node_os)
    yield _object("karpenter.azure.com/v1beta1", "AKSNodeClass", "default", {"imageFamily": "Ubuntu2204"})
    yield _object("karpenter.sh/v1", "NodePool", "default", _pool())
    for week in range(-1, weeks):
        published = START + timedelta(days=1 + 7 * week)
        version = f"{published:%Y%m.%d}.0"
        spec = {"osSKU": "Ubuntu2204", "definition": DEFINITION, "version": version}
        at = {"publishedAt": f"{published:%Y-%m-%dT%H:%M:%SZ}"}
        yield _object("napsim.dev/v1alpha1", "NodeImage", f"{DEFINITION}-{version}", spec | at)
    for number in range(pods // REPLICAS):
        yield from _workload(f"app{number:05d}", budgeted=number % 2 == 0)


def _pool() -> Manifest:
    reference = {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"}
    size = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": [INSTANCE_TYPE]}
    template = {"expireAfter": "Never", "nodeClassRef": reference, "requirements": [size]}
    disruption = {"consolidateAfter": "Never", "budgets": [{"nodes": "10%"}]}
    return {"disruption": disruption, "template": {"spec": template}}


def _workload(name: str, *, budgeted: bool) -> Iterator[Manifest]:
    labels = {"app": name}
    container = {"name": "app", "image": "app", "resources": {"requests": {"cpu": POD_CPU}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template}
    yield _object("apps/v1", "Deployment", name, spec, "default")
    if budgeted:
        budget = {"maxUnavailable": "10%", "selector": {"matchLabels": labels}}
        yield _object("policy/v1", "PodDisruptionBudget", name, budget, "default")


def _object(version: str, kind: str, name: str, spec: Manifest, namespace: str = "") -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": dict(spec)}


# --- one size, in a process of its own --------------------------------------------------------------------------------


class _Over(Exception):
    """The time is over."""


def _ring(_signal: int, _frame: FrameType | None) -> None:
    raise _Over


def year(nodes: int, seconds: int, *, profiled: bool = False, weeks: int = WEEKS) -> Year:
    """The year, as far as it gets within so many seconds of CPU."""
    began, stood = time.process_time(), 0.0
    simulator: Simulator | None = None
    ended = True
    profile = cProfile.Profile() if profiled else None
    signal.signal(signal.SIGPROF, _ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        simulator, _ = begun(scenario(nodes, weeks), Recorder(pods=False, brief=True))
        stood = time.process_time() - began
        if profile is not None:
            profile.enable()
        simulator.kernel.run(START + timedelta(weeks=weeks), simulator.over)
    except _Over:
        ended = False
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if profile is not None:
            profile.disable()
    used = time.process_time() - began
    return Year(
        nodes=nodes,
        pods=nodes * PODS_PER_NODE,
        weeks=(simulator.kernel.now - START) / timedelta(weeks=1) if simulator is not None else 0.0,
        ended=ended,
        replaced=sum(course.replaced for course in simulator.recorder.pools.values()) if simulator else 0,
        evicted=sum(item.evicted for item in simulator.recorder.workloads()) if simulator else 0,
        begun_seconds=stood or used,
        cpu_seconds=used,
        peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        profile=_most(profile) if profile is not None else "",
    )


def _most(profile: cProfile.Profile) -> str:
    """The functions that took most time themselves."""
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(PROFILED)
    return "\n".join(line for line in text.getvalue().splitlines() if line[:1] == " " and "/" not in line[:3])


# --- all of it --------------------------------------------------------------------------------------------------------


def costs(sizes: Sequence[int], seconds: int) -> Costs:
    """One size after the other; the largest once more for its profile, for as long."""
    years = [_apart(size, seconds, profiled=False) for size in sizes]
    profiled = _apart(max(sizes), seconds, profiled=True)
    years.append(profiled)
    with tempfile.TemporaryDirectory() as folder:
        written = [{**item, **_ended(item)} for item in manifests(200, 1)]
        spec = {"start": "2026-01-01T00:00:00Z", "until": "2026-04-01T00:00:00Z", "endsEarly": False}
        written.append(_object("napsim.dev/v1alpha1", "Scenario", "short", spec))
        (Path(folder) / "all.yaml").write_text(yaml.safe_dump_all(written))
        short, helped = _process("simulate", folder), _process("simulate", "--help")
    return Costs(sys.version.split()[0], _calibration(), helped, short, years)


def _ended(item: Manifest) -> Manifest:
    """Ten pods on a node, as twenty nodes have two hundred."""
    if item["kind"] != "Deployment":
        return {}
    text = msgspec.json.encode(item["spec"]).replace(POD_CPU.encode(), b"780m")
    return {"spec": msgspec.json.decode(text)}


def _apart(nodes: int, seconds: int, *, profiled: bool) -> Year:
    command = [sys.executable, "-m", "tests.bench.forecasts", str(nodes), str(seconds), *(["profile"] * profiled)]
    done = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[2])
    return msgspec.json.decode(done.stdout, type=Year)


def _process(*arguments: str) -> float:
    """CPU seconds of ``napsim`` from start to end, the least of some; modules are compiled, as in an installation."""
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return min(_once(arguments, environment) for _ in range(_ROUNDS + 1))


def _once(arguments: Sequence[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "napsim", *arguments]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _calibration() -> float:
    return min(_counted() for _ in range(_ROUNDS))


def _counted() -> float:
    began, total = time.process_time(), 0
    for number in range(_LOOPS):
        total += number * number % 7
    return time.process_time() - began


def tables(found: Costs) -> list[RenderableType]:
    """For people."""
    machine = (
        f"Python {found.python}; calibration {found.calibration_seconds:.2f} s; napsim simulate --help "
        f"{found.help_seconds:.2f} s; 20 nodes, 90 days {found.short_seconds:.2f} s (CPU, from start to end)"
    )
    table = Table(title="A year of weekly images, full nodes, PDBs on half of the workloads")
    for column in ("nodes", "pods", "CPU s", "of it to begin", "weeks reached", "replaced", "ms per node", "RSS MiB"):
        table.add_column(column, justify="right")
    table.add_column("a year, s", justify="right")
    for item in found.years:
        if not item.profile:
            table.add_row(*_row(item))
    profiles = [
        Text(f"{item.nodes} nodes, under the profiler:\n{item.profile}") for item in found.years if item.profile
    ]
    return [machine, table, *profiles]


def _row(item: Year) -> tuple[str, ...]:
    each = (item.cpu_seconds - item.begun_seconds) * 1000 / item.replaced if item.replaced else 0.0
    about = "" if item.ended else "about "
    whole = f"{about}{item.year_seconds:.0f}" if item.year_seconds is not None else "not known"
    return (
        str(item.nodes), str(item.pods), f"{item.cpu_seconds:.1f}", f"{item.begun_seconds:.1f}", f"{item.weeks:.2f}",
        str(item.replaced), f"{each:.1f}", f"{item.peak_rss_mb:.0f}", whole,
    )  # fmt: skip


if __name__ == "__main__":
    found = year(int(sys.argv[1]), int(sys.argv[2]), profiled="profile" in sys.argv[3:])
    sys.stdout.buffer.write(msgspec.json.encode(found))
