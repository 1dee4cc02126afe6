"""Both services answer as their OpenAPI documents say, whatever they are asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.openapi import KEY, examine, generated
from tests.e2e.pipeline import Pipeline, running
from tests.e2e.samples import DAY_MINUTES, START, steady

pytestmark = pytest.mark.timeout(240)
EXAMPLES = 25
WITHIN_S = 200
AT_LEAST = 100


@pytest.fixture(scope="module")
def guarded() -> Iterator[Pipeline]:
    """A pipeline that asks for a key."""
    with running(settings={"MINUANO_API_KEY": KEY}) as pipeline:
        pipeline.fill(steady(START, DAY_MINUTES))
        yield pipeline


@pytest.mark.parametrize("service", ["connector", "extractor"])
def test_no_request_finds_an_answer_that_is_not_documented(
    guarded: Pipeline, service: str, tmp_path: Path
) -> None:
    url = getattr(guarded.addresses, f"{service}_url")
    options = ("--generation-deterministic", "--max-examples", str(EXAMPLES))
    done = examine(url, *options, cwd=tmp_path, within_s=WITHIN_S)
    assert done.returncode == 0, done.stdout
    assert generated(done.stdout) > AT_LEAST
