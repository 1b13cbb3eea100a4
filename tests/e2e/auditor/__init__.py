"""An auditor that judges a run from the API server's audit log alone.

    record = read(cluster.audit_log)
    assert audit(record, [BudgetNeverExceeded({"pool": "10%"}), NothingLeaked({"pool": 20})]) == ()

It shares no arithmetic with what it audits: it decodes, orders, counts and rounds on its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.e2e.auditor.budgets import Allowed, Budgets, constant, faster, real_time
from tests.e2e.auditor.double_work import NoDoubleWork
from tests.e2e.auditor.log import LogError
from tests.e2e.auditor.record import Record, read
from tests.e2e.auditor.rules import BudgetNeverExceeded, NothingLeaked, Rule, SurgeBounded, Violation

__all__ = [
    "Allowed",
    "BudgetNeverExceeded",
    "Budgets",
    "LogError",
    "NoDoubleWork",
    "NothingLeaked",
    "Record",
    "Rule",
    "SurgeBounded",
    "Violation",
    "audit",
    "constant",
    "faster",
    "read",
    "real_time",
]


def audit(record: Record, rules: Iterable[Rule]) -> tuple[Violation, ...]:
    """Every violation of every rule, rule by rule."""
    return tuple(violation for rule in rules for violation in rule.check(record))
