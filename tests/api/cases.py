"""One table of manifests, accepted or refused: the models are held to it, and so is a real API server.

Ids that begin with ``karpenter:`` are rows of the reference's admission table. ``fragments`` are in the message of a
refusal, in the model's as in the API server's: the field, or what is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.api import azure_rows, karpenter_rows, napsim_rows
from tests.api.good import GOOD, Refusal, Row
from tests.api.mechanical import mistakes_of
from tests.api.paths import Manifest, changed


@dataclass(frozen=True, slots=True)
class Case:
    """One manifest, and whether it is accepted."""

    id: str
    manifest: Manifest
    accept: bool
    fragments: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The manifest's kind."""
        return str(self.manifest["kind"])


def _accepted(rows: tuple[Row, ...], prefix: str) -> list[Case]:
    return [Case(f"{prefix}{name}", changed(base, changes), accept=True) for name, base, changes in rows]


def _refused(rows: tuple[Refusal, ...], prefix: str) -> list[Case]:
    return [
        Case(f"{prefix}{name}", changed(base, changes), accept=False, fragments=(fragment,))
        for name, base, changes, fragment in rows
    ]


def _mechanical() -> list[Case]:
    made: dict[tuple[str, str], Case] = {}
    for manifest in GOOD.values():
        for mistake in mistakes_of(manifest):
            case = Case(
                f"{manifest['kind']}: {mistake.name}", mistake.manifest, accept=False, fragments=(mistake.field,)
            )
            made.setdefault((str(manifest["kind"]), mistake.name), case)
    return list(made.values())


CASES: Final[tuple[Case, ...]] = (
    *(Case(f"good: {name}", manifest, accept=True) for name, manifest in GOOD.items()),
    *_accepted(karpenter_rows.KARPENTER_ACCEPTED, "karpenter:"),
    *_refused(karpenter_rows.KARPENTER_REFUSED, "karpenter:"),
    *_accepted(karpenter_rows.NODE_POOL_ACCEPTED, "NodePool: "),
    *_refused(karpenter_rows.NODE_POOL_REFUSED, "NodePool: "),
    *_accepted(karpenter_rows.NODE_CLAIM_ACCEPTED, "NodeClaim: "),
    *_refused(karpenter_rows.NODE_CLAIM_REFUSED, "NodeClaim: "),
    *_accepted(azure_rows.ACCEPTED, "AKSNodeClass: "),
    *_refused(azure_rows.REFUSED, "AKSNodeClass: "),
    *_accepted(napsim_rows.MAINTENANCE_ACCEPTED, "MaintenanceConfiguration: "),
    *_refused(napsim_rows.MAINTENANCE_REFUSED, "MaintenanceConfiguration: "),
    *_accepted(napsim_rows.IMAGE_ACCEPTED, "NodeImage: "),
    *_refused(napsim_rows.IMAGE_REFUSED, "NodeImage: "),
    *_accepted(napsim_rows.NAP_ACCEPTED, "NodeAutoProvisioning: "),
    *_refused(napsim_rows.NAP_REFUSED, "NodeAutoProvisioning: "),
    *_mechanical(),
)
