"""Structured logs: one line each, as text for people or as JSON for machines, on standard error."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Final, TextIO

import msgspec

LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
FORMATS: Final = ("text", "json")


class JsonFormatter(logging.Formatter):
    """``{"time": ..., "level": ..., "logger": ..., "message": ...}``, with the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def configure(format_: str, level: str, stream: TextIO) -> None:
    """Raises ValueError naming what is allowed."""
    if format_ not in FORMATS:
        raise ValueError(f"log format {format_!r}: allowed are {', '.join(FORMATS)}")
    if level not in LEVELS:
        raise ValueError(f"log level {level!r}: allowed are {', '.join(LEVELS)}")
    handler = logging.StreamHandler(stream)
    text = logging.Formatter("%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    handler.setFormatter(JsonFormatter() if format_ == "json" else text)
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    logging.getLogger("kopf").setLevel(max(LEVELS[level], logging.ERROR))  # it warns of signals that are ours to handle
