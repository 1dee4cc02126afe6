"""Dagster's resources: two services over HTTP, and the target, read-only.

An empty field is read from the environment, as in all services, also from `MINUANO_…_FILE`.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager

from dagster import ConfigurableResource, EnvVar
from sqlalchemy import Connection, Engine

from shared.clients.connector import ConnectorClient
from shared.clients.extractor import ExtractorClient
from shared.clients.settings import ConnectorClientSettings, ExtractorClientSettings
from shared.environment import PREFIX, build
from shared.postgres import engines
from shared.settings import TargetSettings


class SourceResource(ConfigurableResource[ConnectorClient]):
    """The source, as the connector shows it."""

    url: str = ""
    api_key: str = ""

    def client(self) -> AbstractContextManager[ConnectorClient]:
        """A client of the connector."""
        values = _non_empty(connector_url=self.url, api_key=self.api_key)
        return closing(ConnectorClient(build(ConnectorClientSettings, **values)))


class ExtractorResource(ConfigurableResource[ExtractorClient]):
    """The extractor, to which jobs are submitted."""

    url: str = ""
    api_key: str = ""

    def client(self) -> AbstractContextManager[ExtractorClient]:
        """A client of the extractor."""
        values = _non_empty(extractor_url=self.url, api_key=self.api_key)
        return closing(ExtractorClient(build(ExtractorClientSettings, **values)))


class TargetResource(ConfigurableResource[Engine]):
    """The target, with read-only transactions."""

    url: str = ""

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """An engine with read-only transactions."""
        settings = build(TargetSettings, **_non_empty(target_url=self.url))
        url = settings.target_url.get_secret_value()
        engine = engines.connect(url, application="orchestrator", pool_size=1, read_only=True)
        try:
            yield engine
        finally:
            engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection; its errors are `Unavailable` or `InvalidInput`."""
        with self.engine() as engine, engines.postgres_errors(), engine.connect() as connection:
            # Compiling a query of one day takes longer than running it.
            connection.exec_driver_sql("SET jit = off")
            yield connection


Resources = Mapping[str, SourceResource | ExtractorResource | TargetResource]


def from_environment() -> Resources:
    """The resources, with settings from the environment."""
    key = _variable("API_KEY")
    return {
        "source": SourceResource(url=_variable("CONNECTOR_URL"), api_key=key),
        "extractor": ExtractorResource(url=_variable("EXTRACTOR_URL"), api_key=key),
        "target": TargetResource(url=_variable("TARGET_URL")),
    }


def _variable(name: str) -> str:
    """An `EnvVar`, of which Dagster shows only the name; empty if the variable is not set. Dagster
    starts no run while an `EnvVar` is unset, and the API key is optional.
    """
    return EnvVar(f"{PREFIX}{name}") if os.environ.get(f"{PREFIX}{name}") else ""


def _non_empty(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
