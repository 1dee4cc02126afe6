"""The fixtures of the examples: one shared stack with one turbine, and the tools of its users.

The stack is that of `make up` with the turbine T01. Before each example the source has the sample
data (10 days, one sample per minute) and the target is empty.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from shared.sample_data.writer import SeedOptions, seed
from tests.e2e import cli_process
from tests.e2e.pipeline import Pipeline, running
from tests.promises.interfaces import CommandLine, RedisCli, Sql
from tests.shared_stack import SharedStack

SETTINGS = {
    "MINUANO_SOURCE_ASSET_COLUMN": "asset",
    "MINUANO_LEASE_S": "2",
    "MINUANO_STALLED_AFTER_S": "600",  # a lost batch must fail the example
}


@contextmanager
def running_with_sample_data() -> Iterator[Pipeline]:
    """The stack, with a copy of the sample data that each example starts with."""
    with running(settings=SETTINGS, assets=True, dashboard=True, aggregators=1) as pipeline:
        seed(pipeline.addresses.owner_source_url, SeedOptions(assets=1), lambda *_: None)
        pipeline.in_source("CREATE TABLE sample_data AS TABLE data")
        yield pipeline


STACK = SharedStack(Path(__file__).parent, running_with_sample_data)
pytest_runtest_teardown = STACK.pytest_runtest_teardown
pytest_sessionfinish = STACK.pytest_sessionfinish


@pytest.fixture
def stack() -> Pipeline:
    """The running stack: sample data in the source, no results, no jobs, no dead letters."""
    shared_stack = STACK.pipeline()
    shared_stack.wait_until_idle()
    shared_stack.in_source("ALTER TABLE data DROP COLUMN IF EXISTS pitch")
    shared_stack.in_source("TRUNCATE data; INSERT INTO data TABLE sample_data")
    shared_stack.in_target("TRUNCATE data, quality, etl.slice, etl.job")
    shared_stack.in_target("UPDATE signal SET ddof = 1 WHERE statistic = 'std'")
    shared_stack.redis.delete(shared_stack.streams.dead)
    return shared_stack


@pytest.fixture
def minuano(stack: Pipeline, tmp_path: Path) -> CommandLine:
    """`minuano("run 2025-12-05")` runs a command line; settings become environment variables."""

    def run(line: str, **settings: str) -> cli_process.Ended:
        environment = {**stack.addresses.environment(), **settings}
        return cli_process.minuano(*shlex.split(line), cwd=tmp_path, settings=environment)

    return run


@pytest.fixture
def redis_cli(stack: Pipeline) -> RedisCli:
    """`redis_cli("XADD …")` runs the real redis-cli with the Redis of the stack."""
    return lambda line: cli_process.redis_cli(stack.addresses.redis_url, *shlex.split(line))


@pytest.fixture
def source_sql(stack: Pipeline) -> Sql:
    """Runs a statement in the source database as its owner; returns the rows."""
    return stack.in_source


@pytest.fixture
def target_sql(stack: Pipeline) -> Sql:
    """Runs a statement in the target database; returns the rows."""
    return stack.in_target


@pytest.fixture
def extractor(stack: Pipeline) -> httpx.Client:
    """An HTTP client for the extractor, which accepts jobs."""
    return stack.http


@pytest.fixture
def dashboard(stack: Pipeline) -> Iterator[httpx.Client]:
    """An HTTP client for the dashboard and its API."""
    with httpx.Client(
        base_url=stack.addresses.dashboard_url, timeout=cli_process.ANSWER_S
    ) as client:
        yield client
