"""Run by az's own Python: every line of standard input is the arguments of one command, as JSON; answers likewise.

Each command goes through az's own main module, in this one process: a tenth of a second in place of a whole one. What
it prints is caught below Python, as az keeps the streams that it finds first.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import tempfile
from typing import IO


def answer(arguments: list[str]) -> dict[str, object]:
    """The exit code of a command, and what it prints."""
    sys.argv = ["az", *arguments]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        code = _exit_code()
        sys.stdout.flush()
        sys.stderr.flush()
        return {"code": code, "out": _text(out), "err": _text(err)}


def _exit_code() -> object:
    try:
        runpy.run_module("azure.cli", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code
    return 0


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line))), file=answers, flush=True)
