"""README.md, "On a schedule". Each example checks the sentence that it quotes."""

from collections.abc import Iterator

import pytest

from tests.e2e.pipeline import Pipeline
from tests.orchestrator.code_location import Location, location, reaching
from tests.promises.interfaces import Sql


@pytest.fixture
def dagster(stack: Pipeline) -> Iterator[Location]:
    """Dagster's definitions in this process, without webserver and daemon."""
    with location(reaching(stack)) as definitions:
        yield definitions


def test_materializing_a_partition_loads_its_day(dagster: Location, target_sql: Sql) -> None:
    """> Each day is a partition."""
    assert dagster.day("2025-12-05").success
    assert target_sql("SELECT DISTINCT timestamp::date::text FROM data") == [("2025-12-05",)]
