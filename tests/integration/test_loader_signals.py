"""Signals get their names from a template, and stay what they are."""

import pytest
from sqlalchemy import Engine

from services.loader.settings import LoaderSettings
from shared.environment import load
from shared.errors import ConfigurationError, InvalidInput
from tests.integration.loader import batch, fetch, loader, means, new_job, sliced, steady

HOURLY = sliced(window_s=3_600)


def names(target: Engine) -> list[str]:
    return [name for (name,) in fetch(target, "SELECT name FROM signal ORDER BY name")]


@pytest.mark.parametrize(
    ("template", "asset", "name"),
    [
        ("{variable}_{statistic}_{window}", "", "wind_speed_mean_10m"),
        ("{variable}_{statistic}_{window}", "T01", "T01.wind_speed_mean_10m"),
        ("{asset}/{variable}/{statistic}", "T01", "T01/wind_speed/mean"),
        ("{statistic} of {variable}", "", "mean of wind_speed"),
    ],
)
def test_the_name_of_a_signal_follows_the_template(
    target: Engine, template: str, asset: str, name: str
) -> None:
    loader(target, template=template).load([batch(new_job(target), steady(7.0), asset=asset)])
    assert name in names(target)
    assert len(names(target)) == 4


def test_the_length_of_the_window_is_part_of_the_name(target: Engine) -> None:
    loader(target).load([batch(new_job(target, spec=HOURLY), steady(7.0), spec=HOURLY)])
    assert "wind_speed_mean_1h" in names(target)


def test_a_signal_is_described(target: Engine) -> None:
    loader(target).load([batch(new_job(target), steady(7.0), asset="T01")])
    assert fetch(target, "SELECT asset, variable, statistic, window_s, unit, ddof FROM signal") == [
        ("T01", "wind_speed", "max", 600, "m/s", None),
        ("T01", "wind_speed", "mean", 600, "m/s", None),
        ("T01", "wind_speed", "min", 600, "m/s", None),
        ("T01", "wind_speed", "std", 600, "m/s", 1),
    ]


def test_an_existing_name_is_kept_when_the_template_changes(target: Engine) -> None:
    loader(target).load([batch(new_job(target), steady(7.0))])
    loader(target, template="{statistic}-{variable}").load([batch(new_job(target), steady(8.0))])
    assert "wind_speed_mean_10m" in names(target)
    assert set(means(target).values()) == {8.0}


def test_a_template_that_gives_two_signals_one_name_is_rejected(target: Engine) -> None:
    one = loader(target, template="{variable}_{statistic}")
    one.load([batch(new_job(target), steady(7.0))])
    with pytest.raises(InvalidInput, match="MINUANO_SIGNAL_NAME") as error:
        one.load([batch(new_job(target, spec=HOURLY), steady(7.0), spec=HOURLY)])
    assert error.value.reason == "contract"


def test_two_signals_of_one_name_in_one_transaction_are_rejected(target: Engine) -> None:
    job = new_job(target)
    with pytest.raises(InvalidInput, match="MINUANO_SIGNAL_NAME"):
        loader(target, template="{variable}_{statistic}").load(
            [
                batch(job, steady(7.0)),
                batch(new_job(target, spec=HOURLY), steady(7.0), spec=HOURLY),
            ]
        )
    assert names(target) == []


def test_a_signal_never_mixes_two_kinds_of_std(target: Engine) -> None:
    loader(target).load([batch(new_job(target), steady(7.0))])
    other = sliced(ddof=0)
    with pytest.raises(InvalidInput, match="MINUANO_STD_DDOF") as error:
        loader(target).load([batch(new_job(target, spec=other), steady(9.0), spec=other)])
    assert error.value.reason == "contract"
    assert set(means(target).values()) == {7.0}


def test_a_variable_that_became_circular_is_rejected(target: Engine) -> None:
    circular = sliced(circular_variables=("wind_speed",))
    loader(target).load([batch(new_job(target), steady(7.0))])
    with pytest.raises(InvalidInput, match=r"ddof=1.* circular.*MINUANO_CIRCULAR_VARIABLES"):
        loader(target).load([batch(new_job(target, spec=circular), steady(9.0), spec=circular)])


def test_a_variable_that_is_no_longer_circular_is_rejected(target: Engine) -> None:
    circular = sliced(circular_variables=("wind_speed",))
    loader(target).load([batch(new_job(target, spec=circular), steady(7.0), spec=circular)])
    with pytest.raises(InvalidInput, match=r"circular.* ddof=1.*MINUANO_CIRCULAR_VARIABLES"):
        loader(target).load([batch(new_job(target), steady(9.0))])


def test_signals_without_std_ignore_its_kind(target: Engine) -> None:
    loader(target).load([batch(new_job(target), steady(7.0))])
    without = sliced(ddof=0, statistics=("mean", "max"))
    loader(target).load([batch(new_job(target, spec=without), steady(9.0), spec=without)])
    assert set(means(target).values()) == {9.0}


@pytest.mark.parametrize(
    "template", ["{variable}", "{statistic}", "{variable}{statistic}{job}", "{variable", "{}"]
)
def test_an_invalid_template_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    for name in ("REDIS_URL", "TARGET_URL"):
        scheme = "redis" if name == "REDIS_URL" else "postgresql"
        monkeypatch.setenv(f"MINUANO_{name}", f"{scheme}://nowhere")
    monkeypatch.setenv("MINUANO_SIGNAL_NAME", template)
    with pytest.raises(ConfigurationError, match="MINUANO_SIGNAL_NAME"):
        load(LoaderSettings, port=0)


def test_a_unit_follows_the_settings(target: Engine) -> None:
    """Also of a signal that stood with another; one that they do not name keeps its own."""
    told = [({"wind_speed": "m/s"}, "m/s"), ({"wind_speed": "km/h"}, "km/h"), ({}, "km/h")]
    for units, unit in told:
        loader(target, units=units).load([batch(new_job(target), steady(7.0))])
        assert fetch(target, "SELECT DISTINCT unit FROM signal") == [(unit,)]
