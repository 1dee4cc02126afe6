"""What the doctor says about the names of variables."""

import pytest

from cli import source_names
from cli.source_names import DisplaySettings
from shared.domain.spec import StatisticsSpec

SPEC = StatisticsSpec(
    circular_variables=("winddir", "yaw"), value_limits={"power": (0, 1), "pover": (0, 1)}
)


def test_names_in_settings_that_the_source_lacks_are_told_with_their_setting() -> None:
    circular, limits = source_names.unknown(SPEC, ["yaw", "power", "wind_direction"])
    assert circular.startswith("MINUANO_CIRCULAR_VARIABLES names winddir,")
    assert limits.startswith("MINUANO_VALUE_LIMITS names pover,")


@pytest.mark.parametrize(("names", "told"), [(("power", "pover"), 1), (("*",), 0), (("power",), 0)])
def test_default_variables_that_the_source_lacks_are_told(
    names: tuple[str, ...], told: int
) -> None:
    sentences = list(source_names.unknown_defaults(names, ["power", "wind_speed"]))
    assert [s.startswith("MINUANO_VARIABLES names pover,") for s in sentences] == [True] * told


@pytest.mark.parametrize(
    ("name", "looks_like"),
    [
        ("wind_direction", "direction"), ("WindDir", "direction"), ("nacelle_angle", "direction"),
        ("energy_total", "counter"), ("StartCounter", "counter"),
        ("turbine_state", "state"), ("status", "state"),
        ("yaw", None), ("pitch_angle", None), ("yaw_speed", None), ("power", None),
        ("direct_current", None), ("estate", None),
    ],
)  # fmt: skip
def test_a_variable_whose_plain_mean_would_mislead_is_suggested(
    name: str, looks_like: str | None
) -> None:
    sentences = list(source_names.suggestions(SPEC, [name]))
    assert len(sentences) == bool(looks_like)
    assert all(sentence.startswith(f"{name} looks like a {looks_like}:") for sentence in sentences)


def test_a_name_that_only_the_loader_or_the_dashboard_uses_is_told_too() -> None:
    settings = DisplaySettings(
        wind_variable="windspeed", power_variable="power", units={"pover": "kW", "power": "W"},
        rated_power_kw={"T9": 2000.0, "T1": 2000.0, "*": 2000.0},
    )  # fmt: skip
    sentences = source_names.without_effect(settings, ["power"], ["T1"])
    assert [sentence.split(",")[0] for sentence in sentences] == [
        "MINUANO_WIND_VARIABLE names windspeed", "MINUANO_UNITS names pover",
        "MINUANO_RATED_POWER_KW names T9",
    ]  # fmt: skip
    assert list(source_names.without_effect(DisplaySettings(), [], [])) == []
