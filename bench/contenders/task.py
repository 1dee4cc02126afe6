"""What a script computes, and the same names and statements for all scripts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

STATISTICS = ("mean", "min", "max", "std")
FUNCTIONS = ("avg", "min", "max", "stddev_samp")
"""The aggregate function of each statistic, in PostgreSQL and in DuckDB."""
SIGNALS = """
    SELECT asset, variable, statistic, id FROM signal WHERE variable = ANY(%s) AND window_s = 600
"""
DELETE = """
    DELETE FROM data WHERE timestamp >= %s AND timestamp < %s
    AND signal_id IN (SELECT id FROM signal WHERE variable = ANY(%s) AND window_s = 600)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The statistics of these variables of all turbines, from `start` to `end` (not included). The
    target has all signals.
    """

    source_url: str
    target_url: str
    connector_url: str = ""
    """Of the naive script's connector."""
    start: datetime
    end: datetime
    variables: tuple[str, ...]

    @property
    def variable_list(self) -> list[str]:
        """As psycopg2 needs it for an array."""
        return list(self.variables)


def aggregates(variables: Sequence[str]) -> list[str]:
    """The expression of each statistic: `avg(power)`, `min(power)`, …"""
    return [f"{function}({variable})" for variable in variables for function in FUNCTIONS]


def statistic_columns(variables: Sequence[str]) -> list[str]:
    """The name of each of these expressions: `power_mean`, `power_min`, …"""
    return [f"{variable}_{statistic}" for variable in variables for statistic in STATISTICS]
