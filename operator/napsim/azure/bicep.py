"""Configurations as resources of Bicep. It is only written here: Azure deploys it."""

from __future__ import annotations

from typing import Final

from napsim.azure.exports import Configuration, Exports, Target
from napsim.azure.literals import BICEP, bicep_text
from napsim.azure.terraform import CLUSTER_TYPE, CONFIGURATION_TYPE

_SYMBOLS: Final = {"default": "defaultConfiguration"}


def written(exports: Exports, target: Target) -> str:
    """The cluster as an existing resource, its configurations as children of it, its channels as a variable."""
    name = bicep_text(target.cluster)
    parts = [f"resource cluster '{CLUSTER_TYPE}@{target.version}' existing = {{\n  name: {name}\n}}\n"]
    parts += [_resource(it, target) for it in exports.configurations]
    if exports.channels:
        told = "// Goes into the properties of the cluster's own resource: an existing one cannot be changed from here."
        parts.append(f"{told}\nvar autoUpgradeProfile = {BICEP.literal(exports.channels)}\n")
    return "\n".join(parts)


def _resource(configuration: Configuration, target: Target) -> str:
    symbol = _SYMBOLS.get(configuration.name, configuration.name)
    return (
        f"resource {symbol} '{CONFIGURATION_TYPE}@{target.version}' = {{\n"
        f"  parent: cluster\n"
        f"  name: {bicep_text(configuration.name)}\n"
        f"  properties: {BICEP.literal(dict(configuration.properties), 1)}\n}}\n"
    )
