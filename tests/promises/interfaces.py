"""The types of the fixtures in `conftest.py`."""

from collections.abc import Callable

from tests.e2e.cli_process import Ended
from tests.e2e.sql import Row

CommandLine = Callable[..., Ended]
"""Takes the words after `minuano` as one line, and settings as keyword arguments."""

RedisCli = Callable[[str], str]
"""Takes the words after `redis-cli` as one line; returns the output."""

Sql = Callable[[str], list[Row]]
"""Takes a statement; returns its rows."""
