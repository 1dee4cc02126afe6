"""README.md, "Your own databases". Each example checks the sentence that it quotes."""

from pathlib import Path

from tests.e2e.pipeline import Pipeline
from tests.promises.interfaces import CommandLine, Sql


def test_a_new_numeric_column_is_a_variable_without_a_restart(
    stack: Pipeline, source_sql: Sql, target_sql: Sql
) -> None:
    """> Each numeric column of the source table is a variable"""
    source_sql("ALTER TABLE data ADD pitch real")
    source_sql("UPDATE data SET pitch = 1.5")
    stack.run(date="2025-12-05", variables=["pitch"])
    query = "SELECT count(*), avg(value) FROM signal_data WHERE signal = 'T01.pitch'"
    assert target_sql(query) == [(144, 1.5)]


def test_a_setting_can_be_read_from_a_file(
    stack: Pipeline, minuano: CommandLine, tmp_path: Path
) -> None:
    """> To read a setting from a file, add `_FILE` to its name"""
    secret = tmp_path / "redis_url"
    secret.write_text(stack.addresses.redis_url)
    result = minuano("status", MINUANO_REDIS_URL="", MINUANO_REDIS_URL_FILE=str(secret))
    assert (result.returncode, result.stderr) == (0, "")
