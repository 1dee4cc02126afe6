"""Faults that strike for certain: each is seen to do what it says before it heals."""

from random import Random

import pytest

from tests.faults import network_faults, postgres_faults
from tests.faults.failover import fail_over
from tests.faults.fault_stack import HEALED_WITHIN_S, RANGE, World
from tests.faults.faults import FAULTS
from tests.faults.processes import POINTS
from tests.polling import wait_until

pytestmark = pytest.mark.timeout(300)
CHANCE = Random(0)
MAX_DELIVERIES = 5
PAUSED_FOR_ROOM = "(53100)"
"""What a pause of a stage says of a full disk; a crash of its handler does not."""
MARK = "written-to-the-master-alone"


@pytest.mark.parametrize("point", POINTS)
def test_a_service_killed_at_the_line_loses_and_doubles_nothing(broken: World, point: str) -> None:
    broken.refill()
    broken.arm(point, "kill")
    accepted = broken.ask_once(**RANGE)
    wait_until(lambda: not broken.is_armed(point), what=f"a kill at {point}")
    broken.disarm(point)
    broken.healed(*filter(None, [accepted]), broken.ask_again(**RANGE))


def test_a_replica_takes_over_without_what_it_missed(broken: World) -> None:
    broken.refill()
    jobs = [broken.ask(**RANGE)]
    with broken.held("loader"):
        broken.waiting(broken.streams.stats, 1)
        fail_over(broken, behind_s=0.5, meanwhile=lambda: broken.redis.set(MARK, 1))
    assert not broken.redis.exists(MARK)
    broken.healed(*jobs)


def test_a_disk_without_room_is_waited_for(broken: World) -> None:
    if "postgres: disk full" not in FAULTS:
        pytest.skip("no disk of one's own can be mounted here")
    broken.refill()
    with postgres_faults.disk_full(broken, CHANCE):
        job = broken.ask(**RANGE)
        wait_until(
            lambda: (
                broken.times_said(PAUSED_FOR_ROOM) > MAX_DELIVERIES
                or broken.redis.xlen(broken.streams.dead)
            ),
            within_s=HEALED_WITHIN_S,
            what="more attempts at a full disk than an entry has deliveries",
        )
    broken.healed(job)


def test_who_is_ended_for_a_deadlock_tries_again(broken: World) -> None:
    broken.refill()
    with postgres_faults.deadlocks(broken, CHANCE):
        jobs = [broken.ask(**RANGE)]
        wait_until(lambda: broken.have_said("deadlock detected"), what="a deadlock")
    broken.healed(*jobs)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("connector: byte by byte", "the answer takes longer than its deadline"),
        ("connector: 500", "connector answers 500"),
        ("connector: 429", "connector answers 429"),
    ],
)
def test_a_connector_that_is_unwell_is_asked_again(broken: World, name: str, said: str) -> None:
    broken.refill()
    with network_faults.FAULTS[name](broken, CHANCE):
        job = broken.ask(**RANGE)
        wait_until(lambda: broken.have_said(said), what=said)
    broken.healed(job)
