"""README.md, "Two commands". Each example checks the sentence that it quotes."""

from tests.promises.interfaces import CommandLine, Sql


def test_a_day_of_one_turbine_is_144_windows_of_8_signals(
    minuano: CommandLine, target_sql: Sql
) -> None:
    """> minuano run 2025-12-05 # one day"""
    result = minuano("run 2025-12-05")
    assert "done: 1 slice, 1,440 samples, 144 windows, coverage 100.0%" in result.stdout
    assert target_sql("SELECT count(*) FROM data") == [(144 * 8,)]


def test_a_range_of_days_includes_the_first_and_the_last(
    minuano: CommandLine, target_sql: Sql
) -> None:
    """> minuano backfill 2025-12-01 2025-12-10 # a range"""
    minuano("backfill 2025-12-01 2025-12-10")
    days = target_sql("SELECT DISTINCT timestamp::date::text FROM data ORDER BY 1")
    assert (days[0], days[-1], len(days)) == (("2025-12-01",), ("2025-12-10",), 10)
