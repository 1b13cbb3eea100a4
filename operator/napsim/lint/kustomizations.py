"""What kustomizations in the input make of the other documents: which are parts of manifests, and which change.

Nothing is built. An object that a patch, ``replicas``, a transformer or a replacement changes is not what is written,
so it is not judged; labels that go onto pods are put there. What changes names, namespaces and images changes no
finding.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Final

import yaml

from napsim.api.manifests import load_documents
from napsim.reading.kinds import WORKLOADS
from napsim.reading.sources import Document

_STEM: Final = "kustomization"
_SOURCES: Final = ("resources", "bases", "components")
_ANYTHING: Final = ("transformers", "replacements", "vars", "configurations", "generators")
_PATCHES: Final = ("patches", "patchesStrategicMerge", "patchesJson6902")
_PLAIN: Final = re.compile(r"[a-z0-9-]+")
_EVERY: Final = ""

Target = tuple[str, str]  # kind and name, empty for any
_Folders = Mapping[PurePath, Mapping[str, Any]]


@dataclass(slots=True)
class Kustomizations:
    """``patches`` are files; ``targets`` and ``labels`` are what happens to each file that a kustomization takes in."""

    patches: set[PurePath] = field(default_factory=set)
    targets: dict[PurePath, set[Target]] = field(default_factory=dict)
    labels: dict[PurePath, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Kustomizations:
        documents = [document for document in documents if isinstance(document.manifest, dict)]
        found = cls()
        folders = {_file(it).parent: it.manifest for it in documents if _file(it).stem == _STEM}
        by_file: dict[PurePath, list[Document]] = {}
        for document in documents if folders else ():
            by_file.setdefault(_file(document), []).append(document)
        for folder in folders:
            found.take(folder, folders, by_file)
        return found

    def is_patch(self, document: Document) -> bool:
        """Whether the file is a patch: a part of a manifest."""
        return bool(self.patches) and _file(document) in self.patches

    def is_changed(self, document: Document) -> bool:
        """Whether the object will be another one than is written."""
        targets = self.targets.get(_file(document)) if self.targets else None
        if not targets:
            return False
        kind, metadata = str(document.manifest.get("kind")), document.manifest.get("metadata")
        name = str(metadata.get("name", "")) if isinstance(metadata, dict) else ""
        return any(wanted in {_EVERY, kind} and named in {_EVERY, name} for wanted, named in targets)

    def labelled(self, document: Document) -> Document:
        """With the labels that pods of the workload will have."""
        labels = self.labels.get(_file(document)) if self.labels else None
        spec = document.manifest.get("spec")
        template = spec.get("template") if isinstance(spec, dict) else None
        if not labels or document.manifest.get("kind") not in WORKLOADS or not isinstance(template, dict):
            return document
        metadata = template.get("metadata") or {}
        template = {**template, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}}
        return replace(document, manifest={**document.manifest, "spec": {**spec, "template": template}})

    def take(self, folder: PurePath, folders: _Folders, by_file: Mapping[PurePath, list[Document]]) -> None:
        """What the kustomization of a folder does to the files that it takes in."""
        reached = list(dict.fromkeys(_reached(folder, folders)))
        files = [file for inner in reached for file in by_file if file.parent == inner and file.stem != _STEM]
        files += [path for inner in reached for path in _paths(folders[inner], inner) if path in by_file]
        own = [folder, *(it for it in reached[1:] if folders[it].get("kind") == "Component")]
        for part in own:
            its = folders[part]
            self.patches |= set(_patch_files(its, part))
            targets, labels = set(_targets(its, part, by_file)), _labels(its)
            for file in files:
                self.targets.setdefault(file, set()).update(targets)
                self.labels.setdefault(file, {}).update(labels)


def _list(manifest: Mapping[str, Any], key: str) -> list[Any]:
    found = manifest.get(key)
    return found if isinstance(found, list) else []


def _file(document: Document) -> PurePath:
    return PurePath(os.path.normpath(document.file))


def _paths(manifest: Mapping[str, Any], folder: PurePath) -> Iterator[PurePath]:
    for key in _SOURCES:
        yield from (PurePath(os.path.normpath(folder / it)) for it in _list(manifest, key) if isinstance(it, str))


def _reached(folder: PurePath, folders: _Folders) -> Iterator[PurePath]:
    """The folder, and those of the kustomizations that it takes in, theirs too; each once."""
    seen, waiting = {folder}, [folder]
    while waiting:
        here = waiting.pop()
        yield here
        inner = [path for path in _paths(folders[here], here) if path in folders and path not in seen]
        seen.update(inner)
        waiting += inner


def _patches(manifest: Mapping[str, Any]) -> Iterator[Any]:
    for key in _PATCHES:
        yield from _list(manifest, key)


def _patch_files(manifest: Mapping[str, Any], folder: PurePath) -> Iterator[PurePath]:
    for entry in _patches(manifest):
        path = entry.get("path") if isinstance(entry, dict) else entry
        if isinstance(path, str) and "\n" not in path:
            yield PurePath(os.path.normpath(folder / path))


def _targets(
    manifest: Mapping[str, Any], folder: PurePath, by_file: Mapping[PurePath, list[Document]]
) -> Iterator[Target]:
    """What is changed; a kind and name that nothing says are any."""
    if any(_list(manifest, key) for key in _ANYTHING):
        yield _EVERY, _EVERY
    for entry in _list(manifest, "replicas"):
        yield _EVERY, str(entry.get("name", _EVERY)) if isinstance(entry, dict) else _EVERY
    for entry in _patches(manifest):
        target = entry.get("target") if isinstance(entry, dict) else None
        if isinstance(target, dict):
            name = str(target.get("name", _EVERY))  # a regular expression
            yield str(target.get("kind", _EVERY)), name if _PLAIN.fullmatch(name) else _EVERY
            continue
        path, inline = (entry.get("path", ""), entry.get("patch", "")) if isinstance(entry, dict) else (entry, entry)
        file = PurePath(os.path.normpath(folder / str(path)))
        parts = [it.manifest for it in by_file.get(file, ())] or _parsed(str(inline))
        yield from map(_target, parts) if parts else [(_EVERY, _EVERY)]


def _parsed(text: str) -> list[Any]:
    try:
        return [manifest for manifest, _ in load_documents(text) if isinstance(manifest, dict)]
    except yaml.YAMLError:  # a path, or a patch in another form: it may change anything
        return []


def _target(manifest: Mapping[str, Any]) -> Target:
    metadata = manifest.get("metadata")
    name = str(metadata.get("name", _EVERY)) if isinstance(metadata, dict) else _EVERY
    return str(manifest.get("kind", _EVERY)), name


def _labels(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Those that pods get."""
    common = manifest.get("commonLabels")
    found = dict(common) if isinstance(common, dict) else {}
    for entry in _list(manifest, "labels"):
        if isinstance(entry, dict) and (entry.get("includeSelectors") or entry.get("includeTemplates")):
            found |= entry.get("pairs") or {}
    return {str(key): str(value) for key, value in found.items()}
