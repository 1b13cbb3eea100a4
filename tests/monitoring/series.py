"""What Prometheus stores of the metrics: series, each with labels."""

from __future__ import annotations

from napsim.api.metrics import METRICS

BY_SERIES = {series: metric for metric in METRICS for series in metric.series}


def labels_of(series: str) -> frozenset[str]:
    """The labels of a series: those of its metric, and of buckets their upper bound."""
    return frozenset((*BY_SERIES[series].labels, *(["le"] if series.endswith("_bucket") else [])))
