"""The lines that the services logged about one thing: found in their files by its trace."""

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
"""Of each file; what is older is not looked at."""
MAX_LINES = 200
"""The newest of those that were found."""
MAX_LINE_CHARS = 2_000
_CONSOLE = re.compile(r"(?P<timestamp>\S+) +\[(?P<level>\w+) *\] +(?P<event>.*)")
_LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True, order=True)
class LogLine:
    """One line: when, how grave, from which file, and what."""

    at: datetime
    source: str
    level: str
    text: str


def lines(folder: Path, trace: str) -> list[LogLine]:
    """Those of all `*.log` in the folder that carry the trace, oldest first; OSError where the
    folder can't be read.
    """
    if not trace:
        return []
    carries = _carrying(trace)
    files = sorted(f for f in folder.iterdir() if f.suffix == ".log" and f.is_file())[:MAX_FILES]
    found = (line for file in files for line in _of_file(file, carries))
    return sorted(heapq.nlargest(MAX_LINES, found))


def _carrying(trace: str) -> re.Pattern[bytes]:
    """A line's own trace, or one of those that were loaded together."""
    before = rb"""(?:\btrace=|"trace": ?"|\btraces\b.*["'])"""
    return re.compile(before + re.escape(trace.encode()) + rb"""(?=["'\s]|$)""")


def _of_file(file: Path, carries: re.Pattern[bytes]) -> Iterator[LogLine]:
    with file.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(0, size - LAST_BYTES))
        for raw in log:
            if carries.search(raw) and (line := _told(raw, file.stem)):
                yield line


def _told(raw: bytes, source: str) -> LogLine | None:
    text = raw.decode(errors="replace").strip()
    if text.startswith("{"):
        return _of_json(text, source)
    match = _CONSOLE.fullmatch(text)
    return _line(match["timestamp"], source, match["level"], match["event"]) if match else None


def _of_json(text: str, source: str) -> LogLine | None:
    try:
        told = json.loads(text)
    except ValueError:  # the file begins in the middle of it
        return None
    stamp, level, event = (str(told.pop(k, "")) for k in ("timestamp", "level", "event"))
    rest = " ".join(f"{name}={value}" for name, value in told.items() if name != "service")
    return _line(stamp, source, level, f"{event} {rest}")


def _line(stamp: str, source: str, level: str, event: str) -> LogLine | None:
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    at = at.replace(tzinfo=at.tzinfo or UTC)
    text = re.sub(r" {2,}", " ", event).strip()[:MAX_LINE_CHARS]
    return LogLine(at, source, level if level in _LEVELS else "info", text)
