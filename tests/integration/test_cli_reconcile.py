"""What `minuano reconcile` compares and says, with a loaded target and a fake connector."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import Result

from shared.domain.batches import StatsBatch
from shared.errors import ConfigurationError
from tests.integration.commands import minuano
from tests.integration.loader import DAY, ONE_DAY, batch, loader, new_job, sliced, steady
from tests.integration.services import Services, job, serving

TEMPLATE = "{asset}_{variable}_{statistic}_{window}"
LAST = "2025-12-05T23:59:00Z"
COMPARED = "2025-12-05; assets T01; variables wind_speed; statistics mean, min, max, std and"
AGREES = f"{COMPARED} quality; windows of 600 s: the target agrees with the source"


@pytest.fixture
def services() -> Iterator[Services]:
    with serving() as services:
        yield services


@pytest.fixture
def loaded(services: Services, target: Engine) -> Services:
    """A day of one turbine is loaded, and the source still has its samples."""
    source_has(services, load(target))
    return services


def load(
    target: Engine,
    value: float = 5.0,
    *,
    variable: str = "wind_speed",
    statistics: tuple[str, ...] = ("mean", "min", "max", "std"),
) -> StatsBatch:
    """Load the day with samples of this value; return what was loaded."""
    spec = sliced(ONE_DAY, statistics=statistics)
    number = new_job(target, variables=[variable], spec=spec, assets=["T01"])
    stats = batch(
        number, steady(value, 1_440), variables=[variable], asset="T01", length=ONE_DAY, spec=spec
    )
    loader(target, template=TEMPLATE).load([stats])
    return stats


def source_has(services: Services, *batches: StatsBatch, days: int = 1) -> None:
    """The connector has the samples of these batches, on so many days up to the loaded one."""
    variables = [stats.variables[0] for stats in batches]
    of_day = {stats.variables[0]: stats.fingerprints[0][0] for stats in batches}
    services.responses = {
        "GET /extent": [{"first": None, "last": LAST, "assets": []}],
        "GET /variables": [[{"name": name, "type": "float8"} for name in variables]],
        "GET /assets": [["T01"]],
        "GET /fingerprints": [
            [
                {"asset": "T01", "day": str((DAY - n * ONE_DAY).date()), "rows": 1440,
                 "fingerprints": of_day}
                for n in range(days)
            ]
        ],
        "POST /jobs": [job(7, "queued", statistics=["mean"])],
        "GET /jobs/7": [job(7, "done")],
    }  # fmt: skip


def reconcile(
    services: Services, target_url: str, *options: str, days: int = 1, variables: str = ""
) -> Result:
    return minuano(
        "reconcile", "--days", str(days), *options, services=services,
        MINUANO_TARGET_URL=target_url, MINUANO_SOURCE_ASSET_COLUMN="turbine",
        MINUANO_VARIABLES=variables,
    )  # fmt: skip


def test_the_sentence_names_what_was_compared(loaded: Services, target_url: str) -> None:
    result = reconcile(loaded, target_url)
    assert (result.exit_code, result.output) == (0, AGREES + "\n")


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("DELETE FROM data", "wind_speed (max, mean, min, std)"),
        ("UPDATE data SET value = value + 1 FROM signal s "
         "WHERE s.id = signal_id AND s.statistic = 'max'", "wind_speed (max)"),
        ("INSERT INTO data SELECT '2025-12-05 00:01Z', id, 0 FROM signal WHERE statistic = 'min'",
         "wind_speed (min)"),
        ("INSERT INTO quality VALUES ('T01', 'wind_speed', 600, '2025-12-05Z', 1, 10, 1)",
         "wind_speed (quality)"),
        ("UPDATE signal SET variable = 'gust' WHERE statistic = 'max'",
         "gust (max), wind_speed (max)"),
    ],
)  # fmt: skip
def test_rows_that_somebody_altered_in_the_target_differ(
    loaded: Services, target: Engine, target_url: str, statement: str, names: str
) -> None:
    with target.begin() as connection:
        assert connection.execute(text(statement)).rowcount
    result = reconcile(loaded, target_url)
    assert result.exit_code == 1
    assert f"{names}  altered" in result.output


def test_rows_on_a_day_that_no_job_has_loaded_differ(
    loaded: Services, target: Engine, target_url: str
) -> None:
    with target.begin() as connection:
        connection.execute(text("INSERT INTO data SELECT '2025-12-04Z', id, 1 FROM signal LIMIT 1"))
    result = reconcile(loaded, target_url, days=2)
    assert (result.exit_code, "2025-12-04" in result.output) == (1, True)


def test_a_turbine_that_no_job_has_loaded_differs(
    loaded: Services, target: Engine, target_url: str
) -> None:
    with target.begin() as connection:
        connection.execute(text("UPDATE signal SET asset = 'T77' WHERE statistic = 'max'"))
    result = reconcile(loaded, target_url, "--run")
    found = [line.split()[1:5] for line in result.output.splitlines() if "T77 " in line]
    assert ["T77", "wind_speed", "(max)", "altered:"] in found
    assert "no job computes them" in result.output
    assert [request["assets"] for request in loaded.requests["POST /jobs"]] == [["T01"]]


def test_statistics_that_a_newer_job_did_not_compute_differ(
    services: Services, target: Engine, target_url: str
) -> None:
    load(target, 5.0)
    source_has(services, load(target, 7.0, statistics=("mean",)))
    result = reconcile(services, target_url)
    assert result.exit_code == 1
    assert "wind_speed (max, min, std)  changed" in result.output


def test_a_run_that_leaves_a_difference_ends_with_1(
    services: Services, target: Engine, target_url: str
) -> None:
    """The job of the extractor computes the mean alone."""
    load(target, 5.0)
    source_has(services, load(target, 7.0, statistics=("mean",)))
    result = reconcile(services, target_url, "--run")
    assert result.exit_code == 1
    assert "These differ still" in result.output


def test_a_variable_that_the_source_has_no_more_is_not_requested(
    loaded: Services, target: Engine, target_url: str
) -> None:
    loaded.responses["GET /variables"] = [[{"name": "power", "type": "float8"}]]
    result = reconcile(loaded, target_url, "--run", "--variables", "wind_speed")
    assert (result.exit_code, loaded.requests["POST /jobs"]) == (1, [])


def test_statistics_that_are_configured_no_more_need_not_be_loaded(
    services: Services, target: Engine, target_url: str
) -> None:
    stats = load(target, statistics=("mean",))
    source_has(services, stats)
    result = minuano(
        "reconcile", "--days", "1", services=services, MINUANO_TARGET_URL=target_url,
        MINUANO_STATISTICS="mean",
    )  # fmt: skip
    assert result.exit_code == 0
    assert reconcile(services, target_url).exit_code == 1
    assert reconcile(services, target_url, "--statistics", "mean").exit_code == 0


def test_days_without_a_statistic_that_is_configured_no_more_agree(
    services: Services, target: Engine, target_url: str
) -> None:
    """Another turbine had it once."""
    source_has(services, load(target, statistics=("mean",)))
    with target.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO etl.job (body_hash, first_day, last_day, timezone, "
                "variables, assets, spec, trace, loaded) "
                "SELECT body_hash, first_day, last_day, timezone, variables, "
                "assets, jsonb_set(spec, '{statistics}', '[\"std\"]'), trace, 1 "
                "FROM etl.job"
            )
        )
    result = minuano(
        "reconcile", "--days", "1", services=services, MINUANO_TARGET_URL=target_url,
        MINUANO_STATISTICS="mean",
    )  # fmt: skip
    assert result.exit_code == 0
    assert "statistics mean, std and" in result.output


def test_values_that_were_computed_with_other_settings_differ(
    loaded: Services, target_url: str
) -> None:
    result = minuano(
        "reconcile", "--days", "1", services=loaded, MINUANO_TARGET_URL=target_url,
        MINUANO_STD_DDOF="0",
    )  # fmt: skip
    assert (result.exit_code, "wind_speed (std)  settings" in result.output) == (1, True)


def test_all_variables_that_were_ever_loaded_are_compared(
    services: Services, target: Engine, target_url: str
) -> None:
    """The source has no wind_speed and no power, and nobody set MINUANO_VARIABLES."""
    source_has(services, load(target, variable="torque"), days=2)
    result = reconcile(services, target_url, days=2)
    assert result.exit_code == 1
    [line] = [line for line in result.output.splitlines() if line.startswith("2025-12-04  ")]
    assert line.split()[1:4] == ["T01", "torque", "missing:"]


def test_all_variables_of_the_source_are_compared_if_the_setting_says_so(
    services: Services, target: Engine, target_url: str
) -> None:
    wind, pitch = load(target), load(target, variable="pitch")
    source_has(services, wind, pitch)
    with target.begin() as connection:
        connection.execute(text("DELETE FROM etl.slice WHERE variables = '{pitch}'"))
        connection.execute(text("UPDATE etl.job SET loaded = 0 WHERE variables = '{pitch}'"))
        connection.execute(text("TRUNCATE data, signal"))
    assert "pitch" in reconcile(services, target_url, variables="*").output
    assert "pitch" not in reconcile(services, target_url, variables="wind_speed").output


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        (["--variables", "wind_sped"], "", "--variables: wind_sped is not known; known: wind"),
        (["--variables", ","], "", "--variables: names nothing; known: wind_speed"),
        ([], "wind_sped", "MINUANO_VARIABLES: wind_sped is not known; known: wind_speed"),
        (["--statistics", "median"], "", "--statistics: median is not known; known: max, mean"),
        (["--assets", "T1"], "", "--assets: T1 is not known; known: T01"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_known_is_refused(
    loaded: Services, target_url: str, options: list[str], variables: str, message: str
) -> None:
    error = reconcile(loaded, target_url, *options, variables=variables).exception
    assert isinstance(error, ConfigurationError)
    assert message in str(error)


def test_default_names_that_the_source_does_not_have_are_refused_while_nothing_is_loaded(
    loaded: Services, target: Engine, target_url: str
) -> None:
    with target.begin() as connection:
        connection.execute(text("TRUNCATE etl.slice, etl.job, data, signal"))
    error = reconcile(loaded, target_url).exception
    assert "MINUANO_VARIABLES: power is not known; known: wind_speed" in str(error)


def test_days_that_the_source_has_no_more_are_compared(loaded: Services, target_url: str) -> None:
    for last in (None, str(DAY - timedelta(days=3))):
        loaded.responses["GET /extent"] = [{"first": None, "last": last, "assets": []}]
        loaded.responses["GET /fingerprints"] = [[]]
        result = reconcile(loaded, target_url)
        assert (result.exit_code, "2025-12-05" in result.output) == (1, True)


def test_names_are_printed_without_markup(
    services: Services, target: Engine, target_url: str
) -> None:
    source_has(services, load(target, variable="a[bold]b"))
    assert "variables a[bold]b;" in reconcile(services, target_url).output


def test_many_names_are_counted(loaded: Services, target_url: str) -> None:
    names: list[Any] = [f"T{n:02}" for n in range(1, 13)]
    loaded.responses["GET /assets"] = [names]
    assert "T09, T10 and 2 more;" in reconcile(loaded, target_url).output
