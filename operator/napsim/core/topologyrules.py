"""Rules of pods about topology: spread, affinity and anti-affinity, and which domains they leave to the next pod.

Mirrors karpenter v1.14.0 ``pkg/controllers/provisioning/scheduling/topologygroup.go`` and ``topologynodefilter.go``.
A domain is a value of a node label (a zone, a hostname). Fails closed: a rule that leaves no domain refuses the pod.
Where upstream takes any of several domains, the first by name is taken here.

| Rule | Domains it leaves |
|---|---|
| topology spread | the one with the fewest selected pods, while it stays within ``maxSkew`` of the fewest of all |
| pod affinity | those with selected pods; a pod that selects itself and finds none anywhere may start in one |
| pod anti-affinity | those without selected pods |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.objects import LabelSelector, Requirement, Taint, Toleration
from napsim.core.pods import tolerates
from napsim.core.requirements import DOES_NOT_EXIST, AllowedValues, Requirements, incompatible, requirements_of, unmet

UNBOUNDED_SKEW: Final = 2**31 - 1
_SHOWN_DOMAINS: Final = 25


class RuleKind(StrEnum):
    """Karpenter's words, as they stand in its messages."""

    SPREAD = "topology spread"
    AFFINITY = "pod affinity"
    ANTI_AFFINITY = "pod anti-affinity"


class Selector(msgspec.Struct, frozen=True):
    """A label selector in one canonical form, so that equal ones are equal. ``nothing`` selects no pod."""

    labels: tuple[tuple[str, str], ...] = ()
    expressions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        if self.nothing or any(labels.get(key) != value for key, value in self.labels):
            return False
        return all(_holds(labels.get(key), operator, values) for key, operator, values in self.expressions)


def _holds(value: str | None, operator: str, values: tuple[str, ...]) -> bool:
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    return (value is not None) == (operator == "Exists")


def selector_of(selector: LabelSelector | None, extra: Iterable[tuple[str, str, tuple[str, ...]]] = ()) -> Selector:
    """The canonical form; ``extra`` are expressions that come on top (``matchLabelKeys``)."""
    if selector is None:
        return Selector(nothing=True)
    expressions = {(item.key, item.operator, tuple(sorted(item.values))) for item in selector.match_expressions}
    return Selector(tuple(sorted(selector.match_labels.items())), tuple(sorted(expressions | set(extra))))


class NodeFilter(msgspec.Struct, frozen=True):
    """Which nodes a spread counts: those that the pod itself could be put on, as far as its policies honour that."""

    node_selector: tuple[tuple[str, str], ...] = ()
    node_terms: tuple[tuple[Requirement, ...], ...] = ()
    honor_affinity: bool = True
    tolerations: tuple[Toleration, ...] | None = None  # None: taints do not matter

    def alternatives(self) -> tuple[Requirements, ...]:
        """Requirements of which one has to be met; empty when every node counts."""
        if not self.honor_affinity:
            return ()
        selected = tuple(Requirement(key, "In", (value,)) for key, value in self.node_selector)
        if not self.node_terms:
            return (requirements_of(selected),) if selected else ()
        return tuple(requirements_of((*selected, *term)) for term in self.node_terms)

    def keys(self) -> set[str]:
        return {key for wanted in self.alternatives() for key in wanted}


class RuleSpec(msgspec.Struct, frozen=True):
    """What makes two rules the same rule: pods of one Deployment share theirs."""

    kind: RuleKind
    key: str
    namespaces: frozenset[str]
    namespace_selector: Selector | None
    selector: Selector
    max_skew: int = UNBOUNDED_SKEW
    min_domains: int | None = None
    nodes: NodeFilter | None = None


class Rule:
    """A rule that is there once, however many pods have it; compared by identity. Made by ``Rules.of``."""

    __slots__ = ("_alternatives", "key", "kind", "spec")

    def __init__(self, spec: RuleSpec) -> None:
        self.spec = spec
        self.kind = spec.kind
        self.key = spec.key
        self._alternatives = spec.nodes.alternatives() if spec.nodes else ()

    @property
    def by_hostname(self) -> bool:
        return self.key == names.HOSTNAME

    @property
    def label_keys(self) -> set[str]:
        """Keys of node labels that matter to the rule."""
        return {self.key, *(self.spec.nodes.keys() if self.spec.nodes else ())}

    def selects(self, namespace: str, labels: Mapping[str, str], namespaces: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether a pod counts. ``namespaces`` are the labels of all namespaces, for ``namespaceSelector``."""
        spec = self.spec
        if namespace not in spec.namespaces and not (
            spec.namespace_selector is not None and spec.namespace_selector.matches(namespaces.get(namespace, {}))
        ):
            return False
        return spec.selector.matches(labels)

    def counts_node(self, taints: Iterable[Taint], labels: Mapping[str, str]) -> bool:
        """Whether pods on a node with these taints and labels count."""
        if not self._tolerated(taints):
            return False
        return not self._alternatives or any(not unmet(labels, wanted) for wanted in self._alternatives)

    def counts_claim(self, taints: Iterable[Taint], having: Requirements, known: frozenset[str]) -> bool:
        """The same for a node that does not exist yet."""
        if not self._tolerated(taints):
            return False
        return not self._alternatives or any(not incompatible(having, wanted, known) for wanted in self._alternatives)

    def _tolerated(self, taints: Iterable[Taint]) -> bool:
        tolerations = self.spec.nodes.tolerations if self.spec.nodes else None
        return tolerations is None or all(tolerates(tolerations, taint) for taint in taints)


class Rules:
    """Rules by what they say: the same ``Rule`` for the same ``RuleSpec``."""

    __slots__ = ("_rules",)

    def __init__(self) -> None:
        self._rules: dict[RuleSpec, Rule] = {}

    def of(self, spec: RuleSpec) -> Rule:
        rule = self._rules.get(spec)
        if rule is None:
            rule = self._rules[spec] = Rule(spec)
        return rule


class Domains:
    """Selected pods by domain for one rule, as one simulation sees it: the cluster's, less those that move, and placed.

    ``base`` is never changed. ``known`` are the domains that exist even without pods.
    """

    __slots__ = ("_all", "_base", "_change", "_fewest", "_known")

    def __init__(self, base: Mapping[str, int], known: Iterable[str] = ()) -> None:
        self._base = base
        self._change: dict[str, int] = {}
        self._known = set(known)
        self._all: set[str] | None = None  # the last answers, as long as no pod was added
        self._fewest: tuple[AllowedValues, list[int]] | None = None

    def count(self, domain: str) -> int:
        return self._base.get(domain, 0) + self._change.get(domain, 0)

    def add(self, domain: str, pods: int = 1) -> None:
        self._change[domain] = self._change.get(domain, 0) + pods
        self._all = self._fewest = None

    def all(self) -> set[str]:
        """Every domain; only asked for where there are few (not for hostnames)."""
        if self._all is None:
            self._all = self._known | {domain for domain in {*self._base, *self._change} if self.count(domain) > 0}
        return self._all

    def counts(self, allowed: AllowedValues) -> list[int]:
        """How many pods each of the allowed domains has."""
        if self._fewest is None or self._fewest[0] is not allowed:
            self._fewest = (allowed, [self.count(domain) for domain in self.all() if allowed.allows(domain)])
        return self._fewest[1]

    def is_populated(self, allowed: AllowedValues) -> bool:
        """Whether an allowed domain has a selected pod."""
        if any(allowed.allows(domain) and self.count(domain) > 0 for domain in self._change):
            return True
        changed = self._change
        return any(pods > 0 and domain not in changed and allowed.allows(domain) for domain, pods in self._base.items())

    def __str__(self) -> str:
        listed = sorted(self.all())
        text = ", ".join(f"{domain}: {self.count(domain)}" for domain in listed[:_SHOWN_DOMAINS])
        rest = len(listed) - _SHOWN_DOMAINS
        return text + (f" and {rest} other(s)" if rest > 0 else "")


def next_domains(
    rule: Rule, domains: Domains, selects_itself: bool, pod: AllowedValues, node: AllowedValues
) -> AllowedValues:
    """The domains that the rule leaves a pod on a node: In some, or DoesNotExist when there is none.

    ``pod`` and ``node`` are the values of the rule's label that the pod asks for and that the node may have.
    """
    match rule.kind:
        case RuleKind.SPREAD:
            found = _fewest(rule, domains, selects_itself, pod, node)
        case RuleKind.AFFINITY:
            found = _populated(rule, domains, selects_itself, pod, node)
        case _:
            found = _empty(rule, domains, pod, node)
    return AllowedValues(frozenset(found)) if found else DOES_NOT_EXIST


def _one_host(rule: Rule, node: AllowedValues) -> str:
    return next(iter(node.values)) if rule.by_hostname and not node.complement and len(node.values) == 1 else ""


def _within(domains: Domains, node: AllowedValues) -> list[str]:
    """The existing domains that the node may be in, by name."""
    existing = domains.all()
    return sorted(existing & node.values if not node.complement else filter(node.allows, existing))


def _fewest(rule: Rule, domains: Domains, selects_itself: bool, pod: AllowedValues, node: AllowedValues) -> list[str]:
    most = rule.spec.max_skew - selects_itself
    if host := _one_host(rule, node):  # a new host is always possible: the fewest pods of a host are none
        return [host] if domains.count(host) <= most else []
    fewest = _fewest_of_all(rule, domains, pod)
    fitting = [domain for domain in _within(domains, node) if domains.count(domain) - fewest <= most]
    return [min(fitting, key=domains.count)] if fitting else []


def _fewest_of_all(rule: Rule, domains: Domains, pod: AllowedValues) -> int:
    if rule.by_hostname:
        return 0
    counts = domains.counts(pod)
    if rule.spec.min_domains is not None and len(counts) < rule.spec.min_domains:
        return 0
    return min(counts, default=UNBOUNDED_SKEW)


def _populated(
    rule: Rule, domains: Domains, selects_itself: bool, pod: AllowedValues, node: AllowedValues
) -> list[str]:
    host = _one_host(rule, node)
    candidates = [host] if host else _within(domains, node)
    allowed = [domain for domain in candidates if pod.allows(domain)]
    found = [domain for domain in allowed if domains.count(domain) > 0]
    if found or not selects_itself or domains.is_populated(pod):
        return found
    if host:
        return allowed
    anywhere = [domain for domain in sorted(domains.all()) if pod.allows(domain)]
    return allowed[:1] or anywhere[:1]


def _empty(rule: Rule, domains: Domains, pod: AllowedValues, node: AllowedValues) -> list[str]:
    if host := _one_host(rule, node):
        return [] if domains.count(host) > 0 else [host]
    return [domain for domain in _within(domains, node) if pod.allows(domain) and domains.count(domain) == 0]


def unsatisfiable(rule: Rule, domains: Domains, pod: AllowedValues, node: AllowedValues) -> str:
    """Karpenter's sentence (it does not close the bracket)."""
    return (
        f"unsatisfiable topology constraint for {rule.kind}, key={rule.key} (counts = {domains},"
        f" podDomains = {rule.key} {pod}, nodeDomains = {rule.key} {node}"
    )
