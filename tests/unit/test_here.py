"""Which system a command speaks to."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli import here
from shared.clients.access import ExtractorAccess

OWNERS = SimpleNamespace(owner_target_url="postgresql://owner@embedded/target", environment=dict)


@pytest.fixture(autouse=True)
def embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack runs, and the environment says nothing of a target."""
    monkeypatch.setattr(here, "running", lambda: OWNERS)
    for name in ("MINUANO_TARGET_URL", "MINUANO_TARGET_URL_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_where_nothing_is_set_it_is_the_stack_that_runs_here() -> None:
    assert here.owner_url("target_url") == OWNERS.owner_target_url


def test_the_environment_goes_before_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUANO_TARGET_URL", "postgresql://owner@elsewhere/target")
    assert here.owner_url("target_url") == "postgresql://owner@elsewhere/target"


def test_a_file_named_in_the_environment_goes_before_the_stack_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "url").write_text("postgresql://owner@in-a-file/target\n")
    monkeypatch.setenv("MINUANO_TARGET_URL_FILE", str(tmp_path / "url"))
    assert here.owner_url("target_url") == "postgresql://owner@in-a-file/target"


def test_what_the_stack_lends_is_for_one_class_of_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next one asks again: the stack may have ended."""
    lent = {"MINUANO_EXTRACTOR_URL": "http://embedded:1"}
    monkeypatch.delenv("MINUANO_EXTRACTOR_URL", raising=False)
    monkeypatch.setattr(OWNERS, "environment", lambda: lent)
    assert str(here.load(ExtractorAccess).extractor_url) == "http://embedded:1/"
    assert "MINUANO_EXTRACTOR_URL" not in os.environ
