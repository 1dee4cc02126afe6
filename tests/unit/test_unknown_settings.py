"""Variables that are no settings are told, with the setting that is probably meant."""

import pytest

from shared.unknown_settings import sentences


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("MINUANO_CIRCULAR", "MINUANO_CIRCULAR_VARIABLES"),
        ("MINUANO_VARABLES", "MINUANO_VARIABLES"),
        ("MINUANO_VALUE_LIMIT_FILE", "MINUANO_VALUE_LIMITS"),
        ("minuano_window_s", "MINUANO_WINDOW_S"),
    ],
)
def test_a_misspelt_setting_is_told(variable: str, meant: str) -> None:
    expected = f"{variable} is not a setting and has no effect: do you mean {meant}?"
    assert list(sentences([variable])) == [expected]


@pytest.mark.parametrize(
    "variable",
    [
        "MINUANO_VARIABLES", "MINUANO_API_KEY_FILE", "MINUANO_TEST_FORK", "HOME",
        "MINUANO_CONNECTOR_SERVICE_HOST", "MINUANO_CONNECTOR_SERVICE_PORT_HTTP",
        "MINUANO_CONNECTOR_PORT", "MINUANO_CONNECTOR_PORT_8000_TCP_ADDR",
    ],
)  # fmt: skip
def test_settings_and_the_variables_of_kubernetes_are_not_told(variable: str) -> None:
    assert list(sentences([variable])) == []
