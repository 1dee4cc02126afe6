"""Which system a command speaks to."""

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
    """A stack runs in this folder, and the environment says nothing of a target."""
    addresses = StackState(
        source_url="", target_url="", owner_source_url="", owner_target_url=OWNER_URL,
        redis_url="", connector_url="", extractor_url=EXTRACTOR_URL, dashboard_url="",
        servers={}, folder="",
    )  # fmt: skip
    folder = tmp_path / context.FOLDER
    folder.mkdir()
    (folder / STATE_FILE).write_text(json.dumps(asdict(addresses)))
    monkeypatch.chdir(tmp_path)
    for name in ("MINUANO_TARGET_URL", "MINUANO_TARGET_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    with locked(folder):
        yield


def test_where_nothing_is_set_it_is_the_stack_that_runs_here() -> None:
    assert context.owner_url("target_url") == OWNER_URL


def test_the_environment_goes_before_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUANO_TARGET_URL", "postgresql://owner@elsewhere/target")
    assert context.owner_url("target_url") == "postgresql://owner@elsewhere/target"


def test_a_file_named_in_the_environment_goes_before_the_stack_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text("postgresql://owner@in-a-file/target\n")
    monkeypatch.setenv("MINUANO_TARGET_URL_FILE", str(tmp_path / "url"))
    assert context.owner_url("target_url") == "postgresql://owner@in-a-file/target"


def test_what_the_stack_lends_is_for_one_class_of_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next one asks again: the stack may have ended."""
    monkeypatch.delenv("MINUANO_EXTRACTOR_URL", raising=False)
    assert str(context.load(ExtractorClientSettings).extractor_url) == EXTRACTOR_URL
    assert "MINUANO_EXTRACTOR_URL" not in os.environ


def test_what_is_set_is_not_lent_by_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUANO_EXTRACTOR_URL", "http://elsewhere:2")
    assert str(context.load(ExtractorClientSettings).extractor_url) == "http://elsewhere:2/"
    assert os.environ["MINUANO_EXTRACTOR_URL"] == "http://elsewhere:2"
