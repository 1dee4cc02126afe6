"""`python -m services.connector`: builds the connector from its settings and serves it."""

from shared.startup import exit_on_signals

if __name__ == "__main__":
    exit_on_signals()  # before the imports below, which take a second

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from fastapi import FastAPI

from services.connector.adbc_reader import Reader
from services.connector.api import SourceReader, router
from services.connector.settings import ConnectorSettings
from services.connector.source_catalog import SourceCatalog
from shared import service
from shared.environment import load_or_exit
from shared.http.app import create_app
from shared.postgres.engines import POOL_TIMEOUT_S, connect

DESCRIPTION = "The samples of the source database over HTTP, as JSON, CSV or Arrow."


@contextmanager
def build(
    settings: ConnectorSettings, *, pool_timeout_s: float = POOL_TIMEOUT_S
) -> Iterator[tuple[FastAPI, SourceCatalog]]:
    """The app, and the catalog, which must be opened before the app serves. This does not connect;
    on exit all connections are closed.
    """
    url = settings.source_url.get_secret_value()
    engine = connect(url, application="connector", pool_size=2, read_only=True)
    catalog = SourceCatalog(engine, settings)
    reader = Reader(settings, pool_timeout_s=pool_timeout_s)
    app = create_app("connector", DESCRIPTION, settings, ready=catalog.ready, router=router)
    app.state.source = SourceReader(settings, catalog, reader)
    try:
        yield app, catalog
    finally:
        reader.close()
        engine.dispose()


def serve(settings: ConnectorSettings, stop: threading.Event) -> None:
    """Wait for the source, then serve until `stop` is set."""
    with build(settings) as (app, catalog):
        service.wait_for_dependency(
            "MINUANO_SOURCE_URL",
            partial(open_source, app, catalog),
            stop,
            within_s=settings.start_timeout_s,
        )
        service.run(app, settings, stop)


def open_source(app: FastAPI, catalog: SourceCatalog) -> None:
    """Open both kinds of connections: their drivers read the parameters of a URL differently."""
    catalog.open()
    app.state.source.reader.check()


def main() -> None:
    settings = load_or_exit(ConnectorSettings, port=8000)
    service.main("connector", settings, partial(serve, settings))


if __name__ == "__main__":
    main()
