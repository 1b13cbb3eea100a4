"""An API server that goes away, forgets, refuses, or is written to by others: a rollout loses nothing by it."""

from __future__ import annotations

import json
import socket
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import yaml

from napsim.cluster import start_component, stop_component
from tests.e2e import inflight, rivals
from tests.e2e import manifests as m
from tests.e2e.auditor import Record
from tests.e2e.auditor.log import OPERATOR, STARTED, AuditEvent, AuditLog, agent, rotated
from tests.e2e.auditor.record import Request
from tests.e2e.kubectl import eventually, kubectl, served
from tests.e2e.proxy import Proxy
from tests.e2e.rehearsal import CRDS, NEW, OLD, OperatorProcess, Rehearsal, rehearsal

NODES: Final = 6
CUTS: Final = 10
EDITS: Final = 5
LAG_SECONDS: Final = 1.0
VERSIONS: Final = (NEW, "202603.01.0", "202603.02.0", "202603.03.0")  # until one rollout has met its rival
API_SERVER: Final = "kube-apiserver"
LOST: Final = "no longer the leader"
GONE: Final = "listing again: 410"  # of any kind: what was written last before the end is still known


def start(world: Rehearsal, kubeconfig: Path | None = None) -> OperatorProcess:
    """An operator with nodes on the old image."""
    inflight.declare(world, NODES)
    operator = world.operator("one", *(("--kubeconfig", str(kubeconfig)) if kubeconfig else ()))
    inflight.settle(world, NODES)
    return operator


def roll(world: Rehearsal) -> None:
    inflight.publish(world)
    inflight.until_in_flight(world)


def said(operator: OperatorProcess, text: str) -> int:
    """How often its log says so."""
    return operator.log.read_text().count(text)


def kill(world: Rehearsal) -> None:
    """Kill the API server, and start another one as soon as the port is free."""
    stop_component(world.cluster.name, API_SERVER, grace_seconds=0)
    config = yaml.safe_load(world.cluster.kubeconfig.read_text())
    port = urlsplit(config["clusters"][0]["cluster"]["server"]).port
    eventually(lambda: is_free(port), "the port of the API server is free")
    start_component(world.cluster.name, API_SERVER)


def is_free(port: int | None) -> bool:
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# --- it goes away -----------------------------------------------------------------------------------------------------


def test_an_api_server_that_was_killed_and_forgot_what_was_watched(world: Rehearsal) -> None:
    """The second time the operator is frozen meanwhile, so that a part of what happened is never told by a watch."""
    operator = start(world)
    with inflight.one_kept(world):
        roll(world)
        kill(world)
        inflight.until_logged(world, operator, GONE)
    inflight.until_in_flight(world)
    before = said(operator, GONE)
    with operator.frozen():
        kubectl(world.cluster, "delete", "pods", "--all", "--wait=false", "--grace-period=0")
        kill(world)
        kubectl(world.cluster, "label", "nodes", "--all", "example.com/unseen=true")
    inflight.until_logged(world, operator, GONE, times=before + 1)
    inflight.finish(world, NODES)
    inflight.assert_sound(world, NODES, torn_lines_allowed=2)


def test_a_pool_that_is_deleted_while_nobody_could_tell_of_it_is_gone(world: Rehearsal) -> None:
    """An API server that is started anew forgets what it would have told: a list has the pool no more."""
    operator = start(world)
    world.apply(m.pool("passing", replicas=0))
    world.eventually("the pool is known", lambda: "passing" in pools(world))
    with operator.frozen():
        kill(world)
        served(world.cluster)
        world.delete("nodepool", "passing")
        world.eventually("it is deleted", lambda: "passing" not in names(world.items("nodepools")))
    world.eventually("it is gone", lambda: "passing" not in pools(world))
    assert pools(world) == {"default"}


def pools(world: Rehearsal) -> set[str]:
    """As the operator's status has them."""
    return {item["name"] for item in world.nap().get("pools", ())}


def names(items: list[m.Manifest]) -> set[str]:
    return {item["metadata"]["name"] for item in items}


def test_connections_that_are_cut_refused_and_slow(world: Rehearsal) -> None:
    with Proxy(world.kubeconfig) as proxy:
        operator = start(world, proxy.kubeconfig())
        with inflight.one_kept(world) as kept:
            roll(world)
            cut_watches(world, proxy, kept)
        inflight.until_in_flight(world)
        with proxy.refusing():
            inflight.until_logged(world, operator, LOST, times=said(operator, LOST) + 1)
            world.eventually("connections are refused", lambda: proxy.faults.refused >= 3)
        proxy.delay_seconds = 0.05
        inflight.finish(world, NODES)

        assert proxy.faults.cut >= CUTS
    record = inflight.assert_sound(world, NODES)
    assert record.requests[Request("napsim", "watch", "nodes")] >= CUTS


def test_an_edit_that_the_watch_tells_after_the_answer_to_a_status_is_taken(world: Rehearsal) -> None:
    """A label makes a status due; the edit comes before it is written, and is told after it."""
    with Proxy(world.kubeconfig) as proxy:
        start(world, proxy.kubeconfig())
        proxy.watches_lag_seconds = LAG_SECONDS
        for number in range(EDITS):
            world.patch("nodepool", "default", json.dumps({"metadata": {"labels": {"edit": str(number)}}}))
            time.sleep(0.8 * LAG_SECONDS)
            late = proxy.faults.late
            world.patch("nap", "default", json.dumps({"spec": {"clock": {"factor": 2 + number}}}))
            world.eventually("the clock is turned", lambda number=number: factor(world) == 2 + number)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
            assert proxy.faults.late > late


def factor(world: Rehearsal) -> float:
    return float(world.get("nap", "default")["status"]["clock"]["factor"])


def cut_watches(world: Rehearsal, proxy: Proxy, node: str) -> None:
    """Break every connection, as often as wanted, each time when the operator watches nodes again.

    It is told of a change of ``node`` first: after a watch that told nothing it waits longer each time.
    """
    begun = 0
    for number in range(CUTS):
        until_watching(world, begun)
        kubectl(world.cluster, "label", "--overwrite", "node", node, f"example.com/cut={number}")
        begun = watches_begun(world)
        proxy.cut()


def until_watching(world: Rehearsal, times: int) -> None:
    """The operator watches nodes, and has begun to more often than so many times."""
    world.eventually("the operator watches nodes", lambda: watches_begun(world) > times)


def watches_begun(world: Rehearsal) -> int:
    """How many watches of nodes the API server has begun to answer the operator so far."""
    events = AuditLog(rotated(world.cluster.audit_log), STARTED).events()
    watches = (event for event in events if (event.verb, event.resource) == ("watch", "nodes"))
    return sum(agent(event.user_agent).is_operator for event in watches)


def test_an_operator_that_finds_neither_api_server_nor_crds_waits_for_both() -> None:
    with rehearsal(crds=False) as world:
        cluster = world.cluster
        stop_component(cluster.name, API_SERVER)
        operator = world.operator()
        inflight.until_logged(world, operator, f"lease {inflight.LEASE}: GET")
        start_component(cluster.name, API_SERVER)
        inflight.until_logged(world, operator, "nodeclaims: 404", times=2)
        for crd in sorted(CRDS.glob("*.yaml"), reverse=True):
            kubectl(cluster, "apply", "--server-side", f"--filename={crd}")
        served(cluster)
        inflight.declare(world, 1)
        world.eventually("a node", lambda: world.versions() == {OLD: 1}, inflight.WAIT_SECONDS)
        assert operator.process is not None
        assert operator.process.poll() is None


# --- it refuses -------------------------------------------------------------------------------------------------------


def test_evictions_that_a_rival_gets_ahead_of(world: Rehearsal) -> None:
    """What the PodDisruptionBudget allowed a moment ago is used up when the eviction arrives."""
    start(world)
    world.apply(m.pdb("web", maxUnavailable=2))
    roll(world)
    with rivals.rival(world.cluster.kubeconfig, rivals.exhaust):
        world.eventually("evictions are refused", lambda: answers(world)["pods/eviction", 429] >= 5)
        world.eventually("it evicts", lambda: answers(world, rivals.USER_AGENT)["pods/eviction", 201] >= 1)
    inflight.finish(world, NODES)
    record = inflight.assert_sound(world, NODES, more_nodes=2)  # one for each node that goes while its pods are pending
    assert {item.code for item in record.evictions if item.agent.is_operator} >= {201, 429}
    assert any(item.code == 201 and not item.agent.is_operator for item in record.evictions)


def test_requests_that_priority_and_fairness_refuses(world: Rehearsal) -> None:
    account = rivals.as_service_account(world.cluster)
    operator = start(world, account)
    rivals.narrow(world.cluster)
    refused = Counter[str]()
    with inflight.one_kept(world):
        roll(world)
        while refused.total() < 10 or len(refused) < 2:
            inflight.until_in_flight(world)
            with rivals.seats_taken(account):
                refused = more_refused(world, refused.total() + 3)
    inflight.until_in_flight(world)
    with rivals.seats_taken(account):
        inflight.until_logged(world, operator, LOST, times=said(operator, LOST) + 1)
    kubectl(world.cluster, "delete", "flowschema", "narrow")
    inflight.finish(world, NODES)
    inflight.assert_sound(world, NODES)
    assert "leases" in refused_for_load(world)


# --- others write too -------------------------------------------------------------------------------------------------


def test_somebody_else_patches_the_same_nodes_and_claims_all_the_time(world: Rehearsal) -> None:
    start(world)
    meddler = rivals.Meddler()
    rollouts = 0
    with rivals.rival(world.cluster.kubeconfig, meddler.act):
        for version in VERSIONS:
            world.apply(m.image(version))
            inflight.until_in_flight(world)
            inflight.finish(world, NODES, version)
            rollouts += 1
            if met_the_rival(world):
                break
    record = inflight.assert_sound(world, NODES, rollouts=rollouts)

    assert conflicts(record, "nodeclaims/status", 409) >= 3
    assert conflicts(record, "nodes", 422) >= 1
    for resource in ("nodes", "nodeclaims"):
        for item in world.items(resource):
            written = meddler.written[f"{resource}/{item['metadata']['name']}"]
            assert item["metadata"]["annotations"][rivals.MARK] == written
    assert taken_off_by_the_operator(world.cluster.audit_log) == []


def met_the_rival(world: Rehearsal) -> bool:
    """Whether the rival got ahead of writes of the operator."""
    answered = answers(world)
    return answered["nodeclaims/status", 409] >= 3 and answered["nodes", 422] >= 1


def conflicts(record: Record, resource: str, code: int) -> int:
    return sum(
        count
        for (request, answer), count in record.refused.items()
        if (request.agent, request.resource, answer) == ("napsim", resource, code)
    )


def answers(world: Rehearsal, user_agent: str = OPERATOR) -> Counter[tuple[str, int]]:
    """What the operator, or another client, was answered so far, by resource and code."""
    events = AuditLog(rotated(world.cluster.audit_log)).events()
    who = agent(user_agent).product
    return Counter((event.resource, event.code) for event in events if agent(event.user_agent).product == who)


def more_refused(world: Rehearsal, times: int) -> Counter[str]:
    """What was refused for load, once it is so many requests."""
    world.eventually(f"{times} requests are refused", lambda: refused_for_load(world).total() >= times)
    return refused_for_load(world)


def refused_for_load(world: Rehearsal) -> Counter[str]:
    """How often the operator was refused so far for the sake of other requests, by resource."""
    refused = Counter({resource: count for (resource, code), count in answers(world).items() if code == 429})
    del refused["pods/eviction"]  # for the sake of a PodDisruptionBudget
    return refused


def taken_off_by_the_operator(log: Path) -> list[str]:
    """Writes of the operator after which a Node lacked the rival's taint, although it had it right before."""
    writes = [
        (int(body["metadata"]["resourceVersion"]), body, event)
        for event in AuditLog(rotated(log)).events()
        if (body := _node_written(event)) is not None
    ]
    found: list[str] = []
    had: dict[str, bool] = {}
    for version, body, event in sorted(writes, key=lambda write: write[0]):
        name = body["metadata"]["name"]
        has = any(taint["key"] == rivals.MARK for taint in body.get("spec", {}).get("taints", ()))
        if had.get(name) and not has and agent(event.user_agent).is_operator:
            found.append(f"{name} at version {version}")
        had[name] = has
    return found


def _node_written(event: AuditEvent) -> dict[str, Any] | None:
    if event.object_ref.resource != "nodes" or not event.written or not event.succeeded:
        return None
    body: dict[str, Any] = msgspec.json.decode(event.response_object)
    return body if body.get("kind") == "Node" else None
