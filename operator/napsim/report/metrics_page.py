"""docs/metrics.md: the page that lists every metric, made from the table in ``api.metrics``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from napsim.api.metrics import KARPENTERS, OURS, Metric

_HEAD: Final = """\
# Metrics

`napsim run --metrics-port 8080` serves them at `/metrics` in Prometheus' text format; the Helm chart does so by
default. This page is generated from the code (`make metrics`); tests hold the operator's answer, the
[alerts](alerts.md) and the [dashboard](../charts/napsim/files/dashboard.json) to the same table.

**Two clocks.** What is marked *virtual* is on the cluster's clock (`NodeAutoProvisioning.spec.clock`), which may run
thousands of times faster than yours: an instant in Unix seconds, or a duration, as the rollout sees it. Everything else
is real. `napsim_clock_factor` leads from one to the other. Prometheus scrapes by the real clock, so that `rate()` and
`for:` are real too.

**Several replicas.** Counters are each process' own. Gauges of windows, images, pools and the rollout are served by the
leader alone; `napsim_leader` says which one that is.
"""
_KARPENTERS: Final = """
## Karpenter's

Name, labels and meaning are those of Karpenter v1.14, so that its dashboards and alerts work here unchanged. Labels of
two differ: `operator_nodeclaim_status_condition_*` have a series for each pool and class, where Karpenter has gauges
for each NodeClaim (the count here is their sum, the time their longest), and `karpenter_nodes_current_lifetime_seconds`
has the labels that a question about images needs, where Karpenter has all that it knows of.
"""
_OURS: Final = """
## napsim's own
"""
_MISSING: Final = (
    (
        "`karpenter_nodes_allocatable`, `karpenter_nodes_total_*`, `karpenter_pods_state` and others per node or pod",
        "a series for each node or pod; kube-state-metrics has the same",
    ),
    (
        "`operator_*_status_condition_*` of kinds other than NodeClaim, `operator_*_termination_*`",
        "`kubectl get nodepools,aksnodeclasses` shows them; for the end of NodeClaims and Nodes see above",
    ),
    ("`karpenter_scheduler_*`", "how long napsim takes to place pods says nothing about Karpenter"),
    (
        "`karpenter_voluntary_disruption_consolidation_*`, `karpenter_consolidation_*`",
        "consolidation has no part in a rollout",
    ),
    (
        "`karpenter_pods_disruption_initiated_total`, labels `consolidation_policy` and `termination_mode`",
        "came after v1.14",
    ),
    ("`karpenter_cloudprovider_*`, prices", "there is no cloud"),
)


def page() -> str:
    """The whole page, as Markdown."""
    missing = "".join(f"| {what} | {why} |\n" for what, why in _MISSING)
    ending = f"\n## What Karpenter has and napsim does not\n\n| Metrics | Why |\n|---|---|\n{missing}"
    return "".join((_HEAD, _KARPENTERS, *_table(KARPENTERS), _OURS, *_table(OURS), ending))


def _table(metrics: Iterable[Metric]) -> Iterator[str]:
    yield "\n| Metric | Type | Labels | Unit | Meaning |\n|---|---|---|---|---|\n"
    for metric in metrics:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        unit = ", ".join(part for part in (metric.unit, "virtual" if metric.virtual else "") if part)
        yield f"| `{metric.name}` | {metric.type} | {labels} | {unit} | {metric.help} |\n"
