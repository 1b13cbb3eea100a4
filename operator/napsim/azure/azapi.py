"""Configurations and channels as resources of azapi, which sends them to the REST API as they are."""

from __future__ import annotations

from typing import Final

from napsim.azure.azurermblocks import label
from napsim.azure.exports import Configuration, Exports, Target
from napsim.azure.imports import OBJECT_NAMES
from napsim.azure.literals import HCL, hcl_text
from napsim.azure.terraform import CLUSTER_TYPE, CONFIGURATION_TYPE

_CLUSTER: Final = "azurerm_kubernetes_cluster.{label}.id"


def written(exports: Exports, target: Target) -> str:
    """One resource for each configuration, and one for the channels; the cluster is taken to be azurerm's."""
    cluster = _CLUSTER.format(label=label(target))
    parts = [_resource(it, target, cluster) for it in exports.configurations]
    if exports.channels:
        parts.append(
            'resource "azapi_update_resource" "upgrade_channels" {\n'
            f"  type        = {hcl_text(f'{CLUSTER_TYPE}@{target.version}')}\n"
            f"  resource_id = {cluster}\n"
            f"  body = {HCL.literal({'properties': {'autoUpgradeProfile': exports.channels}}, 1)}\n}}\n"
        )
    return "\n".join(parts)


def _resource(configuration: Configuration, target: Target, cluster: str) -> str:
    return (
        f'resource "azapi_resource" {hcl_text(OBJECT_NAMES[configuration.name].replace("-", "_"))} {{\n'
        f"  type      = {hcl_text(f'{CONFIGURATION_TYPE}@{target.version}')}\n"
        f"  name      = {hcl_text(configuration.name)}\n"
        f"  parent_id = {cluster}\n"
        f"  body = {HCL.literal({'properties': dict(configuration.properties)}, 1)}\n}}\n"
    )
