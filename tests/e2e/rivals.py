"""Other clients of the API server that get in an operator's way while a test goes on."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import yaml

from napsim.cluster import Cluster
from napsim.controllers.resources import NODE_CLAIMS, NODES, POD_DISRUPTION_BUDGETS, PODS, Resource
from napsim.live.client import Client
from napsim.live.errors import Conflict, EvictionBlocked, NotFound
from napsim.live.kubeconfig import load_connection
from tests.e2e.kubectl import WAIT_SECONDS, kubectl, token_kubeconfig

Manifest = dict[str, Any]
Act = Callable[[Client], Awaitable[None]]

USER_AGENT: Final = "rival/1.0"
MARK: Final = "example.com/rival"


@contextmanager
def rival(kubeconfig: Path, act: Act, pause_seconds: float = 0.02) -> Iterator[None]:
    """Somebody who does ``act`` again and again, in a thread of its own, until the block ends; raises its errors."""
    ending = threading.Event()

    async def go_on() -> None:
        async with Client(load_connection(kubeconfig), user_agent=USER_AGENT) as client:
            while not ending.is_set():
                await act(client)
                await asyncio.sleep(pause_seconds)

    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(lambda: asyncio.run(go_on()))
        try:
            yield
        finally:
            ending.set()
        acting.result(timeout=WAIT_SECONDS)


# --- one who evicts ---------------------------------------------------------------------------------------------------


async def exhaust(client: Client) -> None:
    """Evict as many pods of the PodDisruptionBudget ``web`` as it allows at this moment."""
    answer = await client.get(POD_DISRUPTION_BUDGETS, "default", "web")
    allowed: int = msgspec.json.decode(answer)["status"]["disruptionsAllowed"]
    if not allowed:
        return
    pods = await client.list_all(PODS, dict, namespace="default", selectors={"labelSelector": "app=web"})
    alive = sorted(pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"])
    for name in random.Random(len(alive)).sample(alive, k=min(allowed, len(alive))):
        try:
            await client.evict("default", name)
        except (NotFound, Conflict, EvictionBlocked):
            return


# --- one who patches --------------------------------------------------------------------------------------------------


class Meddler:
    """Annotates all NodeClaims and Nodes anew each time, and puts a taint on the Nodes and takes it off again."""

    def __init__(self) -> None:
        self.written: dict[str, str] = {}  # <resource>/<name> -> the last mark that was acknowledged
        self._mark = "0"

    async def act(self, client: Client) -> None:
        self._mark = str(int(self._mark) + 1)
        claims, nodes = await client.list_all(NODE_CLAIMS, dict), await client.list_all(NODES, dict)
        await asyncio.gather(
            *(self._patch(client, NODE_CLAIMS, claim, {}) for claim in claims),
            *(self._patch(client, NODES, node, *_toggled(node)) for node in nodes),
        )

    async def _patch(
        self, client: Client, resource: Resource, item: Manifest, changes: Manifest, only: Manifest | None = None
    ) -> None:
        name = item["metadata"]["name"]
        metadata = {"annotations": {MARK: self._mark}, **(only or {})}
        try:
            await client.patch(resource, "", name, msgspec.json.encode({"metadata": metadata, **changes}))
        except (NotFound, Conflict):
            return
        self.written[f"{resource.plural}/{name}"] = self._mark


def _toggled(node: Manifest) -> tuple[Manifest, Manifest]:
    """The taint put on or taken off; a patch replaces the whole list, so it is for the version that was read."""
    had = node["spec"].get("taints", [])
    kept = [taint for taint in had if taint["key"] != MARK]
    taints = kept if len(kept) < len(had) else [*kept, {"key": MARK, "effect": "PreferNoSchedule"}]
    return {"spec": {"taints": taints}}, {"resourceVersion": node["metadata"]["resourceVersion"]}


# --- one who holds the API server's seats -----------------------------------------------------------------------------


def narrow(cluster: Cluster) -> None:
    """Put the service account ``napsim`` into a priority level with a few seats, that refuses what finds none."""
    level: Manifest = {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": "narrow"},
        "spec": {
            "type": "Limited",
            "limited": {
                "nominalConcurrencyShares": 1,
                "borrowingLimitPercent": 0,
                "lendablePercent": 0,
                "limitResponse": {"type": "Reject"},
            },
        },
    }
    rule = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
    subject = {"kind": "ServiceAccount", "serviceAccount": {"namespace": "default", "name": "napsim"}}
    schema: Manifest = {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": "narrow"},
        "spec": {
            "matchingPrecedence": 10,
            "priorityLevelConfiguration": {"name": "narrow"},
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [{"subjects": [subject], "resourceRules": [rule]}],
        },
    }
    items = {"apiVersion": "v1", "kind": "List", "items": [level, schema]}
    kubectl(cluster, "apply", "--filename=-", stdin=msgspec.json.encode(items).decode())


def as_service_account(cluster: Cluster) -> Path:
    """A kubeconfig that speaks as the service account ``napsim``: administrators are never refused for load."""
    kubectl(cluster, "create", "serviceaccount", "napsim")
    role = ["--clusterrole=cluster-admin", "--serviceaccount=default:napsim"]
    kubectl(cluster, "create", "clusterrolebinding", "everything", *role)
    return token_kubeconfig(cluster, "default", "napsim")


@contextmanager
def seats_taken(kubeconfig: Path, requests: int = 8) -> Iterator[None]:
    """Requests that begin and do not go on: each keeps the seat it found, at no cost, until the block ends."""
    document = yaml.safe_load(kubeconfig.read_text())
    server = urlsplit(document["clusters"][0]["cluster"]["server"])
    token = document["users"][0]["user"]["token"]
    head = (
        f"POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: {server.netloc}\r\nUser-Agent: {USER_AGENT}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    )
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    with ExitStack() as stack:
        for _ in range(requests):
            plain = stack.enter_context(socket.create_connection((server.hostname or "", server.port or 443)))
            stack.enter_context(tls.wrap_socket(plain)).sendall(head.encode())
        yield
