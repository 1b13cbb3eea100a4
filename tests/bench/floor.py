"""The floor: the writes that replacing a node cannot do without, made by a client that decides nothing.

``python -m tests.bench.floor --kubeconfig FILE --concurrency 16`` replaces every node of the pool, so many at a time,
and prints what that took. It reads all it needs once, before the clock starts. Per node: taint, condition and claim of
the replacement; launch, Node, registration and initialization; deletion of claim and Node; ten evictions; drained; two
finalizers. No events, no checks, no watches; only an eviction that was refused is tried again.
"""

from __future__ import annotations

import asyncio
import copy
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from tests.bench.api import Api, Body, Refused
from tests.bench.workload import CLAIMS, NODES, PODS

EVICTION_RETRY_SECONDS: Final = 0.1
FINALIZER: Final = "karpenter.sh/termination"


class Floor(msgspec.Struct, frozen=True):
    """What the bare client needed. CPU in ms of its own process, requests and refusals in all."""

    nodes: int
    requests: int
    refused_evictions: int
    cpu_ms: float
    wall_seconds: float
    api_server_cpu_ms: float = 0.0


class BareClient:
    """Replaces nodes one write after the other."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._refused = 0

    async def replace_all(self, concurrency: int) -> Floor:
        nodes = [node for node in await self._api.items(NODES) if "karpenter.sh/nodepool" in node["metadata"]["labels"]]
        claims = {claim["status"]["nodeName"]: claim for claim in await self._api.items(CLAIMS)}
        pods: defaultdict[str, list[Body]] = defaultdict(list)
        for pod in await self._api.items(PODS):
            pods[pod["spec"].get("nodeName", "")].append(pod["metadata"])
        free = asyncio.Semaphore(concurrency)

        async def replace(node: Body) -> None:
            async with free:
                name = node["metadata"]["name"]
                await self._replace(node, claims[name], pods[name])

        before, cpu, wall = self._api.sent, time.process_time(), time.monotonic()
        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(replace(node))
        return Floor(
            nodes=len(nodes),
            requests=self._api.sent - before,
            refused_evictions=self._refused,
            cpu_ms=(time.process_time() - cpu) * 1000,
            wall_seconds=time.monotonic() - wall,
        )

    async def _replace(self, node: Body, claim: Body, pods: list[Body]) -> None:
        api, old_node, old_claim = self._api, node["metadata"]["name"], claim["metadata"]["name"]
        await api.patch(f"{NODES}/{old_node}", {"spec": {"taints": [_taint("disrupted", "NoSchedule")]}})
        await api.patch(f"{CLAIMS}/{old_claim}/status", _conditions(claim, DisruptionReason="Drifted"))
        await self._launch(node, claim, f"{old_claim}-f")
        await api.request("DELETE", f"{CLAIMS}/{old_claim}")
        await api.request("DELETE", f"{NODES}/{old_node}")
        for pod in pods:
            await self._evict(pod)
        gone = _conditions(
            claim, Drained="Drained", VolumesDetached="VolumesDetached", InstanceTerminating="Terminating"
        )
        await api.patch(f"{CLAIMS}/{old_claim}/status", gone)
        await api.patch(f"{NODES}/{old_node}", {"metadata": {"finalizers": None}})
        await api.patch(f"{CLAIMS}/{old_claim}", {"metadata": {"finalizers": None}})

    async def _launch(self, node: Body, claim: Body, name: str) -> None:
        api = self._api
        body = _fresh(claim, "NodeClaim", name) | {"spec": claim["spec"]}
        body["metadata"]["annotations"] |= {"napsim.dev/replaces": claim["metadata"]["name"]}
        new = await api.request("POST", CLAIMS, body)
        launched = _conditions(claim)
        launched["status"] |= {"providerID": f"floor://{name}", "nodeName": ""}
        await api.patch(f"{CLAIMS}/{name}/status", launched)
        spec = {"providerID": f"floor://{name}", "taints": [_taint("unregistered", "NoExecute")]}
        owner = {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "name": name, "uid": new["metadata"]["uid"]}
        body = _fresh(node, "Node", name) | {"spec": spec, "status": _sizes(node)}
        body["metadata"] |= {"ownerReferences": [owner]}
        body["metadata"]["labels"] |= {"kubernetes.io/hostname": name, "karpenter.sh/initialized": None}
        body["metadata"]["labels"] = {key: value for key, value in body["metadata"]["labels"].items() if value}
        await api.request("POST", NODES, body)
        labels = {"karpenter.sh/registered": "true", "karpenter.sh/initialized": "true"}
        await api.patch(f"{NODES}/{name}", {"metadata": {"labels": labels}, "spec": {"taints": None}})
        await api.patch(f"{CLAIMS}/{name}/status", {"status": {"nodeName": name}})

    async def _evict(self, pod: Body) -> None:
        path = f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}/eviction"
        metadata = {"name": pod["name"], "namespace": pod["namespace"]}
        body: Body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata}
        while True:
            code, answer = await self._api.answer("POST", path, body)
            if code in (201, 404):
                return
            if code != 429:
                raise Refused("POST", path, code, answer)
            self._refused += 1
            await asyncio.sleep(EVICTION_RETRY_SECONDS)


def _taint(name: str, effect: str) -> Body:
    return {"key": f"karpenter.sh/{name}", "effect": effect}


def _fresh(old: Body, kind: str, name: str) -> Body:
    """The object again under another name, with its labels and annotations (items of a list do not say their kind)."""
    metadata = {key: copy.deepcopy(old["metadata"].get(key) or {}) for key in ("labels", "annotations")}
    return {
        "apiVersion": {"Node": "v1", "NodeClaim": "karpenter.sh/v1"}[kind],
        "kind": kind,
        "metadata": {"name": name, "finalizers": [FINALIZER], **metadata},
    }


def _sizes(node: Body) -> Body:
    return {key: node["status"][key] for key in ("capacity", "allocatable")}


def _conditions(claim: Body, **true: str) -> Body:
    """The claim's status with these conditions True on top of its own."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    added = [
        {"type": type_, "status": "True", "reason": reason, "message": "", "lastTransitionTime": now}
        for type_, reason in true.items()
    ]
    kept = [condition for condition in claim["status"]["conditions"] if condition["type"] not in ("Drifted", *true)]
    return {"status": {**claim["status"], "conditions": [*kept, *added]}}


async def _run(kubeconfig: Path, concurrency: int) -> Floor:
    async with Api(kubeconfig, "floor/1") as api:
        return await BareClient(api).replace_all(concurrency)


def main(
    kubeconfig: Annotated[Path, typer.Option(help="the cluster whose nodes are replaced")],
    concurrency: Annotated[int, typer.Option(help="how many nodes at a time")] = 16,
) -> None:
    """Replace every node of the pool with no more than the necessary writes, and print what that took as JSON."""
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(_run(kubeconfig, concurrency))) + b"\n")


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)

if __name__ == "__main__":
    app()
