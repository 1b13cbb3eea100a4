"""What the auditor says of a pretended run, in words short enough to compare."""

from __future__ import annotations

from pathlib import Path

from tests.auditor.pretence import PretendedServer
from tests.e2e.auditor import Record, Rule, Violation, audit, read

POOL = "general"


def recorded(server: PretendedServer, folder: Path) -> Record:
    return read(server.save(folder / "audit.log"))


def judged(server: PretendedServer, folder: Path, rule: Rule) -> list[str]:
    """Each violation as ``objects: allowed / seen``."""
    return [brief(violation) for violation in audit(recorded(server, folder), [rule])]


def brief(violation: Violation) -> str:
    return f"{' '.join(violation.objects)}: {violation.allowed} / {violation.seen}"
