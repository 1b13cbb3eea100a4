"""From objects to the view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from napsim.api import names
from napsim.core.nodepools import Disruption, NodePool, NodePoolSpec
from napsim.core.objects import Condition, Node, NodeClaim, NodeClaimStatus, NodeSpec, NodeStatus, ObjectMeta, Taint
from napsim.report import observed
from napsim.report.assembly import view_of, window_of
from napsim.report.observed import Observed
from napsim.report.view import Group, Phase, Rollout

REAL = datetime(2026, 8, 1, 12, tzinfo=UTC)
ANCHOR = datetime(2026, 2, 14, 22, tzinfo=UTC)
LABEL = "AKSUbuntu-2404gen2containerd-202601.27.0"
LEASE = "kube-system/napsim"


def claim(name: str, *true: str, deleting: bool = False, pool: str = "default") -> NodeClaim:
    """A NodeClaim with these conditions, whose Node is ``aks-<name>``."""
    return NodeClaim(
        metadata=ObjectMeta(name=name, labels={names.NODEPOOL: pool}, deletion_timestamp=REAL if deleting else None),
        status=NodeClaimStatus(
            conditions=tuple(Condition(type_, "True") for type_ in true), node_name=f"aks-{name}", image_id="x/1.0"
        ),
    )


def node(name: str, *, label: str = LABEL, taints: tuple[Taint, ...] = ()) -> Node:
    """An initialized, ready Node."""
    return Node(
        metadata=ObjectMeta(name=f"aks-{name}", labels={names.NODE_IMAGE_VERSION: label, names.INITIALIZED: "true"}),
        spec=NodeSpec(taints=taints),
        status=NodeStatus(conditions=(Condition(names.READY, "True"),)),
    )


def pool(*budgets: dict[str, object]) -> NodePool:
    return NodePool(metadata=ObjectMeta(name="default"), spec=NodePoolSpec(disruption=Disruption(budgets=budgets)))


def cluster(claims: list[NodeClaim], nodes: list[Node], *budgets: dict[str, object]) -> Observed:
    return Observed(
        claims={item.name: item for item in claims},
        nodes={item.name: item for item in nodes},
        pools={"default": pool(*budgets)},
    )


def with_status(found: Observed, status: dict[str, object]) -> Observed:
    """The same cluster with a NodeAutoProvisioning of that status, as it comes from the API server."""
    manifest = {"metadata": {"name": "default"}, "status": status}
    found.nap = {"default": msgspec.convert(manifest, observed.NodeAutoProvisioning)}
    return found


INITIALIZED = names.INITIALIZED_CONDITION
DISRUPTED = (Taint(names.DISRUPTED_TAINT, "NoSchedule"),)


@pytest.mark.parametrize(
    ("one", "its_node", "phase"),
    [
        (claim("a"), None, Phase.LAUNCHING),
        (claim("a", INITIALIZED), node("a"), Phase.CURRENT),
        (claim("a", INITIALIZED, names.DRIFTED), node("a"), Phase.DRIFTED),
        (claim("a", INITIALIZED, names.DRIFTED, names.DISRUPTION_REASON), node("a"), Phase.DISRUPTING),
        (claim("a", INITIALIZED, names.DRIFTED), node("a", taints=DISRUPTED), Phase.DISRUPTING),
        (claim("a", INITIALIZED, names.DRIFTED, names.DISRUPTION_REASON, deleting=True), node("a"), Phase.DRAINING),
        (claim("a", deleting=True), None, Phase.DRAINING),
    ],
)
def test_a_node_is_in_the_phase_that_claim_and_node_tell(one: NodeClaim, its_node: Node | None, phase: Phase) -> None:
    view = view_of(cluster([one], [its_node] if its_node else []), REAL)
    assert [group.phase for group in view.pools[0].groups] == [phase]


def test_a_drifted_node_in_the_status_is_blocked_and_one_that_is_on_its_way_is_not() -> None:
    found = cluster(
        [claim("a", INITIALIZED, names.DRIFTED), claim("b", INITIALIZED, names.DRIFTED, names.DISRUPTION_REASON)],
        [node("a"), node("b")],
    )
    entries = [{"node": f"aks-{name}", "reason": "Pdb", "since": "2026-02-15T01:00:00Z"} for name in "ab"]
    view = view_of(with_status(found, {"blocked": entries}), REAL)
    assert [item.node for item in view.blocked] == ["aks-a"]
    assert view.pools[0].count(Phase.BLOCKED) == 1


def test_without_napsim_karpenters_events_tell_who_is_blocked() -> None:
    found = cluster([claim("a", INITIALIZED, names.DRIFTED)], [node("a")])
    found.events = {
        f"default/{number}": observed.Event(
            metadata=ObjectMeta(name=str(number), namespace="default"),
            regarding=observed.Regarding("Node", "aks-a"),
            reason="DisruptionBlocked",
            note=note,
            deprecated_source=observed.Source("karpenter"),
            event_time=REAL - timedelta(minutes=number),
        )
        for number, note in (
            (9, "an older reason"),
            (7, "Pdb prevents pod evictions"),
            (5, "Pdb prevents pod evictions"),
        )
    }
    (item,) = view_of(found, REAL).blocked
    assert (item.node, item.message, item.since) == (
        "aks-a", "Pdb prevents pod evictions", REAL - timedelta(minutes=7)
    )  # fmt: skip


def test_times_of_events_are_shown_on_the_virtual_clock() -> None:
    found = with_status(
        cluster([], []),
        {"clock": {"anchorReal": REAL.isoformat(), "anchorVirtual": ANCHOR.isoformat(), "factor": 600}},
    )
    event = observed.Event(
        metadata=ObjectMeta(name="e"),
        regarding=observed.Regarding("NodeClaim", "a"),
        reporting_controller="karpenter",
        event_time=REAL + timedelta(seconds=1),
    )
    found.events = {"e": event}
    view = view_of(found, REAL + timedelta(seconds=6))
    assert view.clock.now == ANCHOR + timedelta(hours=1)
    assert view.events[0].at == ANCHOR + timedelta(minutes=10)


def test_an_event_that_karpenter_says_of_node_and_claim_is_shown_once() -> None:
    found = cluster([], [])
    found.events = {
        kind: observed.Event(
            metadata=ObjectMeta(name=kind),
            regarding=observed.Regarding(kind, "a"),
            reason="DisruptionTerminating",
            reporting_controller="karpenter",
            event_time=REAL,
        )
        for kind in ("Node", "NodeClaim")
    }
    assert [event.about for event in view_of(found, REAL).events] == ["Node/a"]


def test_versions_come_from_the_label_and_else_from_the_image_id() -> None:
    found = cluster(
        [claim("a", INITIALIZED), claim("b", INITIALIZED), claim("c", INITIALIZED)],
        [node("a"), node("b", label="AKSWindows-windows-2022-containerd-20348.2113.240111"), node("c", label="")],
    )
    assert {group.version for group in view_of(found, REAL).pools[0].groups} == {
        "202601.27.0", "20348.2113.240111", "1.0"
    }  # fmt: skip


def test_the_budget_shown_is_the_one_for_drift_and_counts_only_initialized_nodes() -> None:
    claims = [claim(str(number), INITIALIZED) for number in range(11)] + [claim("new")]
    nodes = [node(str(number)) for number in range(11)]
    only_empty: dict[str, object] = {"nodes": "0", "reasons": ["Empty"]}
    shown = view_of(cluster(claims, nodes, {"nodes": "10%"}, only_empty), REAL).pools[0]
    assert (shown.disrupting, shown.allowed, shown.total) == (0, 2, 12)


@pytest.mark.parametrize(
    ("budgets", "allowed"),
    [((), None), (({"nodes": "0", "schedule": "0 0 * * *", "duration": "1h"},), None), (({"nodes": "0"},), 0)],
)
def test_a_budget_that_is_not_active_does_not_restrict(
    budgets: tuple[dict[str, object], ...], allowed: int | None
) -> None:
    assert view_of(cluster([claim("a", INITIALIZED)], [node("a")], *budgets), REAL).pools[0].allowed == allowed


def test_a_budget_that_cannot_be_evaluated_allows_nothing_and_says_why() -> None:
    shown = view_of(cluster([claim("a", INITIALIZED)], [node("a")], {"nodes": "ten"}), REAL).pools[0]
    assert shown.allowed == 0
    assert "'ten'" in shown.error


def test_a_cluster_is_blocked_only_when_nothing_else_is_left() -> None:
    def rollout(*claims: NodeClaim) -> Rollout:
        found = cluster(list(claims), [node("a"), node("b")])
        return view_of(with_status(found, {"blocked": [{"node": "aks-a", "reason": "Pdb"}]}), REAL).rollout

    stuck = claim("a", INITIALIZED, names.DRIFTED)
    assert rollout(stuck) is Rollout.BLOCKED
    assert rollout(stuck, claim("b", INITIALIZED, names.DRIFTED)) is Rollout.ROLLING_OUT
    assert rollout(claim("a", INITIALIZED)) is Rollout.ROLLED_OUT


# --- windows ----------------------------------------------------------------------------------------------------------

CONFIGURATION = msgspec.convert(
    {
        "metadata": {"name": "node-os"},
        "spec": {"configName": "aksManagedNodeOSUpgradeSchedule"},
        "status": {
            "state": "closed",
            "changesAt": "2026-02-15T01:00:00Z",
            "zone": "UTC",
            "next": {"start": "2026-02-15T01:00:00Z", "end": "2026-02-15T05:00:00Z"},
            "following": [{"start": "2026-02-22T01:00:00Z", "end": "2026-02-22T05:00:00Z"}],
        },
    },
    observed.MaintenanceConfiguration,
)


@pytest.mark.parametrize(
    ("now", "state", "changes_at"),
    [
        ("2026-02-15T00:59:59Z", "closed", "2026-02-15T01:00:00Z"),
        ("2026-02-15T01:00:01Z", "OPEN", "2026-02-15T05:00:00Z"),
        ("2026-02-15T05:00:00Z", "closed", "2026-02-22T01:00:00Z"),
        ("2026-02-22T02:00:00Z", "OPEN", "2026-02-22T05:00:00Z"),
    ],
)
def test_a_window_opens_and_closes_even_when_its_status_is_late(now: str, state: str, changes_at: str) -> None:
    shown = window_of(CONFIGURATION, datetime.fromisoformat(now))
    assert (shown.state, shown.changes_at) == (state, datetime.fromisoformat(changes_at))


def test_a_window_after_the_last_that_is_listed_is_closed_without_an_end() -> None:
    shown = window_of(CONFIGURATION, datetime(2027, 1, 1, tzinfo=UTC))
    assert (shown.state, shown.changes_at) == ("closed", None)


def test_a_configuration_that_nobody_has_evaluated_is_unknown() -> None:
    fresh = observed.MaintenanceConfiguration(metadata=ObjectMeta(name="node-os"))
    assert window_of(fresh, REAL).state == "unknown"


def test_without_a_configuration_the_status_says_what_holds() -> None:
    found = with_status(cluster([], []), {"window": "OPEN (no maintenance configuration: open)"})
    (shown,) = view_of(found, REAL).windows
    assert (shown.name, shown.state) == ("", "OPEN")


def test_the_configuration_that_governs_pick_up_comes_first() -> None:
    other = msgspec.convert(
        {"metadata": {"name": "a"}, "spec": {"configName": "default"}}, observed.MaintenanceConfiguration
    )
    found = cluster([], [])
    found.windows = {"a": other, "node-os": CONFIGURATION}
    assert [window.name for window in view_of(found, ANCHOR).windows] == ["node-os", "a"]


# --- images and leadership --------------------------------------------------------------------------------------------


def image(version: str, published_at: datetime) -> observed.NodeImage:
    return observed.NodeImage(
        metadata=ObjectMeta(name=version),
        spec=observed.NodeImageSpec(definition="2404containerd", version=version, published_at=published_at),
    )


def test_a_published_image_that_is_newer_than_the_adopted_one_waits() -> None:
    found = cluster([], [])
    adopted = "/CommunityGalleries/x/images/2404containerd/versions/202602.01.0"
    found.classes = {
        "default": observed.NodeClass(
            metadata=ObjectMeta(name="default"),
            status=observed.NodeClassStatus(images=(observed.ClassImage(adopted),)),
        )
    }
    found.images = {
        version: image(version, at)
        for version, at in (
            ("202601.27.0", REAL - timedelta(days=9)),
            ("202602.13.0", REAL - timedelta(days=1)),
            ("202602.27.0", REAL + timedelta(days=1)),
        )
    }
    view = view_of(found, REAL)
    assert [(item.version, item.adopted) for item in view.waiting] == [("202602.13.0", "202602.01.0")]
    assert view.rollout is Rollout.WAITING_FOR_WINDOW


@pytest.mark.parametrize(
    ("holder", "renewed_ago", "noted"),
    [("vm_1", 3, False), ("vm_1", 60, True), ("", 0, True)],
)
def test_it_is_noted_when_no_operator_leads(holder: str, renewed_ago: int, noted: bool) -> None:
    found = cluster([], [])
    spec = observed.LeaseSpec(holder, 15, REAL - timedelta(seconds=renewed_ago))
    found.leases = {LEASE: observed.Lease(ObjectMeta(name="napsim", namespace="kube-system"), spec)}
    assert any("no operator runs" in note for note in view_of(found, REAL).notes) is noted


def test_groups_of_a_pool_are_told_apart_by_version_and_phase() -> None:
    found = cluster([claim("a", INITIALIZED), claim("b", INITIALIZED)], [node("a"), node("b")])
    shown = view_of(found, REAL).pools[0]
    assert shown.groups == (Group("202601.27.0", Phase.CURRENT, 2),)
    assert replace(shown, groups=()).count(Phase.CURRENT) == 0


def test_one_operator_that_leads_is_enough_whatever_another_has_left_behind() -> None:
    found = cluster([], [])
    stale = observed.LeaseSpec("laptop", 15, REAL - timedelta(hours=1))
    fresh = observed.LeaseSpec("pod", 15, REAL - timedelta(seconds=1))
    found.leases = {
        LEASE: observed.Lease(ObjectMeta(name="napsim", namespace="kube-system"), stale),
        "napsim-system/napsim": observed.Lease(ObjectMeta(name="napsim", namespace="napsim-system"), fresh),
    }
    assert view_of(found, REAL).notes == ()


def test_what_is_told_of_the_rollout_is_not_shown_again_of_its_window() -> None:
    found = cluster([], [])
    told = {
        kind: observed.Event(
            metadata=ObjectMeta(name=kind),
            regarding=observed.Regarding(kind, "default"),
            reason="WindowOpened",
            note="node-os is open",
            reporting_controller="napsim",
            event_time=REAL,
        )
        for kind in ("NodeAutoProvisioning", "MaintenanceConfiguration")
    }
    found.events = told
    assert [event.about for event in view_of(found, REAL).events] == ["NodeAutoProvisioning/default"]
    found.events = {"window": told["MaintenanceConfiguration"]}
    assert [event.about for event in view_of(found, REAL).events] == ["MaintenanceConfiguration/default"]


def test_the_forecast_is_taken_from_the_status() -> None:
    found = with_status(cluster([], []), {"estimatedFinish": "2026-02-15T04:30:00Z"})
    assert view_of(found, REAL).estimated_finish == datetime(2026, 2, 15, 4, 30, tzinfo=UTC)
