"""Client, informers, writer, events and leadership against a real API server."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml

from napsim.cluster import Cluster, restart_component, start_component, stop_component
from napsim.controllers.resources import NODES, POD_DISRUPTION_BUDGETS, PODS, Resource
from napsim.core.objects import KubeObject, Node, Pod
from napsim.live.client import Client
from napsim.live.errors import NotFound
from napsim.live.events import Event, Recorder, Regarding
from napsim.live.informer import Informer
from napsim.live.kubeconfig import ConnectionConfig, load_connection
from napsim.live.leadership import Elector, LeaseTimings
from napsim.live.writer import OutcomeKind, Writer
from tests.e2e.conftest import MakeCluster
from tests.e2e.kubectl import WAIT_SECONDS, get, kubectl

T = TypeVar("T", bound=KubeObject)
Manifest = dict[str, Any]

QUICK = LeaseTimings(duration=12.0, renew_deadline=8.0, retry_period=0.3)  # a busy machine loses no lease
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def leading() -> bool:
    return True


def node(name: str, **labels: str) -> Manifest:
    resources = {"cpu": "4", "memory": "16Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "status": {"capacity": resources, "allocatable": resources},
    }


def pod(name: str, on: str, **labels: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"nodeName": on, "containers": [{"name": "c", "image": "x"}]},
    }


@dataclass
class Bench:
    """Everything that talks to one cluster."""

    cluster: Cluster
    connection: ConnectionConfig
    client: Client
    writer: Writer
    tasks: list[asyncio.Task[None]]

    async def inform(
        self, resource: Resource, kind: type[T], tell: Callable[[T | None, T | None], None]
    ) -> Informer[T]:
        informer = Informer(self.client, resource, kind, tell, jitter=random.random, page_size=3)
        self.tasks.append(asyncio.create_task(informer.run()))
        await informer.synced.wait()
        return informer

    async def create(self, resource: Resource, manifest: Manifest) -> Manifest:
        namespace = "default" if resource.namespaced else ""
        outcome = await self.writer.create(resource, namespace, manifest)
        assert outcome.applied, outcome
        created: Manifest = json.loads(outcome.body)
        return created


@asynccontextmanager
async def bench(cluster: Cluster) -> AsyncIterator[Bench]:
    connection = load_connection(cluster.kubeconfig)
    async with Client(connection) as client:
        made = Bench(
            cluster, connection, client, Writer(client, leading, jitter=random.random, give_up_seconds=WAIT_SECONDS), []
        )
        try:
            yield made
        finally:
            for task in made.tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def play(cluster: Cluster, scenario: Callable[[Bench], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(600), bench(cluster) as made:
            await scenario(made)

    asyncio.run(bounded())


async def until(condition: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        if condition():
            return
        assert asyncio.get_running_loop().time() < deadline, "what was waited for did not come"
        await asyncio.sleep(0.02)


def test_an_informer_follows_a_real_collection(cluster: Cluster) -> None:
    async def scenario(made: Bench) -> None:
        told: list[tuple[str, bool, bool]] = []

        def tell(old: Node | None, new: Node | None) -> None:
            name = (new or old or Node()).name
            if name.startswith("followed"):
                told.append((name, old is not None, new is not None))

        for number in range(7):
            await made.create(NODES, node(f"followed-{number}"))
        informer = await made.inform(NODES, Node, tell)
        assert {f"followed-{number}" for number in range(7)} <= set(informer.store)
        assert told[:7] == [(f"followed-{number}", False, True) for number in range(7)]
        await made.create(NODES, node("followed-7"))
        await until(lambda: "followed-7" in informer.store)
        for name in [name for name in informer.store if name.startswith("followed")]:
            assert (await made.writer.delete(NODES, "", name, uid=informer.store[name].metadata.uid)).removed
        await until(lambda: not any(name.startswith("followed") for name in informer.store))
        assert [entry for entry in told if entry[1:] == (True, False)] == [
            (f"followed-{number}", True, False) for number in range(8)
        ]
        assert informer.counts.undecodable == 0

    play(cluster, scenario)


def test_our_own_writes_are_read_at_once_and_told_once(cluster: Cluster) -> None:
    async def scenario(made: Bench) -> None:
        versions: list[str] = []

        def tell(_old: Node | None, new: Node | None) -> None:
            if new is not None and new.name == "own-writes":
                versions.append(new.metadata.resource_version)

        informer = await made.inform(NODES, Node, tell)
        made.writer.mirror(NODES, informer)
        await made.create(NODES, node("own-writes"))
        assert "own-writes" in informer.store
        for number in range(20):
            await made.writer.patch(NODES, "", "own-writes", {"metadata": {"annotations": {"number": str(number)}}})
            assert informer.store["own-writes"].metadata.annotations["number"] == str(number)
        uid = informer.store["own-writes"].metadata.uid
        assert (await made.writer.delete(NODES, "", "own-writes", uid=uid)).removed
        assert "own-writes" not in informer.store
        await made.create(NODES, node("own-writes"))
        assert informer.store["own-writes"].metadata.uid != uid
        seen = informer.resource_version
        await made.writer.patch(NODES, "", "own-writes", {"metadata": {"annotations": {"number": "last"}}})
        await until(lambda: informer.resource_version > seen)
        assert informer.store["own-writes"].metadata.annotations["number"] == "last"
        assert len(versions) == len(set(versions))
        assert versions == sorted(versions, key=int)
        await made.writer.delete(NODES, "", "own-writes", uid=informer.store["own-writes"].metadata.uid)

    play(cluster, scenario)


def test_preconditions_are_kept_by_the_api_server(cluster: Cluster) -> None:
    async def scenario(made: Bench) -> None:
        writer = made.writer
        first = (await made.create(NODES, node("guarded")))["metadata"]
        label: Manifest = {"metadata": {"labels": {"a": "b"}}}
        path = "/metadata/labels/c"
        await writer.patch(NODES, "", "guarded", label)
        test = [{"op": "test", "path": "/metadata/uid", "value": "x"}, {"op": "add", "path": path, "value": "d"}]
        kinds = {
            "stale version": await writer.patch(NODES, "", "guarded", label, resource_version=first["resourceVersion"]),
            "other uid": await writer.patch(NODES, "", "guarded", label, uid="another"),
            "failed test": await writer.patch_json(NODES, "", "guarded", test),
            "delete of another": await writer.delete(NODES, "", "guarded", uid="another"),
        }
        assert {what: outcome.kind for what, outcome in kinds.items()} == dict.fromkeys(kinds, OutcomeKind.CONFLICT)
        test[0]["value"] = first["uid"]
        assert (await writer.patch_json(NODES, "", "guarded", test)).applied
        assert (await writer.patch(NODES, "", "guarded", label, uid=first["uid"])).applied
        invalid = await writer.patch(NODES, "", "guarded", {"metadata": {"labels": {"a": "not a label"}}})
        assert invalid.kind is OutcomeKind.REJECTED
        assert "metadata.labels" in invalid.message
        assert (await writer.create(NODES, "", node("guarded"))).kind is OutcomeKind.ALREADY_EXISTS
        assert (await writer.delete(NODES, "", "guarded", uid=first["uid"])).removed
        assert (await writer.delete(NODES, "", "guarded", uid=first["uid"])).kind is OutcomeKind.NOT_FOUND

    play(cluster, scenario)


def test_an_object_with_a_finalizer_is_gone_with_its_last_one(cluster: Cluster) -> None:
    async def scenario(made: Bench) -> None:
        informer = await made.inform(NODES, Node, lambda _old, _new: None)
        made.writer.mirror(NODES, informer)
        manifest = node("finalized")
        manifest["metadata"]["finalizers"] = ["napsim.dev/a", "napsim.dev/b"]
        uid = (await made.create(NODES, manifest))["metadata"]["uid"]
        assert not (await made.writer.delete(NODES, "", "finalized", uid=uid)).removed
        assert informer.store["finalized"].deleting
        one: Manifest = {"metadata": {"finalizers": ["napsim.dev/b"]}}
        assert not (await made.writer.patch(NODES, "", "finalized", one)).removed
        assert (await made.writer.patch(NODES, "", "finalized", {"metadata": {"finalizers": None}})).removed
        assert "finalized" not in informer.store
        with pytest.raises(NotFound):
            await made.client.get(NODES, "", "finalized")

    play(cluster, scenario)


def test_a_pdb_blocks_an_eviction_and_lets_it_pass_when_it_relaxes(cluster: Cluster) -> None:
    async def scenario(made: Bench) -> None:
        pods = await made.inform(PODS, Pod, lambda _old, _new: None)
        budgets = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "evicted"}}
        spec = {"minAvailable": 2, "selector": {"matchLabels": {"app": "evicted"}}}
        await made.create(NODES, node("evicting"))
        created = [await made.create(PODS, pod(f"evicted-{n}", "evicting", app="evicted")) for n in range(2)]
        await made.create(POD_DISRUPTION_BUDGETS, {**budgets, "spec": spec})
        await until(lambda: all(pods.store[f"default/evicted-{n}"].status.phase == "Running" for n in range(2)))
        uid = created[0]["metadata"]["uid"]
        blocked = await made.writer.evict("default", "evicted-0", uid=uid)
        assert blocked.kind is OutcomeKind.BLOCKED
        assert blocked.attempts == 1
        assert "disruption budget" in blocked.message
        relaxed = {"spec": {"minAvailable": 1}}
        await made.writer.patch(POD_DISRUPTION_BUDGETS, "default", "evicted", relaxed)
        outcome = blocked
        while outcome.kind is OutcomeKind.BLOCKED:
            await asyncio.sleep(0.2)
            outcome = await made.writer.evict("default", "evicted-0", uid=uid)
        assert outcome.applied
        await until(lambda: "default/evicted-0" not in pods.store)
        gone = await made.writer.evict("default", "evicted-0", uid=uid)
        assert gone.kind is OutcomeKind.NOT_FOUND
        other = await made.writer.delete(
            PODS, "default", "evicted-1", uid=created[1]["metadata"]["uid"], grace_period_seconds=0
        )
        assert other.removed

    play(cluster, scenario)


def test_events_are_accepted_and_shown_by_kubectl(cluster: Cluster) -> None:
    async def scenario(made: Bench) -> None:
        created = await made.create(NODES, node("told-of"))
        recorder = Recorder(made.client, instance="napsim-e2e", fence=leading, stand_back=made.writer.drain)
        made.tasks.append(asyncio.create_task(recorder.run()))
        regarding = Regarding("v1", "Node", "told-of", uid=created["metadata"]["uid"])
        event = Event(regarding, "DisruptionBlocked", "Node isn't initialized", "Disrupt", aggregate=True)
        recorder.record(event, NOON)
        await until(lambda: recorder.counts.sent == 1)
        for seconds in range(3):
            recorder.record(event, NOON + timedelta(seconds=seconds))
        recorder.record(replace(event, reason="FailedDraining", note="x" * 2000, type="Warning"), NOON)
        assert await recorder.flush(WAIT_SECONDS) == 0
        assert recorder.counts.failed == 0
        shown = get(cluster, "events.events.k8s.io", "--namespace=default")["items"]
        ours = {item["reason"]: item for item in shown if item["regarding"]["name"] == "told-of"}
        assert ours["DisruptionBlocked"]["reportingController"] == "karpenter"
        assert ours["DisruptionBlocked"]["series"]["count"] >= 2
        assert ours["FailedDraining"]["type"] == "Warning"

    play(cluster, scenario)


def test_two_contenders_for_one_lease_never_lead_together(cluster: Cluster) -> None:
    async def scenario(made: Bench) -> None:
        def contender(identity: str, client: Client) -> Elector:
            return Elector(
                client,
                namespace="kube-system",
                name="napsim-e2e",
                identity=identity,
                jitter=random.random,
                timings=QUICK,
            )

        async with Client(made.connection) as other:
            first, second = contender("first", made.client), contender("second", other)
            await first.acquire()
            holding = asyncio.create_task(first.hold())
            waiting = asyncio.create_task(second.acquire())
            together = 0
            for _ in range(50):
                together += first.is_leader() and second.is_leader()
                await asyncio.sleep(0.1)
            assert first.is_leader()
            await first.release()
            assert not first.is_leader()
            await asyncio.wait_for(waiting, timeout=WAIT_SECONDS)
            assert second.is_leader()
            assert together == 0
            await holding
            lease = get(cluster, "lease", "--namespace=kube-system", "napsim-e2e")["spec"]
            assert lease["holderIdentity"] == "second"
            assert lease["leaseTransitions"] == 1
            await second.release()

    play(cluster, scenario)


# --- an API server that goes away -------------------------------------------------------------------------------------


def test_a_restart_of_the_api_server_loses_nothing(own_cluster: Cluster) -> None:
    async def scenario(made: Bench) -> None:
        balance: dict[str, str] = {}

        def tell(old: Node | None, new: Node | None) -> None:
            item = new or old or Node()
            assert balance.get(item.key, "") == (old.metadata.resource_version if old else "")
            if new is None:
                del balance[item.key]
            else:
                balance[item.key] = new.metadata.resource_version

        informer = await made.inform(NODES, Node, tell)
        made.writer.mirror(NODES, informer)
        for number in range(5):
            await made.create(NODES, node(f"kept-{number}"))
        stopping = asyncio.create_task(asyncio.to_thread(restart_component, own_cluster.name, "kube-apiserver"))
        outcomes = []
        number = 0
        while not stopping.done() or number < 30:
            outcomes.append(await made.writer.create(NODES, "", node(f"during-{number}", run="restart")))
            number += 1
            await asyncio.sleep(0.05)
        await stopping
        assert [outcome.kind for outcome in outcomes] == [OutcomeKind.APPLIED] * number
        assert max(outcome.attempts for outcome in outcomes) > 1
        await until(lambda: informer.counts.watches > 1)
        await made.create(NODES, node("after"))
        await until(lambda: informer.resource_version >= int(informer.store["after"].metadata.resource_version))
        there = {item["metadata"]["name"] for item in get(own_cluster, "nodes")["items"]}
        assert set(informer.store) == set(balance) == there
        assert len(there) == 6 + number

    play(own_cluster, scenario)


def test_a_version_from_before_a_restart_is_gone(own_cluster: Cluster) -> None:
    async def scenario(made: Bench) -> None:
        await asyncio.to_thread(restart_component, own_cluster.name, "kube-apiserver")
        informer = Informer(made.client, NODES, Node, lambda _old, _new: None, jitter=random.random)
        informer._version = 1
        made.tasks.append(asyncio.create_task(informer.run()))
        await informer.synced.wait()
        assert informer.counts.lists == 1
        assert informer.counts.failures == 0
        assert set(informer.store) == {item["metadata"]["name"] for item in get(own_cluster, "nodes")["items"]}

    play(own_cluster, scenario)


def test_a_leader_without_an_api_server_steps_down_in_time_and_leads_again(own_cluster: Cluster) -> None:
    async def scenario(made: Bench) -> None:
        elector = Elector(
            made.client,
            namespace="kube-system",
            name="napsim-cut-off",
            identity="only",
            jitter=random.random,
            timings=QUICK,
        )
        await elector.acquire()
        holding = asyncio.create_task(elector.hold())
        await asyncio.to_thread(stop_component, own_cluster.name, "kube-apiserver")
        await asyncio.wait_for(elector.lost.wait(), timeout=WAIT_SECONDS)
        await holding
        assert not elector.is_leader()
        await asyncio.to_thread(start_component, own_cluster.name, "kube-apiserver")
        await elector.acquire()
        assert elector.is_leader()
        await elector.release()

    play(own_cluster, scenario)


def test_an_api_server_that_throttles_is_waited_for(make_cluster: MakeCluster, tmp_path: Path) -> None:
    few = {"max-requests-inflight": "1", "max-mutating-requests-inflight": "1"}
    cluster = make_cluster(extra_args={"kube-apiserver": {"enable-priority-and-fairness": "false", **few}})
    account = as_service_account(cluster, tmp_path)  # administrators are exempt from throttling

    async def scenario() -> None:
        async with Client(load_connection(account)) as client:
            writer = Writer(client, leading, jitter=random.random, requests_in_flight=60, give_up_seconds=WAIT_SECONDS)
            outcomes = await asyncio.gather(*(writer.create(NODES, "", node(f"pushed-{n}")) for n in range(20)))
        assert [outcome.kind for outcome in outcomes] == [OutcomeKind.APPLIED] * 20
        assert writer.retries["create", "nodes"] > 0

    asyncio.run(scenario())
    assert len(get(cluster, "nodes")["items"]) == 20


def as_service_account(cluster: Cluster, folder: Path) -> Path:
    """A kubeconfig that speaks as a service account, by a token file."""
    kubectl(cluster, "create", "serviceaccount", "napsim")
    role = ["--clusterrole=cluster-admin", "--serviceaccount=default:napsim"]
    kubectl(cluster, "create", "clusterrolebinding", "napsim", *role)
    (folder / "token").write_text(kubectl(cluster, "create", "token", "napsim").stdout)
    document = yaml.safe_load(cluster.kubeconfig.read_text())
    document["users"] = [{"name": entry["name"], "user": {"tokenFile": "token"}} for entry in document["users"]]
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return path
