"""The code location on a running pipeline, in this process and without Dagster's daemon."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dagster import (
    AssetCheckKey,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    ScheduleDefinition,
    SensorDefinition,
    build_schedule_context,
)

from services.orchestrator.assets import STATISTICS
from services.orchestrator.checks import CHECKS
from services.orchestrator.definitions import build_definitions
from services.orchestrator.resources import (
    ExtractorResource,
    Resources,
    SourceResource,
    TargetResource,
)
from services.orchestrator.settings import OrchestratorSettings
from shared.environment import build
from tests.e2e.pipeline import Pipeline

FROM, TO = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
# The schedules that Dagster builds call a deprecated function of Dagster.
DEPRECATED = (
    "ignore:Function `JobDefinition.run_request_for_partition` is deprecated:DeprecationWarning"
)


@dataclass(frozen=True)
class Location:
    """Definitions, and an instance in memory."""

    defs: Definitions
    resources: Resources
    instance: DagsterInstance

    def day(self, day: str, job: str = "statistics", **more: Any) -> ExecuteInProcessResult:
        """A run of one partition."""
        return self._run(job, partition_key=day, **more)

    def days(self, first: str, last: str) -> ExecuteInProcessResult:
        """A run of a range of partitions, as a single-run backfill starts it."""
        return self._run("statistics", tags={FROM: first, TO: last})

    def checks(self, day: str) -> ExecuteInProcessResult:
        """A run of only the checks of one partition."""
        keys = {AssetCheckKey(STATISTICS, check.name) for check in CHECKS}
        job = self.defs.resolve_job_def("statistics")
        return job.get_subset(asset_check_selection=keys).execute_in_process(
            instance=self.instance, partition_key=day
        )

    def freshness(self) -> ExecuteInProcessResult:
        """A run of the check without partitions."""
        return self._run("freshness")

    def _run(self, job: str, **more: Any) -> ExecuteInProcessResult:
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, raise_on_error=False, **more
        )

    def schedule(self, name: str) -> ScheduleDefinition:
        return self.defs.resolve_schedule_def(name)

    def sensor(self, name: str) -> SensorDefinition:
        return self.defs.resolve_sensor_def(name)

    def tick(self, schedule: str, at: datetime) -> Any:
        """The result of a schedule at that time."""
        context = build_schedule_context(instance=self.instance, scheduled_execution_time=at)
        return self.schedule(schedule).evaluate_tick(context)


@contextmanager
def location(resources: Resources, **settings: Any) -> Iterator[Location]:
    """The code location with these settings."""
    with DagsterInstance.ephemeral() as instance:
        defs = build_definitions(build(OrchestratorSettings, **settings), resources)
        yield Location(defs, resources, instance)


def reaching(pipeline: Pipeline) -> Resources:
    """The resources of a running pipeline."""
    addresses = pipeline.addresses
    return {
        "source": SourceResource(url=addresses.connector_url),
        "extractor": ExtractorResource(url=addresses.extractor_url),
        "target": TargetResource(url=addresses.target_url),
    }
