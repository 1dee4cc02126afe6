"""What Redis answers, in our own words: what passes by itself is not taken for our fault."""

import pytest
import redis
from redis.connection import DefaultParser

from shared.errors import MinuanoError, Unavailable
from shared.settings import RedisSettings
from shared.streams.redis_client import GroupMissing, OutOfMemory, connect, redis_errors

PASSING = (
    "MISCONF Redis is configured to save RDB snapshots, but it's unable to persist to disk",
    "READONLY You can't write against a read only replica.",
    "NOREPLICAS Not enough good replicas to write.",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "BUSY Redis is busy running a script.",
    "EXECABORT Transaction discarded because of previous errors.",
    "NOPERM this user has no permissions to run the 'xadd' command",
    "NOAUTH Authentication required.",
    "MOVED 3999 127.0.0.1:6381",
    "WRONGTYPE Operation against a key holding the wrong kind of value",
    "WRONGPASS invalid username-password pair or user is disabled.",
)
LOST = (
    "NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option",
    "NOGROUP No such consumer group 'g' for key name 's'",
    "UNBLOCKED the stream key no longer exists",
    "ERR no such key",
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want",
)
FULL = "OOM command not allowed when used memory > 'maxmemory'."
OURS = (
    "BUSYGROUP Consumer Group name already exists",
    "ERR syntax error",
)


def _answer(text: str, *, in_pipeline: bool) -> redis.RedisError:
    error: redis.RedisError = DefaultParser.parse_error(text)  # type: ignore[no-untyped-call]
    if in_pipeline:
        with redis.Redis().pipeline() as pipe:
            pipe.annotate_exception(error, 1, ("XADD", "s", "*", "a", "OOM NOGROUP"))  # type: ignore[no-untyped-call]
    return error


def _translation(error: Exception) -> type[Exception]:
    try:
        with redis_errors():
            raise error
    except (MinuanoError, redis.RedisError) as what:
        return type(what)


@pytest.mark.parametrize("in_pipeline", [False, True])
@pytest.mark.parametrize("text", PASSING)
def test_a_server_that_cannot_serve_for_now_is_an_outage(text: str, in_pipeline: bool) -> None:
    assert _translation(_answer(text, in_pipeline=in_pipeline)) is Unavailable


@pytest.mark.parametrize("in_pipeline", [False, True])
@pytest.mark.parametrize("text", LOST)
def test_a_missing_stream_or_group_is_group_missing(text: str, in_pipeline: bool) -> None:
    assert _translation(_answer(text, in_pipeline=in_pipeline)) is GroupMissing


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_a_server_without_memory_is_out_of_memory(in_pipeline: bool) -> None:
    assert _translation(_answer(FULL, in_pipeline=in_pipeline)) is OutOfMemory


@pytest.mark.parametrize("in_pipeline", [False, True])
@pytest.mark.parametrize("text", OURS)
def test_an_error_of_our_code_is_not_an_outage(text: str, in_pipeline: bool) -> None:
    assert issubclass(_translation(_answer(text, in_pipeline=in_pipeline)), redis.ResponseError)


@pytest.mark.parametrize(
    "error", [redis.ConnectionError(), redis.TimeoutError(), redis.exceptions.MaxConnectionsError()]
)
def test_a_connection_that_fails_is_an_outage(error: Exception) -> None:
    assert _translation(error) is Unavailable


def test_no_command_is_ever_sent_twice_by_the_client() -> None:
    retry = connect(RedisSettings(redis_url="redis://localhost:1")).get_retry()
    assert retry is not None
    assert retry.get_retries() == 0
