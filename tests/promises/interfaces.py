"""The types of the tools that `conftest.py` gives to the examples."""

from collections.abc import Callable

from tests.e2e.cli_process import Ended
from tests.e2e.sql import Row

CommandLine = Callable[..., Ended]
"""Takes a line as typed after `minuano`, and settings by name."""

RedisCli = Callable[[str], str]
"""Takes a line as typed after `redis-cli`; returns what it prints."""

Sql = Callable[[str], list[Row]]
"""Takes a statement; returns its rows."""
