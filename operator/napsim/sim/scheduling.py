"""The scheduler: which node a pod goes to.

Filters are kube-scheduler's as far as ``core`` has them (resources, taints, node selector and affinity, pod affinity
and anti-affinity, topology spread, host ports, zones of volumes). Its scoring is approximated: of the nodes that take
the pod, the one with the most free CPU, ties by name; a pod that topology concerns goes to the first by name. Wishes
are demands until no node meets them. Deterministic.

Upstream: kubernetes v1.36 ``pkg/scheduler``. A pod that fits nowhere is tried again when a node or the room on one
changes, all pods of its kind with it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby, islice
from typing import Final

from napsim.api import names
from napsim.core.alikenodes import AlikeNodes
from napsim.core.clusterview import ClusterView, Place
from napsim.core.objects import Condition, KubeObject, Node, Pod, PodSpec
from napsim.core.pace import NOTHING
from napsim.core.pods import is_terminal, requests
from napsim.core.podshapes import PodShape, host_ports, port_conflict
from napsim.core.requirements import AllowedValues
from napsim.core.resources import CPU, fits
from napsim.core.scheduler import Scheduler as Simulated
from napsim.core.simulation import waiting
from napsim.core.targets import target_of
from napsim.core.volumes import Storage, needs
from napsim.sim.cluster import Cluster, replace

SCHEDULED: Final = "PodScheduled"
_NOTHING: Final[Mapping[str, AllowedValues]] = {}
_SOME: Final = 32
_FITS_NOWHERE: Final = Condition(SCHEDULED, "False", "Unschedulable", "no node takes the pod")


class Scheduling:
    """Binds pods to nodes. ``on_pod`` and ``on_node`` are told of changes."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.storage = Storage(cluster.volume_claims.objects, cluster.volumes.objects, cluster.storage_classes.objects)
        self.view = ClusterView()
        self._line: dict[str, PodShape] = {}  # pods to be tried, in order
        self._unplaced: dict[PodShape, OrderedDict[str, None]] = {}  # pods that fit nowhere, by shape
        self._shape_of: dict[str, PodShape] = {}  # pods that fit nowhere
        self._looking = False
        self.apart = NOTHING  # new pods, where they do not come at once: one control plane makes them all
        self._next = cluster.kernel.now  # when the next one comes

    @property
    def unplaced(self) -> list[str]:
        """Pods that fit nowhere now, by key."""
        return sorted(self._shape_of)

    def has_room(self, node: str, pod: Pod) -> bool:
        """Whether the node has, now, what the pod requests and the host ports that it takes; all else aside."""
        place = self.view.place(node)
        if place is None:
            return False
        free = {resource: amount - place.used.get(resource, 0) for resource, amount in place.target.allocatable.items()}
        taken = (port for ports in place.ports.values() for port in ports)
        return fits(requests(pod), free) and port_conflict(host_ports(pod), taken) is None

    # --- what the cluster tells ---------------------------------------------------------------------------------------

    def on_node(self, old: Node | None, new: Node | None) -> None:
        if new is None:
            assert old is not None
            self.view.remove(old.name)
            return
        if old is not None and _same(old, new):
            return
        self.view.put(target_of(new, None), marked=new.spec.unschedulable)
        self._try_again()

    def on_namespace(self, old: KubeObject | None, new: KubeObject | None) -> None:
        name = (new or old).name  # type: ignore[union-attr]  # one of the two is always there
        self.view.set_namespace(name, new.metadata.labels if new is not None else None)
        self._try_again()

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            assert old is not None
            key = old.key
            self._forget(key)
            if old.spec.node_name:
                self.view.unbind(key)
                self._try_again()
        elif new.spec.node_name:
            if old is not None and old.spec is new.spec and not is_terminal(new):
                if old.metadata.deletion_timestamp is None and new.metadata.deletion_timestamp is not None:
                    self.view.leave(new.key)
            elif old is None or not old.spec.node_name or old.deleting != new.deleting or is_terminal(new):
                self._forget(new.key)
                self.view.bind(new, self._volumes_of(new))
        elif old is None and not new.deleting:
            self._arrive((new.key,), self.view.shapes.of(new, self._volumes_of(new)))

    def on_alike(self, old: Mapping[str, Pod] | None, new: Mapping[str, Pod]) -> None:
        """Pods of one template that came, on no node, or stay where they are, or come to one node, from none."""
        first = next(iter(new.values()))
        if old is None:
            self._arrive(new, self.view.shapes.of(first, self._volumes_of(first)))
        elif first.spec.node_name and not next(iter(old.values())).spec.node_name:
            for key in new:
                self._forget(key)
            self.view.bind_alike(new, self._volumes_of(first))

    def _arrive(self, new: Iterable[str], shape: PodShape) -> None:
        """New pods: at once, or each after those that came before."""
        kernel = self.cluster.kernel
        if not self.apart:
            self._come(dict.fromkeys(new, shape))
            return
        for key in new:
            self._next = max(self._next, kernel.now) + self.apart
            kernel.at(self._next, self._come_late, (key, shape))

    def _come_late(self, late: tuple[str, PodShape]) -> None:
        key, shape = late
        pod = self.cluster.pods.objects.get(key)
        if pod is not None and not pod.spec.node_name and not pod.deleting:
            self._come({key: shape})

    def _come(self, new: Mapping[str, PodShape]) -> None:
        self._line.update(new)
        self._look()

    def _volumes_of(self, pod: Pod) -> Mapping[str, AllowedValues]:
        """What the pod's volumes ask of its node; nothing where they cannot be followed."""
        return needs(pod, self.storage).requirements if pod.spec.volumes else _NOTHING

    def _forget(self, key: str) -> None:
        self._line.pop(key, None)
        shape = self._shape_of.pop(key, None) if self._shape_of else None
        if shape is not None:
            alike = self._unplaced[shape]
            alike.pop(key, None)
            if not alike:
                del self._unplaced[shape]

    def _try_again(self) -> None:
        if self._unplaced:
            self._look()

    def _look(self) -> None:
        if not self._looking:
            self._looking = True
            self.cluster.kernel.soon(self._schedule, None)

    # --- one look -----------------------------------------------------------------------------------------------------

    def _schedule(self, _: None) -> None:
        """Those that wait first, one of each shape after another until one fits nowhere; then the new ones."""
        self._looking = False
        for shape in list(self._unplaced):
            self._bind_waiting(shape)
        while self._line:
            self._try(tuple(self._line))  # all: the first of a dict that has lost thousands is far from its start
            if not self._line:
                self._line.clear()  # forgets the places of those it has lost

    def _try(self, new: Iterable[str]) -> None:
        aside: list[str] = []
        for key in new:
            shape = self._line.pop(key, None)
            if shape is None:
                continue
            if not self._waits(shape):
                self._mark(aside)
                if self._bind(key, shape):
                    continue
            self._unplaced.setdefault(shape, OrderedDict())[key] = None  # a dict's first is far once thousands left it
            self._shape_of[key] = shape
            aside.append(key)
        self._mark(aside)

    def _mark(self, aside: list[str]) -> None:
        """Pods that fit nowhere are told so, those of one template together."""
        self._change(aside, lambda pod: replace(pod, status=replace(pod.status, conditions=(_FITS_NOWHERE,))))
        aside.clear()

    def _change(self, keys: Iterable[str], changed: Callable[[Pod], Pod]) -> None:
        pods = self.cluster.pods
        for _, alike in groupby((pods.objects[key] for key in keys), _template):
            new = {pod.key: changed(pod) for pod in alike}
            if len(new) > 1:
                pods.update_alike(new)
            else:
                pods.update(*new.values())

    def _bind_waiting(self, shape: PodShape) -> None:
        """A few at a time: of thousands that wait, the room on one node takes some tens."""
        self.view.watch_for(shape)
        while some := tuple(islice(self._unplaced.get(shape, ()), _SOME)):
            while some:
                node, most = self._room(shape)
                if most:
                    self._change(some[:most], _Bound(node))
                elif not self._bind(some[0], shape):
                    return
                some = some[most or 1 :]

    def _room(self, shape: PodShape) -> tuple[str, int]:
        """The node for the next pods of the shape, and for how many; none where that takes a look at each of them."""
        if shape.rules or self.view.repelling():
            return "", 0
        best = self._freest(shape)
        if best is None or _is_special(shape):
            return "", 0
        other = self._freest(shape, best.id)
        limit = (-other.free.get(CPU, 0), other.id) if other is not None else None
        free, most = dict(best.free), 0
        while fits(shape.requests, free) and (limit is None or (-free.get(CPU, 0), best.id) < limit) and most < _SOME:
            most += 1
            for resource, amount in shape.requests.items():
                free[resource] = free.get(resource, 0) - amount
        return best.target.node_name, most

    def _waits(self, shape: PodShape) -> bool:
        """Whether pods of that shape fit nowhere, whoever asks: nothing of it depends on the pod itself."""
        return shape in self._unplaced and not shape.rules

    def _bind(self, key: str, shape: PodShape) -> bool:
        pod = self.cluster.pods.objects.get(key)
        if pod is None:
            return True
        node = self._node_for(pod, shape)
        if node is None:
            return False
        self.cluster.pods.change(key, pod, _Bound(node)(pod))
        return True

    def _node_for(self, pod: Pod, shape: PodShape) -> str | None:
        self.view.watch_for(shape)
        if shape.rules or self.view.repelling():
            return self._by_rules(pod, shape)
        wanted: PodShape | None = shape
        while wanted is not None:
            place = self._freest(wanted)
            if place is not None:
                return place.target.node_name
            wanted = self.view.shapes.relaxed(wanted, tolerate_prefer_no_schedule=True)
        return None

    def _freest(self, shape: PodShape, but: str = "") -> Place | None:
        found: tuple[int, str] | None = None
        for alike in self.view.alike():
            if alike.accepts(shape):
                best = self._freest_of(alike, shape, but)
                if best is not None and (found is None or best < found):
                    found = best
        return self.view.place_of(found[1]) if found is not None else None

    def _freest_of(self, alike: AlikeNodes, shape: PodShape, but: str) -> tuple[int, str] | None:
        """Free CPU, negative, and the place."""
        special = _is_special(shape)

        def takes(place_id: str) -> bool:
            return place_id != but and (not special or _takes(self.view.place_of(place_id), shape))

        best = alike.fit.freest(CPU, shape.requests, takes if special or but else _anything)
        return None if best is None else (-self.view.place_of(best).free.get(CPU, 0), best)

    def _by_rules(self, pod: Pod, shape: PodShape) -> str | None:
        simulated = Simulated(self.view, (), (waiting(pod, shape),), "")
        simulated.solve()
        return simulated.placed.get(pod.key)


class _Bound:
    """A pod as it is on the node; what pods share before, they share then."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._spec: tuple[PodSpec, PodSpec] | None = None

    def __call__(self, pod: Pod) -> Pod:
        if self._spec is None or self._spec[0] is not pod.spec:
            self._spec = (pod.spec, replace(pod.spec, node_name=self._node))
        status = replace(pod.status, conditions=()) if pod.status.conditions else pod.status
        return replace(pod, spec=self._spec[1], status=status)


def _template(pod: Pod) -> object:
    """The same for pods that one controller has made; another for any other pod."""
    return id(pod.metadata.owner_references) if pod.metadata.owner_references else pod.key


def _is_special(shape: PodShape) -> bool:
    """Whether a node with enough room may still not take the pod."""
    return bool(shape.host_ports) or names.HOSTNAME in shape.requirements or names.HOSTNAME in shape.volumes


def _anything(_: str) -> bool:
    return True


def _takes(place: Place, shape: PodShape) -> bool:
    if not fits(shape.requests, place.free):
        return False
    for wanted in (shape.requirements, shape.volumes):
        allowed = wanted.get(names.HOSTNAME)
        if allowed is not None and not allowed.allows(place.target.hostname):
            return False
    taken = [port for ports in place.ports.values() for port in ports]
    return port_conflict(shape.host_ports, taken) is None


def _same(old: Node, new: Node) -> bool:
    """Whether nothing of a node has changed that scheduling asks for."""
    return (
        old.spec == new.spec
        and old.metadata.labels == new.metadata.labels
        and old.status.allocatable == new.status.allocatable
    )
