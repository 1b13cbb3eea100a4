"""The links from a published image to a node of an agent pool (``core.chain``), for one node at one instant.

Policy: what each link says is what ``core.osupgrades`` decides for its pool, asked once more; nothing is changed. AKS
keeps no list and no class of images for such a node: the node OS channel brings it the newest image of its definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from napsim.controllers.edits import Edits, patch
from napsim.controllers.osupgrades import OSUpgradeController
from napsim.controllers.state import ClusterState
from napsim.core.agentpools import AgentPool, Phase, Record, pool_of, record_of, shape_of
from napsim.core.chain import Chain, Link, LinkName, Standing
from napsim.core.channels import Channel, ChannelInForce, UpgradeReason, unavailable
from napsim.core.clock import rfc3339
from napsim.core.objects import Node
from napsim.core.osupgrades import RETRY_AFTER, Circumstances, look, newest, split_label, step_for
from napsim.core.pdbs import Blocked, blocks
from napsim.core.reasons import Reason
from napsim.core.reimages import leaves
from napsim.core.windows import describe_instant

_PASSES, _BLOCKS, _AHEAD = Standing.PASSES, Standing.BLOCKS, Standing.AHEAD
_NODE: Final = "Node"
_NAP: Final = "NodeAutoProvisioning"
_WHOSE: Final = "AKS and not NAP moves its image"


@dataclass(slots=True)
class AgentLinks:
    """``of`` gives the chain of one node; ``operator``: whether napsim's own operator plays the cluster."""

    state: ClusterState
    os_upgrades: OSUpgradeController
    edits: Edits
    operator: bool = False

    def of(self, node: Node, now: datetime) -> Chain:
        pool, label = pool_of(node), shape_of(node).image
        channel, around = self.os_upgrades.around(now)
        whose = f"it is of AKS agent pool {pool}, channel {channel.channel}: {_WHOSE}"
        record, (_, definition, held) = record_of(node), split_label(label)
        if not definition:
            message = f"its label names no image: {label!r}"
            return Chain(_NODE, node.name, whose, (Link(LinkName.PUBLISHED, _BLOCKS, message, "ImageUnknown"),))
        under_way = record is not None and record.phase in (Phase.DRAINING, Phase.REIMAGING)
        published = newest(definition, held, around, now)
        if published == held and not under_way:
            message = f"{whose}; it runs {held}, the newest image of {definition} that is known"
            return Chain(_NODE, node.name, message, (), moved=True)
        begun = "done: its upgrade has begun, and ends after the window too"
        links = (
            Link(LinkName.PUBLISHED, _PASSES, f"{published} of {definition}"),
            Link(LinkName.CHANNEL, _PASSES, begun) if under_way else self._channel(node, channel, around, now),
            Link(LinkName.WINDOW, _PASSES, begun) if under_way else self._window(pool, around, now),
            self._turn(node, pool, under_way),
            self._drain(node, record, around),
        )
        return Chain(_NODE, node.name, f"{whose}; it runs {held}", links)

    # --- the channel --------------------------------------------------------------------------------------------------

    def _channel(self, node: Node, channel: ChannelInForce, around: Circumstances, now: datetime) -> Link:
        shape, name = shape_of(node), LinkName.CHANNEL
        brings = f"channel {channel.channel} brings it"
        why = unavailable(channel.channel, shape.os_sku, gpu=shape.gpu)
        if not why and step_for(shape, around, now) is not None:
            return Link(name, _PASSES, brings, details=_pending(channel))
        message = why or f"channel {channel.channel} brings no image to nodes that are there"
        edit = None
        if channel.channel is not Channel.NODE_IMAGE:
            effect = "from 24 h after the change at the latest, images are brought in the window"
            edit = patch(effect, _NAP, "default", {"nodeOSUpgradeChannel": str(Channel.NODE_IMAGE)})
        return Link(name, _BLOCKS, message, str(UpgradeReason.CHANNEL), channel.changes_at, _pending(channel), edit)

    # --- the pool -----------------------------------------------------------------------------------------------------

    def _pool(self, name: str) -> AgentPool:
        return self.state.agent_pools.pools.get(name) or AgentPool()

    def _window(self, pool: str, around: Circumstances, now: datetime) -> Link:
        verdict, window = look(self._pool(pool), around, now).verdict, around.window
        reason, name = str(verdict.reason), LinkName.WINDOW
        if verdict.allowed:
            return Link(name, _PASSES, verdict.message, reason, verdict.wake_at)
        if verdict.reason in (UpgradeReason.CHANNEL, UpgradeReason.PREVENTED):  # links of their own
            message = window.message if window is not None else "none is configured: the channel has its own cadence"
            return Link(name, _PASSES if window is None or window.open else _BLOCKS, message, reason, verdict.wake_at)
        closed = verdict.reason is UpgradeReason.CLOSED and window is not None
        edit = self.edits.open_window(window, now) if closed and window is not None else None
        return Link(name, _BLOCKS, verdict.message, reason, verdict.wake_at, edit=edit)

    def _turn(self, node: Node, name: str, under_way: bool) -> Link:
        """One node of a pool at a time; a pool in which a drain was given up waits; Nodes that nobody touches."""
        pool, play = self._pool(name), self.os_upgrades.declared.settings.agent_pools.play
        if self.operator and not play:
            effect = "napsim plays agent pools, and drains their nodes"
            edit = patch(effect, _NAP, "default", {"agentPools": {"mode": "Play"}})
            message = "napsim lets agent pools be: spec.agentPools.mode is Ignore"
            return Link(LinkName.TURN, _BLOCKS, message, "Ignored", edit=edit)
        if self.operator and node.name in pool.barred:
            return Link(LinkName.TURN, _BLOCKS, f"napsim never touches it: {pool.barred[node.name]}", "NeverTouched")
        if under_way:
            return Link(LinkName.TURN, _PASSES, "it is being upgraded")
        if pool.prevented:
            until = max(pool.prevented.values()) + RETRY_AFTER
            message = f"a drain was given up: {', '.join(sorted(pool.prevented))}; tried again from {rfc3339(until)}"
            return Link(LinkName.TURN, _BLOCKS, message, str(UpgradeReason.PREVENTED), until)
        if pool.under_way:
            message = f"one node of a pool at a time; now it is {', '.join(sorted(pool.under_way))}"
            return Link(LinkName.TURN, _AHEAD, message)
        return Link(LinkName.TURN, _PASSES, f"no other node of agent pool {name} is being upgraded")

    # --- the node -----------------------------------------------------------------------------------------------------

    def _drain(self, node: Node, record: Record | None, around: Circumstances) -> Link:
        if record is None or record.phase not in (Phase.DRAINING, Phase.REIMAGING):
            return Link(LinkName.DRAIN, _AHEAD, "no pod is asked to leave yet")
        since = describe_instant(record.since)
        if record.phase is Phase.REIMAGING:
            return Link(LinkName.DRAIN, _PASSES, f"it is empty; it is being reimaged since {since}")
        waited = [pod for pod in self.state.pods_on(node.name) if leaves(pod)]
        found = [(pod, blocks(pod, self.state.pdbs.matching(pod))) for pod in waited]
        details = tuple(f"Pod {pod.key}: {_held(held)}" for pod, held in found)
        edit = self.edits.of_pdbs([key for _, held in found if held for key in held.pdbs][:1])
        until = record.since + around.settings.drain_timeout
        many = "1 pod is" if len(waited) == 1 else f"{len(waited)} pods are"
        message = f"{many} waited for on Node {node.name} since {since}; then the drain is given up for a day"
        return Link(LinkName.DRAIN, _BLOCKS, message, str(Reason.DRAINING), until, details, edit)


def _held(found: Blocked | None) -> str:
    if found is None:
        return "it is leaving"
    return f"{', '.join(found.pdbs)} {'select it together' if found.conflict else 'allows none'}"


def _pending(channel: ChannelInForce) -> tuple[str, ...]:
    if channel.changes_at is None:
        return ()
    return (f"it changes by {describe_instant(channel.changes_at)}",)
