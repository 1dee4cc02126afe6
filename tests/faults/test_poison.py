"""A slice that kills every worker becomes a dead letter; the others of its batch are loaded."""

from pathlib import Path

import pytest

from shared.domain.batches import RawBatch
from shared.domain.time_range import ONE_DAY
from tests.e2e.cli_process import minuano
from tests.e2e.source_strategies import START
from tests.faults import failpoint
from tests.faults.fault_stack import ASSETS, DAYS, RANGE, FaultStack
from tests.faults.stack_setup import ALL_SLICES
from tests.polling import wait_until

pytestmark = pytest.mark.timeout(240)
BATCH_SLICES = ALL_SLICES
SLICES = [(asset, START + n * ONE_DAY) for asset in ASSETS for n in range(DAYS)]
POISONED = SLICES[1]
POINT = failpoint.HANDLING.format("aggregator")
DELIVERIES = 5
DEAD_LETTER_WITHIN_S = 150.0


def test_a_slice_that_kills_its_process_becomes_a_dead_letter_and_can_be_replayed(
    fault_stack: FaultStack, tmp_path: Path
) -> None:
    fault_stack.reset_data()
    asset, start = POISONED
    fault_stack.arm(POINT, f"poison {asset} {start:%Y-%m-%d}")
    id = fault_stack.post_job(**RANGE)
    wait_until(
        lambda: _is_dead_letter(fault_stack), within_s=DEAD_LETTER_WITHIN_S, what="a dead letter"
    )
    fault_stack.disarm_and_restart(POINT)
    fault_stack.restart_dead()
    [(_, letter)] = fault_stack.wait_for_backlog(fault_stack.streams.dead, 1)
    details = [letter[f"dead_{name}".encode()] for name in ("reason", "stage", "deliveries")]
    assert details == [b"deliveries", b"aggregator", str(DELIVERIES + 1).encode()]
    assert _slices_of(letter) == [POISONED]
    wait_until(lambda: fault_stack.job(id)["state"] == "failed", what="the failure of the job")
    assert fault_stack.job(id)["reason"] == "deliveries"
    fault_stack.wait_until_idle()
    assert fault_stack.in_target(_LOADED, [id]) == [part for part in SLICES if part != POISONED]

    settings = fault_stack.addresses.environment()
    result = minuano("dead-letters", "replay", "all", cwd=tmp_path, settings=settings)
    assert result.returncode == 0, result.stdout
    wait_until(lambda: fault_stack.job(id)["state"] == "done", what="the end of the job")
    fault_stack.wait_until_recovered(fault_stack.post_job(**RANGE))


_LOADED = """
    SELECT asset, start FROM etl.slice WHERE job_id = %s AND loaded_at IS NOT NULL ORDER BY 1, 2
"""


def _slices_of(letter: dict[bytes, bytes]) -> list[tuple[str, object]]:
    names = RawBatch.field_names
    batch = RawBatch.decode({name: v for name, v in letter.items() if name in names})
    return [(slice_.asset, slice_.start) for slice_ in batch.slices]


def _is_dead_letter(fault_stack: FaultStack) -> bool:
    fault_stack.restart_dead()
    return bool(fault_stack.redis.xlen(fault_stack.streams.dead))
