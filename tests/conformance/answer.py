"""Answers the questions of ``data/*.jsonl.gz`` with napsim, so that it can be set beside another implementation.

    zcat data/robfig-cron-answers.jsonl.gz | python answer.py cron

One JSON object a line on standard input, of which only the question's keys are read; the same line with napsim's answer
on standard output. 2147483647 stands for unlimited.

    budgets         budgets, nodes, now   ->  allowed (for each reason, as Karpenter acts), error
    cron            schedule, now         ->  next (null: the search gave up), or error
    nodepool-hash   template              ->  hash
    nodeclass-hash  spec                  ->  hash
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from napsim.core.budgets import REASONS, Budget, allowed_by_reason
from napsim.core.clock import parse_rfc3339, rfc3339
from napsim.core.hashes import aksnodeclass_hash, nodepool_hash
from napsim.core.schedules import ScheduleError, parse

Line = dict[str, Any]


def answer_budgets(question: Line) -> Line:
    now = parse_rfc3339(question["now"])
    budgets = [Budget.from_spec(spec) for spec in question["budgets"]]
    answers = {reason: allowed_by_reason(budgets, reason, question["nodes"], now) for reason in REASONS}
    return {
        "allowed": {reason: answer.allowed for reason, answer in answers.items()},
        "budgets": question["budgets"],
        "error": any(answer.errors for answer in answers.values()),
        "nodes": question["nodes"],
        "now": question["now"],
    }


def answer_cron(question: Line) -> Line:
    asked = {"now": question["now"], "schedule": question["schedule"]}
    try:
        hit = parse(question["schedule"]).next_after(parse_rfc3339(question["now"]))
    except ScheduleError:
        return {"error": True, **asked}
    return {"next": _text(hit), **asked}


def answer_nodepool_hash(question: Line) -> Line:
    return {"hash": nodepool_hash(question["template"]), "template": question["template"]}


def answer_nodeclass_hash(question: Line) -> Line:
    return {"hash": aksnodeclass_hash(question["spec"]), "spec": question["spec"]}


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)


ANSWERS: Final[dict[str, Callable[[Line], Line]]] = {
    "budgets": answer_budgets,
    "cron": answer_cron,
    "nodepool-hash": answer_nodepool_hash,
    "nodeclass-hash": answer_nodeclass_hash,
}


def answered(kind: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines with napsim's answers, in the form of the data, without line ends; blank lines are skipped."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    for line in lines:
        if line.strip():
            yield encode(ANSWERS[kind](json.loads(line)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=ANSWERS)
    kind = parser.parse_args().kind
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a TextIOWrapper here
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]  # a TextIOWrapper here
    sys.stdout.writelines(f"{line}\n" for line in answered(kind, sys.stdin))


if __name__ == "__main__":
    main()
