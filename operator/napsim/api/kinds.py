"""What a kind is to the API server besides its schema: names, versions, columns, subresources."""

from __future__ import annotations

from typing import Literal

import msgspec

from napsim.api.base import KubeObject


class Column(msgspec.Struct, frozen=True):
    """A printer column. ``wide`` ones appear with ``kubectl get -o wide`` only."""

    name: str
    path: str
    type: Literal["string", "integer", "number", "boolean", "date"] = "string"
    wide: bool = False
    description: str = ""


def condition_column(type_: str, *, wide: bool = False) -> Column:
    """The column that shows the status of one condition."""
    return Column(type_, f'.status.conditions[?(@.type=="{type_}")].status', wide=wide)


class Scale(msgspec.Struct, frozen=True):
    """Paths of the scale subresource."""

    spec_replicas: str
    status_replicas: str


class Kind(msgspec.Struct, frozen=True):
    """One kind: its model and how the API server serves it. All kinds here are cluster-scoped and have a status.

    ``deprecated`` are further served versions with the same schema, each with the warning that its use earns.
    """

    model: type[KubeObject]
    group: str
    version: str
    plural: str
    columns: tuple[Column, ...]
    categories: tuple[str, ...]
    short_names: tuple[str, ...] = ()
    scale: Scale | None = None
    deprecated: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The kind's name: NodePool."""
        return self.model.__name__

    @property
    def singular(self) -> str:
        """The kind's name in lower case, as kubectl accepts it: nodepool."""
        return self.name.lower()

    @property
    def crd_name(self) -> str:
        """The name of its CustomResourceDefinition: nodepools.karpenter.sh."""
        return f"{self.plural}.{self.group}"

    @property
    def api_versions(self) -> tuple[str, ...]:
        """Every ``apiVersion`` a manifest may carry, the stored one first."""
        return tuple(f"{self.group}/{version}" for version in (self.version, *(old for old, _ in self.deprecated)))
