"""One pipeline with the usual settings for all tests that need nothing special."""

from collections.abc import Iterator

import pytest

from tests.e2e.pipeline import Pipeline, running


@pytest.fixture(scope="session")
def usual() -> Iterator[Pipeline]:
    """A stack that is shared; what it holds is whatever the test before left."""
    with running() as pipeline:
        yield pipeline


@pytest.fixture
def pipeline(usual: Pipeline) -> Pipeline:
    """The shared stack with nothing in the source and nothing in the target."""
    usual.wait_until_idle()
    usual.truncate()
    return usual
