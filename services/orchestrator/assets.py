"""The assets: the samples in the source, and the statistics, which runs load."""

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

SAMPLES = AssetKey(["wind", "samples"])
STATISTICS = AssetKey(["wind", "statistics"])
GROUP = "wind"
OWNERS = ["team:wind-data"]
LATE_DATA_TAG = "minuano/late_data"
"""The tag of runs that the sensor for late data requests; their jobs are for changed slices only:
another job may have loaded the day since the sensor compared it.
"""
# For a run that cannot reach a service or the target. A `RetryPolicy` would also retry a run that
# was terminated, and a run whose job failed.
RETRIES, RETRY_AFTER_S = 3, 10


def samples(settings: OrchestratorSettings) -> AssetSpec:
    """The source table; Dagster shows it and never materializes it."""
    return AssetSpec(
        SAMPLES,
        partitions_def=settings.partitions(),
        group_name=GROUP,
        kinds={"postgres"},
        owners=OWNERS,
        description="Raw samples of the turbines in the source database, one partition for each "
        "local day. The data loggers write them; Minuano reads them through the connector.",
    )


def statistics(settings: OrchestratorSettings) -> AssetsDefinition:
    """The statistics in the target; a run materializes one day or a range of days as one job."""

    @asset(
        key=STATISTICS,
        deps=[SAMPLES],
        partitions_def=settings.partitions(),
        backfill_policy=BackfillPolicy.single_run(),
        group_name=GROUP,
        kinds={"postgres", "redis"},
        owners=OWNERS,
        metadata={"dagster/table_name": "data"},
        description="Mean, minimum, maximum and standard deviation of each window (10 minutes by "
        "default), for each variable and turbine. A run submits a job to the extractor, waits "
        "until the job ends, and succeeds only if the job is done.",
    )
    def materialize(
        context: AssetExecutionContext, extractor: ExtractorResource, target: TargetResource
    ) -> MaterializeResult[None]:
        try:
            return _materialize(context, extractor, target, settings)
        except Unavailable as error:
            # The next attempt has the same idempotency key, and so the same job.
            raise RetryRequested(RETRIES, RETRY_AFTER_S) from Failure(str(error))

    return materialize


def _materialize(
    context: AssetExecutionContext,
    extractor: ExtractorResource,
    target: TargetResource,
    settings: OrchestratorSettings,
) -> MaterializeResult[None]:
    days = days_of_keys(list(context.partition_keys))
    with extractor.client() as client:
        job = job_run.run_to_completion(
            client,
            days,
            zone=settings.source_timezone,
            variables=settings.variable_names,
            only_changed=LATE_DATA_TAG in context.run.tags,
            run=context.run.run_id,
            timeout_s=settings.dagster_job_timeout_s,
            log=context.log,
        )
        with target.reading() as connection:
            for day, metadata in run_metadata.of_days(connection, job, days, settings.zone):
                context.add_asset_metadata(metadata, partition_key=day.isoformat())
        return MaterializeResult(metadata=run_metadata.of_job(job, job_run.link(client, job)))
