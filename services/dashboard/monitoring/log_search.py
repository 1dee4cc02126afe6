"""Finds the log lines of one job in the log files of the services, by the job's trace ID."""

import heapq
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

MAX_FILES = 64
LAST_BYTES = 8 * 2**20
"""Only this much of the end of each file is searched."""
MAX_LINES = 200
"""Only the newest matching lines are returned."""
MAX_LINE_CHARS = 2_000
_CONSOLE_LINE = re.compile(r"(?P<timestamp>\S+) +\[(?P<level>\w+) *\] +(?P<event>.*)")
_LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True, order=True)
class LogLine:
    """A line of the log file `source`.log."""

    at: datetime
    source: str
    level: str
    text: str


def lines(folder: Path, trace: str) -> list[LogLine]:
    """The lines of `*.log` in the folder with this trace ID, oldest first; OSError if the
    folder cannot be read.
    """
    if not trace:
        return []
    pattern = _trace_pattern(trace)
    files = sorted(f for f in folder.iterdir() if f.suffix == ".log" and f.is_file())[:MAX_FILES]
    matches = (line for file in files for line in _search_file(file, pattern))
    return sorted(heapq.nlargest(MAX_LINES, matches))


def _trace_pattern(trace: str) -> re.Pattern[bytes]:
    """Matches the field `trace` of a line, or one item of `traces` (several jobs in one load)."""
    before = rb"""(?:\btrace=|"trace": ?"|\btraces\b.*["'])"""
    return re.compile(before + re.escape(trace.encode()) + rb"""(?=["'\s]|$)""")


def _search_file(file: Path, pattern: re.Pattern[bytes]) -> Iterator[LogLine]:
    with file.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - LAST_BYTES))
        for raw in log:
            if pattern.search(raw) and (line := _parse(raw, file.stem)):
                yield line


def _parse(raw: bytes, source: str) -> LogLine | None:
    """A console or JSON line; None for any other line, such as one that is cut."""
    text = raw.decode(errors="replace").strip()
    try:
        if text.startswith("{"):
            fields = json.loads(text)
            fields.pop("service", None)
            timestamp, level, event = (
                str(fields.pop(name, "")) for name in ("timestamp", "level", "event")
            )
            event = " ".join([event, *(f"{name}={value}" for name, value in fields.items())])
        elif match := _CONSOLE_LINE.fullmatch(text):
            timestamp, level, event = match["timestamp"], match["level"], match["event"]
        else:
            return None
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        return None
    event = re.sub(r" {2,}", " ", event).strip()[:MAX_LINE_CHARS]
    return LogLine(
        at.replace(tzinfo=at.tzinfo or UTC), source, level if level in _LEVELS else "info", event
    )
