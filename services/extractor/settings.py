"""The extractor's settings."""

from pydantic import Field

from shared.setting_types import HttpUrl
from shared.settings import SourceSettings, StatisticsSettings, TargetSettings, WorkerSettings


class ExtractorSettings(WorkerSettings, TargetSettings, SourceSettings, StatisticsSettings):
    """What an extractor needs. `page_rows` is at most what the connector allows."""

    connector_url: HttpUrl
    page_rows: int = Field(default=50_000, ge=1)
    page_deadline_s: float = Field(default=60.0, gt=0)
    page_attempts: int = Field(default=4, ge=1)
    chunk_slices: int = Field(default=31, ge=1)
    job_parallelism: int = Field(default=4, ge=1)
    max_queued_jobs: int = Field(default=20_000, ge=1)
    sweep_interval_s: float = Field(default=5.0, gt=0)
    stalled_after_s: float = Field(default=10.0, gt=0)
