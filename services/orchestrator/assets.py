"""The assets: the source's samples, which others write, and the statistics, which jobs make."""

from collections.abc import Iterator
from contextlib import contextmanager

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    Failure,
    MaterializeResult,
    RetryRequested,
    asset,
)

from services.orchestrator import job_run, run_metadata
from services.orchestrator.resources import ExtractorResource, TargetResource
from services.orchestrator.settings import OrchestratorSettings, days_of_keys
from shared.errors import Unavailable
from shared.setting_types import split_names

SAMPLES = AssetKey(["wind", "samples"])
STATISTICS = AssetKey(["wind", "statistics"])
GROUP = "wind"
OWNERS = ["team:wind-data"]
# Of a run that finds a service or the target away. A `RetryPolicy` would also try a run again that
# was terminated, and one whose job has failed.
RETRIES, RETRY_AFTER_S = 3, 10


def samples(settings: OrchestratorSettings) -> AssetSpec:
    """The source table: Dagster sees it and never makes it."""
    return AssetSpec(
        SAMPLES,
        partitions_def=settings.partitions(),
        group_name=GROUP,
        kinds={"postgres"},
        owners=OWNERS,
        description="Raw samples of the turbines in the production database, by local day. "
        "Written by the data loggers; read through the connector only.",
    )


def statistics(settings: OrchestratorSettings) -> AssetsDefinition:
    """The analysis database's windows; a run materialises one day or a range as one job."""

    @asset(
        key=STATISTICS,
        deps=[SAMPLES],
        partitions_def=settings.partitions(),
        backfill_policy=BackfillPolicy.single_run(),
        group_name=GROUP,
        kinds={"postgres", "redis"},
        owners=OWNERS,
        metadata={"dagster/table_name": "data"},
        description="Mean, minimum, maximum and standard deviation of each window (10 minutes, "
        "unless set otherwise) of each variable and turbine. Materialising asks the extractor for "
        "a job, follows it to its end, and is green only if the job is done.",
    )
    def made(
        context: AssetExecutionContext, extractor: ExtractorResource, target: TargetResource
    ) -> MaterializeResult[None]:
        days = days_of_keys(list(context.partition_keys))
        with _tried_again(), extractor.client() as client:
            job = job_run.run_to_completion(
                client,
                days,
                zone=settings.source_timezone,
                variables=split_names(settings.dagster_variables),
                key=f"dagster:{context.run.run_id}",
                timeout_s=settings.dagster_job_timeout_s,
                log=context.log,
            )
            with target.reading() as connection:
                for day, of_day in run_metadata.of_days(connection, job, days, settings.zone):
                    context.add_asset_metadata(of_day, partition_key=day.isoformat())
            return MaterializeResult(metadata=run_metadata.of_job(job, job_run.link(client, job)))

    return made


@contextmanager
def _tried_again() -> Iterator[None]:
    """The step's next attempt has the same key and finds the same job."""
    try:
        yield
    except Unavailable as error:
        raise RetryRequested(RETRIES, RETRY_AFTER_S) from Failure(str(error))
