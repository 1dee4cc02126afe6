"""Everything Dagster loads from here: `dagster dev -m services.orchestrator.definitions`."""

import warnings

from dagster import BetaWarning, Definitions, PreviewWarning, definitions, in_process_executor

from services.orchestrator import assets, checks, resources
from services.orchestrator.late_data_sensor import late_data
from services.orchestrator.resources import Resources
from services.orchestrator.schedules import (
    FRESHNESS_JOB,
    NIGHTLY,
    STATISTICS_JOB,
    freshness_daily,
)
from services.orchestrator.settings import OrchestratorSettings
from shared.environment import load


@definitions
def defs() -> Definitions:
    """The code location, from the environment."""
    return build_definitions(load(OrchestratorSettings), resources.from_environment())


def build_definitions(settings: OrchestratorSettings, reached_by: Resources) -> Definitions:
    """The code location. Single-run backfills are beta and checks of partitions a preview of
    Dagster 1.13; its version is pinned, and the tests say whether they do what they should.
    """
    with warnings.catch_warnings():
        for category in (BetaWarning, PreviewWarning):
            warnings.simplefilter("ignore", category)
        return Definitions(
            assets=[assets.samples(settings), assets.statistics(settings)],
            asset_checks=[checks.daily_checks(settings), checks.fresh(settings)],
            jobs=[STATISTICS_JOB, FRESHNESS_JOB],
            schedules=[NIGHTLY, freshness_daily(settings)],
            sensors=[late_data(settings)],
            resources=reached_by,
            # A run waits for others to work: a process for each of its steps would only cost time.
            executor=in_process_executor,
        )
