"""The definitions that Dagster loads: `dagster dev -m services.orchestrator.definitions`."""

import warnings

from dagster import BetaWarning, Definitions, PreviewWarning, definitions, in_process_executor

from services.orchestrator import assets, checks, schedules
from services.orchestrator.late_data_sensor import late_data
from services.orchestrator.resources import Resources, from_environment
from services.orchestrator.settings import OrchestratorSettings
from shared.environment import load


@definitions
def defs() -> Definitions:
    """The definitions, with settings from the environment."""
    return build_definitions(load(OrchestratorSettings), from_environment())


def build_definitions(settings: OrchestratorSettings, resources: Resources) -> Definitions:
    """The definitions. Backfills in a single run are beta, and checks of partitions are a preview,
    in Dagster 1.13. Its version is pinned, and tests cover both.
    """
    with warnings.catch_warnings():
        for category in (BetaWarning, PreviewWarning):
            warnings.simplefilter("ignore", category)
        return Definitions(
            assets=[assets.samples(settings), assets.statistics(settings)],
            asset_checks=[checks.daily_checks(settings), checks.fresh(settings)],
            jobs=[schedules.STATISTICS_JOB, schedules.FRESHNESS_JOB],
            schedules=[schedules.NIGHTLY, schedules.freshness_daily(settings)],
            sensors=[late_data(settings)],
            resources=resources,
            # A run only waits for the services: a process for each of its steps would cost time.
            executor=in_process_executor,
        )
