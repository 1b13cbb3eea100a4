"""Which images exist in a scenario, and when each is published: given, real, one so often, or one after the start.

Policy: napsim's own, ``Scenario.spec.images``. Nothing older than what a class or node holds already is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from napsim.api import names
from napsim.api.durations import parse_duration
from napsim.api.nodeimage import NodeImageSpec
from napsim.api.scalars import parse_instant, write_instant
from napsim.core.definitions import (
    DEFINITIONS,
    Definition,
    GalleryKind,
    ImageSelection,
    definitions_for,
    parse_image_id,
)
from napsim.core.versions import is_newer, version_date
from napsim.sim.catalogue import Published, every, os_sku_of, real, real_until, version_at
from napsim.sim.scenario import Manifest

FIRST_IMAGE: Final = timedelta(hours=1)  # from start to the one image that ships where none would


class Supply(msgspec.Struct, frozen=True):
    """The NodeImages of a scenario, and what was assumed to come to them."""

    images: tuple[Manifest, ...]
    notes: tuple[str, ...] = ()


def supply(
    mode: str | None,
    given: Sequence[Manifest],
    classes: Sequence[Manifest],
    nodes: Sequence[Manifest],
    control_plane: tuple[str, GalleryKind],
    span: tuple[datetime, datetime],
) -> Supply:
    """The images of ``span`` (start, until). ``given`` are NodeImages, also those of events.

    ``control_plane``: the Kubernetes version, and the gallery that classes list.
    """
    start, until = span
    images, twice = _by_name(_dated(manifest, start) for manifest in given)
    definitions = _definitions(classes, *control_plane)
    held = _held(classes, nodes)
    if mode == "none" or (mode is None and given):
        return Supply(images, (*twice, *_without_images(images, definitions)))
    if mode is None:
        made, notes = _next_to_ship(definitions, held, start, until)
    elif mode == "real":
        made, notes = _real(definitions, held, start, until)
    else:
        made = _so_often(parse_duration(mode), definitions, held, start, until)
        notes = [f"An image of each definition is published every {mode} from the start on (spec.images)."]
    known = {_identity(image) for image in images}
    return Supply(
        (*images, *(it for it in map(Published.manifest, made) if _identity(it) not in known)), (*twice, *notes)
    )


def _by_name(given: Iterable[Manifest]) -> tuple[tuple[Manifest, ...], tuple[str, ...]]:
    """An image is there from when it was published first; each that is published again is told."""
    first: dict[str, Manifest] = {}
    twice: dict[str, None] = {}
    for image in given:
        name = image["metadata"]["name"]
        known = first.setdefault(name, image)
        if known is not image:
            first[name] = min(known, image, key=lambda it: parse_instant(it["spec"]["publishedAt"]))
            twice[name] = None
    told = (
        f"NodeImage/{name} is published twice: since {first[name]['spec']['publishedAt']} it is there."
        for name in twice
    )
    return tuple(first.values()), tuple(told)


def _identity(image: Manifest) -> tuple[str, str, str]:
    spec = image["spec"]
    return spec["definition"], spec["version"], spec.get("securityPatch", "")


def _dated(manifest: Manifest, start: datetime) -> Manifest:
    """A NodeImage without publishedAt: what its status kept, when it was created, else the start."""
    spec = manifest["spec"]
    if spec.get("publishedAt"):
        return manifest
    kept = (manifest.get("status") or {}).get("publishedAt") or manifest["metadata"].get("creationTimestamp")
    at = parse_instant(str(kept)) if kept else start
    return {**manifest, "spec": {**spec, "publishedAt": write_instant(min(at, start))}}


def from_event(spec: NodeImageSpec, at: datetime) -> Manifest:
    """The NodeImage that an event publishes."""
    name = f"{spec.definition}-{spec.full_version}".lower()
    return {
        "apiVersion": "napsim.dev/v1alpha1",
        "kind": "NodeImage",
        "metadata": {"name": name},
        "spec": {**spec.stored(), "publishedAt": write_instant(at)},
    }


def _without_images(images: Iterable[Manifest], definitions: Iterable[tuple[Definition, ...]]) -> Iterator[str]:
    """Classes that none of the given images is for."""
    known = {image["spec"]["definition"] for image in images}
    for selected in definitions:
        if not known & {definition.name for definition in selected}:
            wanted = ", ".join(definition.name for definition in selected)
            yield f"No image of {wanted} is given: classes that select these have none, and launch no node."


# --- which definitions matter, and what is held of them ---------------------------------------------------------------


def _definitions(classes: Iterable[Manifest], kubernetes: str, gallery: GalleryKind) -> list[tuple[Definition, ...]]:
    """The definitions that each class selects, each selection once."""
    found = [definitions_for(ImageSelection.from_spec(it.get("spec") or {}), kubernetes, gallery) for it in classes]
    return list(dict.fromkeys(selected for selected in found if selected))


def _held(classes: Iterable[Manifest], nodes: Iterable[Manifest]) -> dict[str, str]:
    """The newest version that a class has in its status or a node runs, by definition."""
    newest: dict[str, str] = {}
    for definition, version in (*_of_classes(classes), *_of_nodes(nodes)):
        if definition not in newest or is_newer(version, newest[definition]):
            newest[definition] = version
    return newest


def _of_classes(classes: Iterable[Manifest]) -> Iterator[tuple[str, str]]:
    for manifest in classes:
        for image in (manifest.get("status") or {}).get("images") or ():
            parts = parse_image_id(str(image.get("id", "")))
            yield parts.definition, parts.version


def _of_nodes(nodes: Iterable[Manifest]) -> Iterator[tuple[str, str]]:
    for manifest in nodes:
        label = str((manifest["metadata"].get("labels") or {}).get(names.NODE_IMAGE_VERSION, ""))
        _, _, rest = label.partition("-")
        definition, _, version = rest.partition("-")
        if definition in DEFINITIONS and version:
            yield definition, version


# --- the ways to fill in ----------------------------------------------------------------------------------------------


def _real(
    definitions: Iterable[tuple[Definition, ...]], held: Mapping[str, str], start: datetime, until: datetime
) -> tuple[list[Published], list[str]]:
    known = {image.definition for image in real()}
    wanted = {definition.name for selected in definitions for definition in selected}
    found = [it for it in real_until(wanted & known, start, until) if not _is_older(it.version, held, it.definition)]
    found += [_as_held(name, held[name], start) for name in sorted(wanted & set(held))]
    notes = []
    last = max((image.at for image in real()), default=start)
    if until > last:
        notes.append(f"AKS' real images are known until {last:%Y-%m-%d}: none is published after that day.")
    notes += [
        f"No real version of {', '.join(it.name for it in selected)} is known: such classes have none."
        for selected in definitions
        if not {definition.name for definition in selected} & (known | set(held))
    ]
    return _once(found), notes


def _next_to_ship(
    definitions: Sequence[tuple[Definition, ...]], held: Mapping[str, str], start: datetime, until: datetime
) -> tuple[list[Published], list[str]]:
    """What exists at the start, and one image an hour after it."""
    existing = [image for image in _real(definitions, held, start, start)[0] if image.at <= start]
    known = {image.definition for image in existing}
    for selected in definitions:
        if not known & {definition.name for definition in selected}:
            earlier = start - timedelta(days=7)
            existing += [_made(definition, version_at(earlier), earlier) for definition in selected]
    at = min(start + FIRST_IMAGE, until)
    shipped = [_made(DEFINITIONS[it.definition], version_at(at, it.version), at) for it in existing]
    note = (
        f"One new image ships at {write_instant(at)}, as no NodeImage is given and no Scenario says spec.images;"
        " what was published before are AKS' real images."
    )
    return [*existing, *shipped], [note] if shipped else []


def _so_often(
    period: timedelta,
    definitions: Iterable[tuple[Definition, ...]],
    held: Mapping[str, str],
    start: datetime,
    until: datetime,
) -> list[Published]:
    wanted = dict.fromkeys(definition for selected in definitions for definition in selected)
    return [
        image for definition in wanted for image in every(period, definition, start, until, held.get(definition.name))
    ]


def _as_held(name: str, version: str, start: datetime) -> Published:
    return _made(DEFINITIONS[name], version, min(version_date(version) or start, start))


def _made(definition: Definition, version: str, at: datetime) -> Published:
    return Published(os_sku_of(definition), definition.name, version, at)


def _is_older(version: str, held: Mapping[str, str], definition: str) -> bool:
    return definition in held and not is_newer(version, held[definition])


def _once(images: Iterable[Published]) -> list[Published]:
    """Of images that agree in definition and version the first."""
    return list({(image.definition, image.version): image for image in reversed(list(images))}.values())[::-1]
