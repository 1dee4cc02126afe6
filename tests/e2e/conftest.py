"""One pipeline with default settings, shared by all tests that need no other settings."""

from pathlib import Path

import pytest

from tests.e2e.pipeline import Pipeline, running
from tests.shared_stack import SharedStack

STACK = SharedStack(Path(__file__).parent, running)
pytest_runtest_teardown = STACK.pytest_runtest_teardown
pytest_sessionfinish = STACK.pytest_sessionfinish


@pytest.fixture
def shared_pipeline() -> Pipeline:
    """A shared stack. It still holds the data of the previous test."""
    return STACK.pipeline()


@pytest.fixture
def pipeline(shared_pipeline: Pipeline) -> Pipeline:
    """The shared stack with an empty source and an empty target."""
    shared_pipeline.wait_until_idle()
    shared_pipeline.truncate()
    return shared_pipeline
