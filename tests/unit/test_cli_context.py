"""Which system a command connects to."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from cli import context
from cli.embedded.stack_state import STATE_FILE, StackState, locked
from shared.clients.settings import ExtractorClientSettings

EXTRACTOR_URL = "http://embedded:1/"
OWNER_URL = "postgresql://owner@embedded/target"


@pytest.fixture(autouse=True)
def embedded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A stack runs in this folder, and the environment has no URL of a target."""
    state = StackState(
        source_url="", target_url="", owner_source_url="", owner_target_url=OWNER_URL,
        redis_url="", connector_url="", extractor_url=EXTRACTOR_URL, dashboard_url="",
        servers={}, folder="",
        settings={"MINUANO_API_KEY_FILE": str(tmp_path / "key")},
    )  # fmt: skip
    folder = tmp_path / context.FOLDER
    folder.mkdir()
    (tmp_path / "key").write_text("key-of-the-stack\n")
    (folder / STATE_FILE).write_text(json.dumps(asdict(state)))
    monkeypatch.chdir(tmp_path)
    for name in ("MINUANO_TARGET_URL", "MINUANO_TARGET_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    with locked(folder):
        yield


def test_without_settings_a_command_uses_the_stack_of_this_folder() -> None:
    assert context.owner_url("target_url") == OWNER_URL


def test_the_environment_has_priority_over_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUANO_TARGET_URL", "postgresql://owner@elsewhere/target")
    assert context.owner_url("target_url") == "postgresql://owner@elsewhere/target"


def test_a_file_named_in_the_environment_has_priority_over_the_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text("postgresql://owner@in-a-file/target\n")
    monkeypatch.setenv("MINUANO_TARGET_URL_FILE", str(tmp_path / "url"))
    assert context.owner_url("target_url") == "postgresql://owner@in-a-file/target"


def test_loading_does_not_change_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINUANO_EXTRACTOR_URL", raising=False)
    assert str(context.load(ExtractorClientSettings).extractor_url) == EXTRACTOR_URL
    assert "MINUANO_EXTRACTOR_URL" not in os.environ


def test_a_file_named_in_the_settings_of_the_stack_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINUANO_API_KEY", raising=False)
    settings = context.load(ExtractorClientSettings)
    assert settings.headers == {"Authorization": "Bearer key-of-the-stack"}


def test_a_setting_of_the_environment_has_priority_over_the_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINUANO_EXTRACTOR_URL", "http://elsewhere:2")
    assert str(context.load(ExtractorClientSettings).extractor_url) == "http://elsewhere:2/"
    assert os.environ["MINUANO_EXTRACTOR_URL"] == "http://elsewhere:2"
