"""Configurations and channels as arguments of ``azurerm_kubernetes_cluster``.

The blocks are printed inside a resource that has nothing else: they go into the one that makes the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from napsim.api.maintenanceconfiguration import DEFAULT
from napsim.azure import messages
from napsim.azure.azurerm import BLOCKS, CHANNELS, FIELDS, SCHEDULES
from napsim.azure.exports import Configuration, Exports, Target
from napsim.azure.literals import HCL, hcl_text

_MIDNIGHT: Final = "T00:00:00Z"
_ALL_HOURS: Final = list(range(24))
_OTHER_FORM: Final = "export it with --form azapi"
Body = dict[str, Any]  # a list of mappings in it is blocks


def written(exports: Exports, target: Target) -> str:
    """The resource. What azurerm cannot say is added to the mistakes of ``exports``."""
    fields: Body = {
        "name": target.cluster,
        **{_first(CHANNELS, key): value for key, value in exports.channels.items()},
    }
    for it in exports.configurations:
        unsayable = list(_unsayable(it))
        for place, told in unsayable:
            exports.mistakes.append(it.document.mistake(f"spec.{place}", None, f"{told}: {_OTHER_FORM}"))
        if not unsayable:
            fields[BLOCKS[it.name]] = [_hours(it) if it.name == DEFAULT else _recurring(it)]
    told = "# Goes into the resource that makes the cluster.\n"
    return f'{told}resource "azurerm_kubernetes_cluster" {hcl_text(label(target))} {{\n{_body(fields, 1)}}}\n'


def label(target: Target) -> str:
    """The cluster's name as a name in Terraform."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in target.cluster).lower()
    return plain if plain[:1].isalpha() else f"cluster_{plain}"


def _first(names: Mapping[str, str], ours: str) -> str:
    return next(theirs for theirs, known in names.items() if known == ours)


def _unsayable(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """(field of the spec, why): azurerm has hours of the week for `default` alone, and nothing else for it."""
    if configuration.name == DEFAULT and configuration.window:
        yield "maintenanceWindow", f"azurerm's {BLOCKS[DEFAULT]} has hours of the week alone"
    if configuration.name != DEFAULT and configuration.properties.get("notAllowedTime"):
        yield "notAllowedTime", f"azurerm's {BLOCKS[configuration.name]} has days alone (notAllowedDates)"


def _hours(configuration: Configuration) -> Body:
    slots = configuration.properties.get("timeInWeek") or []
    allowed = [{"day": slot["day"], "hours": slot.get("hourSlots") or _ALL_HOURS} for slot in slots]
    return {"allowed": allowed, "not_allowed": list(configuration.properties.get("notAllowedTime") or ())}


def _recurring(configuration: Configuration) -> Body:
    window = configuration.window
    ((kind, given),) = window["schedule"].items()
    frequency = messages.KINDS[kind]
    fields: Body = {"frequency": frequency}
    fields |= {theirs: given[ours] for theirs, ours in SCHEDULES[frequency].items()}
    fields |= {theirs: window[ours] for theirs, ours in FIELDS.items() if ours in window}
    if "startDate" in window:
        fields["start_date"] = window["startDate"] + _MIDNIGHT
    spans = window.get("notAllowedDates") or ()
    fields["not_allowed"] = [{key: span[key] + _MIDNIGHT for key in ("start", "end")} for span in spans]
    return fields


def _body(fields: Body, depth: int) -> str:
    """Attributes with their equals signs in line, as `terraform fmt` has them, then blocks."""
    indent = "  " * depth
    blocks = {key: value for key, value in fields.items() if _is_blocks(value)}
    plain = {key: value for key, value in fields.items() if key not in blocks}
    width = max((len(key) for key in plain), default=0)
    text = "".join(f"{indent}{key:<{width}} = {HCL.literal(value, depth)}\n" for key, value in plain.items())
    for key, listed in blocks.items():
        for block in listed:
            text += f"\n{indent}{key} {{\n{_body(block, depth + 1)}{indent}}}\n"
    return text


def _is_blocks(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)
