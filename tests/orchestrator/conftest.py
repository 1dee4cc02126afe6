"""One pipeline for all of these tests, and its code location."""

from collections.abc import Iterator

import pytest

from tests.e2e.pipeline import Pipeline, running
from tests.orchestrator.code_location import Location, location, reaching


@pytest.fixture(scope="session")
def stack() -> Iterator[Pipeline]:
    """A shared stack, with the data that the test before left."""
    with running() as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(stack: Pipeline) -> Pipeline:
    """The shared stack with an empty source, an empty target and no jobs."""
    stack.wait_until_idle()
    stack.truncate()
    stack.in_target("TRUNCATE etl.job, etl.slice")
    return stack


@pytest.fixture
def dagster(pipeline: Pipeline) -> Iterator[Location]:
    """The code location of the empty stack."""
    with location(reaching(pipeline)) as code_location:
        yield code_location
