"""The engine's informers: nodes, claims, pods, PDBs, what scheduling asks for, and the one ConfigMap with a window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from napsim.controllers.background import Background
from napsim.controllers.resources import (
    CONFIG_MAPS,
    DAEMON_SETS,
    NAMESPACES,
    NODE_CLAIMS,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    STORAGE_CLASSES,
    VOLUME_ATTACHMENTS,
    Resource,
)
from napsim.controllers.state import ClusterState
from napsim.core.objects import (
    ConfigMap,
    DaemonSet,
    KubeObject,
    Node,
    NodeClaim,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    StorageClass,
    VolumeAttachment,
)
from napsim.core.published_windows import CONFIG_MAP
from napsim.live.client import Client
from napsim.live.informer import Informer


class Listener(Protocol):
    """Who is told of changes."""

    state: ClusterState
    background: Background

    def on_node(self, old: Node | None, new: Node | None) -> None: ...
    def on_claim(self, old: NodeClaim | None, new: NodeClaim | None) -> None: ...
    def on_pod(self, old: Pod | None, new: Pod | None) -> None: ...
    def on_pdb(self, old: PodDisruptionBudget | None, new: PodDisruptionBudget | None) -> None: ...
    def on_config_map(self, old: ConfigMap | None, new: ConfigMap | None) -> None: ...


def published_window(
    client: Client,
    jitter: Callable[[], float],
    namespace: str,
    on_change: Callable[[ConfigMap | None, ConfigMap | None], None],
) -> Informer[ConfigMap]:
    """Follows the one ConfigMap with a window: selected by name, so that a rule may name it."""
    selectors = {"fieldSelector": f"metadata.name={CONFIG_MAP}"}
    return Informer(client, CONFIG_MAPS, ConfigMap, on_change, jitter=jitter, namespace=namespace, selectors=selectors)


def background(client: Client, jitter: Callable[[], float], told: Background) -> Iterator[Informer[Any]]:
    """What only scheduling asks for."""
    yield Informer(client, NAMESPACES, KubeObject, told.on_namespace, jitter=jitter)
    yield Informer(client, DAEMON_SETS, DaemonSet, told.on_daemon_set, jitter=jitter)
    yield Informer(client, STORAGE_CLASSES, StorageClass, told.on_storage_class, jitter=jitter)
    yield Informer(client, PERSISTENT_VOLUMES, PersistentVolume, told.on_volume, jitter=jitter)
    yield Informer(client, PERSISTENT_VOLUME_CLAIMS, PersistentVolumeClaim, told.on_volume_claim, jitter=jitter)


class Informers:
    """All of them. ``written`` are those whose objects we write ourselves: the writer tells them of its answers."""

    def __init__(
        self, client: Client, jitter: Callable[[], float], listener: Listener, system_namespace: str = ""
    ) -> None:
        """Without a ``system_namespace`` there is no ConfigMap to follow."""
        state = listener.state
        self.nodes = Informer(client, NODES, Node, listener.on_node, jitter=jitter)
        self.claims = Informer(client, NODE_CLAIMS, NodeClaim, listener.on_claim, jitter=jitter)
        self.pods = Informer(client, PODS, Pod, listener.on_pod, jitter=jitter)
        self.pdbs = Informer(client, POD_DISRUPTION_BUDGETS, PodDisruptionBudget, listener.on_pdb, jitter=jitter)
        self.attachments = Informer(client, VOLUME_ATTACHMENTS, VolumeAttachment, state.on_attachment, jitter=jitter)
        self.background = tuple(background(client, jitter, listener.background))
        self.config_map = (
            published_window(client, jitter, system_namespace, listener.on_config_map) if system_namespace else None
        )
        self.written: dict[Resource, Informer[Any]] = {NODES: self.nodes, NODE_CLAIMS: self.claims}

    def __iter__(self) -> Iterator[Informer[Any]]:
        yield from (*self.background, self.claims, self.nodes, self.pdbs, self.attachments, self.pods)
        if self.config_map is not None:
            yield self.config_map

    async def run(self) -> None:
        """Until cancelled; an error in one ends all."""
        async with asyncio.TaskGroup() as group:
            for informer in self:
                group.create_task(informer.run())

    async def synced(self) -> None:
        """Until every collection was listed once."""
        await asyncio.gather(*(informer.synced.wait() for informer in self))
