"""Every metric that the operator serves: name, type, labels, unit and meaning.

Names and labels are Karpenter's (v1.14.0, ``pkg/metrics``, ``pkg/controllers/**/metrics.go``; ``operator_*`` come with
its library operatorpkg) where the meaning is the same; ours begin with ``napsim_``. docs/metrics.md is made from this
table, and alerts and dashboard are held to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

MetricType = Literal["counter", "gauge", "histogram", "summary"]

# Seconds; those of Karpenter's histograms.
LIFETIMES: Final = (
    *(minutes * 60.0 for minutes in (15, 30, 45)),
    *(hours * 3600.0 for hours in (1, 2, 4, 6, 8, 10, 12, 16, 20)),
    *(days * 86400.0 for days in (1, 2, 3, 5, 10, 15, 20, 25, 30)),
)
INSTANCE_TERMINATIONS: Final = tuple(2.0**power for power in range(11))
TERMINATIONS: Final = tuple(2.0**power for power in range(12))
EVALUATIONS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    *(1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0),
    *(15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0),
)
TRANSITIONS: Final = tuple(2.0**power for power in range(-1, 14))
REQUESTS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """``unit`` is empty for plain numbers. ``virtual``: instants or durations are on the cluster's virtual clock."""

    name: str
    type: MetricType
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    virtual: bool = False
    buckets: tuple[float, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names under which Prometheus stores it."""
        if self.type == "histogram":
            return tuple(f"{self.name}_{part}" for part in ("bucket", "sum", "count"))
        if self.type == "summary":
            return tuple(f"{self.name}_{part}" for part in ("sum", "count"))
        return (self.name,)


CONDITION_LABELS: Final = ("type", "status", "reason", "nodepool", "nodeclass")
KARPENTERS: Final = (
    Metric(
        "karpenter_nodeclaims_created_total", "counter", "NodeClaims created: provisioned for pods, drifted, replicas.",
        ("reason", "nodepool", "min_values_relaxed"),
    ),
    Metric(
        "karpenter_nodeclaims_disrupted_total", "counter",
        "NodeClaims whose deletion the operator asked for: drifted, expired, garbage_collected and so on.",
        ("reason", "nodepool", "capacity_type"),
    ),
    Metric(
        "karpenter_nodeclaims_terminated_total", "counter", "NodeClaims that are gone.",
        ("nodepool", "capacity_type", "zone"),
    ),
    Metric(
        "karpenter_nodeclaims_termination_duration_seconds", "histogram",
        "From the deletion of a NodeClaim until it is gone.", ("nodepool",), "seconds", True, TERMINATIONS,
    ),
    Metric(
        "karpenter_nodeclaims_instance_termination_duration_seconds", "histogram",
        "From the request to remove the instance until it is gone.", ("nodepool",), "seconds", True,
        INSTANCE_TERMINATIONS,
    ),
    Metric("karpenter_nodes_created_total", "counter", "Nodes that registered.", ("nodepool", "zone")),
    Metric("karpenter_nodes_terminated_total", "counter", "Nodes of NodePools that are gone.", ("nodepool", "zone")),
    Metric("karpenter_nodes_drained_total", "counter", "Nodes that were drained to the end.", ("nodepool",)),
    Metric(
        "karpenter_nodes_termination_duration_seconds", "summary",
        "From the deletion of a Node until it is gone. Sum and count only; Karpenter has quantiles too.",
        ("nodepool",), "seconds", True,
    ),
    Metric(
        "karpenter_nodes_lifetime_duration_seconds", "histogram", "How old Nodes were when they went.",
        ("nodepool",), "seconds", True, LIFETIMES,
    ),
    Metric(
        "karpenter_nodes_current_lifetime_seconds", "gauge", "How old each Node of a NodePool is.",
        ("node_name", "nodepool", "zone", "instance_type", "capacity_type", "arch", "os"), "seconds", True,
    ),
    Metric(
        "karpenter_nodepools_allowed_disruptions", "gauge",
        "What the budgets allow to be disrupted at once, disrupting nodes not subtracted; 2147483647 is no limit.",
        ("nodepool", "reason"), "nodes",
    ),
    Metric(
        "karpenter_nodepools_nodes_consuming_budgets", "gauge",
        "Nodes that consume budgets: being disrupted for any reason, or not ready.", ("nodepool", "reason"), "nodes",
    ),
    Metric(
        "karpenter_nodepools_usage", "gauge", "Resources of the pool's NodeClaims: cores, bytes or pieces.",
        ("nodepool", "resource_type"),
    ),
    Metric(
        "karpenter_nodepools_limit", "gauge", "The pool's limits, in the same units.", ("nodepool", "resource_type"),
    ),
    Metric(
        "karpenter_voluntary_disruption_decisions_total", "counter", "Disruption commands started.",
        ("decision", "reason", "consolidation_type"),
    ),
    Metric(
        "karpenter_voluntary_disruption_decisions_by_nodepool_total", "counter",
        "Disruption commands started, by pool.",
        ("decision", "reason", "consolidation_type", "nodepool"),
    ),
    Metric(
        "karpenter_voluntary_disruption_eligible_nodes", "gauge",
        "Drifted or empty nodes that nothing but budgets keeps from being disrupted.", ("reason",), "nodes",
    ),
    Metric(
        "karpenter_voluntary_disruption_decision_evaluation_duration_seconds", "histogram",
        "Real time that the operator takes to look for the nodes of a reason in a pass, and to start their commands;"
        " the 15 s until an empty node is validated are not part of it.",
        ("reason", "consolidation_type"), "seconds", False, EVALUATIONS,
    ),
    Metric(
        "karpenter_voluntary_disruption_failed_validations_total", "counter",
        "Empty nodes that were to be deleted and were not any more 15 s later.", ("consolidation_type",),
    ),
    Metric(
        "karpenter_voluntary_disruption_queue_failures_total", "counter",
        "Replacements that were not initialized in time.", ("decision", "reason", "consolidation_type"),
    ),
    Metric(
        "karpenter_pods_eviction_requests_total", "counter", "Evictions asked for, by the API server's answer.",
        ("code",),
    ),
    Metric("karpenter_pods_drained_total", "counter", "Pods evicted, by the disruption's reason.", ("reason",)),
    Metric("karpenter_cluster_state_node_count", "gauge", "Nodes that the operator knows.", (), "nodes"),
    Metric(
        "karpenter_cluster_state_synced", "gauge", "1 when all objects were read and every NodeClaim has its instance."
    ),
    Metric(
        "karpenter_cluster_state_unsynced_time_seconds", "gauge",
        "For how long there has been a NodeClaim without its instance; 0 while there is none.", (), "seconds", True,
    ),
    Metric(
        "operator_nodeclaim_status_condition_count", "gauge", "NodeClaims with the condition in this status.",
        CONDITION_LABELS, "NodeClaims",
    ),
    Metric(
        "operator_nodeclaim_status_condition_current_status_seconds", "gauge",
        "For how long the first of these NodeClaims has had the condition in this status.",
        CONDITION_LABELS, "seconds", True,
    ),
    Metric(
        "operator_nodeclaim_status_condition_transitions_total", "counter",
        "Conditions of NodeClaims that turned to this status.", CONDITION_LABELS,
    ),
    Metric(
        "operator_nodeclaim_status_condition_transition_seconds", "histogram",
        "How long conditions of NodeClaims had been in this status when they left it.",
        ("type", "status", "nodepool", "nodeclass"), "seconds", True, TRANSITIONS,
    ),
)  # fmt: skip

OURS: Final = (
    Metric("napsim_build_info", "gauge", "Always 1; the version is in the label.", ("version",)),
    Metric("napsim_leader", "gauge", "1 while this process leads; only the leader acts."),
    Metric("napsim_clock_timestamp_seconds", "gauge", "What the cluster's clock shows.", (), "Unix seconds", True),
    Metric("napsim_clock_factor", "gauge", "How many times faster than the wall clock the cluster's clock runs."),
    Metric(
        "napsim_window_open", "gauge", "1 while the MaintenanceConfiguration in force is open.", ("configuration",)
    ),
    Metric(
        "napsim_window_change_timestamp_seconds", "gauge",
        "When the configuration opens or closes next, on the virtual and on the real clock; absent when it never does.",
        ("configuration", "change", "clock"), "Unix seconds", True,
    ),
    Metric(
        "napsim_windows_missed_total", "counter",
        "Node OS windows that closed while a newer image waited, without a pick-up.", ("configuration",),
    ),
    Metric("napsim_pickups_total", "counter", "Image versions adopted, by rule.", ("nodeclass", "rule")),
    Metric(
        "napsim_image_age_days", "gauge", "Days since the build of the image that new nodes get.",
        ("nodeclass", "definition", "version"), "days", True,
    ),
    Metric(
        "napsim_image_expiry_timestamp_seconds", "gauge",
        "When the 90-day rule forces a newer image, whatever the window; absent when the rule is off.",
        ("nodeclass", "definition"), "Unix seconds", True,
    ),
    Metric(
        "napsim_images_waiting", "gauge", "1 for a published image that is newer than the one adopted.",
        ("version",),
    ),
    Metric(
        "napsim_nodes", "gauge", "Nodes by pool and image version (label kubernetes.azure.com/node-image-version).",
        ("nodepool", "image_version"), "nodes",
    ),
    Metric(
        "napsim_rollout_nodes", "gauge",
        "NodeClaims by pool and state: total, and of these updated, drifted, blocked; disrupting are nodes that consume"
        " budgets.", ("nodepool", "state"), "nodes",
    ),
    Metric(
        "napsim_blocked_nodes", "gauge", "Drifted nodes that cannot be replaced now, by reason.",
        ("nodepool", "reason"), "nodes",
    ),
    Metric(
        "napsim_blocked_longest_seconds", "gauge", "For how long the first of them has been blocked.",
        ("nodepool", "reason"), "seconds", True,
    ),
    Metric("napsim_rollout_in_progress", "gauge", "1 from the first pick-up or drift until all nodes are replaced."),
    Metric(
        "napsim_rollout_started_timestamp_seconds", "gauge", "When the last rollout began; absent before the first.",
        (), "Unix seconds", True,
    ),
    Metric(
        "napsim_rollout_finished_timestamp_seconds", "gauge", "When it ended; absent until then.", (), "Unix seconds",
        True,
    ),
    Metric(
        "napsim_rollout_estimated_finish_timestamp_seconds", "gauge",
        "When it will end, by its pace so far; absent while that is not known.", (), "Unix seconds", True,
    ),
    Metric(
        "napsim_rollout_first_estimate_timestamp_seconds", "gauge",
        "The first such estimate in this rollout: what it is held to.", (), "Unix seconds", True,
    ),
    Metric(
        "napsim_nodes_replaced", "gauge", "Nodes replaced in this rollout.", ("nodepool",), "nodes",
    ),
    Metric(
        "napsim_api_requests_total", "counter", "Requests to the API server.", ("verb", "resource", "code"),
    ),
    Metric(
        "napsim_api_request_seconds", "histogram", "Real time until the API server answered; watches are left out.",
        ("verb",), "seconds", False, REQUESTS,
    ),
    Metric(
        "napsim_reconcile_failures_total", "counter", "Reconciles that failed for a reason that nobody foresaw.",
        ("queue",),
    ),
    Metric("napsim_queue_depth", "gauge", "Keys that are ready or being reconciled.", ("queue",)),
    Metric(
        "napsim_events_total", "counter", "Kubernetes events: sent, repeated (not written again), dropped, failed.",
        ("result",),
    ),
)  # fmt: skip

METRICS: Final = (*KARPENTERS, *OURS)
BY_NAME: Final = {metric.name: metric for metric in METRICS}
