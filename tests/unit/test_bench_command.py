"""`python -m bench`: help and exit codes."""

from pathlib import Path

import pytest

from bench.__main__ import main

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("command", ["suite", "load", "distance"])
def test_the_help_of_a_command_has_an_example(capsys: Capture, command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"Example: python -m bench {command} --quick" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--fast"], ["--only", "unknown"]])
def test_an_unknown_option_or_workload_is_a_usage_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["suite", *arguments])
    assert ended.value.code == 2


@pytest.mark.parametrize("command", ["suite", "load", "distance"])
def test_figures_are_written_only_in_a_checkout(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([command, "--write"]) == 2
    assert "run it in a checkout" in capsys.readouterr().err


def test_a_missing_folder_of_the_json_file_is_reported_before_the_measurement(
    capsys: Capture, tmp_path: Path
) -> None:
    assert main(["suite", "--json", str(tmp_path / "missing" / "runs.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err
