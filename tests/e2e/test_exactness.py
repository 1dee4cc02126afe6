"""The target equals what PostgreSQL computes from the source, for any page size, any batch size,
any number of aggregators, any order of entries and with duplicate entries. Then nothing is changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.domain.time_range import ONE_DAY
from tests.e2e.oracle import Scope, assert_target_matches_source
from tests.e2e.pipeline import Pipeline, running
from tests.e2e.source_strategies import FIRST_DAY, SECOND_DAY, START, SampleRows, faulty_samples

DEFAULT = 0
# A page of one row needs a request per row, so there are fewer samples.
SAMPLES = {1: 60, 7: 300, 100: 2_880, 1_441: 2_880, DEFAULT: 2_880}
BATCH_SLICES = (1, 7, 64, DEFAULT)
SLICES_PER_DAY = 12
TURBINES = ("T01", "T02, north", " Ø 3.β")
EXAMPLES = 4


@dataclass(frozen=True)
class Configuration:
    """Rows of a page and slices of a batch; `DEFAULT` is the default of the setting."""

    page_rows: int
    batch_slices: int
    aggregators: int

    @property
    def assets(self) -> Sequence[str]:
        """With several aggregators the source has several turbines: a page and a batch can span
        turbines, and the default batch holds all slices of a job.
        """
        return TURBINES if self.aggregators > 1 else ("",)

    @property
    def settings(self) -> dict[str, str]:
        chosen = {
            "MINUANO_PAGE_ROWS": self.page_rows,
            "MINUANO_CHUNK_SLICES": self.batch_slices,
            "MINUANO_MAX_SLICE_ROWS": 1_440 // SLICES_PER_DAY,
            "MINUANO_SOURCE_ASSET_COLUMN": "asset" if any(self.assets) else "",
        }
        return {name: str(value) for name, value in chosen.items() if value}

    @property
    def compares_days(self) -> bool:
        """Whether a chunk has whole days: only these can be found unchanged."""
        return self.batch_slices not in (1, 7)

    def __str__(self) -> str:
        pages, batches = self.page_rows or "default", self.batch_slices or "default"
        return f"{pages}-rows-{batches}-slices-{self.aggregators}-agg"


DEFAULT_CONFIGURATIONS = {(1, DEFAULT), (7, 7), (100, 1), (1_441, 64)}
CONFIGURATIONS = [
    pytest.param(
        configuration := Configuration(rows, slices, aggregators=4 if (n + m) % 2 else 1),
        id=str(configuration),
        marks=() if (rows, slices) in DEFAULT_CONFIGURATIONS else pytest.mark.thorough,
    )
    for n, rows in enumerate(SAMPLES)
    for m, slices in enumerate(BATCH_SLICES)
]


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def configured(request: pytest.FixtureRequest) -> Iterator[tuple[Pipeline, Configuration]]:
    configuration: Configuration = request.param
    with running(
        settings=configuration.settings, assets=any(configuration.assets),
        aggregators=configuration.aggregators, loaders=min(configuration.aggregators, 2),
    ) as pipeline:  # fmt: skip
        yield pipeline, configuration


def test_the_target_equals_the_oracle_after_any_deliveries(
    configured: tuple[Pipeline, Configuration],
) -> None:
    pipeline, configuration = configured
    assets = configuration.assets
    minutes = SAMPLES[configuration.page_rows] // len(assets)
    scope = Scope(start=START, end=START + 2 * ONE_DAY, assets=assets)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        samples=st.tuples(*[faulty_samples(minutes=minutes) for _ in assets]),
        seed=st.integers(0, 2**16),
    )
    def check(samples: tuple[SampleRows, ...], seed: int) -> None:
        pipeline.truncate()
        pipeline.fill_source(rows_of(assets, samples))
        id = run_disturbed_job(pipeline, assets, seed)
        pipeline.wait_until_done(id)
        assert_target_matches_source(pipeline, scope)
        before = pipeline.row_versions()
        again = pipeline.run(**_body(assets), only="changed")["slices"]
        assert again["unchanged"] == (again["total"] if configuration.compares_days else 0)
        assert pipeline.row_versions() == before

    check()


def rows_of(assets: Sequence[str], samples: Sequence[SampleRows]) -> list[tuple[object, ...]]:
    """The rows of the source, with the asset if there is an asset column."""
    return [
        (asset, *row) if asset else row
        for asset, rows in zip(assets, samples, strict=True)
        for row in rows
    ]


def run_disturbed_job(pipeline: Pipeline, assets: Sequence[str], seed: int) -> int:
    """Shuffle and duplicate all entries of a job for both days; return its id."""
    slices = 2 * SLICES_PER_DAY * len(assets)
    with pipeline.paused("loader"):
        with pipeline.paused("aggregator"):
            id = pipeline.post_job(**_body(assets))
            pipeline.shuffle_and_duplicate(pipeline.streams.raw, slices, seed)
        pipeline.shuffle_and_duplicate(pipeline.streams.stats, 2 * slices, seed + 1)
    return id


def _body(assets: Sequence[str]) -> dict[str, Any]:
    """The request for both days."""
    return {"start": FIRST_DAY, "end": SECOND_DAY, **({"assets": assets} if any(assets) else {})}
