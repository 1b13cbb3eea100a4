"""Nodes that a simulation would launch: which pods share one, and why no pool has one for a pod.

Mirrors karpenter v1.14.0 ``pkg/controllers/provisioning/scheduling/nodeclaim.go`` and ``addToNewNodeClaim`` in
``scheduler.go``. Fails closed: a pod that no pool takes is refused with upstream's sentence for each pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from napsim.api import names
from napsim.core.nodetemplates import WELL_KNOWN, Fit, NodeTemplate, Option, Refusal, missed_min_values
from napsim.core.podshapes import HostPort, PodShape, port_conflict, untolerated
from napsim.core.requirements import AllowedValues, Requirements, incompatible, listed, narrowed
from napsim.core.resources import CPU, PODS, Resources, fits, total
from napsim.core.targets import NODES

NO_TEMPLATES: Final = "nodepool requirements filtered out all available instance types"
_MISTYPED_MILLICORES: Final = 10**9  # a million cores
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


Narrow = Callable[[Requirements], dict[str, AllowedValues] | Refusal]
"""Adds what topology asks of a node with these requirements."""


def unrestricted(having: Requirements) -> dict[str, AllowedValues]:
    """No topology rule concerns the pod."""
    return dict(having)


class NewClaim(msgspec.Struct, eq=False):
    """A node to be launched. ``requests`` are those of its pods; DaemonSets are taken off the options already.

    ``rank`` orders those with equally many pods as upstream's sorting does.
    """

    template: NodeTemplate
    number: int
    requirements: Requirements
    options: Sequence[Option]
    requests: Resources = msgspec.field(default_factory=dict)
    pods: list[str] = msgspec.field(default_factory=list)
    ports: list[HostPort] = msgspec.field(default_factory=list)
    rank: int = 0
    least: Resources = msgspec.field(default_factory=dict)
    shapes: set[PodShape] = msgspec.field(default_factory=set)  # without topology, whose requirements are in already

    @property
    def order(self) -> tuple[int, int]:
        return len(self.pods), self.rank


def fit(claim: NewClaim, shape: PodShape, narrow: Narrow, free: bool) -> Fit | Refusal:
    """Whether the pod can be added. ``free``: no topology rule concerns it, so that its requirements stay once met."""
    if free and shape in claim.shapes and not shape.host_ports:
        return _of_size(claim, shape, claim.requirements)
    if taints := untolerated(shape.tolerations, claim.template.taints):
        return "; ".join(f"did not tolerate taint (taint={taint})" for taint in taints)
    if (conflict := _port_conflict(claim, shape)) is not None:
        return _port_text(*conflict)
    if problems := incompatible(claim.requirements, shape.requirements, WELL_KNOWN):
        return f"incompatible requirements, {'; '.join(problems)}"
    merged = narrowed(claim.requirements, shape.requirements)
    if problems := incompatible(merged, shape.volumes, WELL_KNOWN):
        return f"incompatible volume requirements, {'; '.join(problems)}"
    final = narrow(narrowed(merged, shape.volumes))
    if not isinstance(final, dict):
        return final
    return _of_size(claim, shape, claim.requirements if final == claim.requirements else final)


def _port_conflict(claim: NewClaim, shape: PodShape) -> tuple[HostPort, HostPort] | None:
    """With the pods on the node, or with the DaemonSets of every option."""
    if not shape.host_ports:
        return None
    if (found := port_conflict(shape.host_ports, claim.ports)) is not None:
        return found
    with_daemons = [port_conflict(shape.host_ports, item.ports) for item in claim.options]
    return with_daemons[0] if with_daemons and all(with_daemons) else None


def _of_size(claim: NewClaim, shape: PodShape, requirements: Requirements) -> Fit | Refusal:
    wanted = total((claim.requests, shape.requests))
    same = bool(claim.pods) and requirements is claim.requirements  # then every option meets them
    if same and fits(wanted, claim.least) and not shape.host_ports:
        return Fit(requirements, claim.options, wanted)
    left = [item for item in claim.options if _takes(item, None if same else requirements, wanted, shape)]
    missed = missed_min_values(left, requirements)
    if left and not missed:
        return Fit(requirements, left, wanted)
    return NoInstanceType(claim.options, requirements, wanted, shape, missed)


def _takes(item: Option, requirements: Requirements | None, wanted: Resources, shape: PodShape) -> bool:
    if not fits(wanted, item.free):
        return False
    if shape.host_ports and port_conflict(shape.host_ports, item.ports) is not None:
        return False
    return requirements is None or (item.meets(requirements) and bool(item.offered(requirements)))


def add(claim: NewClaim, pod: str, shape: PodShape, found: Fit, free: bool) -> None:
    """Put the pod on the node."""
    claim.pods.append(pod)
    claim.ports.extend(shape.host_ports)
    claim.requests = found.requests
    if found.options is not claim.options or not claim.least:
        claim.options = found.options
        claim.least = _least(found.options)
    if found.requirements is not claim.requirements:
        claim.requirements = found.requirements
        claim.shapes.clear()
    if free:
        claim.shapes.add(shape)


def _least(options: Iterable[Option]) -> Resources:
    """What every option has."""
    least: Resources | None = None
    for item in options:
        free = item.free
        least = dict(free) if least is None else {key: min(value, free.get(key, 0)) for key, value in least.items()}
    return least or {}


def overhead(options: Sequence[Option]) -> Resources:
    """What DaemonSets take, whichever option is launched: the least of all."""
    keys = {key for item in options for key in item.overhead}
    return {key: min(item.overhead.get(key, 0) for item in options) for key in sorted(keys)}


# --- limits ---------------------------------------------------------------------------------------------------------


def within_limits(template: NodeTemplate, remaining: Mapping[str, int]) -> Sequence[Option] | str:
    """The options that the pool's limits leave room for, or the sentence that there is none."""
    if not remaining:
        return template.options
    if remaining.get(NODES, 1) == 0:
        return f"node limits have been exhausted for nodepool (NodePool={template.name})"
    left = [item for item in template.options if _within(item, remaining)]
    return left or f"all available instance types exceed limits for nodepool (NodePool={template.name})"


def _within(item: Option, remaining: Mapping[str, int]) -> bool:
    return all(item.capacity.get(resource, 0) <= amount for resource, amount in remaining.items())


def after_launch(remaining: Mapping[str, int], options: Iterable[Option]) -> Resources:
    """What is left of the limits, whichever of the options is launched: the largest may be."""
    launched = list(options)
    largest = {key: max((item.capacity.get(key, 0) for item in launched), default=0) for key in remaining}
    return {key: amount - (1 if key == NODES else largest[key]) for key, amount in remaining.items()}


# --- words ----------------------------------------------------------------------------------------------------------


class NoInstanceType:
    """No instance type is left for the pod. It says which of requirements, room and offering none of them had."""

    __slots__ = ("_missed", "_options", "_requirements", "_shape", "_wanted")

    def __init__(
        self,
        options: Sequence[Option],
        requirements: Requirements,
        wanted: Resources,
        shape: PodShape,
        missed: tuple[str, ...],
    ) -> None:
        self._options, self._requirements, self._wanted = options, requirements, wanted
        self._shape, self._missed = shape, missed

    def __str__(self) -> str:
        wanted = total((overhead(self._options), self._shape.requests))
        text = f"{self._reason()}, requirements={listed(self._requirements)}, resources={quantities(wanted)}"
        if self._shape.requests.get(CPU, 0) >= _MISTYPED_MILLICORES and "enough resources, req" in text:
            text += " (CPU request >= 1 Million, m vs M typo?)"
        return text

    def _reason(self) -> str:
        met = {self._judge(item) for item in self._options}
        if any(all(answers) for answers in met):  # there were some, but not enough different ones
            return f"minValues requirement is not met for label(s) (label(s)=[{' '.join(self._missed)}])"
        criteria = tuple(any(answers[number] for answers in met) for number in range(3))
        return _REASONS[criteria] if criteria in _REASONS else _of_pairs(met)

    def _judge(self, item: Option) -> tuple[bool, bool, bool]:
        room = fits(self._wanted, item.free)
        return item.meets(self._requirements), room, bool(item.offered(self._requirements))


# (requirements met, room, offering) by any instance type at all -> the sentence.
_REASONS: Final[Mapping[tuple[bool, ...], str]] = {
    (False, False, False): "no instance type met the scheduling requirements or had enough resources or had a required"
    " offering",
    (False, False, True): "no instance type met the scheduling requirements or had enough resources",
    (False, True, False): "no instance type met the scheduling requirements or had a required offering",
    (True, False, False): "no instance type had enough resources or had a required offering",
    (False, True, True): "no instance type met all requirements",
    (True, False, True): "no instance type has enough resources",
    (True, True, False): "no instance type has the required offering",
}


def _of_pairs(met: Iterable[tuple[bool, bool, bool]]) -> str:
    """Each criterion was met by some instance type; the pairs that one and the same met."""
    answers = set(met)
    if (True, True, False) in answers:
        return (
            "no instance type which met the scheduling requirements and had enough resources, had a required offering"
        )
    if (False, True, True) in answers:
        return "no instance type which had enough resources and the required offering met the scheduling requirements"
    if (True, False, True) in answers:
        had = "the scheduling requirements and the required offering had the required resources"
        return f"no instance type which met {had}"
    return "no instance type met the requirements/resources/offering tuple"


def _port_text(port: HostPort, other: HostPort) -> str:
    parts = [
        f"{who}-hostport-{name}={value}"
        for who, item in (("pod", port), ("existing", other))
        for name, value in (("ip", item.ip), ("port", item.port), ("protocol", item.protocol))
    ]
    conflict = "pod hostport conflicts with existing hostport configuration"
    return f"checking host port usage, {conflict} ({', '.join(parts)})"


def quantities(resources: Mapping[str, int]) -> str:
    """A ResourceList as Karpenter prints it: ``{"cpu":"1500m","memory":"2Gi","pods":"3"}``."""
    listed_ = (f'"{key}":"{_quantity(key, value)}"' for key, value in sorted(resources.items()) if value)
    return f"{{{','.join(listed_)}}}"


def _quantity(resource: str, value: int) -> str:
    if resource == CPU:
        return str(value // 1000) if value % 1000 == 0 else f"{value}m"
    if resource == PODS:
        return str(value)
    power = 0
    while power < len(_BINARY) - 1 and value % 1024 == 0:
        value //= 1024
        power += 1
    return f"{value}{_BINARY[power]}"


def hostname(number: int) -> AllowedValues:
    """What stands for the hostname of a node to come."""
    return AllowedValues(frozenset({f"hostname-placeholder-{number:04d}"}))


def opened(template: NodeTemplate, options: Sequence[Option], number: int) -> NewClaim:
    """An empty node of the pool."""
    return NewClaim(template, number, {**template.requirements, names.HOSTNAME: hostname(number)}, options)
