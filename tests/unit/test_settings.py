"""The values that settings accept, and the error message of a wrong one."""

import os

import pytest

from services.aggregator.settings import AggregatorSettings
from services.extractor.settings import ExtractorSettings
from services.loader.settings import LoaderSettings
from shared.environment import PREFIX, Settings, load
from shared.errors import ConfigurationError
from shared.setting_types import split_names
from shared.settings import RedisSettings, SourceSettings, StatisticsSettings, TargetSettings

REDIS = "redis://localhost:6379/0"
Env = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def required_settings_only(monkeypatch: Env) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MINUANO_REDIS_URL", REDIS)
    monkeypatch.setenv("MINUANO_TARGET_URL", "postgresql://me:pw@host/target")
    monkeypatch.setenv("MINUANO_CONNECTOR_URL", "http://connector:8000")


def error_of(settings_class: type[Settings]) -> str:
    """The error message of `load`, which is one line."""
    defaults = {"port": 1} if "port" in settings_class.model_fields else {}
    with pytest.raises(ConfigurationError) as error:
        load(settings_class, **defaults)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("key", ["first\nsecond", "with blank", "schlüssel", "start\x01of"])
def test_a_key_that_no_header_can_contain_is_refused_and_not_shown(
    monkeypatch: Env, key: str
) -> None:
    monkeypatch.setenv("MINUANO_API_KEY", f"{key},other")
    expected = "MINUANO_API_KEY: a key must be printable ASCII without spaces, on one line"
    assert error_of(AggregatorSettings) == expected


@pytest.mark.parametrize("user", ["me:secret", "me"])
def test_a_password_in_the_url_of_a_service_is_refused_and_not_shown(
    monkeypatch: Env, user: str
) -> None:
    monkeypatch.setenv("MINUANO_CONNECTOR_URL", f"http://{user}@connector:8000")
    message = error_of(ExtractorSettings)
    assert message.startswith("MINUANO_CONNECTOR_URL: ")
    assert "secret" not in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "65536"),
        ("PORT", "http"),
        ("LOG_LEVEL", "loud"),
        ("SHUTDOWN_TIMEOUT_S", "0"),
        ("LEASE_S", "nan"),
        ("LEASE_S", "inf"),
        ("MAX_BACKLOG", "0"),
        ("SAMPLING_PERIOD_S", "-60"),
        ("SOURCE_TIMESTAMP_LABEL", "middle"),
        ("SOURCE_ROUNDING_S", "61"),
        ("STD_DDOF", "2"),
        ("VALUE_LIMITS", "0..50"),
        ("VALUE_LIMITS", "[1]"),
        ("VALUE_LIMITS", '{"power": [1]}'),
        ("VALUE_LIMITS", '{"power": [0, 1], "power": [0, 2]}'),
        ("LEASE_S", "1e7"),
        ("LEASE_S", "1e-4"),
        ("READ_BLOCK_S", "1e-4"),
        ("MAX_BACKLOG", "1000000001"),
        ("CONNECTOR_URL", "connector:8000"),
        ("CONNECTOR_URL", "http://connector..svc:8000"),
    ],
)
def test_the_error_names_the_variable_of_a_wrong_value(
    monkeypatch: Env, variable: str, value: str
) -> None:
    monkeypatch.setenv(f"MINUANO_{variable}", value)
    assert error_of(ExtractorSettings).startswith(f"MINUANO_{variable}: ")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_scheme_of_a_postgresql_url_is_accepted(monkeypatch: Env, scheme: str) -> None:
    monkeypatch.setenv("MINUANO_TARGET_URL", f"{scheme}://me:p%40ss@host:5433/target")
    url = load(TargetSettings).target_url.get_secret_value()
    assert url == "postgresql://me:p%40ss@host:5433/target"


@pytest.mark.parametrize("url", ["mysql://me:hush@host/db", "hush", "postgresql://me:hush@host:x/"])
def test_a_url_that_is_not_for_postgresql_is_refused_and_not_shown(
    monkeypatch: Env, url: str
) -> None:
    monkeypatch.setenv("MINUANO_TARGET_URL", url)
    message = error_of(TargetSettings)
    assert message.startswith("MINUANO_TARGET_URL: ")
    assert "hush" not in message


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hush@host",
        "redis://me:hush@host:port/0",
        "redis://me/hush@host:6379/0",
        "redis://me:hush@redis..svc:6379/0",
    ],
)
def test_a_url_that_is_not_for_redis_is_refused_and_not_shown(monkeypatch: Env, url: str) -> None:
    monkeypatch.setenv("MINUANO_REDIS_URL", url)
    message = error_of(RedisSettings)
    assert message.startswith("MINUANO_REDIS_URL: ")
    assert "hush" not in message


def test_the_repr_of_settings_shows_no_secret(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_API_KEY", "hush")
    monkeypatch.setenv("MINUANO_REDIS_URL", "redis://:hush@host")
    assert "hush" not in repr(load(AggregatorSettings, port=1))


@pytest.mark.parametrize(
    "zone", ["Mars/Phobos", "../../etc/passwd", "UTC+3", "/", "localtime", "right/UTC"]
)
def test_an_unknown_time_zone_is_refused(monkeypatch: Env, zone: str) -> None:
    monkeypatch.setenv("MINUANO_SOURCE_TIMEZONE", zone)
    expected = f"{zone!r} is not an IANA time zone such as UTC or America/Sao_Paulo"
    assert error_of(SourceSettings) == f"MINUANO_SOURCE_TIMEZONE: {expected}"


@pytest.mark.parametrize(("text", "ddof"), [("0", 0), ("1", 1)])
def test_the_specification_has_the_divisor_of_std(monkeypatch: Env, text: str, ddof: int) -> None:
    monkeypatch.setenv("MINUANO_STD_DDOF", text)
    assert load(StatisticsSettings).spec(60).ddof == ddof


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("WINDOW_S", "7", "a day of 86400 s is not a multiple of 7 s"),
        ("WINDOW_S", "172800", "less than or equal to 86400"),
        ("SAMPLING_PERIOD_S", "700", "longer than the window"),
        ("STATISTICS", "mean,median", "'mean', 'min', 'max' or 'std'"),
        ("STATISTICS", "mean,mean", "each once"),
        ("FLATLINE_S", "601", "within one window"),
        ("VALUE_LIMITS", '{"power": [3, 1]}', "the lower limit comes first"),
    ],
)
def test_the_error_names_the_variable_that_fits_no_specification(
    monkeypatch: Env, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(f"MINUANO_{variable}", value)
    settings = load(ExtractorSettings, port=1)
    with pytest.raises(ConfigurationError, match=expected) as error:
        settings.spec(settings.sampling_period_s)
    assert str(error.value).startswith(f"MINUANO_{variable}: ")


@pytest.mark.parametrize(
    "template",
    [
        "{variable}_{window}",
        "{statistic}",
        "{variable}_{statistic}_{turbine}",
        "{variable}_{statistic",
        "{variable.name}_{statistic}",
        "{variable!z}_{statistic}",
        "{variable:d}_{statistic}",
        "{variable}_{statistic:.1}",
        "{}_{variable}_{statistic}",
    ],
)
def test_a_template_that_does_not_distinguish_signals_is_refused(
    monkeypatch: Env, template: str
) -> None:
    monkeypatch.setenv("MINUANO_SIGNAL_NAME", template)
    assert error_of(LoaderSettings).startswith("MINUANO_SIGNAL_NAME: ")


def test_a_template_may_contain_the_asset(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_SIGNAL_NAME", "{asset}/{variable}/{statistic}")
    assert load(LoaderSettings, port=1).signal_name == "{asset}/{variable}/{statistic}"


@pytest.mark.parametrize(
    ("read_block_s", "shutdown_timeout_s", "expected"),
    [
        ("8", "", "8 s must be less than MINUANO_SHUTDOWN_TIMEOUT_S (8 s)"),
        ("", "2", "2 s must be less than MINUANO_SHUTDOWN_TIMEOUT_S (2 s)"),
    ],
)
@pytest.mark.parametrize("settings_class", [AggregatorSettings, ExtractorSettings, LoaderSettings])
def test_a_read_must_be_shorter_than_the_shutdown_timeout(
    monkeypatch: Env, settings_class: type[Settings], read_block_s: str, shutdown_timeout_s: str,
    expected: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("MINUANO_READ_BLOCK_S", read_block_s)
    monkeypatch.setenv("MINUANO_SHUTDOWN_TIMEOUT_S", shutdown_timeout_s)
    assert error_of(settings_class) == f"MINUANO_READ_BLOCK_S: {expected}"


def test_a_longer_read_needs_a_longer_shutdown_timeout(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_READ_BLOCK_S", "20")
    monkeypatch.setenv("MINUANO_SHUTDOWN_TIMEOUT_S", "30")
    assert load(AggregatorSettings, port=1).read_block_s == 20


def test_units_that_are_set_replace_the_default_units(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_UNITS", '{"pitch": "°"}')
    assert load(LoaderSettings, port=1).units == {"pitch": "°"}


def test_spaces_around_names_are_ignored() -> None:
    assert split_names(" mean, min ,,max ") == ("mean", "min", "max")


def test_an_api_key_that_contains_no_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUANO_API_KEY", " , ")
    with pytest.raises(ConfigurationError, match="MINUANO_API_KEY: contains no key"):
        load(AggregatorSettings, port=1)
