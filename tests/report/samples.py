"""Views that tests draw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from napsim.report.view import Blocked, Clock, Event, Group, Phase, PickUp, Pool, Rollout, View, Waiting, Window

NOW = datetime(2026, 2, 15, 2, 14, tzinfo=UTC)
OLD = "202601.27.0"
NEW = "202602.13.0"
CLOSES = datetime(2026, 2, 15, 5, tzinfo=UTC)
OPEN = Window("node-os", "aksManagedNodeOSUpgradeSchedule", "OPEN", CLOSES)
LEDGER = "pdb prevents pod evictions (PodDisruptionBudget=[shop/ledger])"


def ago(**units: float) -> datetime:
    """So long before NOW."""
    return NOW - timedelta(**units)


DEFAULT_POOL = Pool(
    "default",
    (
        Group(NEW, Phase.CURRENT, 7),
        Group("", Phase.LAUNCHING, 1),
        Group(OLD, Phase.DISRUPTING, 1),
        Group(OLD, Phase.DRAINING, 1),
        Group(OLD, Phase.BLOCKED, 1),
        Group(OLD, Phase.DRIFTED, 3),
    ),
    total=14,
    updated=7,
    disrupting=2,
    allowed=2,
    most=2,
)
SYSTEM_POOL = Pool(
    "system",
    (Group(OLD, Phase.DRIFTED, 3),),
    total=3,
    updated=0,
    disrupting=0,
    allowed=0,
    changes_at=datetime(2026, 2, 15, 6, tzinfo=UTC),
)
LEDGER_NODE = Blocked("aks-default-x7k2p", "default", "PodDisruptionBudget", LEDGER, ago(minutes=64))
PICKED_UP = tuple(
    PickUp(
        ago(minutes=74), "default", definition, OLD, NEW, "WindowOpen", f"{definition}: {OLD} to {NEW} (WindowOpen: x)"
    )
    for definition in ("2404gen2containerd", "2404containerd")
)
FAILED_DRAINING = Event(
    ago(minutes=4), "Node/aks-default-b6lzv", "FailedDraining", "Failed to drain node, 3 pods are waiting", True, 2
)
ROLLING_OUT = View(
    cluster="cluster napsim-demo",
    clock=Clock(NOW, 600),
    rollout=Rollout.ROLLING_OUT,
    windows=(OPEN,),
    pools=(DEFAULT_POOL, SYSTEM_POOL),
    blocked=(LEDGER_NODE,),
    waiting=(),
    pickups=PICKED_UP,
    events=(
        FAILED_DRAINING,
        Event(
            ago(minutes=6), "NodeClaim/default-c56zx", "DisruptionLaunching", "Launching NodeClaim: Drifted", False, 1
        ),
    ),
    versions=(OLD, NEW),
)
WAITING = View(
    cluster="https://10.0.0.1",
    clock=Clock(datetime(2026, 2, 14, 23, 30, tzinfo=UTC), 1),
    rollout=Rollout.WAITING_FOR_WINDOW,
    windows=(
        Window(
            "node-os",
            "aksManagedNodeOSUpgradeSchedule",
            "closed",
            datetime(2026, 2, 15, 1, tzinfo=UTC),
            "Europe/Berlin",
        ),
    ),
    pools=(Pool("default", (Group(OLD, Phase.CURRENT, 300),), 300, 300, 0, None),),
    blocked=(),
    waiting=(Waiting("default", "2404gen2containerd", NEW, datetime(2026, 2, 14, 22, 0, tzinfo=UTC), OLD),),
    pickups=(),
    events=(),
    versions=(OLD, NEW),
)
MANY_POOLS = View(
    cluster="https://10.0.0.1",
    clock=Clock(NOW, 1),
    rollout=Rollout.ROLLING_OUT,
    windows=(),
    pools=tuple(
        Pool(
            f"team-{number:02}-with-a-long-name",
            (Group(NEW, Phase.CURRENT, 100 - number), Group(OLD, Phase.DRIFTED, number)),
            100,
            100 - number,
            0,
            10,
        )
        for number in range(30)
    ),
    blocked=tuple(Blocked(f"node-{number:03}", "team-01", "Pdb", LEDGER, ago(hours=number)) for number in range(40)),
    waiting=(),
    pickups=(),
    events=(FAILED_DRAINING,) * 40,
    versions=(OLD, NEW),
    notes=("no operator runs: nobody holds the lease kube-system/napsim",),
)
KARPENTER_ALONE = View(
    cluster="https://10.0.0.1",
    clock=Clock(NOW, 1),
    rollout=Rollout.ROLLED_OUT,
    windows=(),
    pools=(),
    blocked=(),
    waiting=(),
    pickups=(),
    events=(),
    versions=(),
)
