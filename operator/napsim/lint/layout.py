"""Which documents of an input may be of one cluster, by the folders they are in.

Two folders that both have an object of one kind, namespace and name are of two clusters (or of two stages, or a base
and what is laid over it), and so is all that is below them. Only kinds that rules read count: a Namespace may well be
written down twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from napsim.reading.kinds import KINDS
from napsim.reading.sources import Document

Identity = tuple[str, str, str]


@dataclass(slots=True)
class Layout:
    """Objects by the folder they are in (``own``) and by every folder above it (``below``)."""

    own: dict[PurePath, set[Identity]] = field(default_factory=dict)
    below: dict[PurePath, set[Identity]] = field(default_factory=dict)
    known: dict[tuple[str, str], bool] = field(default_factory=dict)

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Layout:
        layout = cls()
        for document in documents:
            identity, folder = _identity(document), PurePath(document.file).parent
            if not identity[-1] or identity[0] not in KINDS:
                continue
            layout.own.setdefault(folder, set()).add(identity)
            for above in (folder, *folder.parents):
                layout.below.setdefault(above, set()).add(identity)
        return layout

    def together(self, one: Document, other: Document) -> bool:
        """Whether two documents may be of one cluster."""
        folders = one.file.rpartition("/")[0], other.file.rpartition("/")[0]
        if folders not in self.known:
            self.known[folders] = self._together(PurePath(one.file).parent, PurePath(other.file).parent)
        return self.known[folders]

    def _together(self, one: PurePath, other: PurePath) -> bool:
        if one == other:
            return True
        steps = zip((*one.parts, ""), (*other.parts, ""), strict=False)
        shared = next(index for index, (first, second) in enumerate(steps) if first != second)
        return self._at(one, shared).isdisjoint(self._at(other, shared))

    def _at(self, folder: PurePath, shared: int) -> set[Identity]:
        """What is in the folder that is a step below what is shared; of that itself only what is right in it."""
        if len(folder.parts) == shared:
            return self.own.get(folder, set())
        return self.below.get(PurePath(*folder.parts[: shared + 1]), set())


def _identity(document: Document) -> Identity:
    metadata = document.manifest.get("metadata")
    found = metadata if isinstance(metadata, dict) else {}
    return str(document.manifest.get("kind")), str(found.get("namespace", "")), str(found.get("name", ""))
