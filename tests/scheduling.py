"""The order of the tests, and which tests pytest-xdist gives to the same worker: the tests of a
file, and tests that share a stack.
"""

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

SHARED_STACKS = ("tests/promises/",)
"""Folders whose tests share one stack and are short enough for one worker."""

LONGEST_FIRST = ("tests/faults/", "tests/e2e/", "tests/browser/", "tests/promises/")
"""Folders that run first; otherwise the last worker finishes long after the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the folders of long tests to the front; keep the order otherwise."""
    items.sort(key=lambda item: rank(item.nodeid))


def rank(nodeid: str) -> int:
    """The index of the folder in LONGEST_FIRST; tests of other folders have the highest rank."""
    ranks = (n for n, folder in enumerate(LONGEST_FIRST) if nodeid.startswith(folder))
    return next(ranks, len(LONGEST_FIRST))


def scope(nodeid: str) -> str:
    """The unit that one worker gets: a file, or a folder with a shared stack."""
    path = nodeid.split("::", 1)[0]
    return next((folder for folder in SHARED_STACKS if path.startswith(folder)), path)


class StackScheduling(LoadFileScheduling):  # type: ignore[misc]
    """Like `--dist=loadfile`, with these scopes."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """The scheduler for `--dist=loadfile`; None selects the default for other modes."""
    return StackScheduling(config, log) if config.getvalue("dist") == "loadfile" else None
