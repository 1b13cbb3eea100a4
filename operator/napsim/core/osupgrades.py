"""What a node OS channel does to the nodes of an agent pool now, and when it is to be looked at again.

Mirrors what Microsoft documents on channels and planned maintenance (``channels``), as far as it says anything. Policy,
where it is silent: one node of a pool at a time, without a surge node; a node is what begins in the window and may end
after it; a drain that takes too long gives the node up, and the pool waits for a day.

| Question | Answer |
|---|---|
| what is there for a node? | ``work``: the newest image of its definition, live or by reimage |
| may it begin? | ``Look.verdict``: stopped, waiting after a failure, a change of channel, then ``channels.may_begin`` |
| which node? | live: all of them. Reimage: the first by image and name; those that were given up come last |
| without a window | a week after the last upgrade began; one that has begun goes on, to the images of its begin |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec
from msgspec.structs import replace

from napsim.api import names
from napsim.core.agentpools import AgentPool, Shape
from napsim.core.channels import (
    Channel,
    Means,
    OSUpgrades,
    UpgradeReason,
    UpgradeVerdict,
    may_begin,
    means_of,
    unattended_upgrade,
    unavailable,
)
from napsim.core.clock import EPOCH, earliest, rfc3339
from napsim.core.definitions import UBUNTU, Definition, GalleryKind
from napsim.core.images import Catalogue, ListKey, PublishedImage
from napsim.core.versions import split_security_patch
from napsim.core.windows import Window, WindowVerdict

RETRY_AFTER: Final = timedelta(hours=24)
"""How long a pool waits after a drain was given up."""
LIVE_AT_ONCE: Final = 100
"""How many nodes are patched live in one look; the change of these leads to the next."""


class AgentPoolSettings(msgspec.Struct, frozen=True):
    """``NodeAutoProvisioning.spec.agentPools``. Spans are virtual; they begin with their first instant."""

    play: bool = False
    drain_timeout: timedelta = timedelta(minutes=30)
    catch_up: bool = True
    urgent: tuple[Window, ...] = ()
    stopped: tuple[Window, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """A change of channel that reimages, at ``virtual`` on the cluster's clock and ``real`` on the API server's."""

    virtual: datetime
    real: datetime


class Circumstances(msgspec.Struct, frozen=True):
    """What holds for all pools. ``window`` is that of the node OS; None is none configured. ``skip``: Nodes that may be
    patched, but never drained."""

    channel: Channel
    catalogue: Catalogue
    settings: AgentPoolSettings
    window: WindowVerdict | None = None
    change: Change | None = None
    skip: frozenset[str] = frozenset()


# --- what there is for a node -----------------------------------------------------------------------------------------


class Step(msgspec.Struct, frozen=True):
    """One way for nodes of one image to another. Images are values of the label node-image-version."""

    means: Means
    from_image: str
    to_image: str


class Work(msgspec.Struct, frozen=True):
    """A step, and the nodes (by name) that it is for; some of them may be under way."""

    step: Step
    nodes: Sequence[str]


def split_label(label: str) -> tuple[str, str, str]:
    """``AKSUbuntu-2204gen2containerd-202410.27.0-2024.12.01`` as (gallery, definition, version with patch)."""
    base, patch = split_security_patch(label)
    prefix, _, version = base.rpartition("-")
    gallery, _, definition = prefix.partition("-")
    return gallery, definition, f"{version}-{patch}" if patch else version


def list_key(definition: str, channel: Channel) -> ListKey:
    """SecurityPatch has a catalogue of its own; nobody goes back to an older version, so versions decide, not dates."""
    patched = channel is Channel.SECURITY_PATCH
    return ListKey((Definition(definition, UBUNTU),), "", GalleryKind.SIG, patched)


def newest(definition: str, held: str, around: Circumstances, at: datetime) -> str:
    """The version that a node goes to, by what was published at an instant; ``held`` where there is none.

    Of equal security patches, the one for the image that the node has comes first: it goes on live.
    """
    found = around.catalogue.latest(list_key(definition, around.channel), at)
    if not found:
        return held
    (latest,) = found
    if around.channel is not Channel.SECURITY_PATCH:
        return latest.full_version
    base, _ = split_security_patch(held)

    def fits(image: PublishedImage) -> bool:
        same = (image.definition, image.version) == (definition, base)
        return same and image.published_at <= at and image.security_patch >= latest.security_patch

    return next((image.full_version for image in around.catalogue.images if fits(image)), latest.full_version)


def work(pool: AgentPool, around: Circumstances, at: datetime) -> tuple[Work, ...]:
    """What there is to put on, by what was published at an instant, in the order of the images that nodes have."""
    found = ((shape, step_for(shape, around, at)) for shape in sorted(pool.shapes))
    return tuple(Work(step, pool.shapes[shape]) for shape, step in found if step is not None)


def step_for(shape: Shape, around: Circumstances, at: datetime) -> Step | None:
    """What the channel brings to nodes of a shape, by what was published at an instant; None: nothing."""
    gallery, definition, held = split_label(shape.image)
    if not definition or unavailable(around.channel, shape.os_sku, gpu=shape.gpu):
        return None
    published = newest(definition, held, around, at)
    means = means_of(around.channel, held, published)
    return Step(means, shape.image, f"{gallery}-{definition}-{published}") if means else None


def _ready(items: Iterable[Work], pool: AgentPool, around: Circumstances, means: Means) -> Iterator[tuple[str, Step]]:
    """Nodes for which it can begin; those whose drain was given up come last."""
    busy = pool.under_way if means is Means.LIVE_PATCH else pool.under_way | around.skip
    held = []
    for item in items:
        for name in item.nodes if item.step.means is means else ():
            if name in pool.prevented:
                held.append((name, item.step))
            elif name not in busy:
                yield name, item.step
    yield from ((name, step) for name, step in held if name not in busy)


def _older_than_change(pool: AgentPool, around: Circumstances, now: datetime) -> tuple[int, tuple[str, Step] | None]:
    """How many nodes have their image since before a change of channel, and the first to be reimaged for that alone."""
    if around.change is None:
        return 0, None
    count, old = pool.older_than(around.change.virtual, around.change.real)
    busy = pool.under_way | around.skip
    left = [name for name in old if name not in busy] if count else []
    name = next((item for item in left if item not in pool.prevented), left[0] if left else None)
    if name is None:
        return count, None
    label = pool.shape(name).image
    gallery, definition, held = split_label(label)
    published = newest(definition, held, around, now)
    newer = means_of(Channel.NODE_IMAGE, held, published) is not None
    return count, (name, Step(Means.REIMAGE, label, f"{gallery}-{definition}-{published}" if newer else label))


# --- may it begin? ----------------------------------------------------------------------------------------------------


class Look(msgspec.Struct, frozen=True):
    """What a look at a pool says. ``live`` and ``reimage`` are what to begin now; ``due`` counts what there is to do.

    ``begun``: when the upgrade that they are part of began. ``limits`` says of which nodes there is nothing to do, and
    why. ``wake_at`` is when time alone changes any of it.
    """

    verdict: UpgradeVerdict
    due: int
    begun: datetime
    live: tuple[tuple[str, Step], ...] = ()
    reimage: tuple[str, Step] | None = None
    limits: tuple[str, ...] = ()
    wake_at: datetime | None = None


def look(pool: AgentPool, around: Circumstances, now: datetime) -> Look:
    """What a channel does to a pool at ``now``. Nodes that are under way are none of it: they go on by themselves."""
    older, changed = _older_than_change(pool, around, now)
    goes_on, begun, items = _goal(pool, around, now)
    verdict = _verdict(pool, around, goes_on, changed is not None, now)
    due = max(sum(len(item.nodes) for item in items), older)
    wake_at = earliest(verdict.wake_at, _next_edge(around, now), _next_image(pool, around, now))
    found = Look(verdict, due, begun, limits=_limits(pool, around.channel), wake_at=wake_at)
    if not verdict.allowed:
        return found
    live = tuple(islice(_ready(items, pool, around, Means.LIVE_PATCH), LIVE_AT_ONCE))
    reimage = None if pool.under_way else next(_ready(items, pool, around, Means.REIMAGE), changed)
    return replace(found, live=live, reimage=reimage)


def _limits(pool: AgentPool, channel: Channel) -> tuple[str, ...]:
    said: dict[str, int] = {}
    for shape, nodes in sorted(pool.shapes.items()):
        why = unavailable(channel, shape.os_sku, gpu=shape.gpu)
        if not all(split_label(shape.image)):
            why = f"label {names.NODE_IMAGE_VERSION} {shape.image!r} names no image"
        if why:
            said[why] = said.get(why, 0) + len(nodes)
    return tuple(f"{count} nodes: {why}" for why, count in said.items())


def _goal(pool: AgentPool, around: Circumstances, now: datetime) -> tuple[bool, datetime, tuple[Work, ...]]:
    """Whether an upgrade goes on, when it began, what is left of it: without a window, what was published by then."""
    if around.window is None and pool.begun != EPOCH:
        left = work(pool, around, pool.begun)
        ready = (item for means in Means for item in _ready(left, pool, around, means))
        if any(name not in pool.prevented for name, _ in islice(ready, 1)):
            return True, pool.begun, left
    return False, now, work(pool, around, now)


def _verdict(pool: AgentPool, around: Circumstances, goes_on: bool, changed: bool, now: datetime) -> UpgradeVerdict:
    settings, window = around.settings, around.window
    stopped = _span_at(settings.stopped, now)
    state = OSUpgrades(
        around.channel,
        _last(pool, around, now),
        urgent=_span_at(settings.urgent, now) is not None,
        prevented=bool(pool.prevented),
        catch_up=settings.catch_up,
        running=stopped is None,
        missed=window is not None and _was_stopped_at_its_start(settings.stopped, window),
    )
    found = may_begin(state, window, now)
    if stopped is not None:
        return replace(found, wake_at=stopped.end)
    if (held := _held_until(pool)) is not None and now < held:
        message = f"a drain was given up: {', '.join(sorted(pool.prevented))}; tried again from {rfc3339(held)}"
        return UpgradeVerdict(False, UpgradeReason.PREVENTED, message, held)
    if found.allowed or state.missed:
        return found
    if changed and (window is None or window.open):
        message = "the channel was changed to one that reimages nodes"
        return UpgradeVerdict(True, UpgradeReason.CHANGED, message, window.wake_at if window else None)
    if window is None and state.channel not in (Channel.NONE, Channel.UNMANAGED):
        return _without_window(pool, goes_on, state, found)
    return found


def _without_window(pool: AgentPool, goes_on: bool, state: OSUpgrades, found: UpgradeVerdict) -> UpgradeVerdict:
    if goes_on:
        message = f"the upgrade of {rfc3339(pool.begun)} goes on"
        return UpgradeVerdict(True, UpgradeReason.CADENCE, message, found.wake_at)
    if state.prevented and state.catch_up:
        return UpgradeVerdict(True, UpgradeReason.CATCH_UP, "made up for: a drain was given up", found.wake_at)
    return found


def _last(pool: AgentPool, around: Circumstances, now: datetime) -> datetime | None:
    """When the last upgrade began. Where the OS patches itself it did so at the last hour for it."""
    if around.channel is Channel.UNMANAGED:
        return unattended_upgrade(now - timedelta(days=1))
    return pool.begun if pool.begun != EPOCH else None


def _held_until(pool: AgentPool) -> datetime | None:
    return max(pool.prevented.values()) + RETRY_AFTER if pool.prevented else None


def _span_at(spans: tuple[Window, ...], now: datetime) -> Window | None:
    """The span that ``now`` is in; of several, the one that ends last."""
    found = (span for span in spans if span.start <= now < span.until)
    return max(found, key=lambda span: span.until, default=None)


def _was_stopped_at_its_start(stopped: tuple[Window, ...], window: WindowVerdict) -> bool:
    return window.open and window.window is not None and _span_at(stopped, window.window.start) is not None


def _next_edge(around: Circumstances, now: datetime) -> datetime | None:
    spans = (*around.settings.urgent, *around.settings.stopped)
    return min((at for span in spans for at in (span.start, span.until) if at > now), default=None)


def _next_image(pool: AgentPool, around: Circumstances, now: datetime) -> datetime | None:
    definitions = sorted({split_label(shape.image)[1] for shape in pool.shapes})
    keys = (list_key(definition, around.channel) for definition in definitions)
    return earliest(*(around.catalogue.next_publication(key, now) for key in keys))
