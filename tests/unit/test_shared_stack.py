"""A shared stack runs as long as the tests of its folder follow each other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.shared_stack import SharedStack

FOLDER = Path("/tests/e2e")


@pytest.fixture
def events() -> list[str]:
    return []


@pytest.fixture
def stack(events: list[str]) -> SharedStack:
    @contextmanager
    def running() -> Iterator[Any]:
        events.append("start")
        yield object()
        events.append("stop")

    return SharedStack(FOLDER, running)


def item(path: Path) -> Any:
    return SimpleNamespace(path=path)


def test_the_tests_of_a_folder_have_the_same_stack(stack: SharedStack, events: list[str]) -> None:
    first = stack.pipeline()
    stack.pytest_runtest_teardown(item(FOLDER / "test_jobs.py"))
    assert stack.pipeline() is first
    assert events == ["start"]


@pytest.mark.parametrize("following", [item(Path("/tests/unit/test_urls.py")), None])
def test_it_stops_before_another_folder_and_starts_again(
    stack: SharedStack, events: list[str], following: Any
) -> None:
    stack.pipeline()
    stack.pytest_runtest_teardown(following)
    assert events == ["start", "stop"]
    stack.pipeline()
    stack.pytest_sessionfinish()
    assert events == ["start", "stop"] * 2


def test_a_stack_that_no_test_needs_does_not_start(stack: SharedStack, events: list[str]) -> None:
    stack.pytest_runtest_teardown(None)
    stack.pytest_sessionfinish()
    assert events == []
