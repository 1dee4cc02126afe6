"""Settings from the environment: `MINUANO_<NAME>`, or a file named by `MINUANO_<NAME>_FILE`."""

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.domain.spec import StatisticsSpec
from shared.errors import ConfigurationError
from shared.setting_types import JSON, ApiKeys, PostgresUrl, RedisUrl, Zone, split_names

PREFIX = "MINUANO_"


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `MINUANO_<NAME>` from the file that `MINUANO_<NAME>_FILE` names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, self.field_is_complex(field)
        except OSError as error:
            raise ConfigurationError(
                f"{PREFIX}{field_name.upper()}_FILE: cannot read {path}: {error.strerror}"
            ) from None
        except UnicodeDecodeError:
            raise ConfigurationError(
                f"{PREFIX}{field_name.upper()}_FILE: {path} is no text"
            ) from None

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, is_complex = self.get_field_value(field, name)
            if value is not None:
                found[key] = self.prepare_field_value(name, field, value, is_complex)
        return found


class Settings(BaseSettings):
    """What all settings classes share; each service composes the groups below that it needs."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, env_ignore_empty=True, allow_inf_nan=False
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls)


# What a setting of `StatisticsSettings` and `SourceSettings` is called in `Spec`.
SPEC_NAMES = {"period_s": "sampling_period_s", "ddof": "std_ddof"}


class ServiceSettings(Settings):
    """A service's own HTTP address and its logs."""

    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    api_key: ApiKeys | None = None
    start_timeout_s: float = Field(default=30.0, ge=0)
    shutdown_timeout_s: float = Field(default=8.0, gt=0)


class RedisSettings(Settings):
    """The streams: where they are and how a consumer behaves."""

    redis_url: RedisUrl
    stream_prefix: str = "minuano:"
    read_block_s: float = Field(default=2.0, gt=0)
    lease_s: float = Field(default=30.0, gt=0)
    progress_timeout_s: float = Field(default=900.0, gt=0)
    max_deliveries: int = Field(default=5, ge=1)
    max_backlog: int = Field(default=128, ge=1)
    max_backlog_mb: float = Field(default=128.0, gt=0)


class WorkerSettings(RedisSettings, ServiceSettings):
    """A service that reads a stream. The order of the bases puts `shutdown_timeout_s` first."""

    @field_validator("read_block_s")
    @classmethod
    def _ends_within_the_grace_time(cls, read_block_s: float, so_far: ValidationInfo) -> float:
        if read_block_s >= so_far.data.get("shutdown_timeout_s", math.inf):
            raise ValueError(
                f"a read that waits {read_block_s:g} s would not end within "
                f"MINUANO_SHUTDOWN_TIMEOUT_S ({so_far.data['shutdown_timeout_s']:g} s)"
            )
        return read_block_s


class TargetSettings(Settings):
    """The analysis database."""

    target_url: PostgresUrl


class SourceSettings(Settings):
    """What the source table looks like."""

    source_table: str = "data"
    source_time_column: str = "timestamp"
    source_asset_column: str | None = None
    sampling_period_s: float = Field(default=60.0, gt=0)
    source_timestamp_label: Literal["start", "end"] = "start"
    source_timezone: Zone = "UTC"


class StatisticsSettings(Settings):
    """What is computed; `spec()` freezes it into each job."""

    window_s: int = Field(default=600, ge=1)
    statistics: str = "mean,min,max,std"
    std_ddof: int = Field(default=1, ge=0, le=1)
    circular_variables: str = ""
    flatline_s: float | None = Field(default=None, gt=0)
    value_limits: Annotated[dict[str, tuple[float, float]], *JSON] = Field(default_factory=dict)
    max_slice_rows: int = Field(default=100_000, ge=1)

    def spec(self, period_s: float, *, variables: int = 1) -> StatisticsSpec:
        """The specification that jobs of so many variables, accepted by this process, carry."""
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
            raise ConfigurationError(_first_error(error, SPEC_NAMES)) from None


S = TypeVar("S", bound=Settings)


def load(settings_class: type[S], **defaults: Any) -> S:
    """Read the settings or raise `Misconfigured` with one line that names the variable.

    `defaults` stand in for fields that the environment leaves out.
    """
    return build(settings_class, **{k: v for k, v in defaults.items() if not _in_environment(k)})


def build(settings_class: type[S], **values: Any) -> S:
    """As `load`, but what is given here wins over the environment."""
    try:
        return settings_class(**values)
    except ValidationError as error:
        raise ConfigurationError(_first_error(error)) from None


def load_or_exit(settings_class: type[S], **defaults: Any) -> S:
    """As `load`; on a wrong setting print the line and end the process with exit code 2."""
    try:
        return load(settings_class, **defaults)
    except ConfigurationError as error:
        sys.stderr.write(f"minuano: {error}\n")
        raise SystemExit(2) from None


def _in_environment(field: str) -> bool:
    name = f"{PREFIX}{field.upper()}"
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def _first_error(error: ValidationError, called: Mapping[str, str] | None = None) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    field, *within = (str(part) for part in first["loc"] or ("settings",))
    name = f"{PREFIX}{(called or {}).get(field, field).upper()}"
    missing = first["type"] == "missing" and not within
    message = "is not set" if missing else first["msg"].removeprefix("Value error, ")
    more = error.error_count() - 1
    return ": ".join([name, *within, message]) + (f" (and {more} more)" if more else "")
