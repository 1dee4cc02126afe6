"""One pipeline for all of these tests, and its code location."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.pipeline import Pipeline, running
from tests.orchestrator.code_location import Location, location, reaching
from tests.shared_stack import SharedStack

STACK = SharedStack(Path(__file__).parent, running)
pytest_runtest_teardown = STACK.pytest_runtest_teardown
pytest_sessionfinish = STACK.pytest_sessionfinish


@pytest.fixture
def stack() -> Pipeline:
    """A shared stack, with the data that the test before left."""
    return STACK.pipeline()


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
