"""The scheduling simulation: where would these pods go, which new nodes would that take, and what does not fit?

Mirrors karpenter v1.14.0 ``SimulateScheduling`` in ``pkg/controllers/disruption/helpers.go`` and the results of
``pkg/controllers/provisioning/scheduling/scheduler.go``. Provisioning and disruption use the same code (``scheduler``).
Fails closed: a candidate keeps its node as long as one of its pods has nowhere to go, and the message names the pod.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from operator import itemgetter
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.core.clusterview import BoundPod, ClusterView
from napsim.core.instancetypes import ON_DEMAND
from napsim.core.newclaims import NewClaim, overhead
from napsim.core.nodeclasses import class_label
from napsim.core.nodepools import NodePool, Placement
from napsim.core.nodetemplates import (
    MAX_INSTANCE_TYPES,
    SPOT,
    WELL_KNOWN,
    NodeTemplate,
    Option,
    by_price,
    missed_min_values,
)
from napsim.core.objects import Pod
from napsim.core.podshapes import PodShape
from napsim.core.reasons import ALLOWED, Reason, Verdict, waits_for_node
from napsim.core.requirements import AllowedValues, Requirements
from napsim.core.resources import Resources, format_amount, total
from napsim.core.scheduler import Scheduler
from napsim.core.targets import Target
from napsim.core.topology import Mover

WAITS_FOR_ROOM: Final = "room"  # any change of nodes, pods or pools can end the verdict
NO_PODS: Final[Mapping[str, str]] = {}
_LISTED_ERRORS: Final = 5


class NewNode(msgspec.Struct, frozen=True):
    """A node to launch for these pods. ``options``: the instance types that would do, the first to be tried first."""

    pool: NodePool
    requirements: Requirements
    options: tuple[Option, ...]
    pods: tuple[str, ...]
    requests: Resources


class Simulation(msgspec.Struct, frozen=True):
    """What became of each pod (by key): put on a node (its ``Target.key``), on a new node, or refused for a reason.

    For a candidate of disruption, ``verdict`` says whether it may go; ``new_nodes`` are then its replacements, also
    several or none.
    """

    placed: Mapping[str, str] = msgspec.field(default_factory=dict)
    new_nodes: tuple[NewNode, ...] = ()
    refused: Mapping[str, str] = msgspec.field(default_factory=dict)
    verdict: Verdict = ALLOWED


# --- the pods -------------------------------------------------------------------------------------------------------


def waiting(pod: Pod, shape: PodShape) -> Mover:
    """A pending pod."""
    turn = _turn(pod, shape)
    return Mover(pod.key, pod.metadata.namespace, pod.metadata.labels, shape, turn, pending=True)


def moving(pods: Iterable[Pod], view: ClusterView, *, displaced: bool = False) -> list[Mover]:
    """Bound pods that go elsewhere: a candidate's, or (``displaced``) those of a node on its way out.

    Pass those that are currently reschedulable (``pdbs.is_currently_reschedulable``); one the view does not know is
    left out.
    """
    known = ((pod, view.bound(pod.key)) for pod in pods)
    return [_mover(bound, _turn(pod, bound.shape), displaced) for pod, bound in known if bound is not None]


def _mover(pod: BoundPod, turn: tuple[int, int, float, str, str], displaced: bool) -> Mover:
    return Mover(pod.key, pod.namespace, pod.labels, pod.shape, turn, displaced=displaced)


def _turn(pod: Pod, shape: PodShape) -> tuple[int, int, float, str, str]:
    created = pod.metadata.creation_timestamp
    return (*shape.size, created.timestamp() if created else 0.0, pod.metadata.uid, pod.key)


# --- the two questions ----------------------------------------------------------------------------------------------


def provision(
    view: ClusterView, templates: Sequence[NodeTemplate], movers: Iterable[Mover], most_types: int = MAX_INSTANCE_TYPES
) -> Simulation:
    """Room for pending pods and for the pods of leaving nodes. ``templates`` in order (``nodetemplates.in_order``)."""
    return _solved(view, templates, list(movers), "", most_types)


def simulate(
    view: ClusterView,
    templates: Sequence[NodeTemplate],
    candidate: str,
    movers: Iterable[Mover],
    most_types: int = MAX_INSTANCE_TYPES,
    hopeless: Mapping[str, str] = NO_PODS,
) -> Simulation:
    """What if the node of that ``Target.key`` were gone?

    ``movers``: its pods, pending pods, and the pods of leaving nodes. A pod of the candidate that would have to wait
    for a node to be initialized is refused. Errors of pending pods do not count: they have no room now either.
    ``hopeless`` are pods, none of them pending, that nobody can place, and why.
    """
    place = view.place(candidate)
    if place is not None and place.marked:
        return Simulation(verdict=Verdict(Reason.DELETING, "candidate is deleting", published=False))
    every = list(movers)
    found = _solved(view, templates, every, candidate, most_types)
    early = {mover.key: _target(view, found.placed[mover.key]) for mover in every if _waits(view, found, mover)}
    refused = {**found.refused, **{pod: target.not_initialized for pod, target in early.items()}, **hopeless}
    pending = {mover.key for mover in every if mover.pending} if refused else NO_PODS
    blocking = {pod: why for pod, why in refused.items() if pod not in pending}
    verdict = _verdict(blocking, [target for pod, target in early.items() if pod in blocking])
    return Simulation(found.placed, found.new_nodes, refused, verdict)


def _waits(view: ClusterView, found: Simulation, mover: Mover) -> bool:
    if mover.displaced:
        return False
    key = found.placed.get(mover.key)
    return key is not None and not _target(view, key).initialized


def _target(view: ClusterView, key: str) -> Target:
    place = view.place(key)
    assert place is not None
    return place.target


def _verdict(blocking: Mapping[str, str], waited_for: Iterable[Target]) -> Verdict:
    if not blocking:
        return ALLOWED
    return Verdict(Reason.UNSCHEDULABLE, not_all_would_schedule(blocking), waits_for=waits_for(waited_for))


def waits_for(targets: Iterable[Target]) -> tuple[str, ...]:
    """What a candidate waits for whose pods would come to be on these nodes."""
    nodes = sorted({target.node_name or target.claim_name for target in targets})
    return (*(waits_for_node(name) for name in nodes), WAITS_FOR_ROOM)


def refused_for_now(waits: tuple[str, ...], early: Callable[[], Iterable[tuple[str, Target]]]) -> Verdict:
    """The verdict on a candidate of which only some pods have to wait. ``early``: which of them for which node."""
    return Verdict(Reason.UNSCHEDULABLE, partial(_would_have_to_wait, early), None, waits)


def _would_have_to_wait(early: Callable[[], Iterable[tuple[str, Target]]]) -> str:
    waiting = sorted(early(), key=itemgetter(0))
    shown = {pod: target.not_initialized for pod, target in waiting[:_LISTED_ERRORS]}
    return _would_not_schedule(shown, len(waiting))


def not_all_would_schedule(errors: Mapping[str, str]) -> str:
    """Karpenter's sentence, with the first five pods (here by name; upstream takes any five)."""
    return _would_not_schedule({pod: errors[pod] for pod in sorted(errors)[:_LISTED_ERRORS]}, len(errors))


def _would_not_schedule(shown: Mapping[str, str], errors: int) -> str:
    text = "not all pods would schedule, " + "".join(f"{pod} => {error} " for pod, error in shown.items())
    return text + (f" and {errors - _LISTED_ERRORS} other(s)" if len(shown) == _LISTED_ERRORS else "")


# --- the result -----------------------------------------------------------------------------------------------------


def _solved(
    view: ClusterView, templates: Sequence[NodeTemplate], movers: Sequence[Mover], candidate: str, most_types: int
) -> Simulation:
    scheduler = Scheduler(view, templates, movers, candidate)
    scheduler.solve()
    refused = {pod: str(refusal) for pod, refusal in scheduler.refused.items()}
    new_nodes = []
    for claim in scheduler.claims:
        made = _new_node(claim, most_types)
        if isinstance(made, NewNode):
            new_nodes.append(made)
        else:
            refused.update(dict.fromkeys(claim.pods, made))
    return Simulation(scheduler.placed, tuple(new_nodes), refused)


def _new_node(claim: NewClaim, most_types: int) -> NewNode | str:
    """The node to launch; a sentence when the cheapest instance types, so many, do not reach ``minValues``."""
    ordered = by_price(claim.options, claim.requirements)
    preferred = claim.template.preferred
    options = sorted(ordered, key=lambda item: item.type.name != preferred)[:most_types]
    if missed := missed_min_values(options, claim.requirements):
        labels = f"(label(s)=[{' '.join(missed)}])"
        reason = f"validating minValues, minValues requirement is not met for label(s) {labels}"
        pool = f"(NodePool={claim.template.name})"
        return f"pod didn’t schedule because NodePool couldn’t meet minValues requirements, {reason} {pool}"
    requirements = {key: allowed for key, allowed in claim.requirements.items() if key != names.HOSTNAME}
    requests = total((claim.requests, overhead(options)))
    return NewNode(claim.template.pool, requirements, tuple(options), tuple(claim.pods), requests)


def placement(new: NewNode, zone_use: Mapping[str, int]) -> Placement:
    """As what and where to launch it: the first option; spot where the pool names it and there is some; the zone with
    the fewest nodes.

    Mirrors the choice of karpenter-provider-azure ``pkg/providers/instance`` but for the zone, which is any there.
    """
    first = new.options[0]
    offered = first.offered(new.requirements)
    kinds = new.requirements.get(names.CAPACITY_TYPE)
    has_spot = any(item.capacity_type == SPOT for item in offered)
    kind = SPOT if kinds is not None and kinds.allows(SPOT) and has_spot else ON_DEMAND
    zones = sorted(item.zone for item in offered if item.capacity_type == kind)
    zone = min(zones, key=lambda name: zone_use.get(name, 0))
    return Placement(first.type.name, zone, kind)


def wanted(new: NewNode, zone_use: Mapping[str, int]) -> Placement:
    """The same with everything else that its NodeClaim says: pool, labels that the pods select, requests."""
    requests = {resource: format_amount(resource, amount) for resource, amount in new.requests.items() if amount > 0}
    given = {class_label(new.pool.spec.template.spec.node_class_ref), *new.pool.spec.template.metadata.labels}
    labels = {key: value for key, value in own_labels(new.requirements).items() if key not in given}
    return replace(placement(new, zone_use), nodepool=new.pool.name, labels=labels, requests=requests)


def own_labels(requirements: Requirements) -> dict[str, str]:
    """Labels that only the requirements give a node (``Requirements.Labels``): of each one value that is allowed.

    Karpenter takes any, here it is the first; where values are excluded or bounded, the least number.
    """
    own = {key: _value(allowed) for key, allowed in requirements.items() if key not in WELL_KNOWN}
    return {key: value for key, value in own.items() if value}


def _value(allowed: AllowedValues) -> str:
    if not allowed.complement:
        return min(allowed.values, default="")
    numbers = map(str, count(max(allowed.at_least or 0, 0)))
    return next(number for number in numbers if number not in allowed.values)
