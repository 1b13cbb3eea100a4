"""Pick-up: which image versions an AKSNodeClass adopts into ``status.images``, and by which rule.

Mirrors karpenter-provider-azure main of 2026-08-21, pkg/controllers/nodeclass/status/images.go; the 90-day rule is the
one of the AKS documentation (see ``ForcedPickup``), which upstream has in pull request 1169 only. Without a window it
fails open; with one that cannot be read it keeps what is held and reports the error.

The window governs pick-up only: what is adopted here makes nodes drift, and their disruption may fall outside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.api.durations import format_duration
from napsim.core.clock import earliest, rfc3339
from napsim.core.definitions import DEFINITIONS, GalleryKind, base_id, cig_image_id, definitions_for, sig_image_id
from napsim.core.images import LIST_CACHE_DURATION, Catalogue, ListCache, Listing, ListKey, PublishedImage, list_images
from napsim.core.kubernetes_upgrades import KUBERNETES_UPGRADE, follow_kubernetes_version
from napsim.core.nodeclasses import NodeClassState, StatusImage, unreadable_kubernetes_version, with_condition
from napsim.core.objects import Condition, condition
from napsim.core.versions import version_date

REQUEUE: Final = timedelta(minutes=3)  # of a healthy status pass: the shortest of its parts, that of the subnet
ERROR_REQUEUE: Final = timedelta(minutes=1)  # the ceiling of upstream's back-off, which starts at 100 ms
_TICK: Final = timedelta(microseconds=1)  # "strictly later" on the resolution of our instants


class PickupRule(StrEnum):
    """Why an entry of ``status.images`` changed."""

    NEW_NODE_CLASS = "NewNodeClass"
    KUBERNETES_UPGRADE = "KubernetesUpgrade"
    IMAGES_WERE_NOT_READY = "ImagesWereNotReady"
    CATALOGUE_SWITCHED = "CatalogueSwitched"
    NO_WINDOW = "NoWindow"
    WINDOW_OPEN = "WindowOpen"
    NEW_DEFINITION = "NewDefinition"
    DEFINITION_GONE = "DefinitionGone"
    IMAGE_EXPIRED = "ImageExpired"
    MALFORMED_IMAGE_VERSION = "MalformedImageVersion"
    SIG_REQUIRED_FOR_FIPS = "SIGRequiredForFIPS"


FORCED: Final = (PickupRule.IMAGE_EXPIRED, PickupRule.MALFORMED_IMAGE_VERSION)
"""A window that is closed is passed over: after 90 days, or where nobody can tell how old the version is."""


class Window(msgspec.Struct, frozen=True):
    """The node OS maintenance window (``aksManagedNodeOSUpgradeSchedule``) at one instant.

    ``changes_at`` is the next instant at which ``open`` changes by itself. ``error`` is set when the window is defined
    but cannot be read, in the words of the ConfigMap contract; it counts as neither open nor closed.
    """

    open: bool
    changes_at: datetime | None = None
    configured: bool = True
    error: str = ""


NO_WINDOW: Final = Window(open=True, configured=False)


class ForcedPickup(msgspec.Struct, frozen=True):
    """The 90-day rule, from NodeAutoProvisioning.spec: an image older than ``days`` less ``margin`` is replaced."""

    enabled: bool = True
    days: int = 90
    margin: timedelta = timedelta(0)

    def expires_at(self, version: str) -> datetime | None:
        """The first instant at which a version is over the limit; None if it has no date or the rule is off."""
        date = version_date(version) if self.enabled else None
        return None if date is None else date + timedelta(days=self.days) - self.margin + _TICK


class PickupSettings(msgspec.Struct, frozen=True):
    """What holds for all AKSNodeClasses of a cluster."""

    kind: GalleryKind = GalleryKind.CIG
    subscription: str = "00000000-0000-0000-0000-000000000000"
    security_patch: bool = False
    cache_duration: timedelta = LIST_CACHE_DURATION
    forced: ForcedPickup = msgspec.field(default_factory=ForcedPickup)


class ImageChange(msgspec.Struct, frozen=True):
    """One definition whose image changed. ``from_id`` or ``to_id`` is empty for one that is new or gone."""

    definition: str
    from_id: str
    to_id: str
    rule: PickupRule
    message: str

    @property
    def from_version(self) -> str:
        return _version(self.from_id)

    @property
    def to_version(self) -> str:
        return _version(self.to_id)


class HeldImage(msgspec.Struct, frozen=True):
    """A newer image that exists and is not adopted: why, and until when at the longest (None: not known)."""

    definition: str
    version: str
    latest: str
    message: str
    until: datetime | None = None


class Pickup(msgspec.Struct, frozen=True):
    """The decision. ``images`` and ``conditions`` are the very tuples of the state where nothing is to be written.

    ``requeue`` is upstream's next look; ``wake_at`` the first instant at which a look could come out differently as
    time goes by (None: only a change of the input can do that).
    """

    images: tuple[StatusImage, ...]
    conditions: tuple[Condition, ...]
    requeue: datetime
    wake_at: datetime | None = None
    changes: tuple[ImageChange, ...] = ()
    held: tuple[HeldImage, ...] = ()
    error: str = ""


class _Ruling(msgspec.Struct, frozen=True):
    rule: PickupRule
    message: str


# --- the rules --------------------------------------------------------------------------------------------------------


def _not_ready(state: NodeClassState) -> _Ruling | None:
    """Only the status of the condition counts, not its generation: an edit of the spec alone is no reason."""
    ready = condition(state.conditions, names.IMAGES_READY)
    if ready is not None and ready.status == "True":
        return None
    if ready is not None and ready.reason == KUBERNETES_UPGRADE:
        return _Ruling(PickupRule.KUBERNETES_UPGRADE, f"Kubernetes was upgraded to {state.kubernetes_version}")
    if ready is None or (ready.status == "Unknown" and not state.images):
        return _Ruling(PickupRule.NEW_NODE_CLASS, "the AKSNodeClass had no images yet")
    return _Ruling(PickupRule.IMAGES_WERE_NOT_READY, f"ImagesReady was {ready.status} ({ready.reason})")


def _open(window: Window) -> _Ruling | None:
    if not window.configured:
        return _Ruling(PickupRule.NO_WINDOW, "no maintenance window is defined, so images are adopted at any time")
    return _Ruling(PickupRule.WINDOW_OPEN, "the maintenance window is open") if window.open else None


def _forced(held: StatusImage, rule: ForcedPickup, now: datetime) -> _Ruling | None:
    """The 90-day rule on one entry; a version without a date is replaced too, as it would never move otherwise."""
    version = _version(held.id)
    date = version_date(version)
    if not rule.enabled:
        return None
    if date is None:
        return _Ruling(PickupRule.MALFORMED_IMAGE_VERSION, f"the age of version {version!r} cannot be told")
    expires_at = rule.expires_at(version)
    if expires_at is None or now < expires_at:
        return None
    limit = f"{rule.days} days" + (f" less {format_duration(rule.margin)}" if rule.margin else "")
    return _Ruling(PickupRule.IMAGE_EXPIRED, f"{version} is of {date:%Y-%m-%d}, more than {limit} ago")


_NEW: Final = _Ruling(PickupRule.NEW_DEFINITION, "no image of this definition was held")
_GONE: Final = _Ruling(PickupRule.DEFINITION_GONE, "the AKSNodeClass selects no image of this definition any more")
_NO_FIPS: Final = _Ruling(PickupRule.SIG_REQUIRED_FOR_FIPS, "FIPS images exist in the shared image gallery only")
_SWITCHED: Final = _Ruling(PickupRule.CATALOGUE_SWITCHED, "the node OS channel now lists another catalogue")


# --- one look at the images -------------------------------------------------------------------------------------------


def pick_up(
    state: NodeClassState,
    listed: tuple[StatusImage, ...],
    window: Window,
    settings: PickupSettings,
    now: datetime,
    catalogue_switched: bool = False,
) -> Pickup:
    """What to adopt of ``listed`` (the latest images in priority order), given the window and what is held."""
    if state.selection.fips and settings.kind is not GalleryKind.SIG:
        return _emptied(state, _FIPS_WITHOUT_SIG, _NO_FIPS, now)
    window = replace(window, changes_at=_next_edge(window, now))
    refresh = _not_ready(state) or (_SWITCHED if catalogue_switched else None)
    if refresh is None and window.error:
        return _unchanged(state, f"checking maintenance window, {window.error}", now, window.changes_at)
    refresh = refresh or _open(window)
    images, rulings = _merged(state.images, listed, refresh, settings.forced, now)
    if not images:
        return _emptied(state, _IMAGES_NOT_FOUND, _GONE, now)
    adopted = state.images if images == state.images else images
    held = _held(images, listed, window, settings.forced)
    return Pickup(
        images=adopted,
        conditions=with_condition(state.conditions, _IMAGES_READY, state.generation, now),
        requeue=now + REQUEUE,
        wake_at=earliest(window.changes_at, *(image.until for image in held)),
        changes=() if adopted is state.images else _changes(state.images, images, rulings),
        held=held,
    )


_IMAGES_READY: Final = Condition(names.IMAGES_READY, "True", names.IMAGES_READY)
_IMAGES_NOT_FOUND: Final = Condition(
    names.IMAGES_READY, "False", "ImagesNotFound", "ImageSelectors did not match any Images"
)
_FIPS_WITHOUT_SIG: Final = Condition(
    names.IMAGES_READY,
    "False",
    "SIGRequiredForFIPS",
    "FIPS images require UseSIG to be enabled, but UseSIG is false (note: UseSIG is only supported in AKS managed NAP)",
)


def _merged(
    held: Iterable[StatusImage],
    listed: Iterable[StatusImage],
    refresh: _Ruling | None,
    forced: ForcedPickup,
    now: datetime,
) -> tuple[tuple[StatusImage, ...], Mapping[str, _Ruling]]:
    """The images to hold from now on, and by base id the ruling for each one that was not kept.

    With ``refresh`` all of ``listed``; without it the whole held entry of each base id, unless that entry is forced.
    """
    by_base = {base_id(image.id): image for image in held}
    images, rulings = [], {}
    for image in listed:
        base = base_id(image.id)
        kept = by_base.get(base)
        ruling = refresh or (_NEW if kept is None else _forced(kept, forced, now))
        if ruling is not None:
            rulings[base] = ruling
        images.append(kept if kept is not None and ruling is None else image)
    return tuple(images), rulings


def _changes(
    before: Iterable[StatusImage], after: Iterable[StatusImage], rulings: Mapping[str, _Ruling], gone: _Ruling = _GONE
) -> tuple[ImageChange, ...]:
    old = {base_id(image.id): image.id for image in before}
    new = {base_id(image.id): image.id for image in after}
    adopted = [_change(base, old.get(base, ""), new[base], rulings[base]) for base in new if old.get(base) != new[base]]
    return (*adopted, *(_change(base, old[base], "", gone) for base in old if base not in new))


def _change(base: str, from_id: str, to_id: str, ruling: _Ruling) -> ImageChange:
    definition = base.rsplit("/", 1)[-1]
    step = f"{_version(from_id) or 'nothing'} to {_version(to_id) or 'nothing'}"
    message = f"{definition}: {step} ({ruling.rule}: {ruling.message})"
    return ImageChange(definition, from_id, to_id, ruling.rule, message)


def _held(
    images: Iterable[StatusImage], listed: Iterable[StatusImage], window: Window, forced: ForcedPickup
) -> tuple[HeldImage, ...]:
    """The images that are not the listed ones: only a closed window leaves any."""
    latest = {base_id(image.id): image for image in listed}
    closed = f"held: window closed until {rfc3339(window.changes_at)}" if window.changes_at else "held: window closed"
    held = []
    for image in images:
        base = base_id(image.id)
        if latest[base].id == image.id:
            continue
        version, expiry = _version(image.id), forced.expires_at(_version(image.id))
        message = closed + (f", or until {rfc3339(expiry)}, when it is {forced.days} days old" if expiry else "")
        until = earliest(window.changes_at, expiry)
        held.append(HeldImage(base.rsplit("/", 1)[-1], version, _version(latest[base].id), message, until))
    return tuple(held)


def _emptied(state: NodeClassState, why: Condition, gone: _Ruling, now: datetime) -> Pickup:
    conditions = with_condition(state.conditions, why, state.generation, now)
    return Pickup((), conditions, now + REQUEUE, changes=_changes(state.images, (), {}, gone))


def _unchanged(state: NodeClassState, error: str, now: datetime, wake_at: datetime | None = None) -> Pickup:
    return Pickup(state.images, state.conditions, now + ERROR_REQUEUE, wake_at, error=error)


def _version(image_id: str) -> str:
    return image_id.rsplit("/", 1)[-1]


def _next_edge(window: Window, now: datetime) -> datetime | None:
    """The edges of a window are excluded from it, so at an edge itself the next look is just after it."""
    if window.changes_at is None or window.changes_at < now:
        return None
    return max(window.changes_at, now + _TICK)


# --- one status pass --------------------------------------------------------------------------------------------------


class NodeClassPass(msgspec.Struct, frozen=True):
    """One pass: the state to write (the state given, if nothing changes), the pick-up, and the list cache to keep."""

    state: NodeClassState
    pickup: Pickup
    cache: ListCache | None
    message: str = ""


def list_key(state: NodeClassState, settings: PickupSettings) -> ListKey:
    """What the images of an AKSNodeClass are listed by; its Kubernetes version must be readable."""
    definitions = definitions_for(state.selection, state.kubernetes_version, settings.kind)
    return ListKey(definitions, state.kubernetes_version, settings.kind, settings.security_patch)


def next_list_key(
    state: NodeClassState, server_version: str, settings: PickupSettings, now: datetime
) -> ListKey | None:
    """What a pass over the class lists by, and so whose cache it takes; None when no Kubernetes version is known."""
    after = follow_kubernetes_version(state, server_version, now).state
    return None if unreadable_kubernetes_version(after) else list_key(after, settings)


def status_images(images: Iterable[PublishedImage], settings: PickupSettings) -> tuple[StatusImage, ...]:
    """Listed images as entries of ``status.images``."""
    return tuple(_status_image(image, settings) for image in images)


def _status_image(image: PublishedImage, settings: PickupSettings) -> StatusImage:
    definition = DEFINITIONS[image.definition]
    if settings.kind is GalleryKind.SIG:
        return StatusImage(sig_image_id(definition, image.full_version, settings.subscription), definition.requirements)
    return StatusImage(cig_image_id(definition, image.full_version), definition.requirements)


def reconcile(
    state: NodeClassState,
    server_version: str,
    catalogue: Catalogue,
    cache: ListCache | None,
    window: Window,
    settings: PickupSettings,
    now: datetime,
    catalogue_switched: bool = False,
) -> NodeClassPass:
    """One status pass over an AKSNodeClass: first the Kubernetes version, then the images, as upstream orders them.

    An error of the first part does not keep the second from running; the errors are combined.
    """
    step = follow_kubernetes_version(state, server_version, now)
    problem = unreadable_kubernetes_version(step.state)
    if state.selection.fips and settings.kind is not GalleryKind.SIG:
        pickup = pick_up(step.state, (), window, settings, now)
    elif problem:
        pickup = _unchanged(step.state, f"getting nodeimages, {problem}", now)
    else:
        listing = list_images(catalogue, cache, list_key(step.state, settings), now, settings.cache_duration)
        cache = listing.cache
        listed = status_images(listing.images, settings)
        pickup = pick_up(step.state, listed, window, settings, now, catalogue_switched)
        pickup = _with_listing(pickup, listing, settings)
    error = "; ".join(text for text in (step.error, pickup.error) if text)
    pickup = replace(pickup, error=error, requeue=now + ERROR_REQUEUE if error else pickup.requeue)
    after = replace(step.state, images=pickup.images, conditions=pickup.conditions)
    return NodeClassPass(state if after == state else after, pickup, cache, step.message)


def _with_listing(pickup: Pickup, listing: Listing, settings: PickupSettings) -> Pickup:
    """The pick-up with what the listing adds: newer images that are not listed yet, and when the list changes."""
    until = listing.cache.filled_at + settings.cache_duration
    listed = {image.definition: image.full_version for image in listing.images}
    kept = format_duration(settings.cache_duration)
    message = f"held: not listed before {rfc3339(until)} (a list is kept for {kept})"
    unlisted = tuple(
        HeldImage(image.definition, listed.get(image.definition, ""), image.full_version, message, until)
        for image in listing.unlisted
    )
    return replace(pickup, held=pickup.held + unlisted, wake_at=earliest(pickup.wake_at, listing.wake_at))
