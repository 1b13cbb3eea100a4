"""First fit: which node, in the order of their names, is the first with room? In O(log nodes).

Policy: the shape that design, section 7, asks for; the order is upstream's. A segment tree for each resource holds the
largest free amount below each of its points; nodes have slots in the order of their names, with gaps for new names.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush

_NOTHING = -1  # an empty slot: less than any request
_SMALLEST = 16
_MANY = 8  # so many new nodes at once are cheaper to lay out anew than to fit in one by one


class FirstFit:
    """Free capacity of nodes by name. ``set`` and ``discard`` change it, ``first``, ``each`` and ``freest`` ask."""

    __slots__ = ("_free", "_names", "_new", "_occupant", "_size", "_slots", "_stale", "_trees")

    def __init__(self) -> None:
        self._size = _SMALLEST
        self._free: dict[str, Mapping[str, int]] = {}
        self._new: set[str] = set()  # nodes that have no slot yet
        self._stale: dict[str, None] = {}  # nodes of which the trees do not know yet what is free
        self._names: list[str] = []  # those that have one, sorted
        self._slots: dict[str, int] = {}
        self._occupant: list[str | None] = [None] * _SMALLEST
        self._trees: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._free)

    def set(self, name: str, free: Mapping[str, int]) -> None:
        """The node has this much free. The mapping must not be changed afterwards."""
        self._free[name] = free
        slot = self._slots.get(name)
        if slot is None:
            self._new.add(name)
        else:
            self._write(slot, free)

    def change(self, name: str, free: Mapping[str, int]) -> None:
        """As ``set``, of a node that is there. Written when somebody asks: it may have changed many times by then."""
        self._free[name] = free
        if name in self._slots:
            self._stale[name] = None

    def discard(self, name: str) -> None:
        """The node is gone, or takes no pods."""
        if self._free.pop(name, None) is None:
            return
        self._stale.pop(name, None)
        self._new.discard(name)
        slot = self._slots.pop(name, None)
        if slot is not None:
            del self._names[bisect_left(self._names, name)]
            self._occupant[slot] = None
            self._write(slot, {})

    def first(self, wanted: Mapping[str, int], accept: Callable[[str], bool]) -> str | None:
        """The first node, by name, that has ``wanted`` free and that ``accept`` agrees to; None when there is none."""
        return next((name for name in self.each(wanted) if accept(name)), None)

    def each(self, wanted: Mapping[str, int]) -> Iterator[str]:
        """All nodes, in the order of their names, that have ``wanted`` free when their turn comes.

        Meanwhile ``set`` may be told of less room on nodes that are there, and of nothing else.
        """
        if self._new or self._stale:
            self._settle()
        checks = []
        for resource, amount in wanted.items():
            if amount > 0:
                tree = self._trees.get(resource)
                if tree is None:
                    return
                checks.append((tree, amount))
        stack, size = [1], self._size
        while stack:
            point = stack.pop()
            for tree, amount in checks:
                if tree[point] < amount:
                    break
            else:
                if point < size:
                    stack.append(2 * point + 1)
                    stack.append(2 * point)
                else:
                    name = self._occupant[point - size]
                    if name is not None:
                        yield name

    def freest(self, resource: str, wanted: Mapping[str, int], accept: Callable[[str], bool]) -> str | None:
        """Of the nodes that have ``wanted`` free and that ``accept`` agrees to, the one with most of ``resource``.

        The first by name of several. None when there is none.
        """
        if self._new or self._stale:
            self._settle()
        best = self._trees.get(resource)
        checks = self._checks(wanted)
        if best is None or checks is None:
            return None
        likely = self._likely(best, checks)
        if likely is not None and accept(likely):
            return likely
        size = self._size
        points = [(-best[1], 0, 1, size)]  # what is below a point, the first slot there, the point, how many slots
        while points:
            _, first, point, width = heappop(points)
            if point >= size:
                name = self._occupant[point - size]
                if name is not None and accept(name):
                    return name
                continue
            half, left = width // 2, 2 * point
            if _is_enough(checks, left):
                heappush(points, (-best[left], first, left, half))
            if _is_enough(checks, left + 1):
                heappush(points, (-best[left + 1], first + half, left + 1, half))
        return None

    def _likely(self, best: list[int], checks: list[tuple[list[int], int]]) -> str | None:
        """The first node with most of a resource, if it has what is wanted of the others too: it mostly does."""
        point, size = 1, self._size
        while point < size:
            point *= 2
            if best[point] < best[point + 1]:
                point += 1
        return self._occupant[point - size] if _is_enough(checks, point) else None

    def _checks(self, wanted: Mapping[str, int]) -> list[tuple[list[int], int]] | None:
        """The trees to look at, and for how much; None when it is nowhere."""
        checks = []
        for resource, amount in wanted.items():
            if amount > 0:
                tree = self._trees.get(resource)
                if tree is None or tree[1] < amount:
                    return None
                checks.append((tree, amount))
        return checks

    # --- slots --------------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Write what has changed, and give slots to the nodes that have none."""
        for name in self._stale:
            self._write(self._slots[name], self._free[name])
        self._stale.clear()
        if self._new:
            self._place_new()

    def _place_new(self) -> None:
        new = sorted(self._new)
        self._new.clear()
        if len(new) > _MANY or len(self._free) * 2 > self._size:
            self._lay_out(sorted(self._free))
            return
        for name in new:
            self._fit_in(name)

    def _fit_in(self, name: str) -> None:
        position = bisect_left(self._names, name)
        before = self._slots[self._names[position - 1]] if position else -1
        after = self._slots[self._names[position]] if position < len(self._names) else self._size
        self._names.insert(position, name)
        if after - before > 1:
            self._occupy(name, (before + after) // 2)
        else:
            self._spread(position, max(before, 0))

    def _occupy(self, name: str, slot: int) -> None:
        self._slots[name] = slot
        self._occupant[slot] = name
        self._write(slot, self._free[name])

    def _spread(self, position: int, slot: int) -> None:
        """Make room around ``slot``: spread the nodes evenly over the smallest block of slots that is half empty."""
        width = 4
        while width < self._size:
            start = slot // width * width
            inside = [item for item in self._occupant[start : start + width] if item is not None]
            if 2 * (len(inside) + 1) <= width:
                self._respread([*inside, self._names[position]], start, width)
                return
            width *= 2
        self._lay_out(list(self._names))

    def _respread(self, members: list[str], start: int, width: int) -> None:
        for slot in range(start, start + width):
            if self._occupant[slot] is not None:
                self._occupant[slot] = None
                self._write(slot, {})
        for number, name in enumerate(sorted(members)):
            self._occupy(name, start + (2 * number + 1) * width // (2 * len(members)))

    def _lay_out(self, ordered: list[str]) -> None:
        """Give every node a slot anew, with gaps for about three more between two."""
        self._size = _SMALLEST
        while self._size < 4 * len(ordered):
            self._size *= 2
        self._names = ordered
        self._occupant = [None] * self._size
        gap = self._size / max(len(ordered), 1)
        self._slots = {name: int((number + 0.5) * gap) for number, name in enumerate(ordered)}
        for name, slot in self._slots.items():
            self._occupant[slot] = name
        resources = set(self._trees).union(*(self._free[name] for name in ordered))
        self._trees = {resource: self._grown(resource) for resource in sorted(resources)}

    # --- trees --------------------------------------------------------------------------------------------------------

    def _grown(self, resource: str) -> list[int]:
        """The tree of one resource: its leaves are the second half, a point's children are 2 p and 2 p + 1."""
        tree = [_NOTHING] * (2 * self._size)
        for name, slot in self._slots.items():
            tree[self._size + slot] = self._free[name].get(resource, 0)
        for point in range(self._size - 1, 0, -1):
            left, right = tree[2 * point], tree[2 * point + 1]
            tree[point] = max(right, left)
        return tree

    def _write(self, slot: int, free: Mapping[str, int]) -> None:
        for resource in free:
            if resource not in self._trees:
                self._trees[resource] = self._grown(resource)
        missing = 0 if free else _NOTHING
        for resource, tree in self._trees.items():
            _climb(tree, self._size + slot, free.get(resource, missing))


def _is_enough(checks: list[tuple[list[int], int]], point: int) -> bool:
    for tree, amount in checks:  # noqa: SIM110 - a generator costs more than all the rest
        if tree[point] < amount:
            return False
    return True


def _climb(tree: list[int], point: int, value: int) -> None:
    """Write a leaf, and what changes above it."""
    if tree[point] == value:
        return
    tree[point] = value
    while point > 1:
        other = tree[point ^ 1]
        point >>= 1
        if other > value:  # noqa: PLR1730 - a call of max costs more than all the rest
            value = other
        if tree[point] == value:
            return
        tree[point] = value
