"""What the document of a forecast says of what was simulated."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest
from msgspec.structs import replace

from napsim.cli.forecasting import forecast_of
from napsim.core.reasons import Reason
from napsim.core.timings import Distribution, Timings
from napsim.report.forecast import Forecast
from napsim.report.forecast_lines import lines
from napsim.report.remedies import LATER, remedies
from napsim.sim.hindrances import NOT_LISTED, WINDOW_CLOSED
from napsim.sim.scenario import Applied, Deleted, Event, NodeFailed, PodTimings, Scenario, Stopped
from napsim.sim.simulation import simulate
from tests.e2e import manifests as made
from tests.sim.scenarios import NEW, OLD, OPENS, START, Manifest, cluster, scenario, settings, shop


def forecast(given: Scenario) -> Forecast:
    return forecast_of(given, simulate(given))


@pytest.mark.parametrize(
    ("timing", "told"),
    [
        (Distribution(low=20), "launch 20s,"),
        (Distribution("uniform", 5, 9), "launch uniform (5s to 9s),"),
        (Distribution("normal", 20, 60, 40, 10), "launch normal (mean 40s, deviation 10s, at least 20s, at most 60s),"),
        (Distribution("lognormal", median=8, p95=45), "launch lognormal (median 8s, p95 45s),"),
        (Distribution("exponential", mean=8, high=30), "launch exponential (mean 8s, at most 30s),"),
        (Distribution("observed", values=(7, 8, 31)), "launch observed (3 values, 7s to 31s),"),
    ],
    ids=lambda it: it.kind if isinstance(it, Distribution) else "",
)
def test_every_kind_of_timing_is_told_with_its_numbers(timing: Distribution, told: str) -> None:
    played = replace(scenario(cluster(shop(10))), timings=msgspec.structs.replace(Timings(), launch=timing))
    assert any(told in text for text in forecast(played).assumptions)


def test_an_end_in_the_middle_of_a_rollout_asks_for_nothing_but_time() -> None:
    """Four nodes, of which one has its replacement coming: that is no fifth node to replace."""
    (pool,) = forecast(replace(scenario(cluster(shop(), [{"nodes": "1"}])), until=OPENS + timedelta(seconds=30))).pools
    assert list(pool.unfinished) == [
        "4 nodes still to be replaced; at the end the budgets allow 1 at once",
        "1 replacement on the way in",
    ]
    assert pool.remedies == (LATER,)


def test_without_budgets_the_nodes_to_come_are_not_counted_against_a_number() -> None:
    (pool,) = forecast(replace(scenario(cluster(shop(), [])), until=OPENS + timedelta(seconds=1))).pools
    assert "at the end no budget restricts that" in " ".join(pool.unfinished)
    assert "2147483647" not in " ".join(pool.unfinished)


def test_a_drain_without_end_asks_for_its_pods_to_leave() -> None:
    guarded = [made.deployment("web", 10), made.pdb("web", maxUnavailable=1)]
    stuck = forecast(replace(scenario(cluster(guarded)), pods=PodTimings(Distribution(low=1e6), Distribution(low=1))))
    (pool,) = stuck.pools
    assert pool.unfinished == ("1 node on the way out",)
    assert pool.remedies == remedies([Reason.DRAINING])


def test_a_static_pool_at_its_limit_asks_for_a_higher_one() -> None:
    at_limit = {**made.pool(replicas=2, budgets=[{"nodes": "100%"}])}
    at_limit["spec"] = {**at_limit["spec"], "limits": {"nodes": 2}}
    base = [it for it in cluster() if it["kind"] != "NodePool"]
    (pool,) = forecast(scenario([*base, at_limit])).pools
    assert pool.replaced == 0
    assert pool.remedies == remedies([Reason.SURGE_LIMIT])


def test_an_end_in_the_middle_of_a_static_pool_s_rollout_asks_for_nothing_but_time() -> None:
    """Its fifth node is a replacement on its way, not one too many."""
    base = [it for it in cluster() if it["kind"] != "NodePool"]
    static = made.pool(replicas=4, budgets=[{"nodes": "1"}])
    (pool,) = forecast(replace(scenario([*base, static]), until=OPENS + timedelta(seconds=30))).pools
    assert "1 replacement on the way in" in pool.unfinished
    assert pool.remedies == (LATER,)


def test_launches_that_are_given_up_time_and_again_stand_in_the_way_of_every_pool() -> None:
    """Karpenter waits five minutes for a launch, and then begins with the same node again."""
    slow = settings(timings={"launch": {"fixed": "6m"}})
    workloads = [made.deployment(it, 10, nodeSelector={"karpenter.sh/nodepool": it}) for it in ("default", "other")]
    other = made.pool("other", [{"nodes": "1"}])
    base = cluster(workloads, [{"nodes": "1"}])
    first, second = forecast(scenario([slow, other, *base[1:]], days=0.5)).pools
    assert any(text.startswith("replacements given up ") for text in (*first.unfinished, *second.unfinished))
    assert first.remedies == second.remedies == remedies([Reason.COMMAND_TIMEOUT])


def test_an_image_that_a_closed_window_holds_asks_for_a_window() -> None:
    (pool,) = forecast(scenario(cluster(shop()), days=0.1)).pools
    assert pool.remedies == remedies([WINDOW_CLOSED])


def test_an_image_that_the_list_does_not_have_yet_asks_for_time_and_for_no_window() -> None:
    """No window is defined. The list was read ten minutes before the start, the image shipped an hour after it."""
    base = [it for it in cluster(shop())[1:] if it["kind"] != "MaintenanceConfiguration"]
    (pool,) = forecast(scenario([settings(listCacheDuration="72h"), *base], days=1)).pools
    (told,) = pool.unfinished
    assert told.startswith(f"{NEW} is published, but the list of images was read before that; it is read anew ")
    assert pool.remedies == remedies([NOT_LISTED])


@pytest.mark.parametrize(("kept", "told"), [("72h", "72 hours"), ("1h", "1 hour"), ("90m", "1h30m")])
def test_when_the_list_of_images_was_read_is_told_as_assumed(kept: str, told: str) -> None:
    cached = [settings(listCacheDuration=kept), *cluster(shop())[1:]]
    (said,) = (text for text in forecast(scenario(cached)).assumptions if "list of images" in text)
    assert said == (
        f"The list of images was read 10m before the start. It is kept for {told}: a new image can wait that long."
    )


ARM: Final = "2204gen2arm64containerd"
NEWER: Final = "202602.14.0"


def of_two_sizes(*published: Manifest, events: Iterable[Event] = (), **more: Any) -> Forecast:
    """A pool with four nodes, two of each architecture, and no window: images are picked up as they come."""
    sizes = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": [made.SIZE, "Standard_D4ps_v5"]}
    on = [made.deployment(it, 20, nodeSelector={"kubernetes.io/arch": it}) for it in ("amd64", "arm64")]
    first = [made.image(OLD, "2026-01-11T00:00:00Z", definition) for definition in ("2204gen2containerd", ARM)]
    base = [settings(), made.node_class(), made.pool(requirements=[sizes]), *on, *first]
    return forecast(scenario([*base, *published], events, **more))


def test_an_image_for_one_architecture_is_done_when_the_nodes_of_that_one_are() -> None:
    """The others go on with their image: nothing newer is there for them."""
    published = made.image(NEW, (START + timedelta(hours=1)).isoformat())
    found = of_two_sizes(published, made.image(NEWER, (START + timedelta(hours=20)).isoformat()))
    (first, second) = found.pools[0].rollouts
    assert (first.version, second.version) == (NEW, NEWER)
    assert first.done_at is not None
    assert timedelta(hours=1) < first.done_at - START < timedelta(hours=2)
    assert second.done_at == found.pools[0].finished_at


def test_a_version_of_two_definitions_is_one_rollout_until_the_nodes_of_both_are_done() -> None:
    both = (made.image(NEW, START.isoformat().replace("20:", "21:"), it) for it in ("2204gen2containerd", ARM))
    found = of_two_sizes(*both)
    (rollout,) = found.pools[0].rollouts
    assert rollout.version == NEW
    assert rollout.done_at == found.pools[0].steps[-1].at


def test_an_image_that_an_event_applies_is_published_then() -> None:
    at = START + timedelta(hours=3)
    found = of_two_sizes(events=[Applied(at, made.image(NEW))], days=0.5)
    (rollout,) = found.pools[0].rollouts
    assert rollout.published_at == at <= rollout.picked_up_at
    assert [item.at for item in found.timeline if item.kind == "Published"] == [at]


def test_a_definition_that_is_gone_is_no_image_that_is_rolled_out() -> None:
    at = START + timedelta(hours=1)
    newer = made.image(NEW, "2026-01-12T00:00:00Z", "2404gen2containerd")
    found = of_two_sizes(newer, events=[Applied(at, made.node_class(imageFamily="Ubuntu2404"))], days=0.2)
    (rollout,) = found.pools[0].rollouts
    assert rollout.version == NEW
    gone = [item for item in found.timeline if item.kind == "PickedUp" and not item.details["to"]]
    told = " ".join(line.text for line in lines(found))
    assert len(gone) == 2
    assert all(item.details["definition"] in told.partition("TIME LINE")[2] for item in gone)


def test_a_pool_that_has_no_node_of_the_old_image_is_done_with_the_pick_up() -> None:
    """Its first node comes hours later, and goes again."""
    empty = [made.pool(expireAfter="2h"), *(it for it in cluster() if it["kind"] != "NodePool")]
    later = Applied(OPENS + timedelta(hours=6), made.deployment("web", 10))
    (pool,) = forecast(scenario(empty, [later], ends_early=False)).pools
    (rollout,) = pool.rollouts
    assert pool.finished_at == rollout.picked_up_at == rollout.done_at
    assert rollout.first_disrupted_at is None


def taken(of: Forecast) -> int:
    return sum(moment.kind == "CommandStarted" for moment in of.timeline)


def test_a_node_that_falls_silent_is_not_taken_by_anybody() -> None:
    """It counts as disrupted, as Karpenter's budgets have it. After 300 s its pods would leave it."""
    began = START + timedelta(hours=1)
    failed = NodeFailed(began, began + timedelta(minutes=4), node_pool="default", count=2)
    found = forecast(scenario(cluster(shop(40)), [failed]))
    assert found.pools[0].most_disrupting == 2
    assert taken(found) == found.pools[0].replaced == 4


def test_nodes_that_expire_are_taken() -> None:
    expiring = [made.pool(expireAfter="30h"), *(it for it in cluster(shop(20)) if it["kind"] != "NodePool")]
    found = forecast(scenario(expiring, days=2, ends_early=False))
    assert (found.pools[0].replaced, taken(found)) == (2, 4)


def test_nodes_that_were_on_their_way_out_before_the_image_came_are_waited_for() -> None:
    """They expired, and a pod that nobody may touch holds them: they never run the image that came since."""
    guarded = made.deployment("web", 10)
    guarded["spec"]["template"]["metadata"]["annotations"] = {"karpenter.sh/do-not-disrupt": "true"}
    expiring = [made.pool(expireAfter="2h"), *(it for it in cluster([guarded]) if it["kind"] != "NodePool")]
    found = forecast(scenario(expiring, days=1))
    assert not found.finishes
    assert found.pools[0].unfinished == ("1 node on the way out",)
    assert found.pools[0].remedies == remedies([Reason.DRAINING])
    assert any(version.endswith(OLD) for version in found.pools[0].steps[-1].versions)


def test_a_budget_that_holds_no_node_is_not_what_has_to_change() -> None:
    """The image has not been picked up yet: until then nothing drifts."""
    (pool,) = forecast(scenario(cluster(shop(), [{"nodes": "0"}]), days=0.1)).pools
    assert pool.remedies == remedies([WINDOW_CLOSED])


def test_nodes_whose_class_is_deleted_are_not_on_the_newest_image() -> None:
    """They do not drift: what they are to run, nobody says any more."""
    deleted = Deleted(OPENS - timedelta(hours=1), "AKSNodeClass", "default")
    found = forecast(scenario(cluster(shop()), [deleted], days=0.5))
    (pool,) = found.pools
    assert not found.finishes
    assert pool.unfinished == ("there is no NodeClass default: its nodes keep the image that they have",)
    assert pool.remedies == remedies(["NodeClassMissing"]) != ()


def test_nodes_on_their_way_out_are_judged_by_the_image_of_their_own_definition() -> None:
    """The other architecture's newest image is of the old version: it is none for these."""
    guarded = made.deployment("web", 10, nodeSelector={"kubernetes.io/arch": "amd64"})
    guarded["spec"]["template"]["metadata"]["annotations"] = {"karpenter.sh/do-not-disrupt": "true"}
    expiring = [made.pool(expireAfter="2h"), *(it for it in cluster([guarded]) if it["kind"] != "NodePool")]
    (pool,) = forecast(scenario([*expiring, made.image(OLD, "2026-01-11T00:00:00Z", ARM)], days=1)).pools
    assert pool.unfinished == ("1 node on the way out",)


def test_an_end_while_the_cluster_is_stopped_does_not_hide_the_image_that_waits() -> None:
    stopped = Stopped(START + timedelta(hours=2), START + timedelta(days=9))
    found = forecast(scenario(cluster(shop()), [stopped]))
    assert not found.finishes
    (told,) = found.pools[0].unfinished
    assert told.startswith(f"{NEW} is published, but the maintenance window is closed until ")


def test_what_is_due_while_the_cluster_is_stopped_is_told_when_it_happens() -> None:
    runs_again = OPENS + timedelta(hours=2)
    events: list[Event] = [Stopped(START, runs_again), Applied(OPENS, made.deployment("web", 10))]
    found = forecast(scenario(cluster(shop()), events))
    assert [(item.kind, item.at) for item in found.timeline if item.kind in ("Stopped", "Applied")] == [
        ("Stopped", START),
        ("Applied", runs_again),
    ]


def test_a_silent_node_that_takes_up_the_budget_is_told() -> None:
    failed = NodeFailed(START + timedelta(hours=4), None, node_pool="default")
    (pool,) = forecast(scenario(cluster(shop(40), [{"nodes": "1"}]), [failed], days=0.3)).pools
    assert any(text.endswith("and 1 node is not ready") for text in pool.unfinished)
    assert pool.remedies == remedies(["NotReady"]) != ()


def test_a_schedule_that_cannot_be_read_is_told() -> None:
    sunday = {"nodes": "1", "schedule": "0 0 * * 7", "duration": "6h"}
    (pool,) = forecast(scenario(cluster(shop(10), [sunday]))).pools
    assert "allow 0 at once" in pool.unfinished[0]
    assert "7" in pool.unfinished[0].rpartition("+00:00: ")[2]
    assert pool.remedies == remedies([Reason.BUDGET])
