"""Published node images, which of them is the latest, and the list of the latest that is kept for 72 hours.

Mirrors karpenter-provider-azure main of 2026-08-21, pkg/providers/imagefamily/nodeimage.go. Two deviations, both for
catalogues that lack a definition, which upstream's galleries never do: a definition without a published image is left
out in either gallery kind (the community gallery upstream yields an id with an empty version), and a kept list is
completed once such a definition appears.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.core.definitions import Definition, GalleryKind
from napsim.core.versions import is_newer

LIST_CACHE_DURATION: Final = timedelta(hours=72)


class PublishedImage(msgspec.Struct, frozen=True):
    """One image version of one definition, from ``published_at`` on (UTC, on the cluster's clock)."""

    definition: str
    version: str
    os_sku: str
    published_at: datetime
    security_patch: str = ""

    @property
    def full_version(self) -> str:
        """The version as ids and labels carry it, the security patch date (``2024.12.01``) included."""
        return f"{self.version}-{self.security_patch}" if self.security_patch else self.version


class ListKey(msgspec.Struct, frozen=True):
    """What a list of images depends on; the key of its cache."""

    definitions: tuple[Definition, ...]
    kubernetes_version: str
    kind: GalleryKind = GalleryKind.CIG
    security_patch: bool = False
    """Whether to list the catalogue of the SecurityPatch channel, of which all versions have a patch date."""


class _Track:
    """The published images of one definition in order of publication, with the latest at each of these instants."""

    __slots__ = ("by_date", "by_version", "published_at")

    def __init__(self, images: Iterable[PublishedImage]) -> None:
        ordered = sorted(images, key=lambda image: image.published_at)
        self.published_at = [image.published_at for image in ordered]
        self.by_date: list[PublishedImage] = []
        self.by_version: list[PublishedImage] = []
        for image in ordered:
            for latest, kind in ((self.by_date, GalleryKind.CIG), (self.by_version, GalleryKind.SIG)):
                latest.append(image if not latest or supersedes(image, latest[-1], kind) else latest[-1])

    def latest(self, at: datetime, kind: GalleryKind) -> PublishedImage | None:
        visible = bisect_right(self.published_at, at)
        if not visible:
            return None
        return (self.by_date if kind is GalleryKind.CIG else self.by_version)[visible - 1]

    def next_publication(self, after: datetime) -> datetime | None:
        following = bisect_right(self.published_at, after)
        return self.published_at[following] if following < len(self.published_at) else None


def supersedes(image: PublishedImage, other: PublishedImage, kind: GalleryKind) -> bool:
    """Whether ``image`` is listed instead of ``other``, of the same definition: by date or, in the shared one, version.

    Of two equals the one that was there before is listed.
    """
    if kind is GalleryKind.CIG:
        return image.published_at > other.published_at
    return is_newer(image.full_version, other.full_version)


class Catalogue:
    """All images that exist, also those published in the future. A value: a changed catalogue is a new one.

    "Latest" in the community gallery (CIG) is the greatest published date, where a tie keeps the first given; in the
    shared gallery (SIG) it is the newest version by ``versions.is_newer``, where a tie keeps the first published.
    """

    __slots__ = ("_tracks", "images")

    def __init__(self, images: Iterable[PublishedImage] = ()) -> None:
        self.images = tuple(images)
        grouped: dict[tuple[str, bool], list[PublishedImage]] = {}
        for image in self.images:
            grouped.setdefault((image.definition, bool(image.security_patch)), []).append(image)
        self._tracks = {key: _Track(group) for key, group in grouped.items()}

    def visible(self, at: datetime) -> tuple[PublishedImage, ...]:
        """The images published at ``at`` or before, in the order given."""
        return tuple(image for image in self.images if image.published_at <= at)

    def latest(self, key: ListKey, at: datetime) -> tuple[PublishedImage, ...]:
        """The latest image of each definition of ``key``, in its priority order; those without one are left out."""
        found = (self._latest(definition, key, at) for definition in key.definitions)
        return tuple(image for image in found if image is not None)

    def next_publication(self, key: ListKey, after: datetime, except_for: tuple[str, ...] = ()) -> datetime | None:
        """The first instant after ``after`` at which an image is published for a definition of ``key``.

        The definitions named in ``except_for`` do not count.
        """
        instants = (
            track.next_publication(after)
            for definition in key.definitions
            if definition.name not in except_for
            and (track := self._tracks.get((definition.name, key.security_patch))) is not None
        )
        return min((instant for instant in instants if instant is not None), default=None)

    def _latest(self, definition: Definition, key: ListKey, at: datetime) -> PublishedImage | None:
        track = self._tracks.get((definition.name, key.security_patch))
        return track.latest(at, key.kind) if track else None


class ListCache(msgspec.Struct, frozen=True):
    """A list of images as it was fetched at ``filled_at``. It is valid for a fixed time from then on, not sliding."""

    filled_at: datetime
    key: ListKey
    images: tuple[PublishedImage, ...]


class Listing(msgspec.Struct, frozen=True):
    """The answer to a listing: the images in priority order, the cache to keep, and when to list again.

    ``unlisted`` are the images that are the latest by now but not in the list yet. ``wake_at`` is the first instant at
    which another look could give another list (None: never, with this catalogue).
    """

    images: tuple[PublishedImage, ...]
    cache: ListCache
    unlisted: tuple[PublishedImage, ...]
    wake_at: datetime | None


def list_images(
    catalogue: Catalogue,
    cache: ListCache | None,
    key: ListKey,
    now: datetime,
    cache_duration: timedelta = LIST_CACHE_DURATION,
) -> Listing:
    """The latest images for ``key``, from ``cache`` while that is valid for it, else afresh.

    The cache is valid before ``filled_at + cache_duration`` (exclusive, one nanosecond earlier than upstream's).
    Another key, no cache (a restart) or a cache from the future (the clock was set back) lists afresh.
    """
    if cache is None or cache.key != key or not cache.filled_at <= now < cache.filled_at + cache_duration:
        cache = ListCache(now, key, catalogue.latest(key, now))
    listed = {image.definition: image for image in cache.images}
    current = {image.definition: image for image in catalogue.latest(key, now)}
    known = (listed.get(definition.name) or current.get(definition.name) for definition in key.definitions)
    cache = replace(cache, images=tuple(image for image in known if image is not None))
    unlisted = tuple(image for image in current.values() if image not in cache.images)
    return Listing(cache.images, cache, unlisted, _next_listing(catalogue, cache, now, cache_duration))


def _next_listing(catalogue: Catalogue, cache: ListCache, now: datetime, cache_duration: timedelta) -> datetime | None:
    expiry = cache.filled_at + cache_duration
    if expiry <= now:  # nothing is kept: only a publication changes the list
        return catalogue.next_publication(cache.key, now)
    listed = tuple(image.definition for image in cache.images)
    completion = catalogue.next_publication(cache.key, now, except_for=listed)
    return expiry if completion is None else min(expiry, completion)
