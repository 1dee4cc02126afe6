"""What the doctor says about the names of variables."""

import pytest

from cli import source_names
from shared.domain.spec import StatisticsSpec

SPEC = StatisticsSpec(
    circular_variables=("winddir", "yaw"), value_limits={"power": (0, 1), "pover": (0, 1)}
)


def test_names_in_settings_that_the_source_lacks_are_told_with_their_setting() -> None:
    circular, limits = source_names.unknown(SPEC, ["yaw", "power", "wind_direction"])
    assert circular.startswith("MINUANO_CIRCULAR_VARIABLES names winddir,")
    assert limits.startswith("MINUANO_VALUE_LIMITS names pover,")


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
