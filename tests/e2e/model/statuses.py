"""What the API server's Status says of evictions and of JSON patches, as the model holds it to be.

Upstream: kubernetes v1.36 ``pkg/registry/core/pod/storage/eviction.go``, and ``applyJSPatch`` in
``staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from napsim.core.objects import PodDisruptionBudget
from napsim.sim import evictions
from tests.e2e.model.requests import ANOTHER_UID, OBJECT, UID, Answer, Manifest

BLOCKED: Final = "Cannot evict pod as it would violate the pod's disruption budget."
SEVERAL: Final = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
OTHER_UID: Final = (
    f'Operation cannot be fulfilled on Pod "{OBJECT}": the UID in the precondition ({ANOTHER_UID}) does not match the '
    f"UID in record ({UID}). The object might have been deleted and then recreated"
)
DOES_NOT_APPLY: Final = "the server rejected our request due to an error in our request"


class NotApplicable(Exception):
    """An operation of a JSON patch fails."""


def of_eviction(answer: evictions.Answer, pdbs: Sequence[PodDisruptionBudget], *, scaled: bool) -> Answer:
    """``pdbs`` are those of the pod, as they were when it was asked. ``scaled``: the size of its owner is known."""
    match answer:
        case evictions.Answer.NOT_FOUND:
            return Answer(404, "NotFound", f'pods "{OBJECT}" not found')
        case evictions.Answer.CONFLICT:
            return Answer(409, "Conflict", OTHER_UID)
        case evictions.Answer.BLOCKED:
            return Answer(429, "TooManyRequests", BLOCKED, (("DisruptionBudget", _cause(pdbs[0], scaled)),))
        case evictions.Answer.SEVERAL_PDBS:
            return Answer(500, "", SEVERAL)
        case evictions.Answer.EVICTED:
            return Answer(201)


def _cause(pdb: PodDisruptionBudget, scaled: bool) -> str:
    status, budget = pdb.status, f"The disruption budget {pdb.name}"
    if status.observed_generation < pdb.metadata.generation:
        return f"{budget} is still being processed by the server."
    if not scaled:
        return f"{budget} does not allow evicting pods currently because it failed sync"
    if status.current_healthy > status.desired_healthy:
        return f"{budget} does not allow evicting pods currently"
    return f"{budget} needs {status.desired_healthy} healthy pods and has {status.current_healthy} currently"


def patched(item: Manifest, operations: Sequence[Manifest]) -> Manifest:
    """The object after a JSON patch. Raises NotApplicable. What is empty is not there, as with the API server."""
    found: Manifest = {part: _without_empty(value) for part, value in item.items()}
    for operation in operations:
        _apply(found, operation)
    return found


def _apply(item: Manifest, operation: Manifest) -> None:
    *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:])
    holder: Any = item
    for part in parents:
        if not isinstance(holder, dict) or part not in holder:
            raise NotApplicable(operation["path"])
        holder = holder[part]
    match operation["op"]:
        case "test" if holder.get(last) != operation["value"]:
            raise NotApplicable(operation["path"])
        case "remove" if last not in holder:
            raise NotApplicable(operation["path"])
        case "remove":
            del holder[last]
        case "add" | "replace":  # upstream's library replaces what is not there, too
            holder[last] = operation["value"]


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        parts = {key: _without_empty(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part not in ({}, [], "", None)}
    return [_without_empty(part) for part in value] if isinstance(value, list | tuple) else value
