"""The eviction subresource and the disruption controller, case by case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from napsim.core.objects import (
    Condition,
    LabelSelector,
    ObjectMeta,
    OwnerReference,
    Pod,
    PodDisruptionBudget,
    PodDisruptionBudgetSpec,
    PodSpec,
    PodStatus,
)
from napsim.sim.cluster import Cluster, replace
from napsim.sim.evictions import RESYNC, STALE_AFTER, Answer, Disruptions, share
from napsim.sim.kernel import Kernel

NOON = datetime(2026, 2, 14, 12, 0, tzinfo=UTC)
SIZES = {"web": 4, "api": 10}


@dataclass
class Shop:
    """A cluster with pods of controllers, and what is asked of it."""

    kernel: Kernel
    cluster: Cluster
    api: Disruptions

    def pod(
        self,
        name: str,
        app: str = "web",
        *,
        ready: bool = True,
        phase: str = "Running",
        node: str = "n",
        owner: str = "ReplicaSet",
        owner_name: str = "",
    ) -> Pod:
        owners = (OwnerReference(owner, owner_name or app, "u", controller=True),) if app in SIZES else ()
        status = PodStatus(phase, conditions=(Condition("Ready", "True" if ready else "False"),))
        return self.cluster.pods.create(
            Pod(ObjectMeta(name, "shop", labels={"app": app}, owner_references=owners), PodSpec(node_name=node), status)
        )

    def pdb(self, name: str = "web", app: str = "web", **spec: Any) -> None:
        selector = LabelSelector({"app": app})
        self.cluster.pdbs.create(
            PodDisruptionBudget(ObjectMeta(name, "shop"), PodDisruptionBudgetSpec(selector, **spec))
        )
        self.settle()

    def settle(self) -> None:
        self.kernel.run(self.kernel.now, lambda: False)

    def evict(self, name: str) -> Answer:
        return self.api.evict(f"shop/{name}", self.cluster.pods.objects[f"shop/{name}"].metadata.uid)

    def status(self, name: str = "web") -> tuple[int, int, int, int]:
        """Allowed, healthy, desired, expected."""
        status = self.cluster.pdbs.objects[f"shop/{name}"].status
        return status.disruptions_allowed, status.current_healthy, status.desired_healthy, status.expected_pods


@pytest.fixture
def shop() -> Shop:
    return a_shop()


def a_shop() -> Shop:
    kernel = Kernel(NOON)
    cluster = Cluster(kernel)
    api = Disruptions(cluster, lambda kind, key: SIZES.get(key.partition("/")[2]) if kind == "ReplicaSet" else None)
    cluster.pods.watchers.append(api.on_pod)
    cluster.pdbs.watchers.append(api.on_pdb)
    return Shop(kernel, cluster, api)


def fill(shop: Shop, count: int = 4, **more: Any) -> None:
    for number in range(count):
        shop.pod(f"web-{number}", **more)


class TestTheStatus:
    @pytest.mark.parametrize(
        ("spec", "expected"),
        [
            ({"max_unavailable": 1}, (1, 4, 3, 4)),
            ({"max_unavailable": "25%"}, (1, 4, 3, 4)),
            ({"max_unavailable": "30%"}, (2, 4, 2, 4)),
            ({"max_unavailable": "1%"}, (1, 4, 3, 4)),
            ({"max_unavailable": 0}, (0, 4, 4, 4)),
            ({"max_unavailable": 9}, (4, 4, 0, 4)),
            ({"min_available": 3}, (1, 4, 3, 4)),
            ({"min_available": "50%"}, (2, 4, 2, 4)),
            ({"min_available": "51%"}, (1, 4, 3, 4)),
            ({"min_available": "100%"}, (0, 4, 4, 4)),
            ({"min_available": 9}, (0, 4, 9, 4)),
        ],
    )
    def test_follows_the_spec(self, shop: Shop, spec: dict[str, Any], expected: tuple[int, ...]) -> None:
        fill(shop)
        shop.pdb(**spec)
        assert shop.status() == expected

    def test_counts_pods_of_several_replica_sets_of_one_deployment_once(self, shop: Shop) -> None:
        """As in a snapshot: its pods have ReplicaSets of names that the simulated Deployment does not give."""
        shop.api.identity_of = lambda kind, _: (kind, "shop/web")
        fill(shop, 2)
        shop.pod("web-older", owner_name="api")
        shop.pdb(max_unavailable="25%")
        assert shop.status() == (0, 3, 3, 4)

    def test_counts_the_pods_a_controller_is_to_have_not_those_it_has(self, shop: Shop) -> None:
        fill(shop, 3)
        shop.pdb(max_unavailable=1)
        assert shop.status() == (0, 3, 3, 4)

    def test_of_a_number_counts_the_pods_there_are(self, shop: Shop) -> None:
        fill(shop, 3)
        shop.pdb(min_available=1)
        assert shop.status() == (2, 3, 1, 3)

    def test_allows_nothing_where_nothing_is_expected(self, shop: Shop) -> None:
        shop.pdb(max_unavailable=1)
        assert shop.status() == (0, 0, 0, 0)

    def test_does_not_count_pods_that_are_not_ready(self, shop: Shop) -> None:
        fill(shop, 3)
        shop.pod("web-3", ready=False)
        shop.pdb(max_unavailable=1)
        assert shop.status() == (0, 3, 3, 4)

    def test_follows_a_pod_that_comes_and_goes(self, shop: Shop) -> None:
        shop.pdb(max_unavailable=2)
        fill(shop)
        assert shop.status() == (2, 4, 2, 4)
        shop.cluster.pods.remove(shop.cluster.pods.objects["shop/web-0"])
        assert shop.status() == (1, 3, 2, 4)

    def test_counts_no_pods_where_neither_number_is_given(self, shop: Shop) -> None:
        fill(shop)
        shop.pdb()
        assert shop.status() == (0, 4, 0, 0)

    def test_allows_nothing_where_a_pod_has_a_controller_without_scale(self, shop: Shop) -> None:
        fill(shop)
        shop.pdb(max_unavailable=2)
        shop.pod("agent", owner="DaemonSet")
        assert shop.status() == (0, 4, 2, 4)
        shop.cluster.pods.remove(shop.cluster.pods.objects["shop/agent"])
        assert shop.status() == (2, 4, 2, 4)

    def test_of_a_number_asks_no_controller(self, shop: Shop) -> None:
        shop.pod("agent", owner="DaemonSet")
        shop.pdb(min_available=0)
        assert shop.status() == (1, 1, 0, 1)

    def test_sees_a_pod_with_other_labels_after_half_a_minute(self, shop: Shop) -> None:
        fill(shop)
        shop.pdb(min_available=1)
        pod = shop.cluster.pods.objects["shop/web-0"]
        shop.cluster.pods.update(replace(pod, metadata=replace(pod.metadata, labels={"app": "api"})))
        assert shop.status() == (3, 4, 1, 4)
        shop.kernel.run(NOON + RESYNC, lambda: False)
        assert shop.status() == (2, 3, 1, 3)


class TestAnEviction:
    def test_is_granted_while_the_pdb_allows_one(self, shop: Shop) -> None:
        fill(shop)
        shop.pdb(max_unavailable=1)
        assert [shop.evict("web-0"), shop.evict("web-1")] == [Answer.EVICTED, Answer.BLOCKED]
        assert shop.status() == (0, 3, 3, 4)
        assert shop.cluster.pods.objects["shop/web-0"].deleting
        assert not shop.cluster.pods.objects["shop/web-1"].deleting

    def test_of_a_pod_without_a_pdb_is_granted(self, shop: Shop) -> None:
        shop.pod("lone", "none")
        assert shop.evict("lone") is Answer.EVICTED

    def test_of_a_pod_with_several_pdbs_is_an_error(self, shop: Shop) -> None:
        fill(shop)
        shop.pdb(max_unavailable=4)
        shop.pdb("other", max_unavailable=4)
        assert shop.evict("web-0") is Answer.SEVERAL_PDBS

    def test_is_granted_again_once_the_other_pdb_is_gone(self, shop: Shop) -> None:
        fill(shop)
        shop.pdb(max_unavailable=4)
        shop.pdb("other", max_unavailable=0)
        shop.cluster.pdbs.delete("shop/other")
        assert shop.evict("web-0") is Answer.EVICTED

    def test_of_another_pod_of_that_name_is_a_conflict(self, shop: Shop) -> None:
        fill(shop)
        assert shop.api.evict("shop/web-0", "another") is Answer.CONFLICT
        assert shop.api.evict("shop/nobody", "another") is Answer.NOT_FOUND

    @pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed"])
    def test_of_a_pod_that_does_not_run_asks_no_pdb(self, shop: Shop, phase: str) -> None:
        fill(shop, 3)
        shop.pod("web-3", phase=phase, ready=False)
        shop.pdb(max_unavailable=0)
        assert shop.evict("web-3") is Answer.EVICTED

    @pytest.mark.parametrize(
        ("policy", "healthy", "answer"),
        [
            ("", 3, Answer.EVICTED),  # as many healthy pods as wanted: nothing is lost
            ("IfHealthyBudget", 3, Answer.EVICTED),
            ("IfHealthyBudget", 2, Answer.BLOCKED),
            ("AlwaysAllow", 2, Answer.EVICTED),
        ],
    )
    def test_of_a_pod_that_is_not_ready_goes_by_the_policy(
        self, shop: Shop, policy: str, healthy: int, answer: Answer
    ) -> None:
        fill(shop, healthy)
        shop.pod("sick", ready=False)
        shop.pdb(min_available=3, unhealthy_pod_eviction_policy=policy)
        assert shop.evict("sick") is answer

    def test_of_another_pod_of_that_name_asks_its_pdb_first_and_stays_counted(self, shop: Shop) -> None:
        fill(shop)
        shop.pdb(max_unavailable=1)
        assert [shop.api.evict("shop/web-0", "another") for _ in range(2)] == [Answer.CONFLICT, Answer.BLOCKED]
        assert shop.status() == (0, 3, 3, 4)
        shop.kernel.run(NOON + STALE_AFTER, lambda: False)
        assert shop.status() == (1, 4, 3, 4)

    def test_is_refused_until_the_status_follows_the_spec(self, shop: Shop) -> None:
        fill(shop)
        shop.pdb(max_unavailable=4)
        pdb = shop.cluster.pdbs.objects["shop/web"]
        shop.cluster.pdbs.objects["shop/web"] = replace(pdb, metadata=replace(pdb.metadata, generation=2))
        assert shop.evict("web-0") is Answer.BLOCKED

    def test_that_came_to_nothing_counts_for_two_minutes(self, shop: Shop) -> None:
        fill(shop)
        shop.pdb(max_unavailable=2)
        pdb = shop.cluster.pdbs.objects["shop/web"]
        shop.cluster.pdbs.objects["shop/web"] = replace(pdb, status=replace(pdb.status, disrupted_pods={"web-3": NOON}))
        shop.evict("web-0")
        assert shop.status()[:2] == (0, 2)
        shop.kernel.run(NOON + STALE_AFTER, lambda: False)
        assert shop.status()[:2] == (1, 3)


@pytest.mark.parametrize("spec", [{"max_unavailable": 1}, {"min_available": 2}, {"min_available": "50%"}], ids=str)
def test_the_status_is_at_any_time_what_it_would_be_if_it_were_written_anew(spec: dict[str, Any]) -> None:
    shop = a_shop()
    shop.pdb(**spec)

    def anew() -> tuple[int, ...]:
        other = a_shop()
        for pod in shop.cluster.pods.objects.values():
            other.cluster.pods.create(pod)
        other.pdb(**spec)
        return other.status()

    for number in range(4):
        shop.pod(f"web-{number}", ready=number % 2 == 0)
        assert shop.status() == anew()
    shop.pod("other", owner_name="api", ready=False)
    assert shop.status() == anew()
    for key in list(shop.cluster.pods.objects):
        shop.api.evict(key, shop.cluster.pods.objects[key].metadata.uid)
        assert shop.status() == anew()
        shop.cluster.pods.remove(shop.cluster.pods.objects[key])
        assert shop.status() == anew()


@pytest.mark.parametrize(
    "spec",
    [{"max_unavailable": 2}, {"max_unavailable": "50%"}, {"min_available": 2}, {"min_available": "50%"}, {}],
    ids=str,
)
@pytest.mark.parametrize("grace_seconds", [30, 0])
def test_where_nobody_waits_one_write_of_the_status_comes_to_what_two_do(
    spec: dict[str, Any], grace_seconds: int
) -> None:
    twice, once = a_shop(), a_shop()
    told: dict[str, list[int]] = {"twice": [], "once": []}
    once.api.is_waited_for = lambda _: False
    for name, one in (("twice", twice), ("once", once)):
        fill(one, 3)
        one.pod("web-3", ready=False)
        one.pod("lone", "none")
        one.pdb(**spec)
        for key, pod in one.cluster.pods.objects.items():
            spec_of = replace(pod.spec, termination_grace_period_seconds=grace_seconds)
            one.cluster.pods.objects[key] = replace(pod, spec=spec_of)
        one.cluster.pdbs.watchers.append(lambda _, new, told=told[name]: told.append(new.status.disruptions_allowed))  # type: ignore[misc]  # mypy cannot infer a default
    for name in ("web-0", "lone", "web-1", "web-3", "web-2"):
        assert once.evict(name) is twice.evict(name)
        assert once.cluster.pods.objects == twice.cluster.pods.objects
        assert once.cluster.versions == twice.cluster.versions
        assert once.cluster.pdbs.objects["shop/web"].status == twice.cluster.pdbs.objects["shop/web"].status
    assert list(dict.fromkeys(told["once"])) == list(dict.fromkeys(told["twice"]))
    assert (len(told["once"]) < len(told["twice"])) is bool(spec and grace_seconds)


@pytest.mark.parametrize(
    ("value", "of", "expected"), [(3, 10, 3), ("30%", 10, 3), ("25%", 10, 3), ("0%", 10, 0), ("100%", 7, 7)]
)
def test_a_share_is_rounded_up(value: int | str, of: int, expected: int) -> None:
    assert share(value, of) == expected


def test_a_share_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match="'many': must be a number or a percentage"):
        share("many", 3)
