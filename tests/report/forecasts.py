"""A forecast by hand, with something in every section."""

from __future__ import annotations

from datetime import UTC, datetime

from napsim.report.forecast import (
    Blocked,
    BudgetWait,
    Eviction,
    Forecast,
    Moment,
    Pending,
    Pool,
    Quantiles,
    Rollout,
    Runs,
    Step,
    Window,
    Workload,
)

OLD, NEW = "AKSUbuntu-2404gen2containerd-202601.27.0", "AKSUbuntu-2404gen2containerd-202602.13.0"


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant in March 2026, UTC."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


ROLLOUT = Rollout(
    version="202602.13.0",
    published_at=at(3, 12),
    picked_up_at=at(8, 1),
    rule="WindowOpen",
    forced=False,
    first_disrupted_at=at(8, 1),
    done_at=at(8, 3),
)
STEPS = (
    Step(at=at(2), nodes=3, disrupting=0, allowed=1, versions={OLD: 3}),
    Step(at=at(8, 1), nodes=3, disrupting=1, allowed=1, versions={OLD: 3}),
    Step(at=at(8, 1, 30), nodes=3, disrupting=0, allowed=1, versions={OLD: 2, NEW: 1}),
    Step(at=at(8, 2), nodes=3, disrupting=1, allowed=1, versions={OLD: 2, NEW: 1}),
    Step(at=at(8, 3), nodes=3, disrupting=0, allowed=1, versions={NEW: 3}),
)
POOL = Pool(
    name="default",
    node_class="default",
    nodes=3,
    finished_at=at(8, 3),
    replaced=3,
    most_disrupting=1,
    most_disrupting_at=at(8, 1),
    allowed_then=1,
    rollouts=(ROLLOUT,),
    steps=STEPS,
)
STUCK = Pool(
    name="stuck",
    node_class="default",
    nodes=1,
    finished_at=None,
    replaced=0,
    most_disrupting=0,
    most_disrupting_at=None,
    allowed_then=None,
    unfinished=("1 node blocked: pdb prevents pod evictions (PodDisruptionBudget=[shop/ledger])",),
    remedies=("let the PodDisruptionBudget allow a disruption",),
)


def started(minute: int) -> Moment:
    return Moment(at=at(8, 1, minute), kind="CommandStarted", object="NodePool/default", node_pool="default")


FINISHED = Forecast(
    name="spring",
    start=at(2),
    until=at(30),
    ended_at=at(8, 3),
    time_zone="Europe/Berlin",
    seed=7,
    finished_at=at(8, 3),
    pools=(POOL,),
    timeline=(
        Moment(
            at=at(3, 12),
            kind="Published",
            object="NodeImage/2404gen2containerd-202602.13.0",
            details={"definition": "2404gen2containerd", "version": "202602.13.0"},
        ),
        Moment(
            at=at(8, 1),
            kind="PickedUp",
            object="AKSNodeClass/default",
            reason="WindowOpen",
            details={"to": "202602.13.0"},
        ),
        *(started(minute) for minute in (0, 20, 40)),
    ),
    workloads=(
        Workload(
            name="shop/Deployment/web",
            evicted=6,
            deleted=0,
            days=1,
            most_in_an_hour=4,
            evictions=(Eviction(at=at(8, 1), pods=6),),
        ),
    ),
    windows=(Window(configuration="aks-managed-node-os-upgrade-schedule", since=at(8, 1), until=at(8, 5)),),
    assumptions=("Kubernetes 1.35.0: no object names a version.",),
)
UNFINISHED = Forecast(
    name="",
    start=at(2),
    until=at(30),
    ended_at=at(30),
    time_zone="UTC",
    seed=0,
    finished_at=None,
    pools=(POOL, STUCK),
    blocked=(
        Blocked(
            node="n1",
            node_pool="stuck",
            reason="PodDisruptionBudget",
            message="pdb prevents pod evictions (PodDisruptionBudget=[shop/ledger])",
            since=at(8, 1),
            until=None,
        ),
        Blocked(
            node="n2",
            node_pool="default",
            reason="NotAllPodsWouldSchedule",
            message="not all pods would schedule",
            since=at(8, 1),
            until=at(8, 1, 20),
        ),
    ),
    budget_waits=(
        *(
            BudgetWait(
                node_pool="default",
                nodes=nodes,
                reason="BlockingBudget",
                message="budgets[1]: 0 (0 9 * * * for 8h)",
                since=at(day, 9),
                until=at(day, 17),
                opens_at=None,
            )
            for day, nodes in ((4, 3), (5, 2))
        ),
        BudgetWait(
            node_pool="stuck",
            nodes=4000,
            reason="BlockingBudget",
            message="budgets[0]: 0 (0 0 * * mon for 120h)",
            since=at(9),
            until=None,
            opens_at=at(31),
        ),
    ),
    workloads=(Workload(name="shop/Deployment/web", evicted=0, deleted=2, days=0, most_in_an_hour=0),),
    pending=(Pending(pod="shop/web-1", reason="Unschedulable"),),
    runs=Runs(
        count=10,
        seeds=(0, 9),
        finished=9,
        finish=Quantiles(p50=3600, p90=7200, worst=86400),
        most_disrupting=Quantiles(p50=1, p90=2, worst=3),
        evicted=Quantiles(p50=6, p90=6, worst=8),
    ),
)
