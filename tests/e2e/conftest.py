"""One pipeline with default settings, shared by all tests that need no other settings."""

from collections.abc import Iterator

import pytest

from tests.e2e.pipeline import Pipeline, running


@pytest.fixture(scope="session")
def shared_pipeline() -> Iterator[Pipeline]:
    """A shared stack. It still holds the data of the previous test."""
    with running() as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(shared_pipeline: Pipeline) -> Pipeline:
    """The shared stack with an empty source and an empty target."""
    shared_pipeline.wait_until_idle()
    shared_pipeline.truncate()
    return shared_pipeline
