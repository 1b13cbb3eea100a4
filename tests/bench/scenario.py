"""One size, start to end: a fresh cluster, full nodes, a rollout for every budget, and the floor on the same nodes.

Every rollout has an operator of its own, started beside the cluster as it is, so that start-up and peak memory are
those of the rollout and not of what was before. Everything waits with a deadline and says what it waited for.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import yaml

from napsim.cluster import Cluster, cluster_status, create_cluster, delete_cluster
from tests.bench import workload
from tests.bench.api import METADATA_ONLY, Api, Body, Refused
from tests.bench.floor import Floor
from tests.bench.processes import OperatorEnded, OperatorProcess, cpu_ms, peak_rss_mb, rss_mb
from tests.bench.results import Rollout, Size, StartUp
from tests.e2e.auditor import BudgetNeverExceeded, NoDoubleWork, NothingLeaked, Record, SurgeBounded, audit, read
from tests.e2e.auditor.statistics import evictions_by_code, pool_peaks, replaced, requests_of

CRDS: Final = Path(__file__).parents[2] / "crds"
HARNESS: Final = "bench/1"
FRAMEWORK: Final = "kopf"  # what the operator's framework asks goes by its own name
POLL_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 20.0
SETTLED_CPU_MS_PER_SECOND: Final = 50.0
SETTLED_SECONDS: Final = 3
START_UP_SECONDS: Final = 60.0
SETUP_SECONDS: Final = 60.0
FLOOR_CONCURRENCY: Final = 16

Tell = Callable[[str], None]


class TimedOut(Exception):
    """Something did not come about in time; the message says what, and how far it had come."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure at one size. ``options`` are handed to ``napsim run``; its logs go to ``logs`` where that is set.
    Without it they go with the cluster."""

    nodes: int
    budgets: tuple[str, ...]
    options: tuple[str, ...] = ()
    logs: Path | None = None

    @property
    def pods(self) -> int:
        return self.nodes * workload.PODS_PER_NODE

    @property
    def provisioning_seconds(self) -> float:
        return 120 + 1.5 * self.nodes

    @property
    def rollout_seconds(self) -> float:
        return 300 + 4.0 * self.nodes


def measure(plan: Plan, tell: Tell) -> Size:
    """Measure one size on a cluster of its own, which is gone afterwards whatever happened."""
    name = f"bench-{os.getpid()}-{plan.nodes}"
    tell(f"{plan.nodes} nodes: creating cluster {name}")
    cluster = create_cluster(name, audit=True, disable_qps_limits=True)
    try:
        return asyncio.run(_measured(plan, cluster, tell))
    finally:
        delete_cluster(name)


async def _measured(plan: Plan, cluster: Cluster, tell: Tell) -> Size:
    async with Api(cluster.kubeconfig, HARNESS) as api:
        return await _Scenario(plan, cluster, api, tell).run()


@dataclass(frozen=True, slots=True)
class _Used:
    """What had been used by the operator and the API server at one instant."""

    instant: datetime
    operator_ms: float
    api_server_ms: float


class _Scenario:
    def __init__(self, plan: Plan, cluster: Cluster, api: Api, tell: Tell) -> None:
        self._plan, self._cluster, self._api = plan, cluster, api
        self._tell: Tell = lambda text: tell(f"{plan.nodes} nodes: {text}")
        self._log = (plan.logs or cluster.folder) / f"operator-{plan.nodes}.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._api_server = next(c.pid for c in cluster_status(cluster.name).components if c.name == "kube-apiserver")
        self._budgets: list[tuple[datetime, str]] = []

    async def run(self) -> Size:
        """Everything at this size. An error ends it, and what was measured until then stays."""
        size = Size(self._plan.nodes)
        try:
            await self._set_up()
            size = await self._provision(size)
            for number, budget in enumerate(self._plan.budgets, 1):
                size = msgspec.structs.replace(size, rollouts=[*size.rollouts, await self._roll(number, budget)])
            return msgspec.structs.replace(size, floor=await self._floor())
        except (TimedOut, TimeoutError, Refused, OperatorEnded, subprocess.SubprocessError) as error:
            return msgspec.structs.replace(size, error=str(error))

    # what is there before

    async def _set_up(self) -> None:
        self._tell("applying kinds and workload")
        for path in sorted(CRDS.glob("*.yaml")):
            for document in yaml.safe_load_all(path.read_text()):
                await self._api.request("POST", workload.DEFINED, document)
        await self._until("kinds established", SETUP_SECONDS, self._established)
        await self._settle_in()
        numbers = range(workload.DEPLOYMENTS)
        objects = [(workload.BUDGETS, workload.pod_disruption_budget(number)) for number in numbers]
        replicas = self._plan.pods // workload.DEPLOYMENTS
        objects += [(workload.WORKLOADS, workload.deployment(number, replicas)) for number in numbers]
        for path_, body in objects:
            await self._api.request("POST", path_, body)
        await self._until("all pods made", self._plan.provisioning_seconds, self._pods_made)

    async def _settle_in(self) -> None:
        """The pool and what it rests on, all at once with the images of before the first rollout."""
        budget = self._plan.budgets[0]
        objects = [(workload.SETTINGS, workload.settings()), (workload.NODE_CLASSES, workload.node_class())]
        objects += [(workload.IMAGES, image) for image in workload.images(0)]
        for path, body in (*objects, (workload.POOLS, workload.node_pool(budget))):
            await self._api.request("POST", path, body)
        self._budgets.append((datetime.now(UTC), budget))

    async def _provision(self, size: Size) -> Size:
        self._tell(f"provisioning {self._plan.nodes} nodes for {self._plan.pods} pods")
        begun = time.monotonic()
        with OperatorProcess(self._cluster.kubeconfig, self._log, self._plan.options) as operator:
            await self._until("all nodes initialized and full", self._plan.provisioning_seconds, self._steady, operator)
            used, took = cpu_ms(operator.pid), time.monotonic() - begun
            await self._trim(operator)
        return msgspec.structs.replace(size, provisioning_seconds=took, provisioning_cpu_ms=used)

    async def _trim(self, operator: OperatorProcess) -> None:
        """Nodes made while another was NotReady for a moment, or its pods not yet bound, are too many: they go."""
        claims = sorted(await self._names(workload.CLAIMS))
        surplus = claims[self._plan.nodes :]
        if not surplus:
            return
        self._tell(f"{len(surplus)} nodes more than the pods fill: they are deleted")
        for name in surplus:
            await self._api.request("DELETE", f"{workload.CLAIMS}/{name}")

        async def trimmed() -> str:
            left = len(await self._names(workload.CLAIMS)) - self._plan.nodes
            return f"{left} nodes are too many" if left else await self._steady()

        await self._until("the surplus gone", SETUP_SECONDS, trimmed, operator)

    # one rollout

    async def _roll(self, number: int, budget: str) -> Rollout:
        disruption = workload.node_pool(budget)["spec"]["disruption"]
        await self._api.patch(f"{workload.POOLS}/{workload.POOL}", {"spec": {"disruption": disruption}})
        self._budgets.append((datetime.now(UTC), budget))
        operator = OperatorProcess(self._cluster.kubeconfig, self._log, self._plan.options)
        with operator:
            start_up = await self._start_up(operator)
            idle = await self._idle(operator)
            before = self._used(operator)
            await self._replaced(number, budget, operator)
            after = self._used(operator)
            peak = peak_rss_mb(operator.pid)
        record = read(self._cluster.audit_log, since=before.instant, until=after.instant)
        peaks = pool_peaks(record, since=before.instant)[workload.POOL]
        requests = requests_of(record) + requests_of(record, FRAMEWORK)
        rollout = Rollout(
            nodes=self._plan.nodes,
            budget=budget,
            replaced=replaced(record, since=before.instant),
            wall_seconds=_wall(record, before.instant),
            cpu_ms=after.operator_ms - before.operator_ms,
            idle_cpu_ms_per_second=idle,
            peak_rss_mb=peak,
            api_server_cpu_ms=after.api_server_ms - before.api_server_ms,
            requests={f"{request.verb} {request.resource}": count for request, count in requests.most_common()},
            evictions={str(code): count for code, count in evictions_by_code(record).items()},
            refused=_refused(record),
            most_disrupted=peaks.disrupting.nodes,
            most_alive=peaks.alive.nodes,
            stopped_in_seconds=operator.stopped_in_seconds,
            start_up=start_up,
            violations=self._violations(record),
        )
        self._tell(f"budget {budget}: {rollout.summary}")
        return rollout

    async def _start_up(self, operator: OperatorProcess) -> StartUp:
        """Wait until the operator has used next to no CPU for some seconds; what it used until then, idle or not."""
        begun, history = time.monotonic(), [cpu_ms(operator.pid)]
        while time.monotonic() - begun < START_UP_SECONDS:
            await asyncio.sleep(1)
            history.append(cpu_ms(operator.pid))
            recent = history[-SETTLED_SECONDS - 1 :]
            if len(recent) > SETTLED_SECONDS and recent[-1] - recent[0] < SETTLED_SECONDS * SETTLED_CPU_MS_PER_SECOND:
                took = time.monotonic() - begun - SETTLED_SECONDS
                return StartUp(self._plan.nodes, self._plan.pods, recent[0], took, rss_mb(operator.pid))
        return StartUp(self._plan.nodes, self._plan.pods, history[-1], None, rss_mb(operator.pid))

    async def _idle(self, operator: OperatorProcess) -> float:
        before = cpu_ms(operator.pid)
        await asyncio.sleep(IDLE_SECONDS)
        return (cpu_ms(operator.pid) - before) / IDLE_SECONDS

    async def _replaced(self, number: int, budget: str, operator: OperatorProcess) -> None:
        """Publish the next image and wait until every claim of before is gone and all is steady again."""
        self._tell(f"rolling out {workload.version(number)}, budget {budget}")
        old = await self._names(workload.CLAIMS)
        for image in workload.images(number):
            await self._api.request("POST", workload.IMAGES, image)

        async def done() -> str:
            left = len(old & await self._names(workload.CLAIMS))
            return f"{left} of {len(old)} old nodes are left" if left else await self._steady()

        await self._until("rolled out", self._plan.rollout_seconds, done, operator)

    def _used(self, operator: OperatorProcess) -> _Used:
        return _Used(datetime.now(UTC), cpu_ms(operator.pid), cpu_ms(self._api_server or 0))

    def _violations(self, record: Record) -> list[str]:
        """Judged is all that happened so far, each instant by the budget of that instant."""
        history = self._budgets

        def allowed(_pool: str, _reason: str, total: int, instant: datetime) -> int:
            text = next(budget for since, budget in reversed(history) if since <= instant)
            return -(-int(text[:-1]) * total // 100) if text.endswith("%") else int(text)

        pools = {workload.POOL: self._plan.nodes}
        budgets = {workload.POOL: allowed}
        rules = (BudgetNeverExceeded(budgets), SurgeBounded(pools, budgets), NoDoubleWork(), NothingLeaked(pools))
        return [str(violation) for violation in audit(record, rules)]

    # the floor

    async def _floor(self) -> Floor:
        concurrency = max(1, min(FLOOR_CONCURRENCY, self._plan.nodes // 10))
        self._tell(f"the floor: the same writes by a bare client, {concurrency} nodes at a time")
        command = [sys.executable, "-m", "tests.bench.floor", "--kubeconfig", str(self._cluster.kubeconfig)]
        before = cpu_ms(self._api_server or 0)
        process = await asyncio.create_subprocess_exec(
            *command, f"--concurrency={concurrency}", stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=CRDS.parent
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), self._plan.rollout_seconds)
        except BaseException:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise subprocess.SubprocessError(f"the floor ended with {process.returncode}: {errors.decode()[-1000:]}")
        floor = msgspec.json.decode(output, type=Floor)
        return msgspec.structs.replace(floor, api_server_cpu_ms=cpu_ms(self._api_server or 0) - before)

    # what is waited for: each answers what is still missing, or nothing

    async def _until(
        self, what: str, seconds: float, missing: Callable[[], Awaitable[str]], operator: OperatorProcess | None = None
    ) -> None:
        deadline = time.monotonic() + seconds
        while still := await missing():
            if operator is not None:
                _ = operator.pid  # raises once it has ended
            if time.monotonic() > deadline:
                raise TimedOut(f"not {what} within {seconds:.0f} s: {still}")
            await asyncio.sleep(POLL_SECONDS)

    async def _established(self) -> str:
        missing = [
            definition["metadata"]["name"]
            for definition in await self._api.items(workload.DEFINED)
            if not _is_true(definition, "Established")
        ]
        paths = (workload.SETTINGS, workload.NODE_CLASSES, workload.IMAGES, workload.POOLS, workload.CLAIMS)
        missing += [path for path in paths if (await self._api.answer("GET", path))[0] != 200]
        return ", ".join(missing)

    async def _pods_made(self) -> str:
        made = sum(item.get("status", {}).get("replicas", 0) for item in await self._api.items(workload.WORKLOADS))
        return "" if made == self._plan.pods else f"{made} of {self._plan.pods} pods are made"

    async def _steady(self) -> str:
        """Every pod Ready, every node initialized, as many claims as nodes."""
        deployments = await self._api.items(workload.WORKLOADS)
        ready = sum(item.get("status", {}).get("readyReplicas", 0) for item in deployments)
        if ready != self._plan.pods:
            return f"{ready} of {self._plan.pods} pods are ready"
        nodes = await self._api.items(workload.NODES, accept=METADATA_ONLY)
        fresh = [node for node in nodes if "karpenter.sh/initialized" not in node["metadata"]["labels"]]
        claims = len(await self._names(workload.CLAIMS))
        if fresh or claims != len(nodes):
            return f"{len(fresh)} nodes are not initialized, {claims} claims for {len(nodes)} nodes"
        return ""

    async def _names(self, path: str) -> set[str]:
        return {item["metadata"]["name"] for item in await self._api.items(path, accept=METADATA_ONLY)}


def _is_true(body: Body, type_: str) -> bool:
    conditions = body.get("status", {}).get("conditions") or []
    return any(condition["type"] == type_ and condition["status"] == "True" for condition in conditions)


def _wall(record: Record, since: datetime) -> float:
    """Seconds from the first node that was disrupted to the last that was gone, as the API server saw it."""
    entries = record.timeline.milestones.values()
    begun = [entry.tainted for entry in entries if entry.tainted and entry.tainted >= since]
    ended = [entry.gone for entry in entries if entry.gone and entry.gone >= since]
    return (max(ended) - min(begun)).total_seconds() if begun and ended else 0.0


def _refused(record: Record) -> dict[str, int]:
    counts: dict[str, int] = {}
    for (request, code), count in record.refused.items():
        if request.agent == "napsim":
            name = f"{request.verb} {request.resource} {code}"
            counts[name] = counts.get(name, 0) + count
    return counts


def measure_all(plans: Sequence[Plan], tell: Tell) -> list[Size]:
    """One size after the other."""
    return [measure(plan, tell) for plan in plans]
