"""``make conformance``: runs the tests that carry the id of a row and prints the table.

Ends with 1 unless every row passed or is not applicable. ``--list`` prints it without running anything, ``--core`` runs
what needs no cluster.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.conformance.collector import Collector
from tests.conformance.rows import REFERENCES, load
from tests.conformance.table import FINE, State, lines, problems, rendered

TESTS: Final = Path(__file__).parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--list", action="store_true", help="run nothing")
    parser.add_argument("--core", action="store_true", help="run only what needs no cluster")
    chosen = parser.parse_args()
    collector = Collector(TESTS / "e2e" if chosen.core else None)
    options = ["--collect-only", "-qqq"] if chosen.list else ["--quiet", "--no-header"]
    status = pytest.main([str(TESTS), *options], plugins=[collector])
    table = load()
    found = lines(table, collector.tests, collector.outcomes)
    wrong = problems(table, collector.tests, REFERENCES)
    sys.stdout.write("\n" + "\n".join([rendered(found), *wrong]) + "\n")
    accepted = FINE | ({State.NOT_RUN} if chosen.list or chosen.core else set())
    return int(bool(status) or bool(wrong) or any(line.state not in accepted for line in found))


if __name__ == "__main__":
    sys.exit(main())
