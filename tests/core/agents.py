"""Nodes of agent pools for tests, and a pool of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from msgspec.structs import replace

from napsim.api import names
from napsim.core.actions import PatchNode, Plan, patched_node
from napsim.core.agentpools import AgentPool, AgentPools, Phase, Record
from napsim.core.images import Catalogue, PublishedImage
from napsim.core.objects import Node, NodeSpec
from tests.core.examples import node

SUNDAY: Final = datetime(2026, 3, 1, 3, tzinfo=UTC)
OLD, NEW, NEWEST = "202601.27.0", "202602.13.0", "202602.19.0"
DEFINITION: Final = "2204gen2containerd"
_NONE: Final[Mapping[str, str]] = {}
MADE: Final = datetime(2026, 1, 1, tzinfo=UTC)


def label(version: str) -> str:
    return f"AKSUbuntu-{DEFINITION}-{version}"


def agent(
    name: str = "a-0", version: str = OLD, *, pool: str = "a", cordoned: bool = False, labels: Mapping[str, str] = _NONE
) -> Node:
    """A worker of an agent pool."""
    own = {names.AGENT_POOL: pool, names.NODE_IMAGE_VERSION: label(version), **labels}
    made = node(name, labels=own, finalizers=())
    metadata = replace(made.metadata, annotations={}, creation_timestamp=MADE)
    return replace(made, metadata=metadata, spec=NodeSpec(f"kind://docker/kind/{name}", unschedulable=cordoned))


def with_record(item: Node, phase: Phase, begun: datetime, **more: Any) -> Node:
    image = item.metadata.labels[names.NODE_IMAGE_VERSION]
    record = Record(phase, image, label(NEW), begun, **{"since": begun, "original": image, **more})
    annotations = {**item.metadata.annotations, names.OS_UPGRADE: record.encoded()}
    return replace(item, metadata=replace(item.metadata, annotations=annotations))


def pool_of(*nodes: Node) -> AgentPool:
    index = AgentPools()
    for item in nodes:
        index.put(None, item)
    return index.pools["a"]


def image(version: str, published: datetime, patch: str = "", definition: str = DEFINITION) -> PublishedImage:
    return PublishedImage(definition, version, "Ubuntu2204", published, patch)


def catalogue(*images: PublishedImage) -> Catalogue:
    return Catalogue(images)


def applied(item: Node, plan: Plan) -> Node:
    """The Node after a plan."""
    for action in plan.actions:
        if isinstance(action, PatchNode) and action.node.name == item.name:
            item = patched_node(item, action)
    return item


def kinds(plan: Plan) -> list[str]:
    return [type(action).__name__ for action in plan.actions]


def names_of(found: Iterable[tuple[str, object]]) -> list[str]:
    return [name for name, _ in found]
