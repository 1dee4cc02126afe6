"""README.md, "With your own database". Each example checks the words that it quotes."""

from tests.e2e.pipeline import Pipeline
from tests.promises.interfaces import Sql


def test_a_new_numeric_column_is_a_variable_without_a_restart(
    stack: Pipeline, source_sql: Sql, target_sql: Sql
) -> None:
    """> Every other numeric column is a variable"""
    source_sql("ALTER TABLE data ADD pitch real")
    source_sql("UPDATE data SET pitch = 1.5")
    stack.run(date="2025-12-05", variables=["pitch"])
    query = "SELECT count(*), avg(value) FROM signal_data WHERE signal = 'T01.pitch'"
    assert target_sql(query) == [(144, 1.5)]
