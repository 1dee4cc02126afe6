"""A dashboard in the process of the test, with the databases of the test, and its client."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg2
from fastapi.testclient import TestClient
from httpx2 import Response
from pydantic import SecretStr
from sqlalchemy import Engine, event

from services.dashboard.__main__ import build
from services.dashboard.dependencies import Dependencies
from services.dashboard.settings import DashboardSettings
from shared.domain.batches import StatsBatch
from shared.settings import RedisSettings
from tests.integration.loader import entry, loader

UNREACHABLE_URL = "http://127.0.0.1:9"


@contextmanager
def dashboard(
    target_url: str, redis: RedisSettings, *, headers: dict[str, str] | None = None, **changed: Any
) -> Iterator[TestClient]:
    """A client of a dashboard. The connector and the extractor are unreachable by default."""
    with (
        build(settings(target_url, redis, **changed)) as (app, _),
        TestClient(app, "http://localhost", headers=headers, follow_redirects=False) as client,
    ):
        yield client


def settings(
    target_url: str, redis: RedisSettings, *, port: int = 0, **changed: Any
) -> DashboardSettings:
    """The settings of such a dashboard."""
    urls = {"connector_url": UNREACHABLE_URL, "extractor_url": UNREACHABLE_URL}
    values = {**urls, **redis.model_dump(), **changed}
    return DashboardSettings(port=port, target_url=SecretStr(target_url), **values)


def dependencies(client: TestClient) -> Dependencies:
    """The dependencies of the client's dashboard."""
    deps: Dependencies = client.app.state.deps  # type: ignore[attr-defined]
    return deps


def replace_dependencies(client: TestClient, **changed: Any) -> None:
    """Replace some dependencies of the client's dashboard."""
    app: Any = client.app
    app.state.deps = replace(app.state.deps, **changed)


def before_each_copy(engine: Engine, act: Callable[[int], None]) -> None:
    """Call `act` before each COPY of a connection, with the number of earlier COPYs."""
    before: Counter[int] = Counter()

    class Cursor(psycopg2.extensions.cursor):
        def copy_expert(self, *arguments: Any, **options: Any) -> None:
            act(before[id(self.connection)])
            before[id(self.connection)] += 1
            super().copy_expert(*arguments, **options)

    def on_checkout(connection: Any, *_: Any) -> None:
        connection.cursor_factory = Cursor

    event.listen(engine, "checkout", on_checkout)


def load(target: Engine, *batches: StatsBatch) -> None:
    """Load batches as the loader does."""
    loader(target, template="{asset}.{variable}_{statistic}_{window}")([*map(entry, batches)])


def get(client: TestClient, path: str, **parameters: Any) -> Response:
    """The response, which has to be a 200."""
    answer = client.get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer


def fields(answer: Response) -> Sequence[str]:
    """The fields that a 422 names."""
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [error["field"] for error in answer.json()["errors"]]
