"""What was measured, and the tables that show it beside the floor, the aims, and Karpenter itself.

All of it is a ratio or a count: seconds depend on the machine, so no run is judged by them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from tests.bench.floor import Floor

# Karpenter v1.14 with its KWOK provider on two cores: CPU ms and requests per replaced node, peak RSS MiB.
KARPENTER: Final = {
    20: ("240–340", "66–74", "107–130"),
    100: ("390–690", "70–71", "241–247"),
    300: ("875–1,020", "71–72", "498–512"),
    1000: ("3,230", "83", "1,431"),
}
AIM_CPU_MS: Final = 40
AIM_REQUESTS: Final = 45
AIM_START_UP_CPU_MS: Final = 3000
AIM_RSS_MB: Final = {20: 100, 100: 100, 300: 250, 1000: 250}


class StartUp(msgspec.Struct, frozen=True):
    """An operator started beside a cluster that is there: CPU until it was idle, with so many nodes and pods.

    ``settled_after_seconds`` is None if it was not idle within a minute; the CPU is then that of the minute.
    """

    nodes: int
    pods: int
    cpu_ms: float
    settled_after_seconds: float | None
    rss_mb: float


class Rollout(msgspec.Struct, frozen=True):
    """One rollout of a pool of full nodes. CPU, requests and memory are the operator's; instants are left to the audit.

    ``requests`` are by ``verb resource``, ``evictions`` and ``refused`` by code. ``violations`` is what the auditor
    found: budget exceeded, work done twice, something left over.
    """

    nodes: int
    budget: str
    replaced: int
    wall_seconds: float
    cpu_ms: float
    idle_cpu_ms_per_second: float
    peak_rss_mb: float
    api_server_cpu_ms: float
    requests: dict[str, int]
    evictions: dict[str, int]
    refused: dict[str, int]
    most_disrupted: int
    most_alive: int
    stopped_in_seconds: float
    start_up: StartUp
    violations: list[str]

    @property
    def cpu_ms_per_node(self) -> float:
        return self.cpu_ms / max(self.replaced, 1)

    @property
    def requests_per_node(self) -> float:
        return sum(self.requests.values()) / max(self.replaced, 1)

    @property
    def api_server_ms_per_node(self) -> float:
        return self.api_server_cpu_ms / max(self.replaced, 1)

    @property
    def summary(self) -> str:
        """One line for whoever waits."""
        return (
            f"{self.replaced} nodes in {self.wall_seconds:.0f} s, {self.cpu_ms_per_node:.1f} ms CPU and "
            f"{self.requests_per_node:.1f} requests each, {self.peak_rss_mb:.0f} MiB at most, "
            f"{len(self.violations)} violations"
        )


class Size(msgspec.Struct, frozen=True):
    """All that was measured at one size. ``error`` says why it ended early, and is empty if it did not."""

    nodes: int
    provisioning_seconds: float = 0.0
    provisioning_cpu_ms: float = 0.0
    rollouts: list[Rollout] = []
    floor: Floor | None = None
    error: str = ""


class Report(msgspec.Struct, frozen=True):
    """One run of the benchmark."""

    cores: int
    python: str
    sizes: list[Size]

    @property
    def failed(self) -> bool:
        """Whether anything ended early or broke a rule."""
        return any(size.error or any(rollout.violations for rollout in size.rollouts) for size in self.sizes)


def tables(report: Report) -> list[RenderableType]:
    """Everything for people, most telling first."""
    shown: list[RenderableType] = [_costs(report.sizes), _ratios(report.sizes), _course(report.sizes)]
    shown += [_requests(size) for size in report.sizes if size.rollouts]
    shown += [f"[red]{size.nodes} nodes: {escape(size.error)}" for size in report.sizes if size.error]
    for size in report.sizes:
        for rollout in size.rollouts:
            shown += [
                f"[red]{size.nodes} nodes, {rollout.budget}: {escape(violation)}" for violation in rollout.violations
            ]
    return shown


def _costs(sizes: Sequence[Size]) -> Table:
    table = Table(title="The operator, per replaced node (Karpenter v1.14 on two cores in brackets)")
    for column in ("nodes", "budget", "CPU ms", "requests", "peak RSS MiB", "start-up CPU ms", "idle CPU ms/s"):
        table.add_column(column, justify="right")
    for size in sizes:
        cpu, requests, rss = KARPENTER.get(size.nodes, ("–", "–", "–"))
        for rollout in size.rollouts:
            table.add_row(
                str(size.nodes),
                rollout.budget,
                f"{_judged(rollout.cpu_ms_per_node, AIM_CPU_MS)} ({cpu})",
                f"{_judged(rollout.requests_per_node, AIM_REQUESTS)} ({requests})",
                f"{_judged(rollout.peak_rss_mb, AIM_RSS_MB.get(size.nodes, 250))} ({rss})",
                _judged(rollout.start_up.cpu_ms, AIM_START_UP_CPU_MS) + _unsettled(rollout.start_up),
                f"{rollout.idle_cpu_ms_per_second:.1f}",
            )
    return table


def _judged(value: float, aim: float) -> str:
    return f"[{'green' if value <= aim else 'yellow'}]{value:,.1f}[/]"


def _unsettled(start_up: StartUp) -> str:
    return " [red]never idle[/]" if start_up.settled_after_seconds is None else ""


def _ratios(sizes: Sequence[Size]) -> Table:
    table = Table(title="Beside a bare client that makes only the necessary writes (floor, per node)")
    columns = ("nodes", "budget", "floor CPU ms", "CPU ×", "floor requests", "requests ×", "floor API server ms")
    for column in (*columns, "API server ms", "API server ×"):
        table.add_column(column, justify="right")
    for size in sizes:
        if size.floor is None:
            continue
        nodes = size.floor.nodes
        cpu, requests = size.floor.cpu_ms / nodes, (size.floor.requests - size.floor.refused_evictions) / nodes
        server = size.floor.api_server_cpu_ms / nodes
        for rollout in size.rollouts:
            values = (
                f"{cpu:.1f}",
                f"{rollout.cpu_ms_per_node / cpu:.1f}",
                f"{requests:.1f}",
                f"{rollout.requests_per_node / requests:.1f}",
                f"{server:.0f}",
                f"{rollout.api_server_ms_per_node:.0f}",
                f"{rollout.api_server_ms_per_node / server:.1f}",
            )
            table.add_row(str(size.nodes), rollout.budget, *values)
    return table


def _course(sizes: Sequence[Size]) -> Table:
    table = Table(title="How the rollouts went")
    columns = ("nodes", "budget", "replaced", "wall s", "most disrupted", "most alive", "evictions", "refused", "audit")
    for column in columns:
        table.add_column(column, justify="right")
    for size in sizes:
        for rollout in size.rollouts:
            verdict = f"[red]{len(rollout.violations)} violations" if rollout.violations else "[green]holds"
            table.add_row(
                str(size.nodes),
                rollout.budget,
                str(rollout.replaced),
                f"{rollout.wall_seconds:.0f}",
                str(rollout.most_disrupted),
                str(rollout.most_alive),
                _by_code(rollout.evictions),
                _by_code(rollout.refused),
                verdict,
            )
    return table


def _by_code(counts: dict[str, int]) -> str:
    return ", ".join(f"{code}: {count}" for code, count in sorted(counts.items())) or "none"


def _requests(size: Size) -> Table:
    table = Table(title=f"Requests per replaced node, {size.nodes} nodes")
    table.add_column("verb and resource")
    for rollout in size.rollouts:
        table.add_column(rollout.budget, justify="right")
    kinds = {kind for rollout in size.rollouts for kind in rollout.requests}
    for kind in sorted(kinds, key=lambda kind: -max(rollout.requests.get(kind, 0) for rollout in size.rollouts)):
        shares = (rollout.requests.get(kind, 0) / max(rollout.replaced, 1) for rollout in size.rollouts)
        table.add_row(kind, *(f"{share:.2f}" for share in shares))
    return table
