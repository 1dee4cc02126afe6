"""In which order tests run, and which of them pytest-xdist gives to one worker: those of a file,
and those that share a stack.
"""

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

SHARED_STACKS = ("tests/promises/",)
"""Folders with one stack for all their tests that are short enough for one worker."""

LONGEST_FIRST = ("tests/faults/", "tests/e2e/", "tests/browser/", "tests/promises/")
"""Otherwise one worker would still be at work long after the others have ended."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The folders of long tests come first; the order is otherwise kept."""
    items.sort(key=lambda item: rank(item.nodeid))


def rank(nodeid: str) -> int:
    """The place of its folder among those that come first."""
    places = (n for n, folder in enumerate(LONGEST_FIRST) if nodeid.startswith(folder))
    return next(places, len(LONGEST_FIRST))


def scope(nodeid: str) -> str:
    """What is given to a worker as a whole: a file, or a folder with a shared stack."""
    path = nodeid.split("::", 1)[0]
    return next((folder for folder in SHARED_STACKS if path.startswith(folder)), path)


class StackScheduling(LoadFileScheduling):  # type: ignore[misc]
    """As `--dist=loadfile`, with these scopes."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """For `--dist=loadfile`; None leaves other ways of distributing tests to pytest-xdist."""
    return StackScheduling(config, log) if config.getvalue("dist") == "loadfile" else None
