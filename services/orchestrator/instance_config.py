"""The instance of Dagster: its settings, and the two files in which Dagster reads them."""

import json
from pathlib import Path

from pydantic import Field, field_validator

from shared.postgres.urls import sqlalchemy_url
from shared.setting_types import PostgresUrl, Tuning
from shared.settings import ServiceSettings

LOCATION = "minuano"
# The processes of Dagster read the URL from this variable: the file on disk has no password.
POSTGRES_ENV = "DAGSTER_POSTGRES_URL"


class InstanceSettings(ServiceSettings):
    """The processes of Dagster: where its state and its code location are, and its limits."""

    dagster_storage_url: PostgresUrl = Field(
        examples=["postgresql://dagster:password@localhost:5432/dagster"],
        description="URL of the database in PostgreSQL where Dagster stores runs, ticks and "
        "events. Nothing else may use this database and its role.",
    )
    dagster_home: Tuning[Path] = Field(
        default=Path(".minuano/dagster"),
        description="Folder for the configuration of Dagster, which each start writes anew, and "
        "for the output of runs.",
    )
    dagster_code_host: Tuning[str] = Field(
        default="127.0.0.1",
        description="Host of the code location, for the webserver and the daemon of Dagster.",
    )
    dagster_code_port: Tuning[int] = Field(
        default=4000,
        ge=1,
        le=65535,
        description="TCP port of the code location, for the webserver and the daemon of Dagster.",
    )
    dagster_max_runs: Tuning[int] = Field(
        default=4,
        ge=1,
        description="Number of runs at the same time at most. More runs wait in the queue of "
        "Dagster.",
    )
    dagster_max_run_s: Tuning[int] = Field(
        default=86_400, ge=1, description="Seconds after which Dagster ends a run."
    )

    @field_validator("dagster_home")
    @classmethod
    def _make_absolute(cls, home: Path) -> Path:
        return home.absolute()

    @property
    def workspace(self) -> Path:
        """The path of the file that names the code location."""
        return self.dagster_home / "workspace.yaml"

    def environment(self) -> dict[str, str]:
        """The variables from which the programs of Dagster find the instance."""
        url = sqlalchemy_url(self.dagster_storage_url.get_secret_value())
        return {
            "DAGSTER_HOME": str(self.dagster_home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            # Matplotlib searches all fonts, for seconds, unless it can store their list here.
            "MPLCONFIGDIR": str(self.dagster_home / "matplotlib"),
            POSTGRES_ENV: url.render_as_string(hide_password=False),
        }


def write(settings: InstanceSettings) -> None:
    """Write dagster.yaml and workspace.yaml; existing files are replaced."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    _write(settings.dagster_home / "dagster.yaml", _instance(settings))
    server = {
        "host": settings.dagster_code_host,
        "port": settings.dagster_code_port,
        "location_name": LOCATION,
    }
    _write(settings.workspace, {"load_from": [{"grpc_server": server}]})


def _instance(settings: InstanceSettings) -> dict[str, object]:
    return {
        "storage": {"postgres": {"postgres_url": {"env": POSTGRES_ENV}}},
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},  # a dialog that asks for an e-mail address
        "run_coordinator": {
            "module": "dagster",
            "class": "QueuedRunCoordinator",
            "config": {
                "max_concurrent_runs": settings.dagster_max_runs,
                "dequeue_interval_seconds": 1,
            },
        },
        "run_monitoring": {
            "enabled": True,
            "start_timeout_seconds": 180,
            "cancel_timeout_seconds": 60,
            "max_runtime_seconds": settings.dagster_max_run_s,
            "poll_interval_seconds": 30,
        },
        # Retry only runs whose process was lost: a person must look at a run that failed.
        "run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False},
        "retention": {
            "schedule": {"purge_after_days": 90},
            "sensor": {"purge_after_days": {"skipped": 2, "success": 90, "failure": 90}},
        },
    }


def _write(path: Path, content: dict[str, object]) -> None:
    """Write JSON, which is also YAML; atomically, because three processes write at once."""
    unfinished = path.with_suffix(f".{id(content)}")
    unfinished.write_text(json.dumps(content, indent=1))
    unfinished.replace(path)
