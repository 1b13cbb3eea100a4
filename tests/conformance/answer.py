"""Answers the questions of ``data/*.jsonl.gz`` with napsim, so that it can be set beside another implementation.

    zcat data/robfig-cron-answers.jsonl.gz | python answer.py cron

One JSON object a line on standard input, of which only the question's keys are read; the same line with napsim's answer
on standard output. 2147483647 stands for unlimited. Blank lines are skipped. A line that is no question is named on
standard error with all that is wrong with it; the others are answered all the same, and the exit code is 1.

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

from napsim.core.budgets import REASONS, Budget, BudgetError, allowed_by_reason
from napsim.core.clock import parse_rfc3339, rfc3339
from napsim.core.hashes import aksnodeclass_hash, nodepool_hash
from napsim.core.schedules import ScheduleError, parse

Line = dict[str, Any]
Check = Callable[[Any], str]  # what is wrong with a value, empty when nothing is


class QuestionError(ValueError):
    """A line that is no question: names every key at fault, its value and what is allowed."""


def answer_budgets(question: Line) -> Line:
    now = parse_rfc3339(question["now"])
    budgets = _decoded(question["budgets"])
    answers = {reason: allowed_by_reason(budgets, reason, question["nodes"], now) for reason in REASONS}
    return {
        "allowed": {reason: answer.allowed for reason, answer in answers.items()},
        "budgets": question["budgets"],
        "error": any(answer.errors for answer in answers.values()),
        "nodes": question["nodes"],
        "now": question["now"],
    }


def _decoded(specs: list[Line]) -> list[Budget]:
    budgets: list[Budget] = []
    faults: list[str] = []
    for index, spec in enumerate(specs):
        try:
            budgets.append(Budget.from_spec(spec))
        except BudgetError as fault:
            faults.append(f"[{index}]: {fault}")
    if faults:
        raise QuestionError(f"budgets{', budgets'.join(faults)}")
    return budgets


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


# --- What a question may hold -----------------------------------------------------------------------------------------


def _instant(value: object) -> str:
    try:
        parse_rfc3339(value if isinstance(value, str) else "")
    except ValueError:
        return "allowed is an instant with its zone, such as 2026-02-15T01:00:00Z"
    return ""


def _number(value: object) -> str:
    fine = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return "" if fine else "allowed is a number of nodes, 0 or more"


def _string(value: object) -> str:
    return "" if isinstance(value, str) else "allowed is a string"


def _object(value: object) -> str:
    return "" if isinstance(value, dict) else "allowed is an object"


def _objects(value: object) -> str:
    fine = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return "" if fine else "allowed is a list of objects"


ANSWERS: Final[dict[str, Callable[[Line], Line]]] = {
    "budgets": answer_budgets,
    "cron": answer_cron,
    "nodepool-hash": answer_nodepool_hash,
    "nodeclass-hash": answer_nodeclass_hash,
}
KEYS: Final[dict[str, dict[str, Check]]] = {
    "budgets": {"budgets": _objects, "nodes": _number, "now": _instant},
    "cron": {"schedule": _string, "now": _instant},
    "nodepool-hash": {"template": _object},
    "nodeclass-hash": {"spec": _object},
}
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def answer_line(kind: str, line: str) -> str:
    """The line with napsim's answer, without a line end. Raises QuestionError."""
    question = _question(kind, line)
    try:
        answer = _ENCODE(ANSWERS[kind](question))
        answer.encode()
    except UnicodeEncodeError as fault:
        raise QuestionError(f"{fault.object[fault.start]!r} is half a character") from fault
    except ValueError as fault:  # what the API server would not have stored
        raise QuestionError(str(fault)) from fault
    except OverflowError as fault:
        raise QuestionError(f"the answer lies outside the years 1 to 9999: {fault}") from fault
    return answer


def _question(kind: str, line: str) -> Line:
    try:
        question = json.loads(line)
    except ValueError as fault:
        raise QuestionError(f"not JSON: {fault}") from fault
    except RecursionError as fault:
        raise QuestionError("nested too deeply") from fault
    if not isinstance(question, dict):
        raise QuestionError(f"allowed is an object with the keys {', '.join(KEYS[kind])}")
    faults = [wrong for key, check in KEYS[kind].items() if (wrong := _fault(question, key, check))]
    if faults:
        raise QuestionError("; ".join(faults))
    return question


def _fault(question: Line, key: str, check: Check) -> str:
    if key not in question:
        return f"{key} is missing"
    fault = check(question[key])
    return f"{key} {question[key]!r}: {fault}" if fault else ""


def answered(kind: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines with napsim's answers, in the form of the data, without line ends; blank lines are skipped.

    Raises QuestionError at the first line that is no question.
    """
    return (answer_line(kind, line) for line in lines if line.strip())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=ANSWERS)
    kind = parser.parse_args().kind
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]  # a TextIOWrapper here
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]  # a TextIOWrapper here
    failed = 0
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            sys.stdout.write(f"{answer_line(kind, line)}\n")
        except QuestionError as fault:
            sys.stderr.write(f"line {number}: {fault}\n")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
