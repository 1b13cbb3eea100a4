"""The engine's informers: nodes, claims, pods, PDBs, and what volumes need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from napsim.controllers.resources import (
    NODE_CLAIMS,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    POD_DISRUPTION_BUDGETS,
    PODS,
    VOLUME_ATTACHMENTS,
    Resource,
)
from napsim.controllers.state import ClusterState
from napsim.core.objects import (
    Node,
    NodeClaim,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    VolumeAttachment,
)
from napsim.live.client import Client
from napsim.live.informer import Informer


class Listener(Protocol):
    """Who is told of changes."""

    state: ClusterState

    def on_node(self, old: Node | None, new: Node | None) -> None: ...
    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None) -> None: ...
    def on_pod(self, old: Pod | None, new: Pod | None) -> None: ...
    def on_pdb(self, old: PodDisruptionBudget | None, new: PodDisruptionBudget | None) -> None: ...


class Informers:
    """All of them. ``written`` are those whose objects we write ourselves: the writer tells them of its answers."""

    def __init__(self, client: Client, jitter: Callable[[], float], listener: Listener) -> None:
        state = listener.state
        self.nodes = Informer(client, NODES, Node, listener.on_node, jitter=jitter)
        self.claims = Informer(client, NODE_CLAIMS, NodeClaim, listener.on_claim, jitter=jitter)
        self.pods = Informer(client, PODS, Pod, listener.on_pod, jitter=jitter)
        self.pdbs = Informer(client, POD_DISRUPTION_BUDGETS, PodDisruptionBudget, listener.on_pdb, jitter=jitter)
        self.volume_claims = Informer(
            client, PERSISTENT_VOLUME_CLAIMS, PersistentVolumeClaim, state.on_volume_claim, jitter=jitter
        )
        self.attachments = Informer(client, VOLUME_ATTACHMENTS, VolumeAttachment, state.on_attachment, jitter=jitter)
        self.written: dict[Resource, Informer[Any]] = {NODES: self.nodes, NODE_CLAIMS: self.claims}

    def __iter__(self) -> Iterator[Informer[Any]]:
        yield from (self.claims, self.nodes, self.pdbs, self.volume_claims, self.attachments, self.pods)

    async def run(self) -> None:
        """Until cancelled; an error in one ends all."""
        async with asyncio.TaskGroup() as group:
            for informer in self:
                group.create_task(informer.run())

    async def synced(self) -> None:
        """Until every collection was listed once."""
        await asyncio.gather(*(informer.synced.wait() for informer in self))
