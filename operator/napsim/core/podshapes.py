"""What scheduling asks of a pod, once for all pods that ask the same: the pods of a Deployment have one shape.

Mirrors karpenter v1.14.0 ``pkg/scheduling/requirements.go`` (which terms of an affinity count), ``hostportusage.go``,
and ``preferences.go`` in ``pkg/controllers/provisioning/scheduling`` (the order in which wishes are given up). A wish
(a preferred term, ``ScheduleAnyway``) is a demand until it is given up, one at a time:

| Given up | In this order |
|---|---|
| required node affinity | its first term, while there is another |
| preferred pod affinity, then preferred pod anti-affinity, then preferred node affinity | the heaviest term |
| topology spread | the first constraint with ``ScheduleAnyway`` |
| no toleration of ``PreferNoSchedule`` | when a pool has such a taint |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from napsim.core.objects import (
    NodeSelectorTerm,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    PreferredNodeTerm,
    Requirement,
    Taint,
    Toleration,
    TopologySpreadConstraint,
    WeightedPodAffinityTerm,
)
from napsim.core.pods import requests, tolerates
from napsim.core.requirements import AllowedValues, Requirements, narrowed, normalized, requirements_of
from napsim.core.resources import CPU, MEMORY, Resources
from napsim.core.topologyrules import NodeFilter, Rule, RuleKind, Rules, RuleSpec, Selector, selector_of

_ANY_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - all addresses of a node; nothing is bound here
_UNSPECIFIED: Final = frozenset({_ANY_ADDRESS, "::"})
_PREFER_NO_SCHEDULE: Final = Toleration(operator="Exists", effect="PreferNoSchedule")
_NO_REQUIREMENTS: Final[Requirements] = {}
_REMEMBERED: Final = 5_000  # shapes by the parts of pods


class HostPort(msgspec.Struct, frozen=True):
    """A port of the node itself."""

    ip: str
    port: int
    protocol: str

    def conflicts(self, other: HostPort) -> bool:
        same = self.port == other.port and self.protocol == other.protocol
        return same and (self.ip == other.ip or bool({self.ip, other.ip} & _UNSPECIFIED))


class Term(msgspec.Struct, frozen=True):
    """A term of pod affinity or anti-affinity. ``weight`` is 0 for required ones."""

    key: str
    namespaces: frozenset[str]
    namespace_selector: Selector | None
    selector: Selector
    weight: int = 0


class Spread(msgspec.Struct, frozen=True):
    """A topology spread constraint. ``preferred`` is ``whenUnsatisfiable: ScheduleAnyway``."""

    key: str
    max_skew: int
    preferred: bool
    selector: Selector
    min_domains: int | None
    honor_affinity: bool
    honor_taints: bool


class Demands(msgspec.Struct, frozen=True):
    """What the pod's spec says, wishes included, as far as none has been given up."""

    namespace: str
    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    node_terms: tuple[NodeSelectorTerm, ...] = ()
    preferred_nodes: tuple[PreferredNodeTerm, ...] = ()
    affinity: tuple[Term, ...] = ()
    preferred_affinity: tuple[Term, ...] = ()
    anti_affinity: tuple[Term, ...] = ()
    preferred_anti_affinity: tuple[Term, ...] = ()
    spread: tuple[Spread, ...] = ()


class PodShape(msgspec.Struct, frozen=True, eq=False):
    """What a pod asks for; compared by identity. Made by ``PodShapes``.

    ``requirements`` are those of the node, the heaviest wish included; ``strict`` without wishes. ``volumes`` are what
    its volumes ask of the node. ``rules`` are the pod's own topology rules; ``repels`` its required anti-affinity,
    which also keeps others away from it.
    """

    requests: Resources
    demands: Demands
    host_ports: tuple[HostPort, ...]
    volumes: Requirements
    requirements: Requirements
    strict: Requirements
    rules: tuple[Rule, ...]
    repels: tuple[Rule, ...]

    @property
    def tolerations(self) -> tuple[Toleration, ...]:
        return self.demands.tolerations

    @property
    def label_keys(self) -> set[str]:
        """Keys of node labels that decide where the pod may go, now or once it has given up wishes."""
        demands = self.demands
        terms = (*demands.node_terms, *(item.preference for item in demands.preferred_nodes))
        keys = {*self.requirements, *self.volumes}
        keys.update(normalized(item.key) for term in terms for item in term.match_expressions)
        return keys.union(*(rule.label_keys for rule in (*self.rules, *self.repels)))

    @property
    def size(self) -> tuple[int, int]:
        """Upstream's order of pods: the largest first, by cpu, then memory."""
        return -self.requests.get(CPU, 0), -self.requests.get(MEMORY, 0)


class PodShapes(msgspec.Struct):
    """Shapes by what they ask for: the same ``PodShape`` for equal pods, the same ``Rule`` for equal rules."""

    rules: Rules = msgspec.field(default_factory=Rules)
    _by_content: dict[bytes, PodShape] = msgspec.field(default_factory=dict)
    _by_parts: dict[tuple[object, ...], tuple[PodShape, tuple[object, ...]]] = msgspec.field(default_factory=dict)
    """By what pods of one template share, as it is: kept, so that nothing else can come to be there."""
    _relaxed: dict[tuple[PodShape, bool], PodShape | None] = msgspec.field(default_factory=dict)

    def of(self, pod: Pod, volumes: Requirements = _NO_REQUIREMENTS) -> PodShape:
        """The shape of the pod. Raises ValueError when a term of its node affinity cannot be read."""
        spec = pod.spec
        if volumes or spec.affinity is not None or spec.topology_spread_constraints or spec.init_containers:
            return self._of_content(pod, volumes)
        parts = (spec.containers, spec.node_selector, spec.tolerations, spec.overhead)
        key = (pod.metadata.namespace, *map(id, parts))
        known = self._by_parts.get(key)
        if known is None:
            if len(self._by_parts) >= _REMEMBERED:
                self._by_parts.clear()
            known = self._by_parts[key] = (self._of_content(pod, volumes), parts)
        return known[0]

    def _of_content(self, pod: Pod, volumes: Requirements) -> PodShape:
        content = _content(pod, volumes)
        shape = self._by_content.get(content)
        if shape is None:
            demands = demands_of(pod)
            shape = self._by_content[content] = self._shape(demands, requests(pod), host_ports(pod), volumes)
        return shape

    def relaxed(self, shape: PodShape, tolerate_prefer_no_schedule: bool) -> PodShape | None:
        """The shape with one wish less, None when there is none left."""
        key = (shape, tolerate_prefer_no_schedule)
        if key not in self._relaxed:
            demands = relax(shape.demands, tolerate_prefer_no_schedule)
            self._relaxed[key] = (
                None if demands is None else self._shape(demands, shape.requests, shape.host_ports, shape.volumes)
            )
        return self._relaxed[key]

    def _shape(
        self, demands: Demands, wanted: Resources, ports: tuple[HostPort, ...], volumes: Requirements
    ) -> PodShape:
        strict = _node_requirements(demands)
        best = heaviest(demands.preferred_nodes)
        requirements = narrowed(strict, requirements_of(best.preference.match_expressions)) if best else strict
        repels = tuple(self._anti(demands.anti_affinity))
        rules = (
            *(self.rules.of(_spread_rule(demands, item)) for item in demands.spread),
            *(self._near(demands.affinity + demands.preferred_affinity)),
            *repels,
            *(self._anti(demands.preferred_anti_affinity)),
        )
        return PodShape(
            wanted, demands, ports, volumes, requirements, strict, tuple(dict.fromkeys(rules)), repels
        )  # fmt: skip

    def _near(self, terms: Iterable[Term]) -> Iterable[Rule]:
        return (self.rules.of(_term_rule(RuleKind.AFFINITY, term)) for term in terms)

    def _anti(self, terms: Iterable[Term]) -> Iterable[Rule]:
        return (self.rules.of(_term_rule(RuleKind.ANTI_AFFINITY, term)) for term in terms)


def _content(pod: Pod, volumes: Requirements) -> bytes:
    """Everything of a pod that its shape is made of. Equal contents have equal bytes."""
    spec = pod.spec
    constraints, affinity = spec.topology_spread_constraints, spec.affinity
    labels = _labels_that_matter(pod) if constraints or affinity else ()
    wanted = [(item.resources, item.ports, item.restart_policy) for item in spec.containers]
    initial = [(item.resources, item.restart_policy) for item in spec.init_containers]
    where = (spec.node_selector, spec.tolerations, affinity, constraints, labels)
    asked = [(key, str(allowed)) for key, allowed in sorted(volumes.items())] if volumes else ()
    return _ENCODE((pod.metadata.namespace, wanted, initial, spec.overhead, where, asked))


_ENCODE: Final = msgspec.msgpack.Encoder().encode


def _labels_that_matter(pod: Pod) -> list[tuple[str, str]]:
    keys: set[str] = set()
    for constraint in pod.spec.topology_spread_constraints:
        keys.update(constraint.match_label_keys)
    affinity = pod.spec.affinity
    for part in (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity else ():
        if part is not None:
            for term in (*part.required, *(item.pod_affinity_term for item in part.preferred)):
                keys.update((*term.match_label_keys, *term.mismatch_label_keys))
    labels = pod.metadata.labels
    return [(key, labels[key]) for key in sorted(keys) if key in labels]


def demands_of(pod: Pod) -> Demands:
    """The pod's spec as demands."""
    affinity = pod.spec.affinity
    nodes = affinity.node_affinity if affinity else None
    near, away = (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity else (None, None)
    return Demands(
        namespace=pod.metadata.namespace,
        node_selector=tuple(sorted(pod.spec.node_selector.items())),
        tolerations=pod.spec.tolerations,
        node_terms=nodes.required.node_selector_terms if nodes and nodes.required else (),
        preferred_nodes=_by_weight(nodes.preferred) if nodes else (),
        affinity=_required(near, pod),
        preferred_affinity=_preferred(near, pod),
        anti_affinity=_required(away, pod),
        preferred_anti_affinity=_preferred(away, pod),
        spread=tuple(_spread(item, pod) for item in pod.spec.topology_spread_constraints),
    )


class _Weighted(Protocol):
    @property
    def weight(self) -> int: ...


Heavy = TypeVar("Heavy", bound=_Weighted)


def _by_weight(items: Sequence[Heavy]) -> tuple[Heavy, ...]:
    return tuple(sorted(items, key=lambda item: -item.weight))


def heaviest(items: Sequence[Heavy]) -> Heavy | None:
    return items[0] if items else None


def _required(affinity: PodAffinity | None, pod: Pod) -> tuple[Term, ...]:
    return tuple(_term(item, pod, 0) for item in affinity.required) if affinity else ()


def _preferred(affinity: PodAffinity | None, pod: Pod) -> tuple[Term, ...]:
    items: Sequence[WeightedPodAffinityTerm] = affinity.preferred if affinity else ()
    return _by_weight([_term(item.pod_affinity_term, pod, item.weight) for item in items])


def _term(term: PodAffinityTerm, pod: Pod, weight: int) -> Term:
    labels = pod.metadata.labels
    same = [(key, "In", (labels[key],)) for key in term.match_label_keys if key in labels]
    other = [(key, "NotIn", (labels[key],)) for key in term.mismatch_label_keys if key in labels]
    own = () if term.namespaces or term.namespace_selector is not None else (pod.metadata.namespace,)
    return Term(
        term.topology_key,
        frozenset((*term.namespaces, *own)),
        selector_of(term.namespace_selector) if term.namespace_selector is not None else None,
        selector_of(term.label_selector, (*same, *other)),
        weight,
    )


def _spread(item: TopologySpreadConstraint, pod: Pod) -> Spread:
    labels = pod.metadata.labels
    same = [(key, "In", (labels[key],)) for key in item.match_label_keys if key in labels]
    return Spread(
        item.topology_key,
        item.max_skew,
        item.when_unsatisfiable == "ScheduleAnyway",
        selector_of(item.label_selector, same),
        item.min_domains,
        item.node_affinity_policy != "Ignore",
        item.node_taints_policy == "Honor",
    )


def _spread_rule(demands: Demands, item: Spread) -> RuleSpec:
    nodes = NodeFilter(
        node_selector=demands.node_selector if item.honor_affinity else (),
        node_terms=tuple(term.match_expressions for term in demands.node_terms) if item.honor_affinity else (),
        honor_affinity=item.honor_affinity,
        tolerations=demands.tolerations if item.honor_taints else None,
    )
    where = frozenset({demands.namespace})
    return RuleSpec(RuleKind.SPREAD, item.key, where, None, item.selector, item.max_skew, item.min_domains, nodes)


def _term_rule(kind: RuleKind, term: Term) -> RuleSpec:
    return RuleSpec(kind, term.key, term.namespaces, term.namespace_selector, term.selector)


def _node_requirements(demands: Demands) -> dict[str, AllowedValues]:
    """Node selector and the first term of the required node affinity (the others come when it is given up)."""
    selected = [Requirement(key, "In", (value,)) for key, value in demands.node_selector]
    first = demands.node_terms[0].match_expressions if demands.node_terms else ()
    return requirements_of((*selected, *first))


def relax(demands: Demands, tolerate_prefer_no_schedule: bool) -> Demands | None:
    """The demands with one wish less, in upstream's order; None when all that is left is required."""
    if len(demands.node_terms) > 1:
        return replace(demands, node_terms=demands.node_terms[1:])
    if demands.preferred_affinity:
        return replace(demands, preferred_affinity=demands.preferred_affinity[1:])
    if demands.preferred_anti_affinity:
        return replace(demands, preferred_anti_affinity=demands.preferred_anti_affinity[1:])
    if demands.preferred_nodes:
        return replace(demands, preferred_nodes=demands.preferred_nodes[1:])
    for position, item in enumerate(demands.spread):
        if item.preferred:
            rest = list(demands.spread)
            rest[position] = rest[-1]  # the last takes its place
            return replace(demands, spread=tuple(rest[:-1]))
    if tolerate_prefer_no_schedule and _PREFER_NO_SCHEDULE not in demands.tolerations:
        return replace(demands, tolerations=(*demands.tolerations, _PREFER_NO_SCHEDULE))
    return None


def host_ports(pod: Pod) -> tuple[HostPort, ...]:
    """The ports of the node that the containers of the pod take."""
    return tuple(
        HostPort(port.host_ip or _ANY_ADDRESS, port.host_port, port.protocol or "TCP")
        for container in pod.spec.containers
        for port in container.ports
        if port.host_port
    )


def port_conflict(wanted: Iterable[HostPort], taken: Iterable[HostPort]) -> tuple[HostPort, HostPort] | None:
    """The first wanted port that is taken, and by which; None when all are free."""
    held = tuple(taken)
    for port in wanted:
        for other in held:
            if port.conflicts(other):
                return port, other
    return None


def untolerated(tolerations: tuple[Toleration, ...], taints: Iterable[Taint]) -> tuple[Taint, ...]:
    """The taints that keep a pod away: PreferNoSchedule too, until the wish to avoid it is given up."""
    return tuple(taint for taint in taints if not tolerates(tolerations, taint))
