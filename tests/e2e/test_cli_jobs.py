"""`minuano run | backfill | jobs | status | dead`, on a system that the environment names."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli_process import ANSWER_S, MINUANO, Ended, environment, minuano
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, START, steady

DAY = FIRST_DAY
SAMPLES = steady(START, DAY_MINUTES)
NASTY = "[red]not markup[/nor this]"


class Terminal:
    """A folder in which nothing runs, and an environment that names the pipeline."""

    def __init__(self, folder: Path, pipeline: Pipeline) -> None:
        self.folder, self.settings = folder, pipeline.addresses.environment()

    def type(self, *words: str, columns: int = 120, answer: str = "") -> Ended:
        return minuano(
            *words, cwd=self.folder, settings=self.settings, columns=columns, answer=answer
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*MINUANO, *words], cwd=self.folder, env=environment(self.settings),
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip


@pytest.fixture
def terminal(tmp_path: Path, pipeline: Pipeline) -> Terminal:
    return Terminal(tmp_path, pipeline)


@pytest.fixture
def dead_job(pipeline: Pipeline) -> int:
    """A failed job whose one raw batch lies among the dead letters, whole."""
    pipeline.redis.delete(pipeline.streams.dead)
    pipeline.fill(SAMPLES)
    with pipeline.paused("aggregator"):
        id = pipeline.post_job(date=DAY)
        [entry] = entries = pipeline.wait_for_backlog(pipeline.streams.raw, 1)
        pipeline.take(pipeline.streams.raw, entries)
        epitaph = {
            "reason": "crash", "error": NASTY, "stage": "aggregator",
            "stream": pipeline.streams.raw, "id": entry[0], "deliveries": 5,
            "at": "2025-12-06T00:00:00+00:00",
        }  # fmt: skip
        told = {f"dead_{name}".encode(): value for name, value in epitaph.items()}
        pipeline.add(pipeline.streams.dead, [(b"*", {**told, **entry[1]})])
    assert pipeline.wait_until_ended(id)["state"] == "failed"
    return id


def test_run_ends_with_0_and_says_what_was_done(terminal: Terminal, pipeline: Pipeline) -> None:
    pipeline.fill(SAMPLES)
    ended = terminal.type("run", DAY)
    assert ended.returncode == 0, ended.stderr
    assert "done: 1 slice, 1,440 samples, 144 windows, coverage 100.0%" in ended.stdout


def test_run_shows_each_stage(terminal: Terminal, pipeline: Pipeline) -> None:
    pipeline.fill(SAMPLES)
    rows = [line.split() for line in terminal.type("run", DAY).stdout.splitlines()]
    counted = {row[0]: row[2] for row in rows if len(row) > 2}
    assert [counted.get(stage) for stage in ("extracted", "aggregated", "loaded")] == ["1/1"] * 3


def test_backfill_computes_all_days_from_the_first_to_the_last(
    terminal: Terminal, pipeline: Pipeline
) -> None:
    pipeline.fill(SAMPLES)
    ended = terminal.type("backfill", "2025-12-04", "2025-12-06")
    assert "done: 3 slices, 1,440 samples, 144 windows, coverage 33.3%" in ended.stdout


def test_a_job_without_samples_is_noted_in_the_list(terminal: Terminal) -> None:
    terminal.type("run", "2031-01-01")
    listed = terminal.type("jobs", "--limit", "1").stdout
    assert "done with 0 windows: the source has no samples there" in listed


def test_the_list_of_jobs_has_one_line_for_each_and_no_colours_outside_a_terminal(
    terminal: Terminal, pipeline: Pipeline
) -> None:
    pipeline.fill(SAMPLES)
    pipeline.run(start="2025-12-01", end="2025-12-10")
    lines = terminal.type("jobs", "--limit", "1", columns=80).stdout.splitlines()
    assert [len(line) <= 80 for line in lines] == [True, True]
    assert lines[1].split()[1:6] == ["done", "2025-12-01", "…", "2025-12-10", "10/10"]


def test_a_job_that_is_not_waited_for_is_only_accepted(terminal: Terminal) -> None:
    ended = terminal.type("run", DAY, "--detach")
    assert (ended.returncode, ended.stdout.split()[-1]) == (0, "accepted")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["run", "2025-13-05"], "2025-13-05"),
        (["run", DAY, "--assets", "T01"], "no asset column"),
        (["retry", "999999"], "no job 999999"),
        (["dead", "drop", "[x]", "--yes"], "no dead letter [x]"),
    ],
)
def test_what_can_not_be_ends_with_1_and_one_line_that_says_why(
    terminal: Terminal, words: list[str], why: str
) -> None:
    ended = terminal.type(*words)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert why in ended.stderr


def test_a_run_whose_job_fails_ends_with_1_and_the_reason(
    terminal: Terminal, pipeline: Pipeline
) -> None:
    pipeline.fill(SAMPLES)
    with pipeline.paused("aggregator"):
        running = terminal.start("run", DAY)
        [(id, fields)] = entries = pipeline.wait_for_backlog(pipeline.streams.raw, 1)
        pipeline.take(pipeline.streams.raw, entries)
        pipeline.add(pipeline.streams.raw, [(id, {**fields, b"payload": b"torn"})])
    said, _ = running.communicate(timeout=ANSWER_S)
    assert running.returncode == 1
    assert "failed: checksum" in said


def test_a_cancelled_job_is_taken_up_again_by_retry(terminal: Terminal, pipeline: Pipeline) -> None:
    pipeline.fill(SAMPLES)
    with pipeline.paused("aggregator"):
        id = str(pipeline.post_job(date=DAY))
        assert "cancelled" in terminal.type("cancel", id).stdout
    ended = terminal.type("retry", id)
    assert (ended.returncode, f"job {id} done" in ended.stdout) == (0, True)


def test_the_status_shows_what_waits_and_what_is_in_hand(
    terminal: Terminal, pipeline: Pipeline
) -> None:
    pipeline.fill(SAMPLES)
    with pipeline.paused("aggregator"):
        pipeline.add(pipeline.streams.raw, [(b"*", {b"v": b"0"})] * 5)
        rows = [line.split() for line in terminal.type("status").stdout.splitlines()]
    aggregator = next(row for row in rows if row[0] == "aggregator")
    assert sum(int(n) for n in aggregator[2:4]) == 5


def test_the_status_counts_dead_letters(terminal: Terminal, dead_job: int) -> None:
    assert "1 dead letters: see minuano dead list" in terminal.type("status").stdout


def test_the_list_of_dead_letters_has_one_line_for_each(terminal: Terminal, dead_job: int) -> None:
    lines = terminal.type("dead", "list", columns=80).stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].split()[3:6] == ["aggregator", str(dead_job), "crash"]


def test_a_dead_letter_is_shown_with_the_first_rows_of_its_payload(
    terminal: Terminal, pipeline: Pipeline, dead_job: int
) -> None:
    shown = terminal.type("dead", "show", newest(pipeline)).stdout
    assert "1440 rows, the first:" in shown
    assert "2025-12-05 00:00:00+00:00" in shown


def test_what_strangers_wrote_is_shown_as_it_is(
    terminal: Terminal, pipeline: Pipeline, dead_job: int
) -> None:
    assert NASTY in terminal.type("dead", "list", columns=200).stdout
    assert NASTY in terminal.type("dead", "show", newest(pipeline)).stdout
    assert NASTY in terminal.type("jobs", "--state", "failed").stdout


def test_a_replayed_letter_finishes_its_job(
    terminal: Terminal, pipeline: Pipeline, dead_job: int
) -> None:
    assert terminal.type("dead", "replay", "all").returncode == 0
    assert pipeline.wait_until_done(dead_job)["windows"] == 144
    assert terminal.type("dead", "list").stdout == "no dead letters\n"


def test_a_letter_without_a_payload_or_a_stream_can_be_shown_and_dropped_but_not_replayed(
    terminal: Terminal, pipeline: Pipeline
) -> None:
    pipeline.redis.delete(pipeline.streams.dead)
    pipeline.redis.xadd(pipeline.streams.dead, {NASTY: NASTY, "dead_deliveries": "many"})
    assert terminal.type("dead", "show", newest(pipeline)).stdout.count(NASTY) == 2
    refused = terminal.type("dead", "replay", "all")
    assert (refused.returncode, "drop it" in refused.stdout) == (1, True)
    assert terminal.type("dead", "drop", "all", "--yes").returncode == 0
    assert not pipeline.redis.xlen(pipeline.streams.dead)


def test_drop_asks_and_a_no_keeps_the_letter(
    terminal: Terminal, pipeline: Pipeline, dead_job: int
) -> None:
    ended = terminal.type("dead", "drop", "all", answer="n\n")
    assert (ended.returncode, pipeline.redis.xlen(pipeline.streams.dead)) == (1, 1)


def test_drop_removes_the_letter_after_a_yes(
    terminal: Terminal, pipeline: Pipeline, dead_job: int
) -> None:
    ended = terminal.type("dead", "drop", newest(pipeline), answer="y\n")
    assert (ended.returncode, pipeline.redis.xlen(pipeline.streams.dead)) == (0, 0)


def newest(pipeline: Pipeline) -> str:
    """The id of the newest dead letter."""
    letters: Any = pipeline.redis.xrevrange(pipeline.streams.dead, count=1)
    id: bytes = letters[0][0]
    return id.decode()
