"""CustomResourceDefinitions, generated from the models: ``python -m napsim.api.crd DIRECTORY``.

One file per kind, the same bytes from the same models. What is committed is what this writes; a test holds them
together.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import yaml

from napsim.api.base import KubeObject
from napsim.api.kinds import Column, Kind
from napsim.api.openapi import Schema, structural_schema
from napsim.api.registry import KINDS

HEADER: Final = "# Generated from operator/napsim/api by `python -m napsim.api.crd crds`. Do not edit.\n"
_API_VERSION: Final = "Version of the schema of this object: its group and version."
_KIND: Final = "Kind of this object."
# The API server reserves these on top of every object and checks them itself.
_ENVELOPE: Final[Schema] = {
    "apiVersion": {"description": _API_VERSION, "type": "string"},
    "kind": {"description": _KIND, "type": "string"},
    "metadata": {"type": "object"},
}


def object_schema(model: type[KubeObject]) -> Schema:
    """The schema of a whole object: the API server's own envelope, and the model's spec and status."""
    schema = structural_schema(model)
    own = {name: part for name, part in schema["properties"].items() if name not in _ENVELOPE}
    own.get("status", {}).pop("default", None)  # the status is the controller's: absent until it has written one
    required = [name for name in schema.get("required", []) if name not in _ENVELOPE]
    return {**schema, "properties": {**_ENVELOPE, **own}, **({"required": required} if required else {})}


def custom_resource_definition(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, as a manifest."""
    names: dict[str, Any] = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.singular,
        "categories": list(kind.categories),
    }
    if kind.short_names:
        names["shortNames"] = list(kind.short_names)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name, "labels": {"app.kubernetes.io/part-of": "napsim"}},
        "spec": {"group": kind.group, "names": names, "scope": "Cluster", "versions": _versions(kind)},
    }


def _versions(kind: Kind) -> list[dict[str, Any]]:
    served = [_version(kind, kind.version, stored=True)]
    for version, warning in kind.deprecated:
        old = {"deprecated": True, "deprecationWarning": warning}
        served.append({**_version(kind, version, stored=False), **old})
    return served


def _version(kind: Kind, version: str, *, stored: bool) -> dict[str, Any]:
    subresources: dict[str, Any] = {"status": {}}
    if kind.scale:
        subresources["scale"] = {
            "specReplicasPath": kind.scale.spec_replicas,
            "statusReplicasPath": kind.scale.status_replicas,
        }
    return {
        "name": version,
        "served": True,
        "storage": stored,
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "subresources": subresources,
        "schema": {"openAPIV3Schema": object_schema(kind.model)},
    }


def _column(column: Column) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.description:
        entry["description"] = column.description
    return {**entry, "priority": 1} if column.wide else entry


def file_name(kind: Kind) -> str:
    """The name of the kind's file: karpenter.sh_nodepools.yaml."""
    return f"{kind.group}_{kind.plural}.yaml"


def render(kind: Kind) -> str:
    """The kind's file."""
    manifest = custom_resource_definition(kind)
    return HEADER + yaml.dump(manifest, Dumper=_NoAliases, sort_keys=False, width=120, allow_unicode=True)


class _NoAliases(yaml.SafeDumper):
    """Writes a part that occurs twice twice: anchors are hard to read, and not every reader knows them."""

    def ignore_aliases(self, data: object) -> bool:
        del data  # whatever it is
        return True


def write(directory: Path) -> None:
    """One file per kind into ``directory``, which is made if it is missing."""
    directory.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        (directory / file_name(kind)).write_text(render(kind), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Writes the files. Exit code 2 if there is not exactly one directory."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m napsim.api.crd DIRECTORY\n")
        return 2
    write(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
