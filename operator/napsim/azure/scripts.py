"""``az`` commands, and the files for ``--config-file``, that make configurations what they are.

Options where they can say it all; a file where there are days or times without maintenance, several hours of the week,
or a day of the month, which az 2.91 sends as a text. ``add`` and ``update`` send the same; az refuses ``add`` for what
the cluster has, and ``update`` for what it has not.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any, Final

from napsim.api.maintenanceconfiguration import DEFAULT
from napsim.azure import messages
from napsim.azure.commands import FIELDS_OF, OF_WINDOW
from napsim.azure.exports import Configuration, Exports, Target

_CHANNEL_OPTIONS: Final = {
    "upgradeChannel": "--auto-upgrade-channel",
    "nodeOSUpgradeChannel": "--node-os-upgrade-channel",
}


def config_file(configuration: Configuration) -> str:
    """The text of a file for ``--config-file``."""
    return json.dumps({"properties": configuration.properties}, indent=2) + "\n"


def file_name(configuration: Configuration) -> str:
    """A file of that name is read as that configuration."""
    return f"{configuration.name}.json"


def script(exports: Exports, target: Target, folder: str = "", verb: str = "add") -> str:
    """The commands. With ``folder`` all of them take their file there; else they write the files that they need.

    ``verb``: ``add`` or ``update``.
    """
    parts = [part for it in exports.configurations for part in _commands(it, target, folder, verb)]
    if exports.channels:
        options = (f"{_CHANNEL_OPTIONS[key]} {shlex.quote(value)}" for key, value in exports.channels.items())
        group = shlex.quote(target.resource_group)
        parts.append(
            _command(["az aks update", f"--resource-group {group}", f"--name {shlex.quote(target.cluster)}", *options])
        )
    return "".join(parts)


def _commands(configuration: Configuration, target: Target, folder: str, verb: str) -> Iterator[str]:
    name = file_name(configuration)
    head = [
        f"az aks maintenanceconfiguration {verb}",
        f"--resource-group {shlex.quote(target.resource_group)}",
        f"--cluster-name {shlex.quote(target.cluster)}",
        f"--name {configuration.name}",
    ]
    options = [] if folder else list(_options(configuration))
    if not options and not folder:
        yield f"cat > {name} <<'EOF'\n{config_file(configuration)}EOF\n"
    path = shlex.quote(f"{folder.rstrip('/')}/{name}" if folder else name)
    yield _command([*head, *(options or [f"--config-file {path}"])])


def _command(parts: list[str]) -> str:
    return " \\\n  ".join(parts) + "\n"


def _options(configuration: Configuration) -> Iterator[str]:
    """None where options cannot say it all."""
    properties, window = configuration.properties, configuration.window
    if configuration.name == DEFAULT:
        slots: list[dict[str, Any]] = properties.get("timeInWeek") or []
        if set(properties) == {"timeInWeek"} and len(slots) == 1 and len(slots[0].get("hourSlots") or ()) == 1:
            yield f"--weekday {slots[0]['day']}"
            yield f"--start-hour {slots[0]['hourSlots'][0]}"
    elif set(properties) == {"maintenanceWindow"} and not window.get("notAllowedDates"):
        ((kind, fields),) = window["schedule"].items()
        if "dayOfMonth" in fields:
            return
        yield f"--schedule-type {messages.KINDS[kind]}"
        for option, name in FIELDS_OF[messages.KINDS[kind]].items():
            yield f"{option} {fields[name]}"
        for option, name in OF_WINDOW.items():
            if name in window:  # attached: an offset may begin with a minus
                yield f"{option}={window[name]}"
