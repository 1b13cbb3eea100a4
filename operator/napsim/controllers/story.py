"""Tells the story of a rollout in events on NodeAutoProvisioning, MaintenanceConfigurations, NodeImages and NodePools.

Facts are found anew at every report, from the state and from what the status keeps; each is told once (see
``core.story``). What happened more than an hour ago is not told any more: its events would be gone by now.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, Manifest, published_at
from napsim.controllers.executor import Executor
from napsim.controllers.windows import WindowController
from napsim.core.actions import Event
from napsim.core.clock import parse_rfc3339
from napsim.core.configurations import Configuration
from napsim.core.story import (
    BLOCKED_FOR,
    Cause,
    Fact,
    image_seen,
    nodes_blocked,
    nodes_unblocked,
    window_edges,
    window_fact,
    window_missed,
)
from napsim.core.windows import BEGINNING, RESOLUTION, Window, windows

_STALE: Final = timedelta(hours=1)  # real; the API server keeps events for as long
_MOST_REMEMBERED: Final = 1000
_ROLLOUT: Final = "NodeAutoProvisioning"
Waiting = Mapping[str, Collection[str]]  # version -> definitions of which it is newer than what is adopted
Held = tuple[Cause, frozenset[str]]  # a cause, and the NodeClaims that it blocks


class Story(msgspec.Struct):
    """``tell`` a fact as often as it is found. ``on_missed`` hears of windows that closed without a pick-up."""

    clock: VirtualClock
    declared: Declared
    windows: WindowController
    executor: Executor
    on_missed: Callable[[str], None]
    _told: dict[tuple[str, str], None] = msgspec.field(default_factory=dict)  # (uid, event), the oldest first
    _blocked: dict[tuple[str, str], Held] = msgspec.field(default_factory=dict)  # causes that were told and stand
    _looked_at: dict[str, datetime] = msgspec.field(default_factory=dict)  # configuration -> its edges are told until

    def adopt(self, status: Mapping[str, Any]) -> None:
        """Go on from the status of NodeAutoProvisioning."""
        written = status.get("clock", {}).get("now")
        self._looked_at = dict.fromkeys(self.windows.in_force, parse_rfc3339(written)) if written else {}
        self._blocked = {}
        for held in causes_of(status.get("blocked", ())):
            if written and held[0].since + BLOCKED_FOR <= parse_rfc3339(written):
                self._blocked[held[0].key] = held

    def tell(self, manifest: Manifest | None, fact: Fact) -> None:
        """An event on the object, unless it was told before or is old."""
        if manifest is None or self.clock.real() - self.clock.timeline.real(fact.at) > _STALE:
            return
        metadata = manifest["metadata"]
        name, uid = metadata["name"], metadata.get("uid", "")
        # Objects of several kinds may have one name, such as default, and events have one namespace.
        about = name if manifest["kind"] == _ROLLOUT else f"{name}.{manifest['kind'].lower()}"
        event_name = fact.event_name(about)
        if (uid, event_name) in self._told:
            return
        if len(self._told) >= _MOST_REMEMBERED:
            self._told.pop(next(iter(self._told)))
        self._told[uid, event_name] = None
        self.executor.record(
            Event(
                manifest["kind"], name, uid, str(fact.reason), fact.message, "Warning" if fact.warning else "Normal",
                controller="napsim", dedupe=event_name, event_name=event_name,
            )
        )  # fmt: skip

    # --- windows and images -------------------------------------------------------------------------------------------

    def follow_windows(self, waiting: Waiting, pickups: Iterable[Mapping[str, Any]]) -> None:
        """Openings and closings since the last look, of every configuration; those of the node OS on the rollout too.

        ``waiting`` and ``pickups`` tell which windows were missed.
        """
        now, governing = self.clock.now(), self.windows.node_os()
        for name, state in sorted(self.windows.in_force.items()):
            if state.configuration is None:
                continue
            governs = governing is not None and governing[0] == name
            since = self._looked_at.get(name) or _before_window(state.configuration, now)
            self._looked_at[name] = now
            for window, opened in window_edges(state.configuration, since, now):
                fact = window_fact(name, window, opened=opened)
                self.tell(self.declared.windows.get(name), fact)
                if governs:
                    self.tell(self.declared.nap, fact)
                if governs and not opened:
                    self._judge(name, window, waiting, pickups)

    def _judge(self, name: str, window: Window, waiting: Waiting, pickups: Iterable[Mapping[str, Any]]) -> None:
        adopted = any(window.contains(parse_rfc3339(item["at"])) for item in pickups)
        late = [version for version in waiting if (at := self._seen_at(version)) is None or at < window.until]
        if late and not adopted:
            self.tell(self.declared.nap, window_missed(name, window, late))
            self.on_missed(name)

    def follow_images(self, waiting: Waiting, window: str) -> None:
        """Newer images than those adopted. ``window`` says what they wait for."""
        for version, definitions in sorted(waiting.items()):
            at = self._seen_at(version)
            if at is None:
                continue
            fact = image_seen(version, definitions, at, window)
            self.tell(self.declared.nap, fact)
            for manifest in self._images(version):
                self.tell(manifest, fact)

    def picked_up(self, version: str, fact: Fact) -> None:
        """A pick-up, on the rollout and on the images themselves."""
        self.tell(self.declared.nap, fact)
        for manifest in self._images(version):
            self.tell(manifest, fact)

    def _images(self, version: str) -> list[Manifest]:
        return [item for _, item in sorted(self.declared.images.items()) if _full_version(item) == version]

    def _seen_at(self, version: str) -> datetime | None:
        """When the image could first be seen: when it was published, or when somebody applied it, if that was later."""
        instants = [self._visible_at(item) for item in self._images(version)]
        return min(instants, default=None)

    def _visible_at(self, manifest: Manifest) -> datetime:
        created = manifest["metadata"].get("creationTimestamp")
        applied = self.clock.timeline.virtual(parse_rfc3339(created)) if created else published_at(manifest)
        return max(published_at(manifest), applied)

    # --- what is blocked ----------------------------------------------------------------------------------------------

    def follow_blocked(self, causes: Iterable[Held], pending: Collection[str]) -> None:
        """``pending`` are the NodeClaims that are blocked still, or have not been looked at again."""
        now, current = self.clock.now(), {held[0].key: held for held in causes}
        for key, (cause, claims) in tuple(self._blocked.items()):
            if key not in current and not claims & set(pending):
                self._tell_of_pool(cause, nodes_unblocked(cause, now))
                del self._blocked[key]
        for key, held in sorted(current.items()):
            if held[0].since + BLOCKED_FOR <= now:
                if key not in self._blocked:
                    self._tell_of_pool(held[0], nodes_blocked(held[0]))
                self._blocked[key] = held

    def _tell_of_pool(self, cause: Cause, fact: Fact) -> None:
        """On the rollout, and on the NodePool."""
        self.tell(self.declared.nap, fact)
        entry = self.declared.pools.get(cause.nodepool)
        if entry is not None:
            metadata = {"name": cause.nodepool, "uid": entry.pool.metadata.uid}
            self.tell({"kind": "NodePool", "metadata": metadata}, fact)


def _before_window(configuration: Configuration, now: datetime) -> datetime:
    """Just before the window that is open began: where to begin with a configuration that was not looked at before."""
    current = next(windows(configuration, now), None)
    return current.start - RESOLUTION if current and BEGINNING < current.start < now else now


def causes_of(blocked: Iterable[Mapping[str, Any]]) -> list[Held]:
    """Entries of ``status.blocked`` by what blocks them."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for item in blocked:
        groups.setdefault((item.get("nodePool", ""), item.get("message", "")), []).append(item)
    return [
        (
            Cause(
                nodepool,
                items[0]["reason"],
                message,
                min(parse_rfc3339(item["since"]) for item in items),
                tuple(item["node"] or item.get("nodeClaim", "") for item in items),
            ),
            frozenset(item.get("nodeClaim", "") for item in items),
        )
        for (nodepool, message), items in sorted(groups.items())
    ]


def _full_version(manifest: Manifest) -> str:
    spec = manifest["spec"]
    patch = spec.get("securityPatch")
    return f"{spec['version']}-{patch}" if patch else str(spec["version"])
