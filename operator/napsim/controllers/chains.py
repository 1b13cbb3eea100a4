"""Why has this not moved? The chain (``core.chain``) of a node, of a NodePool, of an image.

Policy: ours. Asked of one cluster as it stands, be it a live one or a simulated one; nothing in it is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from napsim.api import names
from napsim.controllers.agentlinks import AgentLinks
from napsim.controllers.controllers import Controllers
from napsim.controllers.declared import NodeClassEntry, node_image_version
from napsim.controllers.edits import Edits
from napsim.controllers.imagelinks import Image, ImageLinks, image_of
from napsim.controllers.nodelinks import NodeLinks
from napsim.core.agentpools import pool_of
from napsim.core.chain import Chain, Held, Link, LinkName, Standing, first_block
from napsim.core.objects import Node, NodeClaim, is_true
from napsim.core.reasons import Reason

NODE: Final = "Node"
POOL: Final = "NodePool"
IMAGE: Final = "Image"


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked for: a Node, NodePool or image, by name."""

    kind: str
    name: str


@dataclass(slots=True)
class Chains:
    """Of one cluster. ``named`` finds what a name can mean; ``of`` answers."""

    cluster: Controllers
    operator: bool = False  # whether napsim's own operator plays it
    _images: ImageLinks = field(init=False)
    _nodes: NodeLinks = field(init=False)
    _agents: AgentLinks = field(init=False)

    def __post_init__(self) -> None:
        cluster = self.cluster
        edits = Edits(cluster.state, cluster.declared, cluster.windows, cluster.clock, self.operator)
        self._images = ImageLinks(cluster.declared, cluster.windows, cluster.classes, cluster.clock, edits)
        self._nodes = NodeLinks(cluster.disruption, cluster.claims, edits, cluster.own_pod)
        self._agents = AgentLinks(cluster.state, cluster.os_upgrades, edits, self.operator)

    # --- names --------------------------------------------------------------------------------------------------------

    def named(self, text: str) -> tuple[Target, ...]:
        """All that a name can mean: a Node or its NodeClaim, a NodePool, an image by version, label or NodeImage."""
        state, declared = self.cluster.state, self.cluster.declared
        found = [Target(NODE, text)] if text in state.nodes else []
        claim = state.claims.get(text)
        if claim is not None and (node := state.node_of(claim)) is not None:
            found.append(Target(NODE, node.name))
        if text in declared.pools:
            found.append(Target(POOL, text))
        found += [Target(IMAGE, label) for label in self._labels(text)]
        return tuple(dict.fromkeys(found))

    def _labels(self, text: str) -> list[str]:
        """The images of a version, of a node label or of a NodeImage's name; ``<definition>-<version>`` too."""
        labels = {name: node_image_version(manifest) for name, manifest in self.cluster.declared.images.items()}
        wanted = image_of(text)
        return sorted(
            {
                label
                for name, label in labels.items()
                if text in (name, label, image_of(label).version) or image_of(f"x-{text}") == image_of(label)
                or (wanted.definition and wanted == image_of(label))
            }
        )  # fmt: skip

    def known(self) -> tuple[str, ...]:
        """What can be asked for, in words."""
        state, declared = self.cluster.state, self.cluster.declared
        versions = sorted({image.full_version for image in declared.catalogue.visible(self.cluster.clock.now())})
        return (
            f"NodePools: {_some(sorted(declared.pools))}",
            f"Nodes: {_some(sorted(state.nodes))}",
            f"images: {_some(versions[::-1])}",
        )

    # --- answers ------------------------------------------------------------------------------------------------------

    def of(self, target: Target) -> tuple[Chain, ...]:
        """The chain of a node or a pool; of an image, one for each class that could take it."""
        now = self.cluster.clock.now()
        if target.kind == NODE:
            return (self._node(self.cluster.state.nodes[target.name], now),)
        if target.kind == POOL:
            return (self._pool(target.name, now),)
        return tuple(self._image(target.name, now))

    def _node(self, node: Node, now: datetime) -> Chain:
        claim = self.cluster.state.claim_of(node)
        if claim is None:
            return self._unmanaged(node, now)
        return self._of_claim(claim, node, now)

    def _unmanaged(self, node: Node, now: datetime) -> Chain:
        """A Node without a NodeClaim: NAP does not know it. One of an agent pool goes by the node OS channel."""
        if pool_of(node):
            return self._agents.of(node, now)
        message, reason = "node isn't managed by karpenter", str(Reason.NOT_MANAGED)
        link = Link(LinkName.CANDIDATE, Standing.BLOCKS, message, reason)
        return Chain(NODE, node.name, "no NodeClaim is its own", (link,))

    def _of_claim(self, claim: NodeClaim, node: Node | None, now: datetime) -> Chain:
        name = node.name if node is not None else claim.name
        running, entry = self._running(claim, node), self._class(claim)
        if entry is None:
            reference = claim.spec.node_class_ref.name
            message = f"there is no AKSNodeClass {reference}"
            return Chain(NODE, name, message, (Link(LinkName.PUBLISHED, Standing.BLOCKS, message, "NodeClassMissing"),))
        if entry.state.foreign:
            return self._foreign(claim, node, entry.state.foreign, now)
        newest = self._images.newest(entry, running.definition, now)
        drifted = _is_to_go(claim, node)
        if not drifted and newest is not None and newest.full_version == running.version:
            found = self.cluster.claims.drift(claim, node, now)
            if not found.drifted:
                message = f"it runs {running.version}, the newest image of {running.definition}"
                return Chain(NODE, name, message, (), moved=True)
        images = self._images.of(entry, running.definition, now)
        if drifted and any(link.standing is Standing.BLOCKS for link in images):
            images = ()  # it is to go whatever becomes of the next image
        links = (*images, *self._nodes.of(claim, now))
        return Chain(NODE, name, f"it runs {running.version or 'an unknown image'}", _in_order(links))

    def _foreign(self, claim: NodeClaim, node: Node | None, kind: str, now: datetime) -> Chain:
        """Of a class that is not Azure's: what its NodePool asks for is known, and images are not."""
        name = node.name if node is not None else claim.name
        if not _is_to_go(claim, node) and not self.cluster.claims.drift(claim, node, now).drifted:
            message = f"it is as its NodePool asks; images of its {kind} are not known here"
            return Chain(NODE, name, message, (), moved=True)
        return Chain(NODE, name, "its NodePool asks for another", _in_order(self._nodes.of(claim, now)))

    def _running(self, claim: NodeClaim, node: Node | None) -> Image:
        labels = node.metadata.labels if node is not None else {}
        found = image_of(claim.status.image_id)
        return found if found.definition else image_of(labels.get(names.NODE_IMAGE_VERSION, ""))

    def _class(self, claim: NodeClaim) -> NodeClassEntry | None:
        return self.cluster.declared.node_classes.get(claim.spec.node_class_ref.name)

    # --- several nodes ------------------------------------------------------------------------------------------------

    def _pool(self, name: str, now: datetime) -> Chain:
        claims = [self.cluster.state.claims[key] for key in sorted(self.cluster.state.claims_of_pool.get(name, ()))]
        chain = self._several(claims, now)
        if not claims:
            return Chain(POOL, name, "it has no nodes", (), moved=True)
        return replace(chain, kind=POOL, name=name)

    def _several(self, claims: Iterable[NodeClaim], now: datetime) -> Chain:
        """Of the nodes that have not moved, those whose turn is first stand for all."""
        claims = list(claims)
        chains = [self._of_claim(claim, self.cluster.state.node_of(claim), now) for claim in claims]
        left = [chain for chain in chains if not chain.moved]
        if not left:
            return Chain("", "", self._all_moved(claims), (), moved=True)
        groups: dict[tuple[str, str, str], list[Chain]] = {}
        for chain in left:
            first = chain.first
            key = (str(first.name), first.reason, first.message) if first is not None else ("", "", "")
            groups.setdefault(key, []).append(chain)
        held = tuple(Held(tuple(item.name for item in group), group[0].first) for group in groups.values())
        shown = max(left, key=_how_far)
        message = f"{_of_all(len(left), len(chains), 'has', 'have')} not moved"
        return Chain("", "", message, shown.links, False, shown.name, held)

    def _all_moved(self, claims: Sequence[NodeClaim]) -> str:
        """By the kind of their class: only of Azure's it is known which image is the newest."""
        entries = (self._class(claim) for claim in claims)
        kinds = Counter(entry.state.foreign if entry is not None else "" for entry in entries)
        return "; ".join(_moved(kind, count, len(claims)) for kind, count in sorted(kinds.items()))

    def _image(self, label: str, now: datetime) -> Iterable[Chain]:
        wanted, declared = image_of(label), self.cluster.declared
        taken = False
        for name, entry in sorted(declared.node_classes.items()):
            key = self._images.key(entry, now)
            if key is None or all(item.name != wanted.definition for item in key.definitions):
                continue
            taken = True
            yield self._image_of_class(label, wanted, name, entry, now)
        if not taken:
            message = f"no AKSNodeClass selects images of {wanted.definition}"
            yield Chain(IMAGE, label, message, (Link(LinkName.PUBLISHED, Standing.BLOCKS, message, "NotSelected"),))

    def _image_of_class(self, label: str, wanted: Image, name: str, entry: NodeClassEntry, now: datetime) -> Chain:
        about = f"AKSNodeClass {name}"
        published = next(
            (item for item in self.cluster.declared.catalogue.images
             if (item.definition, item.full_version) == (wanted.definition, wanted.version)), None,
        )  # fmt: skip
        if published is not None and published.published_at > now:
            link = Link(
                LinkName.PUBLISHED, Standing.BLOCKS, "it is not published yet", "NotPublished", published.published_at
            )
            return Chain(IMAGE, label, about, (link,))
        newest = self._images.newest(entry, wanted.definition, now)
        if newest is not None and newest.full_version != wanted.version:
            message = f"{about}: {newest.full_version} is newer, and what nodes go to"
            return Chain(IMAGE, label, message, (), moved=True)
        claims = self._claims(name, wanted.definition)
        chain = self._several(claims, now) if claims else None
        if chain is None or (chain.moved and self._images.held(entry, wanted.definition) != wanted.version):
            links = self._images.of(entry, wanted.definition, now)
            adopted = self._images.held(entry, wanted.definition) == wanted.version
            message = f"{about}: no node runs an image of {wanted.definition}"
            return Chain(IMAGE, label, message, links, moved=adopted)
        return replace(chain, kind=IMAGE, name=label, message=f"{about}: {chain.message}")

    def _claims(self, node_class: str, definition: str) -> list[NodeClaim]:
        state = self.cluster.state
        found = (state.claims[key] for key in sorted(state.claims_of_class.get(node_class, ())))
        return [claim for claim in found if self._running(claim, state.node_of(claim)).definition == definition]


def _moved(foreign: str, count: int, of: int) -> str:
    if not foreign:
        return f"{_of_all(count, of, 'runs', 'run')} the newest image"
    whose = "its" if count == 1 else "their"
    asked = f"{_of_all(count, of, 'is', 'are')} as {whose} NodePool asks"
    return f"{asked}; images of {whose} {foreign} are not known here"


def _of_all(count: int, of: int, one: str, more: str) -> str:
    """So many nodes, and the verb: ``all 4 nodes are``, ``1 of 4 nodes is``."""
    if of == 1:
        return f"1 node {one}"
    return f"{f'all {of}' if count == of else f'{count} of {of}'} nodes {one if count == 1 else more}"


def _is_to_go(claim: NodeClaim, node: Node | None) -> bool:
    return is_true(claim.status.conditions, names.DRIFTED) or claim.deleting or _is_taken(node)


def _is_taken(node: Node | None) -> bool:
    return node is not None and (node.deleting or names.COMMAND in node.metadata.annotations)


def _how_far(chain: Chain) -> tuple[int, int]:
    """A chain that nothing blocks goes first, then the one that is blocked the latest, then by the order given."""
    first = first_block(chain.links)
    order = list(LinkName)
    return (len(order) if first is None else order.index(first.name), len(chain.links))


def _in_order(links: Iterable[Link]) -> tuple[Link, ...]:
    order = {name: position for position, name in enumerate(LinkName)}
    return tuple(sorted(links, key=lambda link: order[link.name]))


def _some(found: list[str]) -> str:
    return ", ".join(found[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "") if found else "none"
