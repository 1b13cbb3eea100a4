"""What stands in the way on the nodes themselves, and what earlier runs have left there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from napsim.api import names
from napsim.core.adoption import Applicant, judge
from napsim.core.inplace import is_being_replaced, wanted_pool
from napsim.core.objects import KubeObject, Node, NodeClaim, Pod, PodDisruptionBudget
from napsim.core.pdbs import PdbIndex, blocks, is_fully_blocking
from napsim.core.pods import is_active, is_evictable, protection
from napsim.report.doctor.findings import Seen, error, not_applicable, ok, warning
from napsim.report.doctor.readings import Readings

_FINALIZERS: Final = (names.TERMINATION_FINALIZER, names.NODECLASS_TERMINATION_FINALIZER)
_NO_NODES: Final = "there is no node with a NodeClaim"


# --- what blocks for ever ---------------------------------------------------------------------------------------------


def pdbs(readings: Readings) -> Iterable[Seen]:
    """No PodDisruptionBudget holds a pod on a node of a pool for ever, and no pod has two."""
    if not readings.claimed:
        return [not_applicable(_NO_NODES)]
    index = PdbIndex(readings.pdbs)
    held: dict[str, tuple[PodDisruptionBudget, list[Pod]]] = {}
    doubled: list[Seen] = []
    for pod in _evictable(readings):
        matching = index.matching(pod)
        blocked = blocks(pod, matching)
        if blocked is None:
            continue
        if blocked.conflict:
            doubled.append(_doubled(pod, blocked.pdbs))
        elif _never_allows(matching[0]):
            held.setdefault(matching[0].key, (matching[0], []))[1].append(pod)
    found = [*(_held(pdb, pods) for _, (pdb, pods) in sorted(held.items())), *doubled]
    return found or [ok(f"none of {len(readings.pdbs)} blocks for ever")]


def _evictable(readings: Readings) -> Iterator[Pod]:
    timeline, now = readings.timeline, readings.now
    return (pod for pod in readings.pods_on(readings.claimed) if is_evictable(pod, timeline, now))


def _never_allows(pdb: PodDisruptionBudget) -> bool:
    """Fully blocking by its spec; or it wants as many pods healthy as there are, so that none can ever be spared."""
    status = pdb.status
    return is_fully_blocking(pdb) or 0 < status.expected_pods <= status.desired_healthy


def _held(pdb: PodDisruptionBudget, pods: list[Pod]) -> Seen:
    spec = pdb.spec
    wants = f"minAvailable {spec.min_available}" if spec.max_unavailable is None else f"maxUnavailable {_max(pdb)}"
    nodes = sorted({pod.spec.node_name for pod in pods})
    seen = (
        f"{wants} of {pdb.status.expected_pods} pods can never spare one: {', '.join(nodes[:3])}"
        f"{f' and {len(nodes) - 3} more' if len(nodes) > 3 else ''} cannot be drained, unless the pool has a "
        "terminationGracePeriod"
    )
    patch = '{"spec": {"minAvailable": null, "maxUnavailable": 1}}'
    where = f"--namespace {pdb.metadata.namespace}"
    fix = f"kubectl patch pdb {pdb.name} {where} --type merge --patch '{patch}'"
    return warning(seen, f"PodDisruptionBudget/{pdb.key}", fix)


def _max(pdb: PodDisruptionBudget) -> int | str | None:
    return pdb.spec.max_unavailable


def _doubled(pod: Pod, keys: tuple[str, ...]) -> Seen:
    seen = f"several PodDisruptionBudgets select it ({', '.join(keys)}): the Eviction API refuses it for ever"
    fix = f"kubectl delete pdb {keys[1].partition('/')[2]} --namespace {pod.metadata.namespace}"
    return warning(seen, f"Pod/{pod.key}", fix)


def do_not_disrupt(readings: Readings) -> Iterable[Seen]:
    """Nothing on a node of a pool forbids disruption for ever by annotation."""
    if not readings.claimed:
        return [not_applicable(_NO_NODES)]
    found = [
        _protected("Node", node, f"kubectl annotate node {node.name} {names.DO_NOT_DISRUPT}-")
        for node in readings.nodes
        if node.name in readings.claimed and node.metadata.annotations.get(names.DO_NOT_DISRUPT) == "true"
    ]
    for pod in readings.pods_on(readings.claimed):
        held = protection(pod, readings.timeline, readings.now)
        if is_active(pod) and held.active and held.until is None:
            where = f"--namespace {pod.metadata.namespace}"
            fix = f"kubectl annotate pod {pod.name} {where} {names.DO_NOT_DISRUPT}-, and its owner's template"
            found.append(_protected("Pod", pod, fix))
    return found or [ok(f"no {names.DO_NOT_DISRUPT} without an end")]


def _protected(kind: str, item: KubeObject, fix: str) -> Seen:
    return warning(f"annotation {names.DO_NOT_DISRUPT} holds its node for ever", f"{kind}/{item.key}", fix)


# --- real nodes, in place ---------------------------------------------------------------------------------------------


def opted_in(readings: Readings) -> Iterable[Seen]:
    """Every node that opts in to play a node of a pool is one that may, and has its NodeClaim."""
    nodes = [node for node in readings.nodes if names.PLAYS_NODEPOOL in node.metadata.labels]
    if not nodes and not readings.in_place_pools:
        return [not_applicable(f"no node has label {names.PLAYS_NODEPOOL}, and no NodePool is of provider inPlace")]
    if not nodes:
        pool = min(readings.in_place_pools)
        fix = f"kubectl label node <a worker> {names.PLAYS_NODEPOOL}={pool}"
        return [warning(f"no node has label {names.PLAYS_NODEPOOL}: there is none to replace", f"NodePool/{pool}", fix)]
    found = [seen for node in nodes if (seen := _opted_in(node, readings)) is not None]
    return found or [ok(f"{len(nodes)} nodes, each with its NodeClaim")]


def _opted_in(node: Node, readings: Readings) -> Seen | None:
    """By the decision that the operator takes about it; what ends by itself is left to the operator."""
    if node.name in readings.claimed or is_being_replaced(node):
        return None
    pool = wanted_pool(node)
    verdict = judge(Applicant(node, pool, readings.homes.get(pool)), readings.now)
    if verdict.adopted:
        seen = f"opts in to NodePool {pool} and could be taken, but no NodeClaim stands for it: does the operator run?"
        return warning(seen, f"Node/{node.name}", "napsim run")
    seen = f"opts in to NodePool {pool or '(none)'}, and is not taken: {verdict.reason}: {verdict.message}"
    fix = f"kubectl label node {node.name} {names.PLAYS_NODEPOOL}-, or see: napsim adopt --pool {pool} --dry-run"
    return warning(seen, f"Node/{node.name}", fix)


# --- what was left ----------------------------------------------------------------------------------------------------


def taints(readings: Readings) -> Iterable[Seen]:
    """No node is tainted as disrupted without a command, or a deletion, that the taint belongs to."""
    leaving = {node.name for _, node in _pairs(readings, deleting=True)}
    found = [
        warning(
            f"has taint {names.DISRUPTED_TAINT}, but no command ({names.COMMAND}) and is not being deleted",
            f"Node/{node.name}",
            f"kubectl taint node {node.name} {names.DISRUPTED_TAINT}-",
        )
        for node in readings.nodes
        if any(taint.key == names.DISRUPTED_TAINT for taint in node.spec.taints)
        and names.COMMAND not in node.metadata.annotations
        and not node.deleting
        and node.name not in leaving
        and not is_being_replaced(node)
    ]
    return found or [ok(f"no {names.DISRUPTED_TAINT} without a command")]


def finalizers(readings: Readings) -> Iterable[Seen]:
    """Nothing waits for an operator that does not run to drop a finalizer."""
    if any(lease.is_fresh(readings.real) for lease in readings.leases):
        return [ok("an operator runs, and drops its finalizers")]
    waiting: list[tuple[str, KubeObject]] = [
        *(("NodeClaim", claim) for claim in readings.claims if claim.deleting),
        *(("Node", node) for node in readings.nodes if node.deleting),
    ]
    found = [
        error(
            f"is being deleted and waits for finalizer {ours[0]}, and no operator runs",
            f"{kind}/{item.name}",
            f"start the operator; or, where it is gone for good: kubectl patch {kind.lower()} {item.name} --type merge "
            '--patch \'{"metadata": {"finalizers": null}}\'',
        )
        for kind, item in waiting
        if (ours := [name for name in item.metadata.finalizers if name in _FINALIZERS])
    ]
    return found or [ok("nothing waits for a finalizer")]


def orphans(readings: Readings) -> Iterable[Seen]:
    """Every NodeClaim has its pool and, once registered, its Node; every node of a pool has its NodeClaim."""
    by_name = {node.name for node in readings.nodes}
    by_provider = {node.spec.provider_id for node in readings.nodes}
    found = [seen for claim in readings.claims for seen in _orphan(claim, readings, by_name, by_provider)]
    found += [
        warning(
            f"is of NodePool {pool}, but no NodeClaim is its: nothing replaces it",
            f"Node/{node.name}",
            f"kubectl delete node {node.name}",
        )
        for node in readings.nodes
        if (pool := node.metadata.labels.get(names.NODEPOOL)) and node.name not in readings.claimed
    ]
    return found or [ok(f"{len(readings.claims)} NodeClaims, each with its pool and its Node")]


def _orphan(claim: NodeClaim, readings: Readings, by_name: set[str], by_provider: set[str]) -> Iterator[Seen]:
    pool, name = claim.metadata.labels.get(names.NODEPOOL, ""), f"NodeClaim/{claim.name}"
    fix = f"kubectl delete nodeclaim {claim.name}"
    if pool not in readings.pools:
        yield warning(f"its NodePool {pool or '(no label)'} does not exist: nothing replaces its node", name, fix)
    node = claim.status.node_name
    if node and node not in by_name and claim.status.provider_id not in by_provider and not claim.deleting:
        yield warning(f"its Node {node} does not exist", name, fix)


def _pairs(readings: Readings, *, deleting: bool) -> Iterator[tuple[NodeClaim, Node]]:
    """Claims that are (not) being deleted, with their Nodes."""
    nodes = {node.name: node for node in readings.nodes}
    providers = {node.spec.provider_id: node for node in readings.nodes if node.spec.provider_id}
    for claim in readings.claims:
        node = nodes.get(claim.status.node_name) or providers.get(claim.status.provider_id)
        if node is not None and claim.deleting is deleting:
            yield claim, node
