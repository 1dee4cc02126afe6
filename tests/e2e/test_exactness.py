"""The target equals what PostgreSQL computes from the source, for any page size, any number of
aggregators, any order of entries and with duplicate entries.
"""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.domain.time_range import ONE_DAY
from tests.e2e.oracle import Scope, assert_target_matches_source
from tests.e2e.pipeline import Pipeline, running
from tests.e2e.source_strategies import FIRST_DAY, SECOND_DAY, START, SampleRows, faulty_samples

DEFAULT = 50_000
# A page of one row needs a request per row, so there are fewer samples.
SAMPLES = {1: 60, 7: 300, 100: 2_880, 1_441: 2_880, DEFAULT: 2_880}
SLICES_PER_DAY = 3
EXAMPLES = 4
SCOPE = Scope(start=START, end=START + 2 * ONE_DAY)

DEFAULT_CONFIGURATIONS = ((1, 4), (7, 1), (100, 4), (1_441, 1))
CONFIGURATIONS = [
    pytest.param(
        (rows, aggregators),
        id=f"{rows}-rows-{aggregators}-agg",
        marks=() if (rows, aggregators) in DEFAULT_CONFIGURATIONS else pytest.mark.thorough,
    )
    for aggregators in (1, 4)
    for rows in SAMPLES
]


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def configured(request: pytest.FixtureRequest) -> Iterator[tuple[Pipeline, int]]:
    page_rows, aggregators = request.param
    pipeline_settings = {"MINUANO_MAX_SLICE_ROWS": str(1_440 // SLICES_PER_DAY)}
    if page_rows != DEFAULT:
        pipeline_settings["MINUANO_PAGE_ROWS"] = str(page_rows)
    with running(
        settings=pipeline_settings, aggregators=aggregators, loaders=min(aggregators, 2)
    ) as pipeline:
        yield pipeline, SAMPLES[page_rows]


def test_the_target_equals_the_oracle_after_any_deliveries(
    configured: tuple[Pipeline, int],
) -> None:
    pipeline, minutes = configured

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(rows=faulty_samples(minutes=minutes), seed=st.integers(0, 2**16))
    def check(rows: SampleRows, seed: int) -> None:
        pipeline.fill_source(rows)
        id = run_disturbed_job(pipeline, seed)
        pipeline.wait_until_done(id)
        assert_target_matches_source(pipeline, SCOPE)

    check()


def run_disturbed_job(pipeline: Pipeline, seed: int) -> int:
    """Shuffle and duplicate all entries of a job for both days; return its id."""
    slices = 2 * SLICES_PER_DAY
    with pipeline.paused("loader"):
        with pipeline.paused("aggregator"):
            id = pipeline.post_job(start=FIRST_DAY, end=SECOND_DAY)
            pipeline.shuffle_and_duplicate(pipeline.streams.raw, slices, seed)
        pipeline.shuffle_and_duplicate(pipeline.streams.stats, 2 * slices, seed + 1)
    return id
