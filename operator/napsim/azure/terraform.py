"""Terraform's resources of AKS: azurerm's cluster with its windows, and what azapi sends to the REST API.

Both are read as HCL and as ``terraform show -json`` prints them (a plan or a state). Which field of azurerm is which of
REST is in ``azurerm``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from napsim.azure import azurerm, hcl, rest
from napsim.azure.imports import CHANNELS, NOT_LITERAL, Expression, Imports, Origin, joined, unknown_fields
from napsim.reading.sources import Document, Mistake

CONFIGURATION_TYPE: Final = "Microsoft.ContainerService/managedClusters/maintenanceConfigurations"
CLUSTER_TYPE: Final = "Microsoft.ContainerService/managedClusters"
_AZURERM: Final = "azurerm_kubernetes_cluster"
_AZAPI: Final = ("azapi_resource", "azapi_update_resource")
_SEVERAL: Final = ("count", "for_each")
_SHOW: Final = "`terraform show -json` prints what it comes to"


def are_in(text: str) -> bool:
    """Whether a text is Terraform's language."""
    return any(line.startswith(("resource ", "module ", "terraform ", "provider ")) for line in text.splitlines())


def is_shown(manifest: object) -> bool:
    """Whether a document is what ``terraform show -json`` prints."""
    return isinstance(manifest, Mapping) and "format_version" in manifest


def is_stored(manifest: object) -> bool:
    """Whether a document is a state as Terraform keeps it (``terraform.tfstate``), whose form is its own."""
    return isinstance(manifest, Mapping) and "terraform_version" in manifest and "lineage" in manifest


def is_written_as_json(manifest: object) -> bool:
    """Whether a document is Terraform's own JSON syntax, which is not read."""
    return isinstance(manifest, Mapping) and isinstance(manifest.get("resource"), Mapping)


def read(found: Imports, file: str, text: str) -> None:
    """The resources of a file in Terraform's language. Raises ``hcl.ExtraMissing``."""
    blocks, wrong = hcl.blocks(file, text)
    found.mistakes += wrong
    for block in blocks:
        origin = Origin(block.document, block.address)
        if block.type == "module":
            found.notes.append(origin.mistake("", None, f"a module is not followed; {_SHOW}"))
        if block.type == "resource" and len(block.labels) == 2:
            _resource(found, origin, block.labels[0], block.document.manifest)


def read_shown(found: Imports, document: Document) -> None:
    """The resources of a plan or a state, those of modules included."""
    manifest = document.manifest
    key = "planned_values" if isinstance(manifest.get("planned_values"), Mapping) else "values"
    root = manifest[key].get("root_module") if isinstance(manifest.get(key), Mapping) else None
    if not isinstance(root, Mapping):
        origin = Origin(document, "terraform show -json")
        found.mistakes.append(origin.mistake("values", None, "Required value: a plan or a state with a root_module"))
        return
    for at, resource in _resources(found, Origin(document, "terraform show -json"), f"{key}.root_module", root):
        if resource.get("mode", "managed") == "managed" and isinstance(resource.get("values"), Mapping):
            origin = Origin(document, str(resource.get("address", "resource")), joined(at, "values"))
            _resource(found, origin, str(resource.get("type")), resource["values"])


Placed = tuple[str, Mapping[str, Any]]


def _resources(found: Imports, origin: Origin, at: str, module: Mapping[str, Any]) -> Iterator[Placed]:
    yield from _objects(found, origin, f"{at}.resources", module.get("resources"))
    for place, child in _objects(found, origin, f"{at}.child_modules", module.get("child_modules")):
        yield from _resources(found, origin, place, child)


def _objects(found: Imports, origin: Origin, at: str, listed: object) -> Iterator[Placed]:
    """The objects of a list that may be absent, each with its place."""
    for index, item in enumerate(listed if isinstance(listed, list) else [] if listed is None else [listed]):
        if isinstance(item, Mapping):
            yield f"{at}[{index}]", item
        else:
            found.mistakes.append(origin.mistake(at, item, "must be a list of objects"))


# --- one resource -----------------------------------------------------------------------------------------------------


def _resource(found: Imports, origin: Origin, type_: str, values: Mapping[str, Any]) -> None:
    if type_ == _AZURERM:
        concerned = any(key in values for key in azurerm.READ)
        read = azurerm.read
    elif type_ in _AZAPI:
        concerned, read = _is_of_aks(found, origin, values), _azapi
    else:
        return
    if not concerned:
        if type_ == _AZURERM:
            found.notes.append(origin.mistake("", None, "neither windows nor upgrade channels: nothing is read"))
        return
    for key in _SEVERAL:
        if key in values:
            found.mistakes.append(origin.mistake(key, None, f"{values[key]}: none, one or several; {_SHOW}"))
    read(found, origin, values)


def _type_of(values: Mapping[str, Any]) -> str:
    """The type that azapi names, without its version."""
    return str(values.get("type")).partition("@")[0].lower()


def _is_of_aks(found: Imports, origin: Origin, values: Mapping[str, Any]) -> bool:
    if isinstance(values.get("type"), Expression):
        found.notes.append(origin.mistake("type", None, f"{values['type']}: whether it is of AKS cannot be told"))
    return _type_of(values) in {CONFIGURATION_TYPE.lower(), CLUSTER_TYPE.lower()}


def _azapi(found: Imports, origin: Origin, values: Mapping[str, Any]) -> None:
    body = _decoded(values.get("body"))
    if _type_of(values) == CONFIGURATION_TYPE.lower():
        _configuration(found, origin, _name(found, origin, values), body)
    elif isinstance(body, Expression):
        found.mistakes.append(_no_object(origin, "body", body))
    elif isinstance(body, Mapping):
        _channels(found, origin, body)


def _no_object(origin: Origin, field: str, value: object) -> Mistake:
    told = f"{value}: {NOT_LITERAL}" if isinstance(value, Expression) else "Required value: an object"
    return origin.mistake(field, None, told)


def _name(found: Imports, origin: Origin, values: Mapping[str, Any]) -> str:
    """That of the configuration; empty where it is no literal, which is told."""
    name = values.get("name") or str(values.get("resource_id") or "").rpartition("/maintenanceConfigurations/")[2]
    if not name or isinstance(name, Expression):
        told = f"{name}: {NOT_LITERAL}" if name else "Required value: name must be set"
        found.mistakes.append(origin.mistake("name", None, told))
        return ""
    return str(name)


def _decoded(body: object) -> object:
    """azapi before its version 2 keeps the body as JSON in a text."""
    if not isinstance(body, str):
        return body
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body


def _configuration(found: Imports, origin: Origin, name: str, body: object) -> None:
    properties = body.get("properties") if isinstance(body, Mapping) else None
    if not isinstance(body, Mapping):
        found.mistakes.append(_no_object(origin, "body", body))
    elif not isinstance(properties, Mapping):
        found.mistakes.append(_no_object(origin, "body.properties", properties))
    else:
        found.mistakes += unknown_fields(origin, "body", body, ("properties",))
        rest.body(found, origin, name, "body.properties", properties)


def _channels(found: Imports, origin: Origin, body: Mapping[str, Any]) -> None:
    properties = body.get("properties")
    profile = properties.get("autoUpgradeProfile") if isinstance(properties, Mapping) else None
    at = "body.properties.autoUpgradeProfile"
    if isinstance(profile, Mapping):
        found.mistakes += unknown_fields(origin, at, profile, CHANNELS)
        given = {key: profile.get(key) for key in CHANNELS}
        found.channels(origin, given, {key: joined(at, key) for key in CHANNELS})
    elif isinstance(profile, Expression):
        found.mistakes.append(origin.mistake(at, None, f"{profile}: {NOT_LITERAL}"))
    if not isinstance(properties, Mapping) or set(properties) - {"autoUpgradeProfile"}:
        found.notes.append(origin.mistake("", None, f"of a cluster {at} alone is read"))
