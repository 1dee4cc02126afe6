"""An entry that kills every worker becomes a dead letter; other entries are loaded."""

from pathlib import Path

import pytest

from tests.e2e.cli_process import minuano
from tests.e2e.source_strategies import START
from tests.faults import failpoint
from tests.faults.fault_stack import ASSETS, RANGE, FaultStack
from tests.polling import wait_until

pytestmark = pytest.mark.timeout(180)
POISONED, HEALTHY = ASSETS
POINT = failpoint.HANDLING.format("aggregator")
DELIVERIES = 5
DEAD_LETTER_WITHIN_S = 90.0


def test_an_entry_that_kills_its_process_becomes_a_dead_letter_and_can_be_replayed(
    fault_stack: FaultStack, tmp_path: Path
) -> None:
    fault_stack.reset_data()
    fault_stack.arm(POINT, f"poison {POISONED}")
    id = fault_stack.post_job(date=START.date().isoformat())
    wait_until(
        lambda: _is_dead_letter(fault_stack), within_s=DEAD_LETTER_WITHIN_S, what="a dead letter"
    )
    fault_stack.disarm_and_restart(POINT)
    fault_stack.restart_dead()
    [(_, letter)] = fault_stack.wait_for_backlog(fault_stack.streams.dead, 1)
    details = [letter[f"dead_{name}".encode()] for name in ("reason", "stage", "deliveries")]
    assert details == [b"deliveries", b"aggregator", str(DELIVERIES + 1).encode()]
    wait_until(lambda: fault_stack.job(id)["state"] == "failed", what="the failure of the job")
    assert fault_stack.job(id)["reason"] == "deliveries"
    assert [asset for (asset,) in fault_stack.in_target(_LOADED, [id])] == [HEALTHY]

    settings = fault_stack.addresses.environment()
    result = minuano("dead-letters", "replay", "all", cwd=tmp_path, settings=settings)
    assert result.returncode == 0, result.stdout
    wait_until(lambda: fault_stack.job(id)["state"] == "done", what="the end of the job")
    fault_stack.wait_until_recovered(fault_stack.post_job(**RANGE))


_LOADED = "SELECT asset FROM etl.slice WHERE job_id = %s AND loaded_at IS NOT NULL"


def _is_dead_letter(fault_stack: FaultStack) -> bool:
    fault_stack.restart_dead()
    return bool(fault_stack.redis.xlen(fault_stack.streams.dead))
