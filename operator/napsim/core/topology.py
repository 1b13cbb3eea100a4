"""Topology within one simulation: what the rules of the cluster's pods, and of those being placed, leave to the next.

Mirrors karpenter v1.14.0 ``pkg/controllers/provisioning/scheduling/topology.go``. Pods that are being placed do not
count where they are now; each counts where it has been put. Preferred anti-affinity of others repels nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from napsim.core.alikenodes import AlikeNodes
from napsim.core.clusterview import ClusterView, Place
from napsim.core.nodetemplates import WELL_KNOWN, NodeTemplate
from napsim.core.objects import Taint
from napsim.core.podshapes import PodShape
from napsim.core.requirements import EXISTS, AllowedValues, Requirements, narrowed
from napsim.core.targets import Target
from napsim.core.topologyrules import Domains, Rule, RuleKind, next_domains, unsatisfiable

Turn = tuple[int, int, float, str, str]
"""Upstream's order of pods: the largest first, then by creation time and uid."""


class Mover(msgspec.Struct, frozen=True, eq=False):
    """A pod to be placed. ``pending``: it was waiting for room before, so that it blocks nobody.

    ``displaced``: its node is on its way out, so that it may wait for nodes that are not initialized yet.
    """

    key: str
    namespace: str
    labels: Mapping[str, str]
    shape: PodShape
    turn: Turn
    pending: bool = False
    displaced: bool = False


class Concern(NamedTuple):
    """A rule that a pod has to respect, and the pods it counts. ``selects`` the pod itself; ``repelling``: others'."""

    rule: Rule
    domains: Domains
    selects: bool
    repelling: bool = False


class Unsatisfiable:
    """No domain is left. Its text is made when it is asked for, with the counts as they are then (as upstream does)."""

    __slots__ = ("_concern", "_node", "_pod")

    def __init__(self, concern: Concern, pod: AllowedValues, node: AllowedValues) -> None:
        self._concern, self._pod, self._node = concern, pod, node

    def __str__(self) -> str:
        return unsatisfiable(self._concern.rule, self._concern.domains, self._pod, self._node)


class Topology:
    """One simulation's counts. ``concerns`` of a pod are asked for once for each shape it takes on while it relaxes."""

    def __init__(
        self, view: ClusterView, templates: Sequence[NodeTemplate], movers: Sequence[Mover], leaving: Place | None
    ) -> None:
        self._view = view
        self._leaving = leaving
        self._templates = templates
        self._domains: dict[Rule, Domains] = {}
        self._repelled: dict[Rule, Domains] = {}
        shapes: dict[PodShape, None] = dict.fromkeys(mover.shape for mover in movers)
        own = dict.fromkeys(rule for shape in shapes for rule in shape.rules)
        others = dict.fromkeys((*view.repelling(), *(rule for shape in shapes for rule in shape.repels)))
        bound = (view.bound(mover.key) for mover in movers) if own or others else ()
        self._bound = [pod for pod in bound if pod is not None]
        for rule in others:
            self._repelled[rule] = self._less(rule, Domains(view.repelling().get(rule, {}), self._known(rule)))
        for rule in own:
            self._of(rule)

    def _less(self, rule: Rule, domains: Domains) -> Domains:
        """Without the pods that are being placed and have this anti-affinity term themselves."""
        for pod in self._bound:
            if rule in pod.shape.repels and (domain := self._view.repelled_domain(rule, pod)):
                domains.add(domain, -1)
        return domains

    def _of(self, rule: Rule) -> Domains:
        domains = self._domains.get(rule)
        if domains is None:
            domains = self._domains[rule] = Domains(self._view.counts(rule), self._known(rule))
            for pod in self._bound:
                if domain := self._view.domain(rule, pod):
                    domains.add(domain, -1)
        return domains

    def _known(self, rule: Rule) -> Iterator[str]:
        """Domains that exist: those that new nodes may be in, and those of the nodes there are (but hostnames)."""
        if rule.by_hostname:
            return
        nodes = rule.spec.nodes
        for template in self._templates:
            yield from template.domains(rule.key, nodes.tolerations if nodes else None)
        for alike in self._view.alike():
            only_leaving = self._leaving is not None and self._leaving.alike is alike and len(alike.fit) == 1
            value = alike.labels.get(rule.key)
            if value and not only_leaving and rule.counts_node(alike.taints, alike.labels):
                yield value

    @property
    def is_idle(self) -> bool:
        """Whether there is no rule at all: nothing to ask for, and nothing to be told of."""
        return not self._domains and not self._repelled

    def is_free(self, mover: Mover, shape: PodShape) -> bool:
        """Whether no rule concerns the pod: it may go wherever it fits."""
        return not shape.rules and not any(self._selects(rule, mover) for rule in self._repelled)

    def _selects(self, rule: Rule, mover: Mover) -> bool:
        return rule.selects(mover.namespace, mover.labels, self._view.namespaces)

    def concerns(self, mover: Mover, shape: PodShape) -> list[Concern]:
        """The pod's own rules, then others' anti-affinity to it."""
        own = [Concern(rule, self._of(rule), self._selects(rule, mover)) for rule in shape.rules]
        others = [item for item in self._repelled.items() if self._selects(item[0], mover)]
        return own + [Concern(rule, domains, True, True) for rule, domains in others]

    # --- nodes that are there -----------------------------------------------------------------------------------------

    def admits(self, concerns: Iterable[Concern], shape: PodShape, alike: AlikeNodes) -> bool:
        """Whether the rules that are not about hostnames let the pod be on these nodes."""
        return all(
            self._leaves(concern, shape, alike.labels.get(concern.rule.key))
            for concern in concerns
            if not concern.rule.by_hostname
        )

    def forbids_host(self, concerns: Iterable[Concern], shape: PodShape, target: Target) -> Concern | None:
        """The first rule about hostnames that does not, None when all let it."""
        for concern in concerns:
            if concern.rule.by_hostname and not self._leaves(concern, shape, target.hostname):
                return concern
        return None

    def with_seats(self, concerns: Iterable[Concern], wanted: Mapping[str, int]) -> Mapping[str, int]:
        """What the pod takes of a host: resources, and a seat for each rule about hostnames that has them counted."""
        kept = ((self._view.seat(item.rule, item.repelling), item) for item in concerns if item.rule.by_hostname)
        seats = {seat: 1 for seat, item in kept if seat and (item.selects or item.rule.kind is RuleKind.ANTI_AFFINITY)}
        return {**wanted, **seats} if seats else wanted

    def _leaves(self, concern: Concern, shape: PodShape, domain: str | None) -> bool:
        if domain is None:
            return False
        node = AllowedValues(frozenset({domain}))
        wanted = shape.strict.get(concern.rule.key, EXISTS)
        return bool(next_domains(concern.rule, concern.domains, concern.selects, wanted, node).values)

    def placed(self, mover: Mover, shape: PodShape, target: Target) -> None:
        """The pod has been put on a node."""
        for rule, domains in self._domains.items():
            domain = target.labels.get(rule.key, "")
            if domain and self._selects(rule, mover) and rule.counts_node(target.taints, target.labels):
                domains.add(domain)
        for rule in shape.repels:
            if domain := target.labels.get(rule.key, ""):
                self._repelled[rule].add(domain)

    # --- nodes to come ------------------------------------------------------------------------------------------------

    def narrow(
        self, concerns: Iterable[Concern], shape: PodShape, having: Requirements
    ) -> dict[str, AllowedValues] | Unsatisfiable:
        """The requirements of a new node, with the domains that the rules leave."""
        found: dict[str, AllowedValues] = {}
        for concern in concerns:
            key = concern.rule.key
            wanted, node = shape.strict.get(key, EXISTS), having.get(key, EXISTS)
            left = next_domains(concern.rule, concern.domains, concern.selects, wanted, node)
            if not left.values:
                return Unsatisfiable(concern, wanted, node)
            found = narrowed(found, {key: left})
        return narrowed(having, found)

    def placed_new(self, mover: Mover, shape: PodShape, taints: Iterable[Taint], having: Requirements) -> None:
        """The pod has been put on a new node. Anti-affinity counts it wherever that node may come to be."""
        for rule, domains in self._domains.items():
            if not self._selects(rule, mover) or not rule.counts_claim(taints, having, WELL_KNOWN):
                continue
            values = _values(having, rule.key)
            if rule.kind is RuleKind.ANTI_AFFINITY or len(values) == 1:
                for domain in values:
                    domains.add(domain)
        for rule in shape.repels:
            for domain in _values(having, rule.key):
                self._repelled[rule].add(domain)


def _values(having: Requirements, key: str) -> frozenset[str]:
    allowed = having.get(key)
    return allowed.values if allowed is not None and not allowed.complement else frozenset()
