"""Prometheus metrics, made from the table in ``api.metrics``: some counted as things happen, some read at a scrape.

Karpenter's names and labels where they mean the same, ours prefixed ``napsim_``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from napsim.api import names
from napsim.api.metrics import BY_NAME
from napsim.core.actions import CreateNodeClaim, DeleteNodeClaim
from napsim.core.clock import Timeline
from napsim.core.commands import Command
from napsim.core.objects import Node, NodeClaim
from napsim.core.termination import NODE_DELETED
from napsim.live.lifecycles import Lifecycles
from napsim.live.statusconditions import TRANSITION, TRANSITIONS, StatusConditions

_DRIFTED: Final = "drifted"
_EMPTY: Final = "empty"
_NO_TYPE: Final = ""  # consolidation_type, of drift


class Metrics:
    """All that is counted as it happens, in a registry of its own. ``on_*`` are called by whoever sees it happen."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types for it
        self.registry = CollectorRegistry()
        self.created = self._counter("karpenter_nodeclaims_created_total")
        self.disrupted = self._counter("karpenter_nodeclaims_disrupted_total")
        self.decisions = self._counter("karpenter_voluntary_disruption_decisions_total")
        self.decisions_by_nodepool = self._counter("karpenter_voluntary_disruption_decisions_by_nodepool_total")
        self.queue_failures = self._counter("karpenter_voluntary_disruption_queue_failures_total")
        self.failed_validations = self._counter("karpenter_voluntary_disruption_failed_validations_total")
        self.evaluations = self._histogram("karpenter_voluntary_disruption_decision_evaluation_duration_seconds")
        self.evictions = self._counter("karpenter_pods_eviction_requests_total")
        self.pods_drained = self._counter("karpenter_pods_drained_total")
        self.requests = self._counter("napsim_api_requests_total")
        self.request_seconds = self._histogram("napsim_api_request_seconds")
        self.leader = Gauge("napsim_leader", BY_NAME["napsim_leader"].help, registry=self.registry)
        self.conditions = StatusConditions(self._counter(TRANSITIONS), self._histogram(TRANSITION))
        self.lifecycles = Lifecycles(
            claims_terminated=self._counter("karpenter_nodeclaims_terminated_total"),
            claim_seconds=self._histogram("karpenter_nodeclaims_termination_duration_seconds"),
            instance_seconds=self._histogram("karpenter_nodeclaims_instance_termination_duration_seconds"),
            nodes_created=self._counter("karpenter_nodes_created_total"),
            nodes_terminated=self._counter("karpenter_nodes_terminated_total"),
            nodes_drained=self._counter("karpenter_nodes_drained_total"),
            node_seconds=self._summary("karpenter_nodes_termination_duration_seconds"),
            lifetime_seconds=self._histogram("karpenter_nodes_lifetime_duration_seconds"),
        )

    def _counter(self, name: str) -> Counter:
        metric = BY_NAME[name]
        return Counter(name, metric.help, metric.labels, registry=self.registry)

    def _histogram(self, name: str) -> Histogram:
        metric = BY_NAME[name]
        return Histogram(name, metric.help, metric.labels, registry=self.registry, buckets=metric.buckets)

    def _summary(self, name: str) -> Summary:
        metric = BY_NAME[name]
        return Summary(name, metric.help, metric.labels, registry=self.registry)

    # --- what happens -------------------------------------------------------------------------------------------------

    def observe(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """A request of the client was answered."""
        self.requests.labels(verb, resource, str(code)).inc()
        if verb != "watch":
            self.request_seconds.labels(verb).observe(seconds)

    def on_created(self, action: CreateNodeClaim) -> None:
        self.created.labels(action.reason, action.claim.metadata.labels.get(names.NODEPOOL, ""), "false").inc()

    def on_disrupted(self, action: DeleteNodeClaim) -> None:
        if action.reason == NODE_DELETED:
            return
        labels = action.claim.metadata.labels
        pool, capacity = labels.get(names.NODEPOOL, ""), labels.get(names.CAPACITY_TYPE, "")
        self.disrupted.labels(action.reason, pool, capacity).inc()

    def on_decision(self, decision: str, pool: str) -> None:
        """``decision``: replace or delete."""
        self.decisions.labels(decision, _DRIFTED, _NO_TYPE).inc()
        self.decisions_by_nodepool.labels(decision, _DRIFTED, _NO_TYPE, pool).inc()

    def on_emptied(self, pools: tuple[str, ...]) -> None:
        """One command that deletes empty nodes of these pools."""
        self.decisions.labels("delete", _EMPTY, _EMPTY).inc()
        for pool in pools:
            self.decisions_by_nodepool.labels("delete", _EMPTY, _EMPTY, pool).inc()

    def on_invalidated(self, candidates: int) -> None:
        """So many of a decision about empty nodes did not outlast its validation."""
        self.failed_validations.labels(_EMPTY).inc(candidates)

    def on_evaluated(self, reason: str, consolidation_type: str, seconds: float) -> None:
        """A pass looked for the nodes of a reason, for so many real seconds."""
        self.evaluations.labels(reason.lower(), consolidation_type).observe(seconds)

    def on_failed(self, command: Command, uninitialized: int) -> None:
        """A command was rolled back. Karpenter puts the decision into consolidation_type here."""
        decision = "replace" if command.replacements else "delete"
        self.queue_failures.labels(decision, command.reason.lower(), decision).inc(uninitialized)

    def on_node(
        self, old: Node | None, new: Node | None, claim: NodeClaim | None, timeline: Timeline, now: datetime
    ) -> None:
        self.lifecycles.on_node(old, new, claim, timeline, now)

    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None, timeline: Timeline, now: datetime) -> None:
        self.lifecycles.on_claim(old, new, timeline, now)
        self.conditions.on_claim(old, new, now)

    def on_eviction_answer(self, code: str) -> None:
        self.evictions.labels(code).inc()

    def on_evicted(self, reason: str) -> None:
        self.pods_drained.labels(reason).inc()


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric of the table, with its label values in the table's order."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


Read = Callable[[], list[Sample]]


class StateCollector(Collector):
    """What is read when it is scraped, from the state as it is then.

    Scrapes come in threads of their own; ``on_loop`` reads in the thread to which the state belongs.
    """

    def __init__(self, read: Read, on_loop: Callable[[Read], list[Sample]]) -> None:
        self._read = read
        self._on_loop = on_loop

    def describe(self) -> Iterable[Metric]:
        """Nothing to read yet when it is registered."""
        return ()

    def collect(self) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for sample in self._on_loop(self._read):
            metric = BY_NAME[sample.name]
            family = families.get(sample.name)
            if family is None:
                made = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
                family = families[sample.name] = made(sample.name, metric.help, labels=metric.labels)
            family.add_metric(sample.labels, sample.value)
        yield from families.values()
