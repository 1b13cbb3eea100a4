"""How many empty nodes budgets let go at once: rows of the reference, asked of the decision and of the controller."""

from __future__ import annotations

from typing import Final

import pytest

TAKEN_AT_ONCE: Final = [  # pools, nodes of each, the budget of each, how many go
    pytest.param(1, 10, "100%", 10, id="karpenter:G01"),
    pytest.param(1, 10, "0%", 0, id="karpenter:G02"),
    pytest.param(1, 10, "30%", 3, id="karpenter:G03"),
    pytest.param(10, 3, "100%", 30, id="karpenter:G05"),
    pytest.param(10, 3, "0%", 0, id="karpenter:G06"),
]
