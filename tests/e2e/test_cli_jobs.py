"""The commands for jobs, status and dead letters, on a system that the environment names."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli_process import ANSWER_S, MINUANO, Ended, environment, minuano
from tests.e2e.pipeline import Pipeline
from tests.e2e.source_strategies import DAY_MINUTES, FIRST_DAY, START, steady_samples

DAY = FIRST_DAY
SAMPLES = steady_samples(START, DAY_MINUTES)
MARKUP = "[red]not markup[/nor this]"


class Terminal:
    """A folder without a stack, and an environment that names the pipeline."""

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
    """A failed job whose only raw batch is a complete dead letter."""
    pipeline.redis.delete(pipeline.streams.dead)
    pipeline.fill_source(SAMPLES)
    with pipeline.paused("aggregator"):
        id = pipeline.post_job(date=DAY)
        [entry] = entries = pipeline.wait_for_backlog(pipeline.streams.raw, 1)
        pipeline.remove(pipeline.streams.raw, entries)
        failure = {
            "reason": "crash", "error": MARKUP, "stage": "aggregator",
            "stream": pipeline.streams.raw, "id": entry[0], "deliveries": 5,
            "at": "2025-12-06T00:00:00+00:00",
        }  # fmt: skip
        fields = {f"dead_{name}".encode(): value for name, value in failure.items()}
        pipeline.add(pipeline.streams.dead, [(b"*", {**fields, **entry[1]})])
    assert pipeline.wait_until_ended(id)["state"] == "failed"
    return id


def test_run_ends_with_0_and_prints_the_result(terminal: Terminal, pipeline: Pipeline) -> None:
    pipeline.fill_source(SAMPLES)
    result = terminal.type("run", DAY)
    assert result.returncode == 0, result.stderr
    assert "done: 1 slice, 1,440 samples, 144 windows, coverage 100.0%" in result.stdout


def test_run_shows_the_progress_of_each_stage(terminal: Terminal, pipeline: Pipeline) -> None:
    pipeline.fill_source(SAMPLES)
    rows = [line.split() for line in terminal.type("run", DAY).stdout.splitlines()]
    counts = {row[0]: row[2] for row in rows if len(row) > 2}
    assert [counts.get(stage) for stage in ("extracted", "aggregated", "loaded")] == ["1/1"] * 3


def test_backfill_computes_all_days_from_the_first_to_the_last(
    terminal: Terminal, pipeline: Pipeline
) -> None:
    pipeline.fill_source(SAMPLES)
    result = terminal.type("backfill", "2025-12-04", "2025-12-06")
    assert "done: 3 slices, 1,440 samples, 144 windows, coverage 33.3%" in result.stdout


def test_the_list_of_jobs_has_the_note_of_a_job_without_samples(terminal: Terminal) -> None:
    terminal.type("run", "2031-01-01")
    stdout = terminal.type("jobs", "--limit", "1").stdout
    assert "done with 0 windows: the source has no samples there" in stdout


def test_the_list_of_jobs_has_one_line_for_each_job_and_no_colours_in_a_pipe(
    terminal: Terminal, pipeline: Pipeline
) -> None:
    pipeline.fill_source(SAMPLES)
    pipeline.run(start="2025-12-01", end="2025-12-10")
    lines = terminal.type("jobs", "--limit", "1", columns=80).stdout.splitlines()
    assert [len(line) <= 80 for line in lines] == [True, True]
    assert lines[1].split()[1:6] == ["done", "2025-12-01", "…", "2025-12-10", "10/10"]


def test_a_detached_run_only_posts_the_job(terminal: Terminal) -> None:
    result = terminal.type("run", DAY, "--detach")
    assert (result.returncode, result.stdout.split()[-1]) == (0, "accepted")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["run", "2025-13-05"], "2025-13-05"),
        (["run", DAY, "--assets", "T01"], "no asset column"),
        (["retry", "999999"], "no job 999999"),
        (["dead-letters", "drop", "[x]", "--yes"], "no dead letter [x]"),
    ],
)
def test_an_impossible_command_ends_with_1_and_one_line(
    terminal: Terminal, words: list[str], error: str
) -> None:
    result = terminal.type(*words)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    assert error in result.stderr


def test_a_run_whose_job_fails_ends_with_1_and_prints_the_reason(
    terminal: Terminal, pipeline: Pipeline
) -> None:
    pipeline.fill_source(SAMPLES)
    with pipeline.paused("aggregator"):
        process = terminal.start("run", DAY)
        [(id, fields)] = entries = pipeline.wait_for_backlog(pipeline.streams.raw, 1)
        pipeline.remove(pipeline.streams.raw, entries)
        pipeline.add(pipeline.streams.raw, [(id, {**fields, b"payload": b"torn"})])
    stdout, _ = process.communicate(timeout=ANSWER_S)
    assert process.returncode == 1
    assert "failed: checksum" in stdout


def test_retry_runs_a_cancelled_job_again(terminal: Terminal, pipeline: Pipeline) -> None:
    pipeline.fill_source(SAMPLES)
    with pipeline.paused("aggregator"):
        id = str(pipeline.post_job(date=DAY))
        assert "cancelled" in terminal.type("cancel", id).stdout
    result = terminal.type("retry", id)
    assert (result.returncode, f"job {id} done" in result.stdout) == (0, True)
    rows = [line.split()[2:] for line in terminal.type("audit", "--job", id).stdout.splitlines()]
    user = rows[1][2]
    assert user.count("@") == 1
    assert rows[1:] == [
        ["retry", id, user, "cli"], ["cancel", id, user, "cli"],
        ["request", id, "127.0.0.1", "http"],
    ]  # fmt: skip


def test_the_status_shows_waiting_and_pending_entries(
    terminal: Terminal, pipeline: Pipeline
) -> None:
    pipeline.fill_source(SAMPLES)
    with pipeline.paused("aggregator"):
        pipeline.add(pipeline.streams.raw, [(b"*", {b"v": b"0"})] * 5)
        rows = [line.split() for line in terminal.type("status").stdout.splitlines()]
    aggregator = next(row for row in rows if row[0] == "aggregator")
    assert sum(int(n) for n in aggregator[2:4]) == 5


def test_the_status_counts_dead_letters(terminal: Terminal, dead_job: int) -> None:
    assert "1 dead letters: see minuano dead-letters list" in terminal.type("status").stdout


def test_the_list_of_dead_letters_has_one_line_for_each(terminal: Terminal, dead_job: int) -> None:
    lines = terminal.type("dead-letters", "list", columns=80).stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].split()[3:6] == ["aggregator", str(dead_job), "crash"]


def test_a_dead_letter_is_shown_with_the_first_rows_of_its_payload(
    terminal: Terminal, pipeline: Pipeline, dead_job: int
) -> None:
    stdout = terminal.type("dead-letters", "show", newest(pipeline)).stdout
    assert "1440 rows, the first 5, 3 of 3 columns:" in stdout
    assert "2025-12-05 00:00:00+00:00" in stdout


def test_untrusted_text_is_printed_without_markup(
    terminal: Terminal, pipeline: Pipeline, dead_job: int
) -> None:
    assert MARKUP in terminal.type("dead-letters", "list", columns=200).stdout
    assert MARKUP in terminal.type("dead-letters", "show", newest(pipeline)).stdout
    assert MARKUP in terminal.type("jobs", "--state", "failed").stdout


def test_a_replayed_dead_letter_finishes_its_job(
    terminal: Terminal, pipeline: Pipeline, dead_job: int
) -> None:
    assert terminal.type("dead-letters", "replay", "all").returncode == 0
    assert pipeline.wait_until_done(dead_job)["windows"] == 144
    assert terminal.type("dead-letters", "list").stdout == "no dead letters\n"


def test_a_dead_letter_without_payload_and_stream_can_be_shown_and_dropped_not_replayed(
    terminal: Terminal, pipeline: Pipeline
) -> None:
    pipeline.redis.delete(pipeline.streams.dead)
    pipeline.redis.xadd(pipeline.streams.dead, {MARKUP: MARKUP, "dead_deliveries": "many"})
    assert terminal.type("dead-letters", "show", newest(pipeline)).stdout.count(MARKUP) == 2
    refused = terminal.type("dead-letters", "replay", "all")
    assert (refused.returncode, "drop it" in refused.stdout) == (1, True)
    assert terminal.type("dead-letters", "drop", "all", "--yes").returncode == 0
    assert not pipeline.redis.xlen(pipeline.streams.dead)


def test_drop_asks_and_keeps_the_dead_letter_after_a_no(
    terminal: Terminal, pipeline: Pipeline, dead_job: int
) -> None:
    result = terminal.type("dead-letters", "drop", "all", answer="n\n")
    assert (result.returncode, pipeline.redis.xlen(pipeline.streams.dead)) == (1, 1)


def test_drop_deletes_the_dead_letter_after_a_yes(
    terminal: Terminal, pipeline: Pipeline, dead_job: int
) -> None:
    result = terminal.type("dead-letters", "drop", newest(pipeline), answer="y\n")
    assert (result.returncode, pipeline.redis.xlen(pipeline.streams.dead)) == (0, 0)


def newest(pipeline: Pipeline) -> str:
    """The id of the newest dead letter."""
    letters: Any = pipeline.redis.xrevrange(pipeline.streams.dead, count=1)
    id: bytes = letters[0][0]
    return id.decode()
