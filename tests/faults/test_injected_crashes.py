"""Faults whose effect the test waits for before it repairs them."""

from random import Random

import pytest

from tests.faults import failpoint, network_faults, postgres_faults, redis_faults
from tests.faults.failover import fail_over
from tests.faults.fault_stack import RANGE, RECOVERY_TIMEOUT_S, FaultStack
from tests.faults.faults import FAULTS
from tests.faults.process_faults import POINTS
from tests.faults.stack_setup import ALL_SLICES
from tests.polling import wait_until

pytestmark = pytest.mark.timeout(300)
RNG = Random(0)
MAX_DELIVERIES = 5
DISK_FULL = "(53100)"
"""SQLSTATE disk_full: logged if the loader pauses, not if its handler crashes."""
BATCH_SLICES = ALL_SLICES
MARK = "written-to-the-master-only"


@pytest.mark.parametrize("point", POINTS)
def test_a_service_killed_at_a_failpoint_loses_and_duplicates_no_row(
    fault_stack: FaultStack, point: str
) -> None:
    fault_stack.reset_data()
    fault_stack.arm(point, "kill")
    job = fault_stack.try_post_job(**RANGE)
    wait_until(lambda: not fault_stack.is_armed(point), what=f"a kill at {point}")
    fault_stack.disarm_and_restart(point)
    fault_stack.wait_until_recovered(
        *filter(None, [job]), fault_stack.post_job_with_retries(**RANGE)
    )


def test_an_entry_of_a_worker_that_was_killed_and_removed_is_handled(
    fault_stack: FaultStack,
) -> None:
    point = failpoint.HANDLING.format("loader")
    fault_stack.reset_data()
    fault_stack.arm(point, "kill")
    job = fault_stack.post_job(**RANGE)
    wait_until(lambda: not fault_stack.is_armed(point), what=f"a kill at {point}")
    with redis_faults.consumers_removed(fault_stack, RNG):
        assert not fault_stack.pending("stats")
        assert fault_stack.redis.xlen(fault_stack.streams.stats)
    fault_stack.disarm_and_restart(point)
    fault_stack.wait_until_recovered(job)


def test_failover_to_a_replica_that_is_behind_loses_no_row(fault_stack: FaultStack) -> None:
    fault_stack.reset_data()
    jobs = [fault_stack.post_job(**RANGE)]
    with fault_stack.paused("loader"):
        fault_stack.wait_for_backlog(fault_stack.streams.stats, 1)
        fail_over(fault_stack, lag_s=0.5, while_disconnected=lambda: fault_stack.redis.set(MARK, 1))
    assert not fault_stack.redis.exists(MARK)
    fault_stack.wait_until_recovered(*jobs)


def test_a_full_disk_pauses_the_loader(fault_stack: FaultStack) -> None:
    if "postgres: disk full" not in FAULTS:
        pytest.skip("this user cannot mount a file system")
    fault_stack.reset_data()
    with postgres_faults.disk_full(fault_stack, RNG):
        job = fault_stack.post_job(**RANGE)
        wait_until(
            lambda: (
                fault_stack.count_in_logs(DISK_FULL) > MAX_DELIVERIES
                or fault_stack.redis.xlen(fault_stack.streams.dead)
            ),
            within_s=RECOVERY_TIMEOUT_S,
            what="more attempts at a full disk than an entry has deliveries",
        )
    fault_stack.wait_until_recovered(job)


def test_a_loader_that_is_cancelled_by_a_deadlock_tries_again(fault_stack: FaultStack) -> None:
    fault_stack.reset_data()
    with postgres_faults.deadlocks(fault_stack, RNG):
        jobs = [fault_stack.post_job(**RANGE)]
        wait_until(lambda: fault_stack.logs_contain("deadlock detected"), what="a deadlock")
    fault_stack.wait_until_recovered(*jobs)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("connector: byte by byte", "the response takes longer than its deadline"),
        ("connector: 500", "connector answers 500"),
        ("connector: 429", "connector answers 429"),
    ],
)
def test_requests_to_a_failing_connector_are_retried(
    fault_stack: FaultStack, fault: str, message: str
) -> None:
    fault_stack.reset_data()
    with network_faults.FAULTS[fault](fault_stack, RNG):
        job = fault_stack.post_job(**RANGE)
        wait_until(lambda: fault_stack.logs_contain(message), what=message)
    fault_stack.wait_until_recovered(job)
