"""Images as NodeImage manifests: those that AKS has published, and one so often.

The published ones are facts (``data/aks-node-images.csv``). Policy: an image is published at midnight UTC of its day,
and of several of one day each an hour after the one before, as upstream keeps the first of two of the same instant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from napsim.api.scalars import parse_instant, write_instant
from napsim.core.definitions import AZURE_LINUX, Definition, Family
from napsim.core.versions import is_newer
from napsim.sim.scenario import Manifest

_HOUR: Final = timedelta(hours=1)
_FILE: Final = "aks-node-images.csv"
_OS_SKU: Final = {"2004": Family.UBUNTU2004, "2204": Family.UBUNTU2204, "2404": Family.UBUNTU2404}


class Published(msgspec.Struct, frozen=True):
    """One image version of one definition."""

    os_sku: str
    definition: str
    version: str
    at: datetime

    def manifest(self) -> Manifest:
        """Its NodeImage, named after definition and version."""
        spec = {
            "osSKU": self.os_sku,
            "definition": self.definition,
            "version": self.version,
            "publishedAt": write_instant(self.at),
        }
        return {
            "apiVersion": "napsim.dev/v1alpha1",
            "kind": "NodeImage",
            "metadata": {"name": f"{self.definition}-{self.version}".lower()},
            "spec": spec,
        }


@cache
def real() -> tuple[Published, ...]:
    """What AKS has published, by definition and in order of publication."""
    text = files("napsim.sim").joinpath("data", _FILE).read_text(encoding="utf-8")
    found: list[Published] = []
    for line in text.splitlines()[1:]:
        os_sku, definition, version, day = line.split(",")
        at = parse_instant(f"{day}T00:00:00Z")
        before = found[-1] if found and found[-1].definition == definition else None
        found.append(Published(os_sku, definition, version, max(at, before.at + _HOUR) if before else at))
    return tuple(found)


def real_until(definitions: Collection[str], start: datetime, until: datetime) -> list[Published]:
    """The real images of some definitions that exist by ``until``: of those before ``start`` the newest alone."""
    latest: dict[str, Published] = {}
    later = []
    for image in real():
        if image.definition not in definitions or image.at > until:
            continue
        if image.at <= start:
            latest[image.definition] = image
        else:
            later.append(image)
    return [*latest.values(), *later]


def every(
    period: timedelta, definition: Definition, start: datetime, until: datetime, held: str | None
) -> Iterator[Published]:
    """One image at each multiple of ``period`` after ``start``, and before them the one that is ``held``."""
    version = held or version_at(start - period)
    at = start
    yield Published(os_sku_of(definition), definition.name, version, start - period)
    while (at := at + period) <= until:
        version = version_at(at, version)
        yield Published(os_sku_of(definition), definition.name, version, at)


def version_at(at: datetime, before: str = "") -> str:
    """A version of that day, newer than the one ``before``: ``202603.10.0``, then ``202603.10.1``."""
    patch = 0
    while before and not is_newer(f"{at:%Y%m.%d}.{patch}", before):
        patch += 1
        if patch > 999:  # ``before`` is of a later day
            return _after(before)
    return f"{at:%Y%m.%d}.{patch}"


def _after(version: str) -> str:
    head, _, patch = version.rpartition(".")
    return f"{head}.{int(patch) + 1}"


def os_sku_of(definition: Definition) -> str:
    """The ``osSKU`` of a definition's NodeImages."""
    if definition.gallery is AZURE_LINUX:
        return Family.AZURE_LINUX2 if definition.name.startswith("V2") else Family.AZURE_LINUX3
    return _OS_SKU[definition.name[:4]]
