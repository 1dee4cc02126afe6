"""Whatever jobs a ledger has: a prune changes nothing of what the fence, reconcile and the page of
loaded days read.
"""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from services.dashboard.queries.coverage import coverage
from services.dashboard.queries.local_days import LocalDays
from services.dashboard.queries.target import Target
from shared.clients.connector import DayFingerprints
from shared.domain.fingerprint import to_text
from shared.domain.spec import StatisticsSpec
from shared.domain.time_range import DateRange
from shared.ledger.prune import Pruned
from shared.ledger.reconciliation import Scope, differences
from shared.settings import RedisSettings
from tests.integration.loader import fetch
from tests.integration.prune_case import DAY, PruneCase, prune_case

DAYS, JOBS = 3, 12
ASSETS, VARIABLES = ("T01", "T02"), ("power", "wind_speed")
LAST = DAY + timedelta(days=DAYS - 1)
UTC = ZoneInfo("UTC")
SCOPE = Scope(
    days=DateRange(DAY, LAST), zone=UTC, assets=ASSETS, variables=VARIABLES,
    statistics=("mean", "max"), spec=StatisticsSpec(statistics=("mean", "max")),
    source_variables=VARIABLES,
)  # fmt: skip
# The job whose windows stand, for each hour of each statistic: all that the fence has to know.
NEWEST = """
    SELECT s.asset, s.window_s, v, t, h, max(s.job_id)
    FROM etl.slice s JOIN etl.job j ON j.id = s.job_id, unnest(s.variables) v,
         jsonb_array_elements_text(j.spec->'statistics') t,
         generate_series(s.start, s."end" - interval '1 hour', '1 hour') h
    WHERE s.loaded_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""


class Source:
    """Every second day of each turbine has the samples that one of the jobs loaded."""

    def __init__(self, numbers: random.Random) -> None:
        self._days = [
            DayFingerprints(
                asset=asset, day=DAY + timedelta(days=day), rows=1,
                fingerprints={v: to_text(2 * numbers.randint(1, JOBS)) for v in VARIABLES},
            )
            for asset in ASSETS
            for day in range(0, DAYS, 2)
        ]  # fmt: skip

    def fingerprints(self, first: date, last: date, **_: Any) -> list[DayFingerprints]:
        return [day for day in self._days if first <= day.day <= last]


def random_job(case: PruneCase, numbers: random.Random) -> None:
    days, assets = numbers.randint(1, DAYS), ASSETS[: numbers.randint(1, 2)]
    slice_s = numbers.choice((12, 24)) * 3600
    total = days * len(assets) * 24 * 3600 // slice_s
    state = numbers.choice(("done", "done", "failed", "cancelled", "running"))
    loaded = total if state == "done" else numbers.randrange(total)
    case.job(
        days=days, assets=assets, state=state, loaded=loaded,
        published=numbers.randint(0, total - loaded), days_ago=numbers.choice((0, 100, 200)),
        variables=numbers.choice((VARIABLES, VARIABLES, VARIABLES[:1])),
        spec=StatisticsSpec(
            slice_s=slice_s, window_s=numbers.choice((600, 600, 600, 300)),
            statistics=numbers.choice((("mean", "max"), ("mean",))),
        ),
    )  # fmt: skip


@pytest.fixture
def case(target: Engine, redis_settings: RedisSettings) -> Iterator[PruneCase]:
    with prune_case(target, target, redis_settings) as case:
        yield case


@pytest.mark.parametrize("seed", range(3))
def test_a_prune_changes_nothing_that_is_needed(case: PruneCase, seed: int) -> None:
    numbers = random.Random(seed)
    for _ in range(JOBS):
        random_job(case, numbers)
    source, days = Source(numbers), LocalDays(DAY, LAST, UTC)

    def needed() -> Any:
        covered = coverage(Target(case.target), days, window_s=600, assets=ASSETS)
        return (
            fetch(case.target, NEWEST),
            differences(source, case.target, SCOPE),
            {a: [(d.state, d.coverage, d.windows) for d in ds] for a, ds in covered.items()},
        )

    before, slices = needed(), sum(count for _, count in case.slices())
    expected = case.prune(dry_run=True)
    assert case.prune(rows=numbers.randint(1, 9)) == expected
    assert needed() == before
    assert sum(count for _, count in case.slices()) == slices - expected.slices
    assert expected.slices > 0
    assert case.prune() == Pruned(checked=expected.checked - expected.slices)
