"""A schedule: jobs for several turbines and days, and faults drawn from a seed."""

import threading
import time
import zlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random

from tests.e2e.source_strategies import START
from tests.faults.fault_stack import RANGE, FaultStack
from tests.faults.faults import FAULTS
from tests.faults.stack_setup import ALL_SLICES, SOME_SLICES

CONNECTOR_DELAY_S = 0.05
"""Delay of each piece of data of the connector, so that a fault hits a running job."""
MAX_FAULTS = 3
SCHEDULES_PER_STACK = 25
"""Schedules with consecutive seeds run in one stack. Then a new one starts, with batches of another
size, so that logs and ledger stay small.
"""
BATCH_SLICES = (ALL_SLICES, 1, SOME_SLICES, 100)
"""The most slices of a batch; 100 is the default."""
MAX_START_DELAY_S, FAULT_DURATION_S = 0.5, (0.2, 1.5)
SHORT_REQUEST_TIMEOUT_S = 3.0
"""Timeout of a request during a fault: a frozen extractor never responds."""
REPOST_PROBABILITY, END_EARLY_PROBABILITY = 0.5, 0.6


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a successful schedule."""

    jobs: int
    rows_compared: int
    """Number of target rows that were compared with the source."""
    recovery_s: float
    """Time from the end of the last fault to the end of the last job."""


@dataclass
class Schedule:
    """The names of the faults in their order, and the seed of all other random choices."""

    seed: int
    faults: list[str] = field(default_factory=list)

    @classmethod
    def draw(cls, seed: int) -> "Schedule":
        rng = Random(seed)
        return cls(seed, rng.sample(sorted(FAULTS), rng.randint(1, MAX_FAULTS)))

    @property
    def batch_slices(self) -> int:
        """The most slices of a batch in the stack of this schedule."""
        return BATCH_SLICES[self.seed // SCHEDULES_PER_STACK % len(BATCH_SLICES)]

    def __str__(self) -> str:
        faults = ", ".join(self.faults)
        return f"seed {self.seed}, batches of {self.batch_slices}: {faults}"


def run_schedule(fault_stack: FaultStack, schedule: Schedule) -> Outcome:
    """Load all days during the faults, and again from a changed source after them. Some faults
    overlap, and some jobs are posted twice. Raise AssertionError if a check fails.
    """
    rng = Random(schedule.seed)
    fault_stack.reset_data()
    fault_stack.redis.delete(fault_stack.streams.dead)
    for proxy in fault_stack.proxies_of("connector"):
        proxy.disturbance.delay_s = CONNECTOR_DELAY_S
    jobs = [fault_stack.post_job(**RANGE)]
    with ExitStack() as active_faults:
        for name in schedule.faults:
            wait(rng.uniform(0, MAX_START_DELAY_S))
            active_faults.enter_context(FAULTS[name](fault_stack, rng))
            if rng.random() < REPOST_PROBABILITY:
                jobs += filter(
                    None, [fault_stack.try_post_job(within_s=SHORT_REQUEST_TIMEOUT_S, **RANGE)]
                )
            wait(rng.uniform(*FAULT_DURATION_S))
            if rng.random() < END_EARLY_PROBABILITY:
                active_faults.close()
    fault_stack.wait_for_servers()
    change_source(fault_stack, rng)
    faults_ended_at = time.monotonic()
    jobs.append(fault_stack.post_job_with_retries(**RANGE))
    rows_compared = fault_stack.wait_until_recovered(*jobs)
    return Outcome(
        jobs=len(jobs), rows_compared=rows_compared, recovery_s=time.monotonic() - faults_ended_at
    )


def run_single_fault(fault_stack: FaultStack, name: str) -> Outcome:
    """Run a schedule with one fault."""
    return run_schedule(fault_stack, Schedule(zlib.crc32(name.encode()), [name]))


def change_source(fault_stack: FaultStack, rng: Random) -> None:
    """Change the values of some samples in the source and delete others."""
    fault_stack.in_source(
        "UPDATE data SET power = power + 1 WHERE extract(minute FROM timestamp) = %s",
        [rng.randrange(60)],
    )
    hour = rng.randrange(60)
    fault_stack.in_source(
        "DELETE FROM data WHERE timestamp >= %s + %s * interval '1 hour' "
        "AND timestamp < %s + (%s + 1) * interval '1 hour'",
        [START, hour, START, hour],
    )


def wait(seconds: float) -> None:
    """Let the services work."""
    threading.Event().wait(seconds)
