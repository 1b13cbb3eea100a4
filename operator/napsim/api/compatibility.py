"""Which API servers napsim works with."""

from __future__ import annotations

from typing import Final

OLDEST_KUBERNETES: Final = (1, 30)
"""The CRDs need CEL validation (general in 1.29) with ``fieldPath`` (1.28); the chart refuses what is older."""
BUILT_KUBERNETES: Final = (1, 36)
"""The minor that ``napsim cluster build`` builds, and that every end-to-end test runs on."""


def supported() -> str:
    """For people: ``1.30 and newer; tested on 1.36``."""
    return f"{_text(OLDEST_KUBERNETES)} and newer; tested on {_text(BUILT_KUBERNETES)}"


def _text(minor: tuple[int, int]) -> str:
    return f"{minor[0]}.{minor[1]}"
