"""What the pipeline is reached by: two services over HTTP, and the analysis database read-only.

A field that is left empty is read from the environment as all services read it, `_FILE` included.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from dagster import ConfigurableResource, EnvVar
from sqlalchemy import Connection, Engine

from shared.clients.connector import ConnectorClient
from shared.clients.extractor import ExtractorClient
from shared.clients.settings import ConnectorClientSettings, ExtractorClientSettings
from shared.environment import PREFIX, build
from shared.postgres import engines
from shared.settings import TargetSettings


class SourceResource(ConfigurableResource[ConnectorClient]):
    """The production database as the connector shows it: what data is there."""

    url: str = ""
    api_key: str = ""

    @contextmanager
    def client(self) -> Iterator[ConnectorClient]:
        """A client of the connector."""
        access = build(
            ConnectorClientSettings, **_given(connector_url=self.url, api_key=self.api_key)
        )
        with closing(ConnectorClient(access)) as connector:
            yield connector


class ExtractorResource(ConfigurableResource[ExtractorClient]):
    """Where jobs are asked for and followed."""

    url: str = ""
    api_key: str = ""

    @contextmanager
    def client(self) -> Iterator[ExtractorClient]:
        """A client of the extractor."""
        access = build(
            ExtractorClientSettings, **_given(extractor_url=self.url, api_key=self.api_key)
        )
        with closing(ExtractorClient(access)) as extractor:
            yield extractor


class TargetResource(ConfigurableResource[Engine]):
    """The analysis database: what was loaded. Nothing can be written through it."""

    url: str = ""

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """An engine of transactions that only read."""
        settings = build(TargetSettings, **_given(target_url=self.url))
        engine = engines.connect(
            settings.target_url.get_secret_value(), application="orchestrator", pool_size=1,
            read_only=True,
        )  # fmt: skip
        try:
            yield engine
        finally:
            engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection; its errors come as `Outage` or `Rejected`."""
        with self.engine() as engine, engines.postgres_errors(), engine.connect() as connection:
            # What is asked of one day would be compiled for longer than it runs.
            connection.exec_driver_sql("SET jit = off")
            yield connection


Resources = Mapping[str, SourceResource | ExtractorResource | TargetResource]


def from_environment() -> Resources:
    """The resources of the code location."""
    key = _variable("API_KEY")
    return {
        "source": SourceResource(url=_variable("CONNECTOR_URL"), api_key=key),
        "extractor": ExtractorResource(url=_variable("EXTRACTOR_URL"), api_key=key),
        "target": TargetResource(url=_variable("TARGET_URL")),
    }


def _variable(name: str) -> str:
    """An `EnvVar`, of which Dagster shows the name and never the value, where there is a value:
    Dagster starts no run while one is unset, and the key is optional.
    """
    return EnvVar(f"{PREFIX}{name}") if os.environ.get(f"{PREFIX}{name}") else ""


def _given(**values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
