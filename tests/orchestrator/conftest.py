"""One pipeline for all of these tests, and the code location over it."""

from collections.abc import Iterator

import pytest

from tests.e2e.pipeline import Pipeline, running
from tests.orchestrator.code_location import Location, location, reaching


@pytest.fixture(scope="session")
def stack() -> Iterator[Pipeline]:
    """A stack that is shared; what it holds is whatever the test before left."""
    with running() as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(stack: Pipeline) -> Pipeline:
    """The shared stack with nothing in the source, nothing in the target and no jobs."""
    stack.settle()
    stack.empty()
    stack.in_target("TRUNCATE etl.job, etl.slice")
    return stack


@pytest.fixture
def dagster(pipeline: Pipeline) -> Iterator[Location]:
    """The code location over the empty stack."""
    with location(reaching(pipeline)) as found:
        yield found
