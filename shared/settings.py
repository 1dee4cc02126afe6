"""Groups of settings. A service combines the groups that it needs.

The descriptions are the text of docs/settings.md and .env.example: `make docs` writes both files.
"""

from datetime import timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator, model_validator

from shared.domain.job_request import MAX_VARIABLES, require_alone
from shared.domain.spec import StatisticsSpec
from shared.environment import PREFIX, Settings, first_error
from shared.errors import ConfigurationError
from shared.setting_types import (
    ApiKeys,
    FromJson,
    PostgresUrl,
    RedisUrl,
    Tuning,
    Zone,
    split_names,
)

# Fields of `StatisticsSpec` that have another name than their setting.
SETTING_OF_SPEC = {"period_s": "sampling_period_s", "ddof": "std_ddof"}


class ApiKeySettings(Settings):
    """The API key."""

    api_key: ApiKeys | None = Field(
        default=None,
        description="If set, HTTP requests need the header `Authorization: Bearer <key>`. Several "
        "keys, separated by commas, are all accepted; clients send the first one.",
    )


class ServiceSettings(ApiKeySettings):
    """Every service: its HTTP address, its logs, its start and its end."""

    log_format: Literal["console", "json"] = Field(
        default="console", description="Format of log lines: console or json. Docker Compose: json."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="Lowest level of the log lines that are written: debug, info, warning or "
        "error.",
    )
    host: Tuning[str] = Field(
        default="127.0.0.1",
        description="IP address or host name on which a service listens. Docker Compose: 0.0.0.0, "
        "inside the container.",
    )
    port: Tuning[int] = Field(
        ge=0,
        le=65535,
        description="TCP port on which a service listens, 0 to 65535; 0 means any free port. The "
        "default depends on the service: connector 8000, extractor 8001, dashboard 8080, "
        "aggregator 9101, loader 9102, Dagster 3000, its code location 4000.",
    )
    start_timeout_s: Tuning[float] = Field(
        default=30.0,
        ge=0,
        description="Seconds for which a service waits at its start for the servers that it needs. "
        "After that it exits with code 2.",
    )
    shutdown_timeout_s: Tuning[float] = Field(
        default=8.0,
        gt=0,
        description="Seconds in which a service finishes its work after SIGTERM. Docker Compose "
        "kills it after 15 s (Dagster: 30 s).",
    )


class RedisSettings(Settings):
    """The Redis streams."""

    redis_url: RedisUrl = Field(
        examples=["redis://localhost:6379/0"],
        description="URL of Redis, which holds the streams between the services. Options are "
        "client_name, and with rediss:// those that begin with ssl_.",
    )
    stream_prefix: str = Field(
        default="minuano:", description="First characters of the name of every stream."
    )
    read_block_s: Tuning[float] = Field(
        default=2.0,
        ge=0.001,
        description="Seconds for which a worker waits in one read of a stream. It must be less "
        "than MINUANO_SHUTDOWN_TIMEOUT_S.",
    )
    lease_s: Tuning[float] = Field(
        default=30.0,
        ge=0.001,
        description="Seconds for which a worker holds an entry without renewing its lease. After "
        "that another worker takes the entry over.",
    )
    progress_timeout_s: Tuning[float] = Field(
        default=900.0,
        ge=0.001,
        description="Seconds without progress after which a worker stops renewing its leases, so "
        "that another worker takes the entry over.",
    )
    max_deliveries: Tuning[int] = Field(
        default=5,
        ge=1,
        description="Number of deliveries of an entry, the first one included, before it becomes a "
        "dead letter.",
    )
    max_backlog: Tuning[int] = Field(
        default=128,
        ge=1,
        description="Number of entries in a stream at which its writers wait. Entries that "
        "are being written are still added, so the number can be slightly higher.",
    )
    max_backlog_mb: Tuning[float] = Field(
        default=128.0, gt=0, description="Megabytes in a stream at which its writers wait."
    )


class WorkerSettings(RedisSettings, ServiceSettings):
    """A service that reads a stream."""

    @model_validator(mode="after")
    def _check_read_block(self) -> Self:
        if self.read_block_s >= self.shutdown_timeout_s:
            raise ValueError(
                f"{PREFIX}READ_BLOCK_S: {self.read_block_s:g} s must be less than "
                f"{PREFIX}SHUTDOWN_TIMEOUT_S ({self.shutdown_timeout_s:g} s)"
            )
        return self


class TargetSettings(Settings):
    """The analysis database."""

    target_url: PostgresUrl = Field(
        examples=["postgresql://writer:password@localhost:5432/target"],
        description="URL of the analysis database in PostgreSQL. `minuano migrate` needs the owner "
        "of its tables; everything else needs a role that writes rows.",
    )


class TimezoneSettings(Settings):
    """The time zone of the source."""

    source_timezone: Zone = Field(
        default="UTC",
        description="Time zone of timestamps that have none, and of the days of jobs: an IANA name "
        "such as America/Sao_Paulo.",
    )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the source."""
        return ZoneInfo(self.source_timezone)


class VariablesSettings(Settings):
    """The variables of jobs that name none."""

    variables: str = Field(
        default="wind_speed,power",
        description="Variables that are loaded and compared by default, separated by commas; * "
        "means all numeric columns of the source.",
    )

    @field_validator("variables")
    @classmethod
    def _check_variables(cls, variables: str) -> str:
        names = split_names(variables)
        if not 0 < len(set(names)) == len(names) <= MAX_VARIABLES:
            raise ValueError(f"must name 1 to {MAX_VARIABLES} variables, each once")
        require_alone(names)
        return variables

    @property
    def variable_names(self) -> tuple[str, ...]:
        """The names, or `ALL_VARIABLES`."""
        return split_names(self.variables)


class SourceSettings(TimezoneSettings):
    """The source table."""

    source_table: str = Field(
        default="data",
        description="Name of the source table or view, with or without its schema.",
    )
    source_time_column: str = Field(
        default="timestamp", description="Name of the column of timestamps."
    )
    source_asset_column: str | None = Field(
        default=None,
        description="Name of the column that identifies the turbine. Empty: the table is of a "
        "single turbine.",
    )
    source_order_column: Tuning[str | None] = Field(
        default=None,
        description="Name of a column that grows with every inserted row. It decides which of "
        "several rows with one timestamp is the last. Empty: their place in the table decides.",
    )
    sampling_period_s: float = Field(
        default=60.0, gt=0, description="Seconds from one sample of a turbine to the next."
    )
    source_rounding_s: Tuning[float] = Field(
        default=0.0,
        ge=0,
        description="Timestamps are rounded to multiples of this number of seconds, at most one "
        "sampling period. Pages of samples then take longer to read. 0: no rounding.",
    )
    source_timestamp_label: Literal["start", "end"] = Field(
        default="start",
        description="Whether a timestamp is the start or the end of its sampling period: start or "
        "end.",
    )

    @model_validator(mode="after")
    def _check_rounding(self) -> Self:
        if self.source_rounding_s > self.sampling_period_s:
            raise ValueError(
                f"{PREFIX}SOURCE_ROUNDING_S: {self.source_rounding_s:g} s would merge samples: it "
                f"is more than {PREFIX}SAMPLING_PERIOD_S ({self.sampling_period_s:g} s)"
            )
        return self

    @property
    def label_offset(self) -> timedelta:
        """The time from the start of a sample to its timestamp."""
        is_end = self.source_timestamp_label == "end"
        return timedelta(seconds=self.sampling_period_s) if is_end else timedelta(0)


class SourceUrlSettings(Settings):
    """The production database."""

    source_url: PostgresUrl = Field(
        examples=["postgresql://reader:password@localhost:5432/source"],
        description="URL of the production database in PostgreSQL. SELECT on one table is enough: "
        "see deploy/postgres/reader.sql. `minuano seed` needs the owner of the table.",
    )


class StatisticsSettings(Settings):
    """The settings of the statistics; `spec()` copies them into each job."""

    window_s: int = Field(
        default=600,
        ge=1,
        description="Seconds of a window; a day must be a multiple of it. A job uses the "
        "statistics settings that were valid when the extractor accepted it.",
    )
    statistics: str = Field(
        default="mean,min,max,std",
        description="Statistics to compute, separated by commas: mean, min, max, std.",
    )
    std_ddof: int = Field(
        default=1, ge=0, le=1, description="std divides by n - 1 (1) or by n (0)."
    )
    circular_variables: str = Field(
        default="",
        description="Variables that are directions in degrees, by commas. All of them must exist.",
    )
    flatline_s: float | None = Field(
        default=None,
        gt=0,
        description="If a value is constant for this number of seconds, the window gets the flag "
        "frozen. At most the length of a window. Empty: never.",
    )
    value_limits: FromJson[dict[str, tuple[float, float]]] = Field(
        default_factory=dict,
        description="Lowest and highest plausible value of variables, as JSON such as "
        '{"wind_speed": [0, 50]}. Values outside get a quality flag. Jobs are refused while the '
        "source lacks one of the variables.",
    )
    max_slice_rows: Tuning[int] = Field(
        default=100_000,
        ge=1,
        description="Number of samples in a batch at most. A day with more samples is cut into "
        "equal slices.",
    )

    def spec(self, period_s: float, *, variables: int = 1) -> StatisticsSpec:
        """The specification for new jobs of `variables` variables."""
        try:
            return StatisticsSpec.with_slice_size(
                rows_per_slice=self.max_slice_rows,
                variables=variables,
                window_s=self.window_s,
                period_s=period_s,
                statistics=split_names(self.statistics),
                ddof=self.std_ddof,
                circular_variables=split_names(self.circular_variables),
                flatline_s=self.flatline_s,
                value_limits=self.value_limits,
            )
        except ValidationError as error:
            raise ConfigurationError(first_error(error, SETTING_OF_SPEC)) from None
