"""The links from a published image to the AKSNodeClass that holds it (``core.chain``), for one class and definition.

Policy: what each link says is the decision of the controller whose it is, asked once more; nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from napsim.api.scalars import write_duration
from napsim.controllers.clock import VirtualClock
from napsim.controllers.declared import Declared, NodeClassEntry
from napsim.controllers.edits import Edits
from napsim.controllers.nodeclasses import NodeClassController
from napsim.controllers.windows import WindowController
from napsim.core.chain import Link, LinkName, Standing
from napsim.core.configurations import NODE_OS
from napsim.core.definitions import DEFINITIONS, parse_image_id
from napsim.core.images import ListKey, PublishedImage
from napsim.core.pickup import REQUEUE, NodeClassPass, next_list_key
from napsim.core.windows import WindowVerdict, describe_instant

_PASSES, _BLOCKS = Standing.PASSES, Standing.BLOCKS
_HOUR: Final = timedelta(hours=1)
_NO_CHANNEL: Final = "the node OS channel governs agent pools; for nodes of NodePools this configuration alone counts"


@dataclass(frozen=True, slots=True)
class Image:
    """What of an image id decisions compare: its definition and its version; empty for what cannot be told."""

    definition: str = ""
    version: str = ""


def image_of(text: str) -> Image:
    """Of an image id of either gallery, or of the value of ``kubernetes.azure.com/node-image-version``."""
    try:
        parts = parse_image_id(text)
    except ValueError:
        for name in sorted(DEFINITIONS, key=len, reverse=True):
            _, found, version = text.partition(f"-{name}-")
            if found:
                return Image(name, version)
        return Image()
    return Image(parts.definition, parts.version)


@dataclass(slots=True)
class ImageLinks:
    """``of`` gives the links for one class and one definition."""

    declared: Declared
    windows: WindowController
    classes: NodeClassController
    clock: VirtualClock
    edits: Edits

    def key(self, entry: NodeClassEntry, now: datetime) -> ListKey | None:
        """What the class lists images by; None while no Kubernetes version is known."""
        version, settings = self.declared.kubernetes_version, self.declared.settings.pickup
        return next_list_key(entry.state, version, settings, now)

    def newest(self, entry: NodeClassEntry, definition: str, now: datetime) -> PublishedImage | None:
        """The newest published image of the definition, if the class could take it."""
        key = self.key(entry, now)
        found = self.declared.catalogue.latest(key, now) if key is not None else ()
        return next((image for image in found if image.definition == definition), None)

    def held(self, entry: NodeClassEntry, definition: str) -> str:
        """The version that the class holds of the definition; empty if none."""
        held = (image_of(image.id) for image in entry.state.images)
        return next((image.version for image in held if image.definition == definition), "")

    def of(self, entry: NodeClassEntry, definition: str, now: datetime) -> tuple[Link, ...]:
        """From Published to Adopted."""
        newest, held = self.newest(entry, definition, now), self.held(entry, definition)
        if newest is None:
            return (self._unpublished(entry, definition),)
        if newest.full_version == held:
            return (_published(newest, now), *_behind(newest), self._has_adopted(entry, newest))
        look = self.classes.look(entry, now)
        listed = self._listed(entry, newest, now)
        window = self._window(now, look, definition)
        return (
            _published(newest, now),
            listed,
            window,
            self._age(held, now),
            self._adopted(entry, newest, (listed, window), look),
        )

    def _unpublished(self, entry: NodeClassEntry, definition: str) -> Link:
        message = f"no image of {definition} is known that AKSNodeClass {entry.metadata.name} could take"
        return Link(LinkName.PUBLISHED, Standing.UNKNOWN, message)

    def _has_adopted(self, entry: NodeClassEntry, newest: PublishedImage) -> Link:
        return Link(LinkName.ADOPTED, _PASSES, f"AKSNodeClass {entry.metadata.name} holds {newest.full_version}")

    # --- the list -----------------------------------------------------------------------------------------------------

    def _listed(self, entry: NodeClassEntry, newest: PublishedImage, now: datetime) -> Link:
        kept, key = self.declared.settings.pickup.cache_duration, self.key(entry, now)
        cache = self.declared.caches.get(key) if key is not None else None
        if cache is None or not cache.filled_at <= now < cache.filled_at + kept:
            return self._never_listed(newest, kept, now)
        until = cache.filled_at + kept
        read = f"the list was read {describe_instant(cache.filled_at)}"
        if newest in cache.images:
            return Link(LinkName.LISTED, _PASSES, f"{read} and has it")
        message = f"{read}, before it was published, and is kept for {_in_words(kept)}"
        return Link(LinkName.LISTED, _BLOCKS, message, "ListCache", until, edit=self.edits.list_anew())

    def _never_listed(self, newest: PublishedImage, kept: timedelta, now: datetime) -> Link:
        """Nobody wrote down when: a list that was read just before the publication holds it back for the longest."""
        latest = newest.published_at + kept
        if now >= latest:
            told = f"it was published longer ago than a list is kept ({_in_words(kept)})"
            return Link(LinkName.LISTED, _PASSES, told)
        longest = f"a list is kept for {_in_words(kept)} at the most"
        message = f"when images were last listed is not known from here; {longest}"
        return Link(LinkName.LISTED, Standing.UNKNOWN, message, "ListCache", latest, edit=self.edits.list_anew())

    # --- the window ---------------------------------------------------------------------------------------------------

    def _window(self, now: datetime, look: NodeClassPass, definition: str) -> Link:
        """Closed, it blocks; unless one of the rules lets the image past it."""
        found, bypass = self.windows.verdict(now), _bypass(look, definition)
        source, details = self.windows.source(now), (_NO_CHANNEL,)
        message = _window_message(found, source, self.windows.awaited(), now)
        if look.pickup.error:
            return Link(LinkName.WINDOW, _BLOCKS, look.pickup.error, str(found.reason), found.wake_at)
        if found.open:
            return Link(LinkName.WINDOW, _PASSES, message, str(found.reason), found.wake_at, details)
        if bypass:
            return Link(LinkName.WINDOW, _PASSES, f"{message}; it does not count here: {bypass}", str(found.reason))
        edit = self.edits.open_window(found, now)
        until = next((held.until for held in look.pickup.held if held.definition == definition), found.wake_at)
        return Link(LinkName.WINDOW, _BLOCKS, message, str(found.reason), until, details, edit)

    def _age(self, held: str, now: datetime) -> Link:
        forced = self.declared.settings.pickup.forced
        expires_at = forced.expires_at(held) if held else None
        if not held:
            return Link(LinkName.AGE, _PASSES, "the class holds no image of this definition: it takes one at any time")
        if expires_at is None:
            return Link(LinkName.AGE, Standing.AHEAD, "no age forces a pick-up: the rule is off, or the age unknown")
        if now >= expires_at:
            return Link(LinkName.AGE, _PASSES, f"{held} is over {forced.days} days old: the window does not count")
        at = describe_instant(expires_at.replace(microsecond=0))
        message = f"{held} is {forced.days} days old {at}: from then on the window does not count"
        return Link(LinkName.AGE, Standing.AHEAD, message, until=expires_at)

    # --- the class ----------------------------------------------------------------------------------------------------

    def _adopted(
        self, entry: NodeClassEntry, newest: PublishedImage, before: tuple[Link, ...], look: NodeClassPass
    ) -> Link:
        name, version = entry.metadata.name, newest.full_version
        if any(link.standing is _BLOCKS for link in before):
            held = self.held(entry, newest.definition) or "nothing"
            return Link(LinkName.ADOPTED, Standing.AHEAD, f"AKSNodeClass {name} holds {held}, not {version} yet")
        if any(link.standing is Standing.UNKNOWN for link in before):
            return Link(LinkName.ADOPTED, Standing.AHEAD, f"AKSNodeClass {name} takes {version} once it is listed")
        if look.pickup.changes:
            message = f"AKSNodeClass {name} takes {version} at its next look, every {_minutes(REQUEUE)} min"
            return Link(LinkName.ADOPTED, _PASSES, message)
        why = look.pickup.error or "nothing says why"
        return Link(LinkName.ADOPTED, _BLOCKS, f"AKSNodeClass {name} does not take {version}: {why}")


def _published(newest: PublishedImage, now: datetime) -> Link:
    age = max(now - newest.published_at, timedelta(0))
    since = f"{age.days}d ago" if age.days else f"{age.seconds // 3600}h ago"
    message = f"{newest.full_version} of {newest.definition}, {describe_instant(newest.published_at)}, {since}"
    return Link(LinkName.PUBLISHED, _PASSES, message)


def _behind(newest: PublishedImage) -> Iterator[Link]:
    """What an image has behind it that is adopted."""
    for name in (LinkName.LISTED, LinkName.WINDOW, LinkName.AGE):
        yield Link(name, _PASSES, f"done: {newest.full_version} is adopted")


def _in_words(kept: timedelta) -> str:
    """For how long a list is kept: ``72 hours``, ``30m``."""
    hours, rest = divmod(kept, _HOUR)
    return write_duration(kept) if rest or not hours else f"{hours} hour{'s' * (hours > 1)}"


def _bypass(look: NodeClassPass, definition: str) -> str:
    taken = (change for change in look.pickup.changes if change.definition == definition and change.to_version)
    return next((change.message for change in taken), "")


def _window_message(found: WindowVerdict, source: str, awaited: datetime | None, now: datetime) -> str:
    pending = f"; a change of it counts from {describe_instant(awaited)}" if awaited and awaited > now else ""
    if not source:
        return f"{found.message}; no MaintenanceConfiguration {NODE_OS} is known here{pending}"
    return f"{found.message} ({source}){pending}"


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds()) // 60
