"""Every kind that napsim serves or reads, and the way from a manifest to its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from napsim.api.aksnodeclass import AKS_NODE_CLASS
from napsim.api.kinds import Kind
from napsim.api.maintenanceconfiguration import MAINTENANCE_CONFIGURATION
from napsim.api.nodeautoprovisioning import NODE_AUTO_PROVISIONING
from napsim.api.nodeclaim import NODE_CLAIM
from napsim.api.nodeimage import NODE_IMAGE
from napsim.api.nodepool import NODE_POOL

KINDS: Final[tuple[Kind, ...]] = (
    NODE_AUTO_PROVISIONING,
    MAINTENANCE_CONFIGURATION,
    NODE_IMAGE,
    NODE_POOL,
    NODE_CLAIM,
    AKS_NODE_CLASS,
)
GROUPS: Final = frozenset(kind.group for kind in KINDS)
_BY_TYPE: Final = {(version, kind.name): kind for kind in KINDS for version in kind.api_versions}


def kind_of(manifest: Mapping[str, object]) -> Kind | None:
    """The kind of a manifest by its ``apiVersion`` and ``kind``, or None if it is none of ours."""
    return _BY_TYPE.get((str(manifest.get("apiVersion", "")), str(manifest.get("kind", ""))))
