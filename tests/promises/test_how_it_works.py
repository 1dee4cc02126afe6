"""README.md, "How it works". Each example checks the sentence that it quotes."""

from tests.e2e.pipeline import Pipeline
from tests.promises.interfaces import CommandLine, Sql

RANGE = {"start": "2025-12-01", "end": "2025-12-10"}
DAY = {"date": "2025-12-05"}


def test_killing_the_aggregator_in_the_middle_of_a_job_loses_nothing(
    stack: Pipeline, target_sql: Sql
) -> None:
    """> no row is lost, doubled or shifted"""
    stack.run(**DAY)
    with stack.paused("aggregator"):
        job = stack.post_job(**RANGE)
        stack.wait_for_slices("minuano:raw", 10)
        stack.deliver("minuano:raw", 1)
        stack.kill("aggregator-1")  # kill -9, and a new process
    assert stack.wait_until_done(job)["coverage"] == 1.0
    assert target_sql("SELECT count(*) FROM data") == [(10 * 144 * 8,)]


def test_running_a_day_again_changes_nothing(stack: Pipeline, target_sql: Sql) -> None:
    """> loading the day again changes nothing"""
    row_versions = "SELECT ctid::text, xmin::text FROM data ORDER BY timestamp, signal_id"
    stack.run(**DAY)
    before = target_sql(row_versions)
    stack.run(**DAY)
    assert target_sql(row_versions) == before


def test_samples_deleted_in_the_source_leave_no_stale_windows(
    stack: Pipeline, source_sql: Sql, target_sql: Sql
) -> None:
    """> The loader replaces the slice's windows in the target"""
    stack.run(**DAY)
    noon = "timestamp >= '2025-12-05 12:00Z' AND timestamp < '2025-12-05 13:00Z'"
    source_sql(f"DELETE FROM data WHERE {noon}")
    stack.run(**DAY)
    assert target_sql(f"SELECT count(*) FROM data WHERE {noon}") == [(0,)]
    assert target_sql("SELECT count(*) FROM data") == [((144 - 6) * 8,)]


def test_a_dead_letter_can_be_replayed_after_its_cause_is_fixed(
    stack: Pipeline, minuano: CommandLine, target_sql: Sql
) -> None:
    """> then `minuano dead-letters replay` puts the entry back on its stream."""
    stack.run(**DAY)
    target_sql("UPDATE signal SET ddof = 0 WHERE statistic = 'std'")  # std means something else
    job = stack.wait_until_ended(stack.post_job(**DAY))
    assert (job["state"], job["reason"]) == ("failed", "contract")
    assert "contract" in minuano("dead-letters list").stdout
    target_sql("UPDATE signal SET ddof = 1 WHERE statistic = 'std'")
    minuano("dead-letters replay all")
    assert stack.wait_until_done(job["id"])["state"] == "done"
