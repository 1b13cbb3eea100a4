"""The links from a drifted NodeClaim to a drained node (``core.chain``), for one node at one instant.

Policy: what each link says is the decision of the controller whose it is, asked once more; nothing is changed. Links
behind the first that blocks are asked too, as of now: what else would stand in the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from napsim.api import names
from napsim.controllers.declared import NodePoolEntry
from napsim.controllers.disruption import TICK, Disruption
from napsim.controllers.edits import Edits
from napsim.controllers.imagelinks import image_of
from napsim.controllers.nodeclaims import NodeClaimController
from napsim.controllers.replacements import Replacements
from napsim.controllers.scheduling import Scheduling
from napsim.controllers.verdicts import Verdicts
from napsim.core import commands
from napsim.core.budgets import DRIFTED, UNLIMITED, describe, next_change, opens_at, remaining
from napsim.core.candidates import ignores_pod_blockers
from napsim.core.chain import Link, LinkName, Standing
from napsim.core.drains import drain
from napsim.core.drift import DriftReason
from napsim.core.objects import Node, NodeClaim, Pod, condition, is_true
from napsim.core.pdbs import blocks
from napsim.core.pods import is_active, is_evictable, is_waited_for, protection
from napsim.core.reasons import Reason
from napsim.core.termination import deadline_of
from napsim.core.windows import describe_instant

_PASSES, _BLOCKS, _AHEAD = Standing.PASSES, Standing.BLOCKS, Standing.AHEAD
_MOST_NAMED: Final = 5


@dataclass(slots=True)
class NodeLinks:
    """``of`` gives the links of one NodeClaim."""

    disruption: Disruption
    claims: NodeClaimController
    edits: Edits
    own_pod: str = ""
    _verdicts: Verdicts = field(init=False)
    _replacements: Replacements = field(init=False)

    def __post_init__(self) -> None:
        state, declared, clock = self.disruption.state, self.disruption.declared, self.disruption.clock
        self._verdicts = Verdicts(state, declared, clock)
        self._replacements = Replacements(state, declared, Scheduling(state, declared, clock))

    def of(self, claim: NodeClaim, now: datetime) -> tuple[Link, ...]:
        """From Drift to Drain."""
        state = self.disruption.state
        node = state.node_of(claim)
        drift = self._drift(claim, node, now)
        if claim.deleting or (node is not None and node.deleting):
            return (drift, self._drain(claim, node, now))
        if node is not None and node.name in state.commands:
            return (drift, self._command(node, claim, now), self._drain_ahead())
        return (
            drift,
            self._synced(),
            self._candidate(claim, node, now),
            self._budget(claim, now),
            self._turn(claim),
            self._room(claim, node, now),
            Link(LinkName.COMMAND, _AHEAD, "no replacement is on its way"),
            self._drain_ahead(),
        )

    # --- drift --------------------------------------------------------------------------------------------------------

    def _drift(self, claim: NodeClaim, node: Node | None, now: datetime) -> Link:
        marked = condition(claim.status.conditions, names.DRIFTED)
        found = self.claims.drift(claim, node, now)
        message = found.message
        if claim.status.image_id:
            message = message.replace(claim.status.image_id, image_of(claim.status.image_id).version or "unknown")
        if marked is not None and marked.status == "True":
            since = f", {describe_instant(marked.last_transition_time)}" if marked.last_transition_time else ""
            why = f": {message}" if message else ""
            return Link(LinkName.DRIFT, _PASSES, f"NodeClaim {claim.name} is drifted{since}{why}", marked.reason)
        if found.drifted:
            told = f"NodeClaim {claim.name} is marked at the next look, every 5 min: {message}"
            return Link(LinkName.DRIFT, _PASSES, told, str(found.reason))
        if claim.deleting:
            return Link(LinkName.DRIFT, _PASSES, f"NodeClaim {claim.name} is being deleted, drifted or not")
        unjudged = [text for text in found.skipped if text.startswith(DriftReason.IMAGE_DRIFT)]
        if held := found.error or found.ignored or "; ".join(unjudged):
            return Link(LinkName.DRIFT, _BLOCKS, f"drift of NodeClaim {claim.name} cannot be told: {held}")
        told = f"NodeClaim {claim.name} is what its NodePool and AKSNodeClass ask for"
        return Link(LinkName.DRIFT, _AHEAD, told, details=tuple(f"not compared: {text}" for text in found.skipped))

    # --- the candidate ------------------------------------------------------------------------------------------------

    def _synced(self) -> Link:
        waiting = sorted(self.disruption.state.unlaunched)
        if not waiting:
            return Link(LinkName.SYNCED, _PASSES, "no NodeClaim waits for its launch")
        message = f"waiting for the launch of NodeClaim {_listed(waiting)}: no disruption starts meanwhile"
        return Link(LinkName.SYNCED, _BLOCKS, message, str(Reason.CLUSTER_NOT_SYNCED))

    def _candidate(self, claim: NodeClaim, node: Node | None, now: datetime) -> Link:
        verdict = self._verdicts.of(claim, self.own_pod, now)
        name, pool = node.name if node is not None else "", claim.metadata.labels.get(names.NODEPOOL, "")
        pods = tuple(self._held_pods(name, now)) if node is not None else ()
        passed = self._verdicts.candidate(claim)
        if verdict.allowed:
            over = "; its terminationGracePeriod goes past pods that are held" if ignores_pod_blockers(passed) else ""
            return Link(LinkName.CANDIDATE, _PASSES, f"the node may go{over}", str(verdict.reason), details=pods)
        edit = self.edits.of_verdict(verdict, name, claim.name, pool)
        return Link(LinkName.CANDIDATE, _BLOCKS, verdict.message, str(verdict.reason), verdict.wake_at, pods, edit)

    def _held_pods(self, node: str, now: datetime) -> Iterator[str]:
        """Each pod of a node that may not be evicted now, and by what."""
        state = self.disruption.state
        for pod in state.pods_on(node):
            if why := self._held(pod, now):
                yield f"Pod {pod.key}: {why}"

    def _held(self, pod: Pod, now: datetime) -> str:
        timeline, pdbs = self.disruption.clock.timeline, self.disruption.state.pdbs
        held = protection(pod, timeline, now)
        if is_active(pod) and held.active:
            return f"{names.DO_NOT_DISRUPT}" + (f" until {describe_instant(held.until)}" if held.until else "")
        if not is_evictable(pod, timeline, now):
            return ""
        found = blocks(pod, pdbs.matching(pod))
        if found is None:
            return ""
        return f"{len(found.pdbs)} PDBs select it: {', '.join(found.pdbs)}" if found.conflict else self._pdb(found.pdbs)

    def _pdb(self, keys: tuple[str, ...]) -> str:
        pdb = self.disruption.state.pdbs.get(keys[0])
        assert pdb is not None  # it has just blocked
        status = pdb.status
        counts = f"{status.current_healthy} of {status.expected_pods} pods healthy, {status.desired_healthy} needed"
        return f"PodDisruptionBudget {keys[0]} allows {status.disruptions_allowed} ({counts})"

    # --- the pool -----------------------------------------------------------------------------------------------------

    def _budget(self, claim: NodeClaim, now: datetime) -> Link:
        name = claim.metadata.labels.get(names.NODEPOOL, "")
        entry = self.disruption.declared.pools.get(name)
        if entry is None:
            return Link(LinkName.BUDGET, _AHEAD, f"there is no NodePool {name}")
        nodes, allowance = self.disruption.state.count(name), self.disruption.allowance(entry, now)
        details = tuple(
            f"budgets[{index}]: {describe(budget, nodes.total_nodes, now)}"
            for index, budget in enumerate(entry.budgets)
        )
        most = "any number" if allowance.allowed >= UNLIMITED else str(allowance.allowed)
        message = f"{most} of {nodes.total_nodes} nodes may be disrupted at once, {nodes.disrupting_nodes} are now"
        if remaining(allowance.allowed, nodes.disrupting_nodes) > 0:
            changes = next_change(entry.budgets, now)
            return Link(LinkName.BUDGET, _PASSES, message, until=changes, details=details)
        if allowance.errors:
            message = f"the pool allows none: {'; '.join(allowance.errors)}"
        until = opens_at(entry.budgets, DRIFTED, nodes.total_nodes, nodes.disrupting_nodes, now)
        edit = self.edits.more_budget(entry, nodes.disrupting_nodes, nodes.total_nodes, now)
        return Link(LinkName.BUDGET, _BLOCKS, message, str(Reason.BUDGET), until, details, edit)

    def _turn(self, claim: NodeClaim) -> Link:
        pool = claim.metadata.labels.get(names.NODEPOOL, "")
        queue = self.disruption.queues.get(pool)
        if queue is None or claim.name not in queue:
            return Link(LinkName.TURN, _AHEAD, "it is not drifted, and in no queue")
        able = [name for name in queue if name not in queue.blocked or name == claim.name]
        before = able.index(claim.name)
        message = f"of pool {pool}, " + (f"{before} drifted nodes are before it" if before else "it is the first")
        return Link(LinkName.TURN, _PASSES, f"{message}; {self._pace(pool)}")

    def _pace(self, pool: str) -> str:
        entry = self.disruption.declared.pools.get(pool)
        many = entry is not None and entry.pool.is_static
        commands = "as many commands as budgets allow" if many else "one command"
        waits = f"{TICK.seconds} s after one that started none"
        return f"each pass starts {commands}, and the next pass follows at once, or {waits}"

    def _room(self, claim: NodeClaim, node: Node | None, now: datetime) -> Link:
        pool = claim.metadata.labels.get(names.NODEPOOL, "")
        entry = self.disruption.declared.pools.get(pool)
        if node is None or entry is None:
            return Link(LinkName.ROOM, _AHEAD, "without its Node or its NodePool nothing is simulated")
        if entry.pool.is_static:
            return self._static_room(entry)
        found = self._replacements.simulated(claim, node, now)
        verdict = found.verdict
        if verdict.allowed:
            coming = len(found.new_nodes)
            return Link(LinkName.ROOM, _PASSES, f"its pods find room, with {coming} new node{'s' * (coming != 1)}")
        edit = self.edits.of_verdict(verdict, node.name, claim.name, pool)
        return Link(LinkName.ROOM, _BLOCKS, verdict.message, str(verdict.reason), verdict.wake_at, edit=edit)

    def _static_room(self, entry: NodePoolEntry) -> Link:
        if self.disruption.static_room(entry.pool) > 0:
            return Link(LinkName.ROOM, _PASSES, "the static pool may launch a replacement")
        message = f"NodePool {entry.pool.name} has more nodes than replicas, or is at its limit of nodes"
        return Link(LinkName.ROOM, _BLOCKS, message, str(Reason.SURGE_LIMIT))

    # --- on its way ---------------------------------------------------------------------------------------------------

    def _command(self, node: Node, claim: NodeClaim, now: datetime) -> Link:
        state, clock = self.disruption.state, self.disruption.clock
        command = commands.recorded(node)
        if command is None:
            return Link(LinkName.COMMAND, _AHEAD, "no replacement is on its way")
        there = {item.name: state.claims[item.name] for item in command.replacements if item.name in state.claims}
        waiting = [item.name for item in command.replacements if not commands.is_initialized(there.get(item.name))]
        started = f"taken {describe_instant(command.started_at.replace(microsecond=0))} ({command.reason})"
        if not waiting:
            return Link(LinkName.COMMAND, _PASSES, f"{started}; NodeClaim {claim.name} is deleted at the next look")
        queued = sum(map(len, self.disruption.queues.values()))
        until = command.started_at + clock.timeline.patience(commands.timeout(queued))
        details = tuple(f"NodeClaim {name}: {_progress(there.get(name))}" for name in waiting)
        message = f"{started}; replacement {_listed(waiting)} is not initialized; rolled back if it is not in time"
        reason = str(Reason.WAITING_READINESS)
        return Link(LinkName.COMMAND, _BLOCKS, message, reason, max(until, now), details)

    def _drain_ahead(self) -> Link:
        return Link(LinkName.DRAIN, _AHEAD, "no pod is asked to leave yet")

    def _drain(self, claim: NodeClaim, node: Node | None, now: datetime) -> Link:
        state, clock = self.disruption.state, self.disruption.clock
        if node is None:
            return Link(LinkName.DRAIN, _PASSES, f"NodeClaim {claim.name} is being deleted and has no Node")
        instant, deadline = clock.instant(), deadline_of(claim)
        pods = state.pods_on(node.name)
        look = drain(pods, deadline, clock.timeline, now, instant.real)
        if look.done:
            return Link(LinkName.DRAIN, _PASSES, f"Node {node.name} is drained; its instance and volumes go next")
        waited = [pod for pod in pods if is_waited_for(pod, instant.real)]
        details = tuple(f"Pod {pod.key}: {self._held(pod, now) or _leaving(pod)}" for pod in waited)
        pods_wait = "1 pod is" if look.waiting == 1 else f"{look.waiting} pods are"
        message = f"{pods_wait} waited for on Node {node.name}"
        pdbs = [key for pod in waited if (found := blocks(pod, state.pdbs.matching(pod))) for key in found.pdbs]
        edit = self.edits.of_pdbs(pdbs[:1])
        return Link(LinkName.DRAIN, _BLOCKS, message, str(Reason.DRAINING), deadline or look.wake_at, details, edit)


def _progress(claim: NodeClaim | None) -> str:
    if claim is None:
        return "not there yet"
    for type_ in (names.LAUNCHED, names.REGISTERED_CONDITION, names.INITIALIZED_CONDITION):
        if not is_true(claim.status.conditions, type_):
            found = condition(claim.status.conditions, type_)
            return f"not {type_}" + (f": {found.message}" if found is not None and found.message else "")
    return "initialized"


def _leaving(pod: Pod) -> str:
    return "is terminating" if pod.deleting else "its eviction is asked for, or another tier is before it"


def _listed(found: list[str]) -> str:
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    return ", ".join(found[:_MOST_NAMED]) + more
