"""How settings are read from the environment and from files."""

import os
from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from shared.environment import PREFIX, Settings, build, load, load_or_exit
from shared.errors import ConfigurationError
from shared.setting_types import FromJson

Env = pytest.MonkeyPatch


class Example(Settings):
    name: str
    count: int = Field(default=1, ge=0)
    share: float = 0.5
    api_key: SecretStr | None = None
    limits: FromJson[dict[str, int]] = Field(default_factory=dict)


@pytest.fixture(autouse=True)
def name_only(monkeypatch: Env) -> None:
    """No variable is set but `MINUANO_NAME`."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MINUANO_NAME", "data")


def load_error() -> str:
    with pytest.raises(ConfigurationError) as error:
        load(Example)
    return str(error.value)


def test_a_setting_is_read_under_its_prefix(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_COUNT", "7")
    monkeypatch.setenv("COUNT", "99")
    assert load(Example).count == 7


def test_an_empty_variable_counts_as_not_set(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_COUNT", "")
    assert load(Example).count == 1


def test_a_secret_is_read_from_the_file_that_its_variable_names(
    monkeypatch: Env, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("MINUANO_API_KEY_FILE", str(tmp_path / "key"))
    assert load(Example).api_key == SecretStr("from-a-file")


def test_a_variable_has_priority_over_its_file(monkeypatch: Env, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file")
    monkeypatch.setenv("MINUANO_API_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("MINUANO_API_KEY", "from-the-variable")
    assert load(Example).api_key == SecretStr("from-the-variable")


def test_json_is_read_from_a_file(monkeypatch: Env, tmp_path: Path) -> None:
    (tmp_path / "limits").write_text('{"power": 3000}\n')
    monkeypatch.setenv("MINUANO_LIMITS_FILE", str(tmp_path / "limits"))
    assert load(Example).limits == {"power": 3000}


def test_the_error_names_a_file_that_cannot_be_read(monkeypatch: Env, tmp_path: Path) -> None:
    monkeypatch.setenv("MINUANO_API_KEY_FILE", f"{tmp_path}/none")
    expected = f"MINUANO_API_KEY_FILE: cannot read {tmp_path}/none: No such file or directory"
    assert load_error() == expected


def test_the_error_names_a_file_that_is_not_text(monkeypatch: Env, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe\x00")
    monkeypatch.setenv("MINUANO_API_KEY_FILE", f"{tmp_path}/key")
    assert load_error() == f"MINUANO_API_KEY_FILE: {tmp_path}/key is not a text file"


def test_the_constructor_does_not_read_the_environment(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_COUNT", "7")
    assert Example(name="data").count == 1


def test_a_default_of_the_caller_applies_to_a_setting_that_is_not_set() -> None:
    assert load(Example, count=2).count == 2


def test_the_environment_has_priority_over_a_default_of_the_caller(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_COUNT", "7")
    assert load(Example, count=2).count == 7


def test_a_value_of_the_caller_has_priority_over_the_environment(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_COUNT", "7")
    assert build(Example, count=2).count == 2


def test_a_value_without_a_field_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="MINUANO_COUNTS: Extra inputs"):
        build(Example, counts=2)


@pytest.mark.parametrize("text", ["nan", "inf"])
def test_a_number_is_finite(monkeypatch: Env, text: str) -> None:
    monkeypatch.setenv("MINUANO_SHARE", text)
    assert load_error() == "MINUANO_SHARE: Input should be a finite number"


def test_the_error_names_a_missing_setting(monkeypatch: Env) -> None:
    monkeypatch.delenv("MINUANO_NAME")
    assert load_error() == "MINUANO_NAME: is not set"


def test_the_error_names_the_first_wrong_setting_and_counts_the_others(monkeypatch: Env) -> None:
    monkeypatch.delenv("MINUANO_NAME")
    monkeypatch.setenv("MINUANO_COUNT", "-1")
    monkeypatch.setenv("MINUANO_SHARE", "half")
    assert load_error() == "MINUANO_NAME: is not set (and 2 more)"


def test_the_error_names_the_place_in_a_json_value(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_LIMITS", '{"power": "high"}')
    assert load_error().startswith("MINUANO_LIMITS: power: Input should be a valid integer")


def test_a_value_that_is_not_json_is_refused(monkeypatch: Env) -> None:
    monkeypatch.setenv("MINUANO_LIMITS", "0..50")
    assert load_error() == "MINUANO_LIMITS: is not valid JSON"


def test_a_wrong_setting_ends_the_process_with_code_2_and_one_line(
    monkeypatch: Env, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MINUANO_NAME")
    with pytest.raises(SystemExit) as exit_:
        load_or_exit(Example)
    assert exit_.value.code == 2
    assert capsys.readouterr().err == "minuano: MINUANO_NAME: is not set\n"
