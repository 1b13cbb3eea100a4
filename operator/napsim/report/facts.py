"""The two facts that most people get wrong, in the words in which reports tell them."""

from __future__ import annotations

from typing import Final

WINDOW_GATES_PICK_UP: Final = (
    "The window gates the pick-up of images, not disruption: nodes go on being replaced after it has closed, as far as"
    " budgets allow."
)
BUDGET_RESTRICTS_WHILE_ACTIVE: Final = (
    "A scheduled budget restricts only while it is active: outside its schedule it allows everything. The strictest"
    " active budget counts; without one a pool is unlimited."
)
BUDGET_IS_NO_SPEED: Final = "A budget bounds how many nodes are disrupted at once, not how fast one follows another."
