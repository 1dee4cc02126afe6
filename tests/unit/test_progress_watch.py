"""A job is stalled when this process has seen it without progress for long enough."""

from dataclasses import replace

from services.extractor.progress_watch import ProgressWatch
from shared.ledger.open_jobs import Progress

AT_ONE = Progress("ledger", 1, "running", 1, 0, None, 0)


def test_a_job_is_stalled_when_its_progress_is_the_same_for_long_enough() -> None:
    times = iter([100.0, 109.9, 110.0])
    watch = ProgressWatch(lambda: next(times))
    stalled = [watch.stalled({1: AT_ONE}, for_s=10) for _ in range(3)]
    assert stalled == [{}, {}, {1: AT_ONE}]


def test_progress_begins_the_time_anew() -> None:
    times = iter([100.0, 110.0, 119.0, 120.0])
    watch = ProgressWatch(lambda: next(times))
    at_two = replace(AT_ONE, published=2)
    assert watch.stalled({1: AT_ONE}, for_s=10) == {}
    stalled = [watch.stalled({1: at_two}, for_s=10) for _ in range(3)]
    assert stalled == [{}, {}, {1: at_two}]


def test_a_job_that_ended_and_was_reopened_is_seen_anew() -> None:
    times = iter([100.0, 110.0, 120.0])
    watch = ProgressWatch(lambda: next(times))
    assert [watch.stalled(jobs, for_s=10) for jobs in ({1: AT_ONE}, {}, {1: AT_ONE})] == [{}] * 3
