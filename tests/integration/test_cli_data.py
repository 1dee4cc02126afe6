"""`minuano data`: the statistics of the target as a table, CSV and Parquet."""

import re
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine
from typer.testing import Result

from shared.domain.batches import StatsBatch
from shared.errors import NotFound
from tests.integration.commands import minuano
from tests.integration.loader import DAY, HOUR, batch, entry, loader, new_job, sliced, steady

SIGNALS = [f"wind_speed_{statistic}_10m" for statistic in ("max", "mean", "min", "std")]


def load(target: Engine, *batches: StatsBatch) -> None:
    loader(target)([*map(entry, batches)])


@pytest.fixture
def loaded(target: Engine, target_url: str) -> str:
    """The URL of a target with an hour of three days, the last with the turbine T01 only."""
    job = new_job(target, slices=3, days=3)
    load(
        target,
        batch(job, steady(7.0)),
        batch(job, steady(8.0), start=DAY + timedelta(days=1)),
        batch(job, steady(9.0), start=DAY + timedelta(days=2), asset="T01"),
    )
    return target_url


def data(target_url: str, *words: str, zone: str = "UTC") -> Result:
    result = minuano("data", *words, MINUANO_TARGET_URL=target_url, MINUANO_SOURCE_TIMEZONE=zone)
    if result.exception and not isinstance(result.exception, (SystemExit, NotFound)):
        raise result.exception
    return result


def csv(target_url: str, *words: str, zone: str = "UTC") -> pd.DataFrame:
    """What the command writes to standard output as CSV."""
    result = data(target_url, *words, "--csv", "-", zone=zone)
    assert result.exit_code == 0, result.output
    return pd.read_csv(StringIO(result.stdout), index_col=0, parse_dates=True)


def test_csv_has_a_row_for_each_window_and_a_column_for_each_signal(loaded: str) -> None:
    frame = csv(loaded, "2025-12-05")
    assert list(frame.columns) == SIGNALS
    assert list(frame.index) == list(pd.date_range(DAY, periods=6, freq="10min"))
    assert frame["wind_speed_mean_10m"].tolist() == [7.0] * 6


def test_several_days_and_turbines_are_one_table(loaded: str) -> None:
    frame = csv(loaded, "2025-12-05", "--days", "3")
    assert frame.shape == (18, 8)
    assert frame["T01.wind_speed_mean_10m"].dropna().tolist() == [9.0] * 6


def test_the_table_has_the_windows_of_the_local_day(target: Engine, target_url: str) -> None:
    job = new_job(target, slices=2)
    load(target, *(batch(job, steady(7.0), start=DAY + n * HOUR) for n in (2, 3)))
    frame = csv(target_url, "2025-12-04", zone="America/Fortaleza")
    assert (len(frame), frame.index[0].isoformat()) == (6, "2025-12-04T23:00:00-03:00")


def test_signals_with_another_window_length_are_left_out(target: Engine, target_url: str) -> None:
    for window_s in (600, 1200):
        spec = sliced(window_s=window_s)
        load(target, batch(new_job(target, spec=spec), steady(7.0), spec=spec))
    assert list(csv(target_url, "2025-12-05").columns) == SIGNALS


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        (("--assets", "T01"), (6, 4)),
        (("--variables", "wind_speed"), (18, 8)),
        (("--variables", "wind_speed,power", "--assets", "T01"), (6, 4)),
    ],
)
def test_variables_and_assets_select_signals(
    loaded: str, options: tuple[str, ...], shape: tuple[int, int]
) -> None:
    assert csv(loaded, "2025-12-05", "--days", "3", *options).shape == shape


def test_parquet_and_csv_files_hold_the_same(loaded: str, tmp_path: Path) -> None:
    files = {"--csv": tmp_path / "day.csv", "--parquet": tmp_path / "day.parquet"}
    words = [word for option, path in files.items() for word in (option, str(path))]
    result = data(loaded, "2025-12-05", *words)
    assert result.stdout.splitlines() == [
        f"{path}: 6 windows × 4 signals" for path in files.values()
    ]
    from_csv = pd.read_csv(files["--csv"], index_col=0, parse_dates=True)
    from_parquet = pd.read_parquet(files["--parquet"])
    pd.testing.assert_frame_equal(from_csv, from_parquet, check_index_type=False, check_freq=False)


@pytest.mark.parametrize(("options", "rows", "cut"), [((), 20, True), (("--all",), 24, False)])
def test_a_long_table_is_cut_unless_all_of_it_is_requested(
    target: Engine, target_url: str, options: tuple[str, ...], rows: int, cut: bool
) -> None:
    job = new_job(target, slices=4)
    load(target, *(batch(job, steady(7.0), start=DAY + n * HOUR) for n in range(4)))
    result = data(target_url, "2025-12-05", *options)
    assert len(set(re.findall(r"2025-12-05 \d\d:\d\d", result.stdout))) == rows
    assert "24 windows × 4 signals" in result.stdout
    assert ("--all prints" in result.stdout) is cut


@pytest.mark.parametrize(
    "words", [("2031-01-01",), ("2025-12-05", "--assets", "T09"), ("2025-12-05", "--csv", "-")]
)
def test_without_data_it_ends_with_1_and_says_how_to_compute_it(
    target: Engine, target_url: str, words: tuple[str, ...]
) -> None:
    result = data(target_url, *words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"no such data for {words[0]}: `minuano backfill" in str(result.exception)


def test_a_wrong_date_is_a_usage_error(target_url: str) -> None:
    assert data(target_url, "05.12.2025").exit_code == 2
