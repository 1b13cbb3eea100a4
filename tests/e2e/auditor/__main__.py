"""``python -m tests.e2e.auditor LOG --budget pool=10% --nodes pool=20``: exits 1 on a violation, 2 on bad input."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from tests.e2e.auditor import BudgetNeverExceeded, LogError, NoDoubleWork, NothingLeaked, Record, SurgeBounded, read
from tests.e2e.auditor.budgets import constant
from tests.e2e.auditor.record import milestones
from tests.e2e.auditor.rules import Rule, Violation
from tests.e2e.auditor.statistics import by_agent, evictions_by_code, pool_peaks, replaced, requests_of


def main(
    log: Annotated[Path, typer.Argument(help="the audit log; rotated parts beside it are read too")],
    budget: Annotated[list[str], typer.Option(help="pool=nodes, as in pool=10%; repeat per pool")],
    nodes: Annotated[list[str] | None, typer.Option(help="pool=number of nodes wanted; repeat per pool")] = None,
    lease: Annotated[str, typer.Option(help="namespace/name of the operator's Lease")] = "",
    torn_lines: Annotated[int, typer.Option(help="how many lines a killed API server may have torn")] = 0,
    reaction_seconds: Annotated[float, typer.Option(help="how late the operator may see what others do")] = 0.0,
    timeline: Annotated[Path | None, typer.Option(help="write every claim's milestones here, as JSON")] = None,
) -> None:
    """Judge a run from the API server's audit log alone."""
    try:
        budgets = _pairs("--budget", budget)
        for value in budgets.values():
            constant(value)
        sizes = {pool: int(size) for pool, size in _pairs("--nodes", nodes or []).items()}
        record = read(log, torn_lines_allowed=torn_lines)
    except (LogError, ValueError) as error:
        Console(stderr=True).print(f"[red]error:[/] {error}", highlight=False)
        raise typer.Exit(2) from error
    rules: list[Rule] = [
        BudgetNeverExceeded(budgets, reaction_seconds=reaction_seconds),
        SurgeBounded(sizes, budgets),
        NoDoubleWork(lease),
        NothingLeaked(sizes),
    ]
    if timeline is not None:
        timeline.write_bytes(msgspec.json.format(msgspec.json.encode(list(milestones(record.timeline)))))
    raise typer.Exit(_show(record, rules, budgets))


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    pairs = dict(text.rpartition("=")[::2] for text in texts)
    if "" in pairs:
        raise ValueError(f"{option} takes pool=value, got {' '.join(texts)!r}")
    return pairs


def _show(record: Record, rules: list[Rule], budgets: dict[str, str]) -> int:
    console = Console()
    found = {rule.name: rule.check(record) for rule in rules}
    console.print(_verdicts(found), _pools(record, budgets), _costs(record))
    for line in record.torn:
        console.print(f"[yellow]torn line[/] {line}")
    violations = [violation for each in found.values() for violation in each]
    if violations:
        console.print(_violations(violations))
    return 1 if violations else 0


def _verdicts(found: dict[str, tuple[Violation, ...]]) -> Table:
    table = Table("rule", "verdict", title="Rules")
    for name, violations in found.items():
        table.add_row(name, f"[red]{len(violations)} violations" if violations else "[green]holds")
    return table


def _pools(record: Record, budgets: dict[str, str]) -> Table:
    table = Table("pool", "budget", "most disrupting", "at (UTC)", "most alive", "nodes at the end", title="Pools")
    for pool, peaks in sorted(pool_peaks(record).items()):
        at = peaks.disrupting.instant
        table.add_row(
            pool,
            budgets.get(pool, "not checked"),
            str(peaks.disrupting.nodes),
            f"{at:%H:%M:%S}" if at else "never",
            str(peaks.alive.nodes),
            str(peaks.last.total),
        )
    return table


def _costs(record: Record) -> Table:
    gone = replaced(record)
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(evictions_by_code(record).items()))
    table = Table("requests", "count", "per replaced node", title=f"{gone} nodes replaced; evictions {codes or 'none'}")
    for agent, count in by_agent(record).most_common():
        table.add_row(agent, str(count), f"{count / gone:.1f}" if gone else "-")
    for request, count in requests_of(record).most_common():
        table.add_row(f"  {request.verb} {request.resource}", str(count), f"{count / gone:.1f}" if gone else "-")
    for deletion in record.pod_deletions:
        table.add_row(f"  past the Eviction API: {deletion.pod}", deletion.instant.isoformat(), "")
    return table


def _violations(violations: list[Violation]) -> Table:
    table = Table("instant", "rule", "objects", "allowed", "seen", title="Violations")
    for item in violations:
        table.add_row(item.instant.isoformat(), item.rule, "\n".join(item.objects), item.allowed, item.seen)
    return table


app = typer.Typer(add_completion=False)
app.command()(main)

if __name__ == "__main__":
    app()
