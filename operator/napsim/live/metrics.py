"""Prometheus metrics: Karpenter's names and labels where they mean the same, ours prefixed ``napsim_``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_REQUEST_BUCKETS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(slots=True)
class Metrics:
    """All of them, in a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    created: Counter = field(init=False)
    disrupted: Counter = field(init=False)
    decisions: Counter = field(init=False)
    decisions_by_nodepool: Counter = field(init=False)
    queue_failures: Counter = field(init=False)
    evictions: Counter = field(init=False)
    pods_drained: Counter = field(init=False)
    requests: Counter = field(init=False)
    request_seconds: Histogram = field(init=False)
    leader: Gauge = field(init=False)
    failures: Counter = field(init=False)

    def __post_init__(self) -> None:
        self._karpenter()
        self._ours()

    def _karpenter(self) -> None:
        registry = self.registry
        self.created = Counter(
            "karpenter_nodeclaims_created_total", "NodeClaims created.",
            ("reason", "nodepool", "min_values_relaxed"), registry=registry,
        )  # fmt: skip
        self.disrupted = Counter(
            "karpenter_nodeclaims_disrupted_total", "NodeClaims deleted, by reason.",
            ("reason", "nodepool", "capacity_type"), registry=registry,
        )  # fmt: skip
        self.decisions = Counter(
            "karpenter_voluntary_disruption_decisions_total", "Disruption commands started.",
            ("decision", "reason", "consolidation_type"), registry=registry,
        )  # fmt: skip
        self.decisions_by_nodepool = Counter(
            "karpenter_voluntary_disruption_decisions_by_nodepool_total", "Disruption commands started, by NodePool.",
            ("decision", "reason", "consolidation_type", "nodepool"), registry=registry,
        )  # fmt: skip
        self.queue_failures = Counter(
            "karpenter_voluntary_disruption_queue_failures_total", "Replacements that did not initialize in time.",
            ("decision", "reason", "consolidation_type"), registry=registry,
        )  # fmt: skip
        self.evictions = Counter(
            "karpenter_pods_eviction_requests_total", "Evictions asked for, by the API server's answer.",
            ("code",), registry=registry,
        )  # fmt: skip
        self.pods_drained = Counter(
            "karpenter_pods_drained_total", "Pods evicted or deleted.", ("reason",), registry=registry
        )

    def _ours(self) -> None:
        registry = self.registry
        self.requests = Counter(
            "napsim_api_requests_total", "Requests to the API server.", ("verb", "resource", "code"), registry=registry
        )
        self.request_seconds = Histogram(
            "napsim_api_request_seconds", "Time until the API server answered.",
            ("verb",), registry=registry, buckets=_REQUEST_BUCKETS,
        )  # fmt: skip
        self.leader = Gauge("napsim_leader", "1 while this process leads.", registry=registry)
        self.failures = Counter(
            "napsim_reconcile_failures_total", "Reconciles that raised.", ("queue",), registry=registry
        )

    def observe(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """For every request of the client."""
        self.requests.labels(verb, resource, str(code)).inc()
        if verb != "watch":
            self.request_seconds.labels(verb).observe(seconds)


@dataclass(frozen=True, slots=True)
class PoolReading:
    """What the gauges say of one pool: before disrupting nodes are subtracted, as Karpenter does."""

    nodepool: str
    allowed: dict[str, int]
    disrupting: int
    drifted: int
    blocked: int


class PoolCollector(Collector):
    """Gauges computed when they are scraped, from the state as it is then."""

    def __init__(self, read: Callable[[], list[PoolReading]]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        allowed = GaugeMetricFamily(
            "karpenter_nodepools_allowed_disruptions", "Allowed by the budgets.", labels=("nodepool", "reason")
        )
        consuming = GaugeMetricFamily(
            "karpenter_nodepools_nodes_consuming_budgets", "Nodes that consume budgets.", labels=("nodepool", "reason")
        )
        drifted = GaugeMetricFamily("napsim_drifted_nodes", "Nodes that are drifted.", labels=("nodepool",))
        blocked = GaugeMetricFamily("napsim_blocked_nodes", "Drifted nodes that are blocked.", labels=("nodepool",))
        for item in self._read():
            for reason, value in item.allowed.items():
                allowed.add_metric((item.nodepool, reason), value)
                consuming.add_metric((item.nodepool, reason), item.disrupting)
            drifted.add_metric((item.nodepool,), item.drifted)
            blocked.add_metric((item.nodepool,), item.blocked)
        yield from (allowed, consuming, drifted, blocked)
