"""What controllers ask of their shell: carry out actions, say things, change objects of the low-count kinds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from napsim.controllers.resources import Resource
from napsim.core.actions import Action, Event


class Retry(Exception):
    """What was decided rests on a state that has changed, or a request did not get through: look again soon."""


class Executor(Protocol):
    """The shell's hands. Every method but ``record`` raises Retry when the change does not apply."""

    async def carry_out(self, actions: Iterable[Action]) -> None:
        """All actions in order, up to the first that does not apply."""

    def record(self, event: Event) -> None:
        """Say it, unless it was said lately."""

    async def patch(
        self, resource: Resource, name: str, changes: Mapping[str, Any], resource_version: str = ""
    ) -> Mapping[str, Any]:
        """Merge ``changes`` into an object without a namespace; returns the object as it is then."""

    async def patch_status(self, resource: Resource, name: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Merge ``changes`` into its status; returns the object as it is then."""
