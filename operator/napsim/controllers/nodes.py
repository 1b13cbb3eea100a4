"""Reconciles a Node: the disruption command in flight on it, what one left over, and its half of a termination."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.api import names
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared
from napsim.controllers.executor import Executor, Retry
from napsim.controllers.inplace import InPlaceNodes
from napsim.controllers.provider import KwokProvider
from napsim.controllers.state import ClusterState
from napsim.core import commands
from napsim.core.actions import Action, CreateNodeClaim, DeleteNode, Event, Plan
from napsim.core.clock import earliest, rfc3339
from napsim.core.commands import Command, Progress, Replacement
from napsim.core.inplace import adoption_of, given_back
from napsim.core.instances import is_fake
from napsim.core.nodepools import new_claim
from napsim.core.objects import Node, NodeClaim, Pod
from napsim.core.pods import is_drainable, stuck_from
from napsim.core.resources import CPU, MEMORY, format_amount
from napsim.core.termination import Instant, Terminating, drained, of_node

log: Final = logging.getLogger(__name__)

_INVALID_COMMAND: Final = "InvalidCommand"
_QUEUE_POLL: Final = timedelta(seconds=1)  # karpenter v1.14.0 pkg/controllers/disruption/queue.go
DRAIN_POLL: Final = timedelta(seconds=30)  # real: for what was asked in vain; pods and PDBs that change are told of


class NodeController(msgspec.Struct):
    """``reconcile(name)`` carries out the next steps for a Node and says when (virtual) to look again."""

    state: ClusterState
    declared: Declared
    provider: KwokProvider
    in_place: InPlaceNodes
    clock: VirtualClock
    executor: Executor
    on_failed: Callable[[Command, int], None]
    hand_over: Callable[[NodeClaim], bool]  # whether leadership is given up now, before this node is drained
    drain_poll: timedelta = DRAIN_POLL
    _ready: set[str] = msgspec.field(default_factory=set)  # replacements under way that were seen initialized
    _completes: dict[str, datetime] = msgspec.field(default_factory=dict)  # Node -> the look that ends its command

    async def reconcile(self, name: str) -> datetime | None:
        node = self.state.nodes.get(name)
        if node is None:
            return None
        claim = self.state.claim_of(node)
        if node.deleting:
            return await self._terminate(node, claim)
        plan = self.in_place.plan(node, claim)
        if plan is not None:
            await self.executor.carry_out(plan.actions)
            return plan.wake_at
        if claim is not None and claim.deleting and adoption_of(claim) is not None:
            return await self._give_back(node, claim)
        if claim is None:
            return await self._orphan(node)
        command = self._command(node)
        if command is not None:
            return await self._advance(command, node, claim)
        if not claim.deleting:
            await self.executor.carry_out(commands.heal(node, claim, self.clock.now()))
        return None

    def _command(self, node: Node) -> Command | None:
        try:
            return commands.recorded(node)
        except msgspec.DecodeError as fault:
            message = f"Annotation {names.COMMAND} was not written by napsim and is taken off: {fault}"
            uid, why = node.metadata.uid, str(fault)
            self.executor.record(Event("Node", node.name, uid, _INVALID_COMMAND, message, "Warning", "", "napsim", why))
            return None

    async def _orphan(self, node: Node) -> datetime | None:
        """A Node of ours whose claim is gone goes too; one that was never ours is left alone."""
        if names.TERMINATION_FINALIZER in node.metadata.finalizers and is_fake(node):
            await self.executor.carry_out((DeleteNode(node),))
        return None

    # --- the command in flight ----------------------------------------------------------------------------------------

    async def _advance(self, command: Command, node: Node, claim: NodeClaim) -> datetime | None:
        now = self.clock.now()
        names_wanted = {item.name for item in command.replacements}
        found = {name: self.state.claims[name] for name in names_wanted if name in self.state.claims}
        seen = frozenset(name for name in names_wanted if name in self.state.seen)
        self._ready |= {name for name, item in found.items() if commands.is_initialized(item)}
        progress = commands.advance(
            command, node, claim, found, seen, len(self.state.commands), self.clock.timeline, now,
            ready_before=frozenset(self._ready & names_wanted),
        )  # fmt: skip
        if progress.completed or progress.failure:
            self._ready -= names_wanted
        if progress.completed and not claim.deleting and now < (at := self._completed_at(command, node.name, now)):
            return at
        self._completes.pop(node.name, None)
        if progress.completed and not claim.deleting and self.hand_over(claim):
            return None
        await self.executor.carry_out(progress.plan.actions)
        if progress.failure:
            log.warning("node %s: command rolled back: %s", node.name, progress.failure)
            self.executor.record(_rolled_back(command, node, progress))
            self.on_failed(command, progress.uninitialized)
        await self.executor.carry_out(self._replacement(item, claim, now) for item in progress.create)
        return progress.plan.wake_at

    def _completed_at(self, command: Command, node: str, now: datetime) -> datetime:
        """When it is seen that all replacements are there: a command is looked at once a second since its start."""
        if not command.replacements:
            return now
        at = self._completes.get(node)
        if at is None or at > now + _QUEUE_POLL:  # the clock was turned back
            looks = math.ceil((now - command.started_at) / _QUEUE_POLL)
            at = self._completes[node] = command.started_at + looks * _QUEUE_POLL
        return at

    def _replacement(self, wanted: Replacement, claim: NodeClaim, now: datetime) -> Action:
        pool = self.declared.pools.get(wanted.nodepool or claim.metadata.labels.get(names.NODEPOOL, ""))
        size = self.declared.size(wanted.instance_type)
        if pool is None or size is None:
            raise Retry(f"replacement {wanted.name}: its NodePool or instance type {wanted.instance_type} is missing")
        requests = wanted.requests or self._requests(claim)  # of a static pool: what the node's pods use
        made = new_claim(
            pool.pool, pool.template, wanted.name, wanted.placement, size, requests, now,
            replaces=claim.name,
            class_hash=self.declared.class_hash(pool.pool.spec.template.spec.node_class_ref.name),
            template_hash=pool.hash,
        )  # fmt: skip
        return CreateNodeClaim(made, "drifted")

    def _requests(self, claim: NodeClaim) -> dict[str, str]:
        """What the replaced node's pods use is what the new one is asked for."""
        node = self.state.node_of(claim)
        used = self.state.used_on(node.name) if node else {}
        return {key: format_amount(key, used[key]) for key in (CPU, MEMORY) if used.get(key)}

    # --- termination --------------------------------------------------------------------------------------------------

    async def _terminate(self, node: Node, claim: NodeClaim | None) -> datetime | None:
        pods = self.state.pods_on(node.name)
        now = self.clock.instant()
        state = Terminating(node, claim, pods, self._attachments(node, pods, now))
        detach = self.provider.detach(claim.name) if claim else timedelta(0)
        return await self._drain(of_node(state, self.state.pdbs, detach, now), now, pods)

    async def _give_back(self, node: Node, claim: NodeClaim) -> datetime | None:
        """The same for a Node that stays: its claim's time on it ends."""
        pods = self.state.pods_on(node.name)
        now = self.clock.instant()
        state = Terminating(node, claim, pods, self._attachments(node, pods, now), given_back(node))
        plan = drained(state, claim, self.state.pdbs, self.provider.detach(claim.name), now)
        return await self._drain(plan, now, pods)

    async def _drain(self, plan: Plan, now: Instant, pods: tuple[Pod, ...]) -> datetime | None:
        await self.executor.carry_out(plan.actions)
        if not pods:
            return plan.wake_at
        look_again = min((*stuck_from(pods, now.real), now.real + self.drain_poll))
        return earliest(plan.wake_at, now.timeline.virtual(look_again))

    def _attachments(self, node: Node, pods: tuple[Pod, ...], now: Instant) -> tuple[str, ...]:
        """VolumeAttachments of the node, less those of pods that are not drained (they keep their volumes)."""
        if not self.state.attachments:
            return ()
        kept = {volume for pod in pods if not is_drainable(pod, now.real) for volume in self._volumes(pod)}
        return tuple(
            item.name
            for item in self.state.attachments.values()
            if item.spec.node_name == node.name and item.spec.source.persistent_volume_name not in kept
        )

    def _volumes(self, pod: Pod) -> tuple[str, ...]:
        wanted = (volume.persistent_volume_claim for volume in pod.spec.volumes)
        keys = (f"{pod.metadata.namespace}/{item.claim_name}" for item in wanted if item is not None)
        return tuple(self.state.volume_claims[key].spec.volume_name for key in keys if key in self.state.volume_claims)


def _rolled_back(command: Command, node: Node, progress: Progress) -> Event:
    """Upstream only logs it."""
    count, all_ = progress.uninitialized, len(command.replacements)
    message = (
        f"Command {command.reason} of {rfc3339(command.started_at)} is rolled back: {progress.failure};"
        f" {count} of {all_} replacements not initialized"
    )
    return Event("Node", node.name, node.metadata.uid, "CommandRolledBack", message, "Warning", "", "napsim", message)
