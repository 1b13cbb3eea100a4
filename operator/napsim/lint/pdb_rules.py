"""PodDisruptionBudgets that hold a node for ever, and those that hold nothing.

A PDB is judged with what it selects in the same input. How many pods it leaves is counted as Kubernetes' disruption
controller counts it (kubernetes v1.36 ``pkg/controller/disruption``: percentages are rounded up).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from napsim.core.objects import LabelSelector, PodDisruptionBudget
from napsim.core.pdbs import is_fully_blocking
from napsim.core.pods import DISRUPTED, tolerates
from napsim.lint.findings import Found
from napsim.lint.subjects import Read, Subjects, Workload, namespace_of
from napsim.reading.sources import Place

# What `expressions` says in CEL as well, of objects that are applied.
NO_EVICTION: Final = "no pod may ever be evicted: a node that has one is not replaced for a new image"
NO_NUMBER: Final = f"without minAvailable and maxUnavailable {NO_EVICTION}"
NO_SELECTOR: Final = "without a selector it selects no pod, and protects nothing"


def allows_nothing(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.pdbs:
        spec = item.value.spec
        field = "spec.minAvailable" if spec.max_unavailable is None else "spec.maxUnavailable"
        value = spec.min_available if spec.max_unavailable is None else spec.max_unavailable
        if value is None:
            yield Found(item.document, "spec", NO_NUMBER, None, "say how many may go at once: maxUnavailable: 1")
        elif is_fully_blocking(item.value):
            yield Found(item.document, field, NO_EVICTION, value, "leave at least one that may go: maxUnavailable: 1")
        elif daemons := _without_scale(subjects, item):
            message = f"{daemons.document.named} has no replicas to count from, so that {NO_EVICTION}"
            yield Found(item.document, field, message, value, "give the least number of its pods: minAvailable: 1")


def _without_scale(subjects: Subjects, item: Read[PodDisruptionBudget]) -> Workload | None:
    """A DaemonSet whose pods it selects, where it takes more than a count of pods to say how many may go."""
    if item.value.spec.max_unavailable is None and isinstance(item.value.spec.min_available, int):
        return None
    return next((it for it in _selected(subjects, item) if it.kind == "DaemonSet" and not _stays(it)), None)


def _stays(workload: Workload) -> bool:
    """Whether its pods tolerate the taint of a node on its way out: nobody evicts those."""
    return tolerates(workload.template.spec.tolerations, DISRUPTED)


def nothing_to_spare(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.pdbs:
        least, pods = item.value.spec.min_available, _pods_of(subjects, item)
        if least is None or pods is None or is_fully_blocking(item.value) or _needed(least, pods) < pods:
            continue
        what = "one pod" if pods == 1 else f"{pods} pods"
        message = f"minAvailable {least} of {what} leaves none that may be evicted: their nodes are not replaced"
        told = "run one more replica, or set maxUnavailable: 1 in place of minAvailable"
        yield Found(item.document, "spec.minAvailable", message, least, told)


def _pods_of(subjects: Subjects, item: Read[PodDisruptionBudget]) -> int | None:
    """How many pods it selects; None where that is not known, or none."""
    found = _selected(subjects, item)
    if not found or namespace_of(item.document) in subjects.strangers:
        return None
    counts = [workload.replicas for workload in found]
    return sum(filter(None, counts)) or None if None not in counts else None


def _needed(least: int | str, pods: int) -> int:
    text = str(least)
    return -(-int(text.removesuffix("%")) * pods // 100) if text.endswith("%") else int(text)


def two_for_one_pod(subjects: Subjects) -> Iterator[Found]:
    first: dict[Place, Read[PodDisruptionBudget]] = {}
    for item in subjects.pdbs:
        for workload in _selected(subjects, item):
            known = first.setdefault(workload.document.place, item)
            if known is item or _stays(workload) or not subjects.layout.together(known.document, item.document):
                continue
            message = (
                f"{workload.document.named} has pods that {known.document.named} selects as well: the eviction API"
                " refuses a pod with two budgets, so its node is not replaced"
            )
            yield Found(item.document, "spec.selector", message, None, "give each pod one PodDisruptionBudget")


def selects_nothing(subjects: Subjects) -> Iterator[Found]:
    for item in subjects.pdbs:
        if item.value.spec.selector is None:
            yield Found(item.document, "spec", NO_SELECTOR, None, "name the labels of the pods in selector.matchLabels")
        elif _ought_to_select(subjects, item) and not _selected(subjects, item):
            message = "no workload here has pods with these labels: it protects nothing"
            yield Found(item.document, "spec.selector", message, None, _nearest(subjects, item))


def _ought_to_select(subjects: Subjects, item: Read[PodDisruptionBudget]) -> bool:
    """There are workloads beside it, and nothing else here can make pods in its namespace."""
    namespace, selector = namespace_of(item.document), item.value.spec.selector
    beside = any(it.namespace == namespace and _beside(it, item) for it in subjects.workloads)
    return beside and namespace not in subjects.strangers and selector != LabelSelector()


def _beside(workload: Workload, item: Read[PodDisruptionBudget]) -> bool:
    return workload.document.file.rpartition("/")[0] == item.document.file.rpartition("/")[0]


def _nearest(subjects: Subjects, item: Read[PodDisruptionBudget]) -> str:
    """The labels of the workload of the same name, if there is one."""
    name, namespace = item.value.name, namespace_of(item.document)
    same = next((it for it in subjects.workloads if it.namespace == namespace and it.name == name), None)
    if same is None:
        return "name labels that the pods have"
    labels = ", ".join(f"{key}: {value}" for key, value in same.template.metadata.labels.items())
    return f"the pods of {same.document.named} have {labels}"


def _selected(subjects: Subjects, item: Read[PodDisruptionBudget]) -> tuple[Workload, ...]:
    return subjects.selected.get(item.document.place, ())
