"""The search for the log lines of one job."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.dashboard.monitoring.log_search import LAST_BYTES, MAX_LINES, lines

TRACE = "7d7b24f1"


def console_line(minute: int, event: str, level: str = "info") -> str:
    return f"2025-12-05T00:{minute:02}:00.000000Z [{level:9}] {event:30} service=x\n"


def test_lines_of_all_files_are_found_in_order(tmp_path: Path) -> None:
    (tmp_path / "loader-1.log").write_text(
        console_line(3, f"batch.loaded jobs=[7] traces=['other', '{TRACE}']")
    )
    (tmp_path / "extractor-1.log").write_text(
        console_line(1, f"job.accepted trace={TRACE}") + console_line(2, "job.accepted trace=other")
    )
    fields = {"timestamp": "2025-12-05T00:02:00Z", "level": "error", "event": "slice.lost"}
    (tmp_path / "aggregator-1.log").write_text(
        json.dumps({**fields, "trace": TRACE, "job": 7}) + "\n"
    )
    matches = lines(tmp_path, TRACE)
    assert [(line.source, line.level, line.at.minute) for line in matches] == [
        ("extractor-1", "info", 1), ("aggregator-1", "error", 2), ("loader-1", "info", 3),
    ]  # fmt: skip
    assert matches[1].text == f"slice.lost trace={TRACE} job=7"
    assert matches[0].at == datetime(2025, 12, 5, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [f"trace={TRACE}2", f"trace=x{TRACE}", f"path=/jobs/{TRACE}", "trace=7d7b24.1", ""],
)
def test_a_similar_trace_does_not_match(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.log").write_text(console_line(1, text))
    assert lines(tmp_path, TRACE) == []


def test_a_trace_is_matched_literally_and_an_empty_one_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(console_line(1, "trace=abc"))
    assert lines(tmp_path, ".*") == []
    assert lines(tmp_path, "") == []


def test_only_the_end_of_a_file_is_read(tmp_path: Path) -> None:
    filler = f"{'x' * 99}\n" * (LAST_BYTES // 100)
    log = console_line(1, f"trace={TRACE}") + filler + console_line(2, f"trace={TRACE}")
    (tmp_path / "a.log").write_text(log)
    assert [line.at.minute for line in lines(tmp_path, TRACE)] == [2]


def test_only_the_newest_of_many_lines_are_found(tmp_path: Path) -> None:
    log = [console_line(n % 60, f"trace={TRACE} n={n}") for n in range(MAX_LINES)]
    (tmp_path / "a.log").write_text("".join([*log, *log]))
    matches = lines(tmp_path, TRACE)
    assert len(matches) == MAX_LINES
    assert min(line.at.minute for line in matches) > 20


def test_lines_in_an_unknown_format_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(
        b"\xff\xfe trace=7d7b24f1\n" + b'{"trace": "7d7b24f1", torn\n' + b"x [info] trace=7d7b24f1"
    )
    assert lines(tmp_path, TRACE) == []
