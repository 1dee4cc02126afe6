"""An entry that kills whoever takes it: it ends among the dead letters, and its neighbours live."""

from pathlib import Path

import pytest

from tests.e2e.cli_process import minuano
from tests.e2e.source_strategies import START
from tests.faults import failpoint
from tests.faults.fault_stack import ASSETS, RANGE, World
from tests.polling import wait_until

pytestmark = pytest.mark.timeout(180)
POISONED, WELL = ASSETS
POINT = failpoint.HANDLING.format("aggregator")
DELIVERIES = 5
BURIED_WITHIN_S = 90.0


def test_an_entry_that_kills_its_process_is_buried_and_can_be_replayed(
    broken: World, tmp_path: Path
) -> None:
    broken.refill()
    broken.arm(POINT, f"poison {POISONED}")
    id = broken.ask(date=START.date().isoformat())
    wait_until(lambda: _is_buried(broken), within_s=BURIED_WITHIN_S, what="a dead letter")
    broken.disarm(POINT)
    broken.revive()
    [(_, letter)] = broken.waiting(broken.streams.dead, 1)
    told = [letter[f"dead_{name}".encode()] for name in ("reason", "stage", "deliveries")]
    assert told == [b"deliveries", b"aggregator", str(DELIVERIES + 1).encode()]
    wait_until(lambda: broken.job(id)["state"] == "failed", what="the failure of the job")
    assert broken.job(id)["reason"] == "deliveries"
    assert [asset for (asset,) in broken.in_target(_LOADED, [id])] == [WELL]

    settings = broken.addresses.environment()
    ended = minuano("dead", "replay", "all", cwd=tmp_path, settings=settings)
    assert ended.returncode == 0, ended.stdout
    wait_until(lambda: broken.job(id)["state"] == "done", what="the end of the job")
    broken.healed(broken.ask(**RANGE))


_LOADED = "SELECT asset FROM etl.slice WHERE job_id = %s AND loaded_at IS NOT NULL"


def _is_buried(world: World) -> bool:
    world.revive()
    return bool(world.redis.xlen(world.streams.dead))
