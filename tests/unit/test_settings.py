"""Settings from the environment, and what is said when one is wrong."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.aggregator.settings import AggregatorSettings
from services.extractor.settings import ExtractorSettings
from services.loader.settings import LoaderSettings
from shared.errors import ConfigurationError
from shared.setting_types import split_names
from shared.settings import (
    PREFIX,
    RedisSettings,
    Settings,
    SourceSettings,
    StatisticsSettings,
    TargetSettings,
    load,
    load_or_exit,
)

REDIS = "redis://localhost:6379/0"
Env = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def only_what_is_needed(monkeypatch: Env) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MINUANO_REDIS_URL", REDIS)
    monkeypatch.setenv("MINUANO_TARGET_URL", "postgresql://me:pw@host/target")
    monkeypatch.setenv("MINUANO_CONNECTOR_URL", "http://connector:8000")


def complaint(kind: type[Settings]) -> str:
    """What `load` says about the environment; one line."""
    needed = {"port": 1} if "port" in kind.model_fields else {}
    with pytest.raises(ConfigurationError) as caught:
        load(kind, **needed)
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_a_setting_is_read_under_its_prefix(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_LEASE_S", "7.5")
    monkeypatch.setenv("LEASE_S", "99")
    assert load(RedisSettings).lease_s == 7.5


def test_an_empty_variable_is_as_good_as_none(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_LEASE_S", "")
    assert load(RedisSettings).lease_s == 30.0


def test_a_secret_is_read_from_the_file_that_its_twin_names(
    monkeypatch: Env, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("MINUANO_API_KEY_FILE", str(tmp_path / "key"))
    assert load(AggregatorSettings, port=1).api_key == SecretStr("from-a-file")


def test_the_variable_itself_wins_over_its_file(monkeypatch: Env, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file")
    monkeypatch.setenv("MINUANO_API_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("MINUANO_API_KEY", "from-the-variable")
    assert load(AggregatorSettings, port=1).api_key == SecretStr("from-the-variable")


def test_json_is_read_from_a_file_too(monkeypatch: Env, tmp_path: Path) -> None:
    (tmp_path / "limits").write_text('{"power": [0, 3000]}\n')
    monkeypatch.setenv("MINUANO_VALUE_LIMITS_FILE", str(tmp_path / "limits"))
    assert load(StatisticsSettings).value_limits == {"power": (0, 3000)}


def test_a_file_that_cannot_be_read_is_named(monkeypatch: Env, tmp_path: Path) -> None:
    monkeypatch.setenv("MINUANO_API_KEY_FILE", str(tmp_path / "none"))
    expected = f"MINUANO_API_KEY_FILE: cannot read {tmp_path}/none: No such file or directory"
    assert complaint(AggregatorSettings) == expected


def test_a_file_that_is_no_text_is_named(monkeypatch: Env, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("MINUANO_API_KEY_FILE", str(tmp_path / "key"))
    assert complaint(AggregatorSettings) == f"MINUANO_API_KEY_FILE: {tmp_path}/key is no text"


@pytest.mark.parametrize("key", ["first\nsecond", "with blank", "schlüssel", "start\x01of"])
def test_a_key_that_no_header_can_hold_is_refused_unshown(monkeypatch: Env, key: str) -> None:
    monkeypatch.setenv("MINUANO_API_KEY", f"{key},other")
    expected = "MINUANO_API_KEY: a key is printable ASCII without blanks, on one line"
    assert complaint(AggregatorSettings) == expected


@pytest.mark.parametrize("user", ["me:secret", "me"])
def test_a_password_in_the_address_of_a_service_is_refused_unshown(
    monkeypatch: Env, user: str
) -> None:
    monkeypatch.setenv("MINUANO_CONNECTOR_URL", f"http://{user}@connector:8000")
    told = complaint(ExtractorSettings)
    assert "MINUANO_CONNECTOR_URL" in told
    assert "secret" not in told


def test_a_default_of_the_caller_stands_in(monkeypatch: Env) -> None:
    assert load(AggregatorSettings, port=9101).port == 9101


def test_the_environment_wins_over_a_default_of_the_caller(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_PORT", "9999")
    assert load(AggregatorSettings, port=9101).port == 9999


def test_a_missing_setting_is_named(monkeypatch: Env) -> None:
    monkeypatch.delenv("MINUANO_REDIS_URL")
    assert complaint(RedisSettings) == "MINUANO_REDIS_URL: is not set"


def test_of_several_wrong_settings_the_first_is_told_and_the_others_counted(
    monkeypatch: Env,
) -> None:
    monkeypatch.delenv("MINUANO_TARGET_URL")
    monkeypatch.delenv("MINUANO_REDIS_URL")
    assert complaint(LoaderSettings).endswith("is not set (and 1 more)")


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
        ("STD_DDOF", "2"),
        ("VALUE_LIMITS", "0..50"),
        ("VALUE_LIMITS", "[1]"),
        ("VALUE_LIMITS", '{"power": [1]}'),
        ("CONNECTOR_URL", "connector:8000"),
    ],
)
def test_a_wrong_value_names_its_variable(monkeypatch: Env, variable: str, value: str) -> None:
    monkeypatch.setenv(f"MINUANO_{variable}", value)
    assert complaint(ExtractorSettings).startswith(f"MINUANO_{variable}: ")


def test_a_wrong_setting_ends_the_process_with_2_and_one_line(
    monkeypatch: Env, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MINUANO_REDIS_URL")
    with pytest.raises(SystemExit) as ended:
        load_or_exit(RedisSettings)
    assert (ended.value.code, capsys.readouterr().err) == (
        2,
        "minuano: MINUANO_REDIS_URL: is not set\n",
    )


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_a_postgresql_url_is_understood_however_it_is_spelled(
    monkeypatch: Env, scheme: str
) -> None:
    monkeypatch.setenv("MINUANO_TARGET_URL", f"{scheme}://me:p%40ss@host:5433/target")
    url = load(TargetSettings).target_url.get_secret_value()
    assert url == "postgresql://me:p%40ss@host:5433/target"


@pytest.mark.parametrize("url", ["mysql://me:hush@host/db", "hush", "postgresql://me:hush@host:x/"])
def test_a_url_that_is_not_postgresqls_is_refused_without_showing_it(
    monkeypatch: Env, url: str
) -> None:
    monkeypatch.setenv("MINUANO_TARGET_URL", url)
    said = complaint(TargetSettings)
    assert said.startswith("MINUANO_TARGET_URL: ")
    assert "hush" not in said


@pytest.mark.parametrize(
    "url",
    [
        "http://me:hush@host",
        "redis://me:hush@host:port/0",
        "redis://me/hush@host:6379/0",
    ],
)
def test_a_url_that_is_not_rediss_is_refused_without_showing_it(monkeypatch: Env, url: str) -> None:
    monkeypatch.setenv("MINUANO_REDIS_URL", url)
    said = complaint(RedisSettings)
    assert said.startswith("MINUANO_REDIS_URL: ")
    assert "hush" not in said


def test_secrets_do_not_show(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_API_KEY", "hush")
    monkeypatch.setenv("MINUANO_REDIS_URL", "redis://:hush@host")
    assert "hush" not in repr(load(AggregatorSettings, port=1))


@pytest.mark.parametrize("zone", ["Mars/Phobos", "../../etc/passwd", "UTC+3", "/"])
def test_an_unknown_zone_is_refused(monkeypatch: Env, zone: str) -> None:
    monkeypatch.setenv("MINUANO_SOURCE_TIMEZONE", zone)
    expected = f"{zone!r} is no IANA time zone such as UTC or America/Sao_Paulo"
    assert complaint(SourceSettings) == f"MINUANO_SOURCE_TIMEZONE: {expected}"


@pytest.mark.parametrize(("text", "ddof"), [("0", 0), ("1", 1)])
def test_the_divisor_of_std_is_carried_into_the_specification(
    monkeypatch: Env, text: str, ddof: int
) -> None:
    monkeypatch.setenv("MINUANO_STD_DDOF", text)
    assert load(StatisticsSettings).spec(60).ddof == ddof


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("WINDOW_S", "7", "a day of 86400 s is no multiple of 7 s"),
        ("WINDOW_S", "172800", "less than or equal to 86400"),
        ("SAMPLING_PERIOD_S", "700", "longer than the window"),
        ("STATISTICS", "mean,median", "'mean', 'min', 'max' or 'std'"),
        ("STATISTICS", "mean,mean", "once at the most"),
        ("FLATLINE_S", "601", "within a window"),
        ("VALUE_LIMITS", '{"power": [3, 1]}', "from low to high"),
    ],
)
def test_what_makes_no_specification_names_its_variable(
    monkeypatch: Env, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"MINUANO_{variable}", value)
    settings = load(ExtractorSettings, port=1)
    with pytest.raises(ConfigurationError, match=said) as caught:
        settings.spec(settings.sampling_period_s)
    assert str(caught.value).startswith(f"MINUANO_{variable}: ")


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
        "{}_{variable}_{statistic}",
    ],
)
def test_a_template_that_names_no_signals_is_refused(monkeypatch: Env, template: str) -> None:
    monkeypatch.setenv("MINUANO_SIGNAL_NAME", template)
    assert complaint(LoaderSettings).startswith("MINUANO_SIGNAL_NAME: ")


def test_a_template_may_name_the_asset(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_SIGNAL_NAME", "{asset}/{variable}/{statistic}")
    assert load(LoaderSettings, port=1).signal_name == "{asset}/{variable}/{statistic}"


@pytest.mark.parametrize(
    ("read_block_s", "shutdown_timeout_s", "told"),
    [("8", "", "MINUANO_SHUTDOWN_TIMEOUT_S (8 s)"), ("", "2", "MINUANO_SHUTDOWN_TIMEOUT_S (2 s)")],
)
@pytest.mark.parametrize("kind", [AggregatorSettings, ExtractorSettings, LoaderSettings])
def test_a_read_has_to_end_within_the_grace_time(
    monkeypatch: Env, kind: type[Settings], read_block_s: str, shutdown_timeout_s: str, told: str
) -> None:
    monkeypatch.setenv("MINUANO_READ_BLOCK_S", read_block_s)
    monkeypatch.setenv("MINUANO_SHUTDOWN_TIMEOUT_S", shutdown_timeout_s)
    said = complaint(kind)
    assert (said.split(":")[0], told in said) == ("MINUANO_READ_BLOCK_S", True)


def test_a_longer_read_needs_a_longer_grace_time(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_READ_BLOCK_S", "20")
    monkeypatch.setenv("MINUANO_SHUTDOWN_TIMEOUT_S", "30")
    assert load(AggregatorSettings, port=1).read_block_s == 20


def test_units_of_ones_own_replace_ours(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_UNITS", '{"pitch": "°"}')
    assert load(LoaderSettings, port=1).units == {"pitch": "°"}


def test_blanks_around_names_do_not_count() -> None:
    assert split_names(" mean, min ,,max ") == ("mean", "min", "max")


def test_an_api_key_that_holds_no_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUANO_API_KEY", " , ")
    with pytest.raises(ConfigurationError, match="MINUANO_API_KEY: holds no key"):
        load(AggregatorSettings, port=1)
