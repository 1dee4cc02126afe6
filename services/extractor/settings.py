"""Settings of the extractor."""

from pydantic import Field

from shared.clients.settings import ConnectorClientSettings
from shared.http.settings import HttpSettings
from shared.ledger.prune import MAX_DAYS
from shared.setting_types import Tuning
from shared.settings import (
    SourceSettings,
    StatisticsSettings,
    TargetSettings,
    VariablesSettings,
    WorkerSettings,
)


class ExtractorSettings(
    WorkerSettings,
    HttpSettings,
    TargetSettings,
    SourceSettings,
    VariablesSettings,
    StatisticsSettings,
    ConnectorClientSettings,
):
    """The extractor: its queue of jobs, and how it reads pages from the connector."""

    page_rows: Tuning[int] = Field(
        default=50_000,
        ge=1,
        description="Number of rows that the extractor requests in one page, at most "
        "MINUANO_MAX_PAGE_ROWS of the connector. A day of one turbine is never divided.",
    )
    page_deadline_s: Tuning[float] = Field(
        default=60.0, gt=0, description="Seconds that the response with one page may take."
    )
    page_attempts: Tuning[int] = Field(
        default=4,
        ge=1,
        description="Number of requests for a page before the connector counts as unavailable. The "
        "extractor then waits until the connector is ready again.",
    )
    chunk_slices: Tuning[int] = Field(
        default=100,
        ge=1,
        le=1_000,
        description="Number of slices that a job extracts before other jobs have their turn, and "
        "at most one batch has.",
    )
    job_parallelism: Tuning[int] = Field(
        default=4,
        ge=1,
        description="Number of lanes of one job; as many extractors can work on it at the same "
        "time.",
    )
    max_queued_jobs: Tuning[int] = Field(
        default=20_000,
        ge=1,
        description="Number of jobs that may wait. More requests are answered with status 503.",
    )
    sweep_interval_s: Tuning[float] = Field(
        default=5.0, gt=0, description="Seconds between two searches for jobs lost by the streams."
    )
    stalled_after_s: Tuning[float] = Field(
        default=10.0,
        gt=0,
        description="Seconds without progress after which the extractor checks whether a job was "
        "lost by the streams.",
    )
    keep_days: Tuning[int | None] = Field(
        default=365,
        ge=1,
        le=MAX_DAYS,
        description="Days for which ended jobs, slices that newer jobs have replaced, audit "
        "entries (at least 30 days) and dead letters are kept. Once a day one of the extractors "
        "removes older ones that nothing needs. Empty: for ever.",
    )
